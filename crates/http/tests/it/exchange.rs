//! What servers answer, and what they answer instead of HTTP.

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode};
use robust_http::{Client, Kind};
use tokio::io::AsyncWriteExt;

use crate::server::{Server, Step, client, get, ok, raw, read_head, what, within};

#[tokio::test]
async fn request_and_response_cross_unchanged() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 418 I'm a teapot\r\nx-mbx-used-weight-1m: 6001\r\ncontent-length: 4\r\n\r\nbody"),
    ])
    .await;
    let request = Request::post(server.url("/api/v3/order?symbol=BTCUSDT"))
        .header("x-key", "k")
        .body(Bytes::from_static(b"payload"))
        .unwrap();

    let before = tokio::time::Instant::now();
    let answer = client().fetch(request, None).await.unwrap();

    assert_eq!(answer.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(answer.headers["x-mbx-used-weight-1m"], "6001");
    assert_eq!(answer.body, "body");
    assert!(answer.loopback);
    assert!(before <= answer.first_byte && answer.first_byte <= tokio::time::Instant::now());
    let head = server.seen.requests().remove(0).to_ascii_lowercase();
    assert!(
        head.starts_with("post /api/v3/order?symbol=btcusdt http/1.1\r\n"),
        "{head}"
    );
    for line in [
        format!("host: {}", server.address),
        "x-key: k".into(),
        "content-length: 7".into(),
        "accept-encoding: gzip".into(),
    ] {
        assert!(
            head.lines().any(|header| header == line),
            "{line} in {head}"
        );
    }
    assert!(head.contains("user-agent: robust-http/"), "{head}");
}

#[tokio::test]
async fn user_agent_is_configured_or_the_callers_own() {
    let server = Server::scripted([Step::Request, ok(b""), Step::Again]).await;
    let client = Client::builder().user_agent("rdm-test/1").build().unwrap();
    client.fetch(server.get(), None).await.unwrap();
    let mut own = server.get();
    own.headers_mut()
        .insert("user-agent", HeaderValue::from_static("mine"));
    client.fetch(own, None).await.unwrap();

    let seen = server.seen.requests();
    assert!(
        seen[0].contains("user-agent: rdm-test/1\r\n") && seen[1].contains("user-agent: mine\r\n"),
        "{seen:?}"
    );
}

#[tokio::test]
async fn empty_post_says_so() {
    let server = Server::scripted([Step::Request, ok(b"")]).await;
    client()
        .fetch(
            Request::post(server.url("/")).body(Bytes::new()).unwrap(),
            None,
        )
        .await
        .unwrap();

    assert!(server.seen.requests()[0].contains("content-length: 0\r\n"));
}

#[tokio::test]
async fn redirect_is_returned_and_not_followed() {
    let elsewhere = Server::scripted([Step::Request, ok(b"followed")]).await;
    for status in [301, 302, 303, 307, 308] {
        let answer = format!(
            "HTTP/1.1 {status} Moved\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n",
            elsewhere.url("/")
        );
        let server = Server::scripted([Step::Request, raw(answer)]).await;

        let answer = client().fetch(server.get(), None).await.unwrap();

        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.headers["location"], elsewhere.url("/"));
    }
    assert_eq!(elsewhere.seen.accepted(), 0);
}

#[tokio::test]
async fn garbage_is_a_protocol_error() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "<html>\r\n\r\n</html>\r\n\r\n",
        "HTTP/1.1 banana\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        "HTTP/1.1 200 OK\r\n broken header\r\n\r\n",
    ] {
        let server = Server::scripted([Step::Request, raw(garbage), Step::Hang]).await;
        let result = within("an error", client().fetch(server.get(), None)).await;
        assert_eq!(what(result), (Kind::Protocol, true), "{garbage:?}");
    }
}

#[tokio::test]
async fn endless_headers_are_too_large() {
    let mut head = String::from("HTTP/1.1 200 OK\r\n");
    for number in 0..100_000 {
        head.push_str(&format!("x-{number}: {number}\r\n"));
    }
    let server = Server::scripted([Step::Request, raw(head), Step::Hang]).await;

    let result = within("an error", client().fetch(server.get(), None)).await;

    assert_eq!(what(result), (Kind::HeadersTooLarge, true));
}

#[tokio::test]
async fn broken_chunk_is_a_protocol_error() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nabc"),
        Step::Hang,
    ])
    .await;

    assert_eq!(
        what(client().fetch(server.get(), None).await),
        (Kind::Protocol, true)
    );
}

#[tokio::test]
async fn close_instead_of_an_answer_is_closed_and_sent() {
    let server = Server::scripted([Step::Request]).await;

    assert_eq!(
        what(client().fetch(server.get(), None).await),
        (Kind::Closed, true)
    );
}

#[tokio::test]
async fn close_in_the_middle_of_the_head_is_closed_and_sent() {
    let server = Server::scripted([Step::Request, raw("HTTP/1.1 200 OK\r\ncontent-le")]).await;

    assert_eq!(
        what(client().fetch(server.get(), None).await),
        (Kind::Closed, true)
    );
}

#[tokio::test]
async fn close_before_the_request_is_an_error_that_does_not_claim_an_answer() {
    // whether the request left before the close is seen is up to the kernel: only the kind is promised
    let server = Server::scripted(Vec::new()).await;

    let (kind, _) = what(within("an error", client().fetch(server.get(), None)).await);

    assert!(matches!(kind, Kind::Closed | Kind::Reset), "{kind:?}");
}

#[tokio::test]
async fn reset_is_told_from_a_close() {
    let server = Server::scripted([Step::Request, Step::Reset]).await;

    assert_eq!(
        what(client().fetch(server.get(), None).await),
        (Kind::Reset, true)
    );
}

#[tokio::test]
async fn answers_without_a_body_leave_the_connection_usable() {
    let server = Server::serve(|_, mut stream, seen| async move {
        while let Some(head) = read_head(&mut stream).await {
            let answer: &[u8] = if head.starts_with("HEAD") {
                b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 999999999\r\n\r\n"
            } else if head.starts_with("GET /304") {
                b"HTTP/1.1 304 Not Modified\r\ncontent-length: 999999999\r\n\r\n"
            } else {
                b"HTTP/1.1 204 No Content\r\n\r\n"
            };
            seen.record(head);
            stream.write_all(answer).await.unwrap();
        }
    })
    .await;
    let client = client();
    let head = Request::head(server.url("/")).body(Bytes::new()).unwrap();

    for request in [head, get(&server.url("/304")), get(&server.url("/204"))] {
        let answer = client.fetch(request, None).await.unwrap();
        assert!(answer.body.is_empty());
    }
    assert_eq!(server.seen.accepted(), 1);
}

#[tokio::test]
async fn interim_answers_are_skipped() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(50)),
        ok(b"final"),
    ])
    .await;

    assert_eq!(
        client().fetch(server.get(), None).await.unwrap().body,
        "final"
    );
}
