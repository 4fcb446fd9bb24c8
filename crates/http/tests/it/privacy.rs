//! Errors name the host and nothing else of a request.

use std::error::Error as _;
use std::fmt::Write;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use robust_http::{Client, Error};

use crate::server::{Server, Step, after, raw};

const CANARIES: [&str; 5] = [
    "canary-path",
    "canary-query",
    "canary-header",
    "canary-body",
    "canary-name",
];

/// Everything that a log line can show of an error.
fn everything(error: &Error) -> String {
    let mut text = format!("{error}\n{error:?}\n{error:#?}\n");
    let mut link = error.source();
    while let Some(cause) = link {
        writeln!(text, "{cause}\n{cause:?}").unwrap();
        link = cause.source();
    }
    text
}

fn signed(base: &str) -> Request<Bytes> {
    Request::post(format!("{base}/canary-path?signature=canary-query"))
        .header("x-canary-name", "canary-header")
        .body(Bytes::from_static(b"canary-body"))
        .unwrap()
}

#[tokio::test]
async fn no_error_shows_path_query_header_or_body() {
    let client = Client::builder()
        .connect_timeout(Duration::from_millis(50))
        .max_body(8)
        .build()
        .unwrap();
    let mut errors = Vec::new();

    for script in [
        vec![Step::Request],
        vec![Step::Request, Step::Reset],
        vec![Step::Request, raw("garbage\r\n\r\n")],
        vec![
            Step::Request,
            raw("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"),
        ],
        vec![
            Step::Request,
            raw("HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n"),
        ],
        vec![
            Step::Request,
            raw("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\nabcde"),
        ],
        vec![
            Step::Request,
            raw("HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 5\r\n\r\nabcde"),
        ],
        vec![
            Step::Request,
            raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"),
        ],
        vec![Step::Request, Step::Hang],
    ] {
        let server = Server::scripted(script).await;
        errors.push(
            client
                .fetch(signed(&format!("http://{}", server.address)), after(200))
                .await
                .unwrap_err(),
        );
    }
    let plain = Server::scripted([raw("not tls at all, not even close")]).await;
    let silent = Server::scripted([Step::Hang]).await;
    for base in [
        format!("https://{}", plain.address),
        format!("https://{}", silent.address),
        "https://exchange.invalid".into(),
        "http://exchange.example".into(),
        "ftp://exchange.example".into(),
        "http://127.0.0.1:1".into(),
        "https://user:canary-name@exchange.example".into(),
    ] {
        errors.push(client.fetch(signed(&base), after(500)).await.unwrap_err());
    }

    assert!(errors.len() == 16);
    for error in &errors {
        let text = everything(error);
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary} in {text}");
        }
    }
    // the probe can see: the host is there
    assert!(everything(&errors[0]).contains("127.0.0.1"));
    assert!(
        errors
            .iter()
            .any(|error| everything(error).contains("exchange.invalid"))
    );
}

#[tokio::test]
async fn message_reads_as_a_sentence() {
    let error = Client::builder()
        .build()
        .unwrap()
        .fetch(
            Request::get("http://api.example.com/secret")
                .body(Bytes::new())
                .unwrap(),
            None,
        )
        .await
        .unwrap_err();

    assert_eq!(
        error.to_string(),
        "api.example.com: the request is not valid: plain http is only allowed to loopback hosts"
    );
}
