//! Requests that never reach a server: `sent` is false for all of them.

use std::time::Duration;

use bytes::Bytes;
use http::Request;
use robust_http::{Client, Kind, Phase};
use tokio::net::TcpSocket;

use crate::server::{Server, Step, after, client, get, what, within};

#[tokio::test]
async fn refused_port_is_connect_and_unsent() {
    // bound but not listening: refuses, and nobody else can take it
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}/", socket.local_addr().unwrap());

    assert_eq!(
        what(client().fetch(get(&url), None).await),
        (Kind::Connect, false)
    );
}

#[tokio::test]
async fn unknown_host_is_dns_and_unsent() {
    let error = client()
        .fetch(get("https://exchange.invalid/path"), None)
        .await
        .unwrap_err();

    assert_eq!((error.kind(), error.sent()), (Kind::Dns, false));
    assert_eq!(error.host(), Some("exchange.invalid"));
}

#[tokio::test]
async fn silent_tls_peer_ends_at_the_connect_timeout() {
    let server = Server::scripted([Step::Hang]).await;
    let client = Client::builder()
        .connect_timeout(Duration::from_millis(30))
        .build()
        .unwrap();

    let result = client
        .fetch(get(&format!("https://{}/", server.address)), None)
        .await;

    assert_eq!(what(result), (Kind::ConnectTimeout, false));
    server.seen.wait_until_closed().await;
}

/// Linux drops the SYNs to a listener whose queue of unaccepted connections is full: a black hole on loopback.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn black_hole_ends_at_the_connect_timeout() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    for _ in 0..64 {
        match tokio::time::timeout(
            Duration::from_millis(100),
            tokio::net::TcpStream::connect(address),
        )
        .await
        {
            Ok(stream) => queued.push(stream.unwrap()),
            Err(_full) => break,
        }
    }
    assert!(queued.len() < 64, "the queue never filled");

    let client = Client::builder()
        .connect_timeout(Duration::from_millis(30))
        .build()
        .unwrap();
    let result = client.fetch(get(&format!("http://{address}/")), None).await;

    assert_eq!(what(result), (Kind::ConnectTimeout, false));
}

#[tokio::test]
async fn deadline_while_connecting_names_the_phase() {
    let server = Server::scripted([Step::Hang]).await;
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(600))
        .build()
        .unwrap();

    let result = client
        .fetch(get(&format!("https://{}/", server.address)), after(30))
        .await;

    assert_eq!(
        what(result),
        (
            Kind::Timeout {
                phase: Phase::Connect
            },
            false
        )
    );
}

#[tokio::test]
async fn plain_text_to_another_host_is_refused_before_anything_happens() {
    let client = client();
    for url in [
        "http://api.kraken.com/0/public/Time",
        "http://10.0.0.1/",
        "http://192.0.2.1:8080/",
    ] {
        assert_eq!(
            what(client.fetch(get(url), None).await),
            (Kind::InvalidRequest, false),
            "{url}"
        );
    }
    assert_eq!(client.stats().opened, 0);
}

#[tokio::test]
async fn plain_text_can_be_allowed_in_so_many_words() {
    // 0.0.0.0 reaches this machine on the systems that we test on, and is not a loopback address by its text
    let server = Server::scripted([Step::Request, crate::server::ok(b"x")]).await;
    let url = format!("http://0.0.0.0:{}/", server.address.port());
    assert_eq!(
        what(client().fetch(get(&url), None).await),
        (Kind::InvalidRequest, false)
    );

    let client = Client::builder()
        .allow_plaintext()
        .allow_private()
        .build()
        .unwrap();
    let answer = within("an answer", client.fetch(get(&url), None)).await;

    assert_eq!(answer.unwrap().body, "x");
}

#[tokio::test]
async fn requests_that_cannot_be_sent_are_refused() {
    let client = client();
    let tunnel = Request::connect("http://127.0.0.1:1/")
        .body(Bytes::new())
        .unwrap();
    assert_eq!(
        what(client.fetch(tunnel, None).await),
        (Kind::InvalidRequest, false)
    );
    assert_eq!(
        what(client.fetch(get("/relative"), None).await),
        (Kind::InvalidRequest, false)
    );
    assert_eq!(
        what(client.fetch(get("ws://127.0.0.1:1/"), None).await),
        (Kind::InvalidRequest, false)
    );
}

#[tokio::test]
async fn connections_leave_from_the_address_that_was_set() {
    // every address of 127.0.0.0/8 is this machine's own on Linux
    if TcpSocket::new_v4()
        .unwrap()
        .bind("127.0.0.2:0".parse().unwrap())
        .is_err()
    {
        return;
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let client = Client::builder()
        .local_address("127.0.0.2".parse().unwrap())
        .build()
        .unwrap();
    let asking = tokio::spawn(async move { client.fetch(get(&url), None).await });
    let (stream, peer) = listener.accept().await.unwrap();
    assert_eq!(peer.ip().to_string(), "127.0.0.2");
    drop(stream);
    assert!(asking.await.unwrap().is_err());
}

#[tokio::test]
async fn an_address_that_this_machine_does_not_have_is_connect_and_unsent() {
    let server = Server::scripted([Step::Hang]).await;
    let client = Client::builder()
        // a documentation address, RFC 5737
        .local_address("192.0.2.1".parse().unwrap())
        .build()
        .unwrap();
    let result = client
        .fetch(get(&format!("http://{}/", server.address)), None)
        .await;
    assert_eq!(what(result), (Kind::Connect, false));
}
