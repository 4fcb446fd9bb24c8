//! HTTP/2 by ALPN.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use robust_http::{Client, Kind, Phase};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::server::{Server, after, get, what, within};
use crate::tls::{Authority, encrypted};

fn client(authority: &Authority) -> Client {
    Client::builder()
        .trust_only(authority.der())
        .http2(true)
        .build()
        .unwrap()
}

fn url(server: &Server, path: &str) -> String {
    format!("https://localhost:{}{path}", server.address.port())
}

async fn http2_server(acceptor: TlsAcceptor) -> Server {
    Server::serve(move |_, stream, seen| {
        let acceptor = acceptor.clone();
        async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let answer = service_fn(|request: http::Request<Incoming>| {
                seen.record(format!("{:?} {}", request.version(), request.uri().path()));
                async move {
                    if request.uri().path() == "/hang" {
                        std::future::pending::<()>().await;
                    }
                    let mut response = Response::new(Full::new(Bytes::from_static(b"two")));
                    *response.status_mut() = StatusCode::OK;
                    Ok::<_, Infallible>(response)
                }
            });
            let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        }
    })
    .await
}

#[tokio::test]
async fn concurrent_requests_share_one_connection() {
    let authority = Authority::new();
    let server = http2_server(authority.acceptor("localhost", &[b"h2"])).await;
    let client = client(&authority);

    let mut calls = JoinSet::new();
    for _ in 0..50 {
        let (client, request) = (client.clone(), get(&url(&server, "/x")));
        calls.spawn(async move { client.fetch(request, None).await.unwrap() });
    }
    let answers = within("all answers", calls.join_all()).await;

    assert!(
        answers
            .iter()
            .all(|answer| answer.body == "two" && answer.loopback)
    );
    assert_eq!(server.seen.accepted(), 1);
    assert!(
        server
            .seen
            .requests()
            .iter()
            .all(|seen| seen == "HTTP/2.0 /x")
    );
    assert_eq!((client.stats().opened, client.stats().in_flight), (1, 0));
}

#[tokio::test]
async fn one_late_stream_leaves_the_others_alone() {
    let authority = Authority::new();
    let server = http2_server(authority.acceptor("localhost", &[b"h2"])).await;
    let client = client(&authority);
    client
        .fetch(get(&url(&server, "/warm")), None)
        .await
        .unwrap();

    let late = client.fetch(get(&url(&server, "/hang")), after(30)).await;
    let next = within("an answer", client.fetch(get(&url(&server, "/x")), None)).await;

    assert_eq!(
        what(late),
        (
            Kind::Timeout {
                phase: Phase::Headers
            },
            true
        )
    );
    assert_eq!(next.unwrap().body, "two");
    assert_eq!(server.seen.accepted(), 1);
}

#[tokio::test]
async fn server_without_http2_is_spoken_to_in_its_own_version() {
    let authority = Authority::new();
    let server = encrypted(authority.acceptor("localhost", &[b"http/1.1"])).await;
    let client = client(&authority);

    for _ in 0..3 {
        let answer = within("an answer", client.fetch(get(&url(&server, "/")), None)).await;
        assert_eq!(answer.unwrap().body, "secret");
    }
    assert!(
        server
            .seen
            .requests()
            .iter()
            .all(|head| head.contains("HTTP/1.1"))
    );
}

#[tokio::test]
async fn http2_is_not_offered_unless_asked_for() {
    let authority = Authority::new();
    let server = encrypted(authority.acceptor("localhost", &[b"h2", b"http/1.1"])).await;
    let client = Client::builder()
        .trust_only(authority.der())
        .build()
        .unwrap();

    assert_eq!(
        client
            .fetch(get(&url(&server, "/")), None)
            .await
            .unwrap()
            .body,
        "secret"
    );
}
