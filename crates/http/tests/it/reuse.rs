//! Connections that are kept, and how they die.

use std::time::Duration;

use robust_http::{Client, Kind, NewConnection};
use tokio::io::AsyncReadExt;

use crate::server::{Server, Step, client, get, ok, ok_bytes, raw, what, within};

#[tokio::test]
async fn sequential_requests_share_a_connection() {
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Again]).await;
    let client = client();

    for _ in 0..50 {
        assert_eq!(client.fetch(server.get(), None).await.unwrap().body, "x");
    }

    assert_eq!(server.seen.accepted(), 1);
    assert_eq!(
        (
            client.stats().opened,
            client.stats().reused,
            client.stats().idle
        ),
        (1, 49, 1)
    );
}

#[tokio::test]
async fn who_asks_for_a_new_connection_gets_one_in_the_place_of_the_old_one() {
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Again]).await;
    let client = client();
    client.fetch(server.get(), None).await.unwrap();
    let mut again = server.get();
    again.extensions_mut().insert(NewConnection);
    client.fetch(again, None).await.unwrap();

    assert_eq!(server.seen.accepted(), 2);
    // the old one is closed, the new one serves on
    client.fetch(server.get(), None).await.unwrap();
    assert_eq!(server.seen.accepted(), 2);
    assert_eq!((client.stats().reused, client.stats().idle), (1, 1));
}

#[tokio::test]
async fn idle_connections_are_closed_in_time() {
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Again]).await;
    let client = Client::builder()
        .pool_idle_timeout(Duration::from_millis(20))
        .build()
        .unwrap();
    client.fetch(server.get(), None).await.unwrap();

    // nobody asks for anything: the connection is closed all the same
    server.seen.wait_until_closed().await;
    assert_eq!(client.stats().idle, 0);

    // and once more, with the next sweep
    client.fetch(server.get(), None).await.unwrap();
    server.seen.wait_until_closed().await;
    assert_eq!(server.seen.accepted(), 2);
}

/// Whatever was looked for last: a connection that comes back and is soon too old is closed in time. Nobody asks again.
#[tokio::test]
async fn connections_that_come_back_under_load_are_closed_in_time() {
    let busy = Server::scripted([Step::Request, Step::Hang]).await;
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Again]).await;
    let client = Client::builder()
        .pool_idle_timeout(Duration::from_secs(600))
        .max_connection_age(Duration::from_millis(50))
        .build()
        .unwrap();
    let hanging = tokio::spawn({
        let (client, request) = (client.clone(), busy.get());
        async move { client.fetch(request, None).await }
    });
    // the second time comes after a look that found nothing but a request in flight
    for _ in 0..2 {
        client.fetch(server.get(), None).await.unwrap();
        server.seen.wait_until_closed().await;
        assert_eq!(client.stats().idle, 0);
    }
    hanging.abort();
}

/// The server closes a kept connection: the next request takes a fresh one, and is seen once.
#[tokio::test]
async fn connection_closed_while_idle_costs_nothing() {
    let server = Server::scripted([Step::Request, ok(b"x")]).await;
    let client = client();
    for _ in 0..20 {
        assert_eq!(client.fetch(server.get(), None).await.unwrap().body, "x");
        server.seen.wait_until_closed().await;
        // the close is on its way through loopback; let the runtime see it
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert_eq!(server.seen.requests().len(), 20);
    assert_eq!(
        (client.stats().opened, client.stats().resent),
        (20, 0),
        "a close that is known costs no attempt"
    );
}

/// The server closes just when the next request starts: it may fail, but never with the claim that nothing was sent,
/// since an unwritten request goes out on another connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_between_close_and_request_never_loses_an_unsent_request() {
    let server = Server::scripted([Step::Request, ok(b"x")]).await;
    let client = client();
    let (mut answered, mut sent) = (0, 0);
    for round in 0..300_u32 {
        match within("a result", client.fetch(server.get(), None)).await {
            Ok(answer) => {
                assert_eq!(answer.body, "x");
                answered += 1;
                sent += answer.times_sent as usize;
            }
            Err(error) => {
                assert!(
                    matches!(error.kind(), Kind::Closed | Kind::Reset) && error.sent(),
                    "{error:?}"
                );
                sent += error.times_sent() as usize;
            }
        }
        for _ in 0..round % 7 {
            tokio::task::yield_now().await;
        }
    }
    let seen = server.seen.requests().len();
    assert!(
        answered <= seen && seen <= sent,
        "{answered} answers, {seen} requests seen, {sent} sent"
    );
    // no connection serves two requests here, so a fresh one is never closed before its answer
    assert_eq!(answered, 300);
}

/// What was written may have been seen: no second try behind the caller's back, unless it is harmless and announced.
#[tokio::test]
async fn request_with_content_that_was_written_is_never_sent_twice() {
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Request]).await;
    let client = client();
    client.fetch(server.get(), None).await.unwrap();
    let post = http::Request::post(server.url("/"))
        .body(bytes::Bytes::new())
        .unwrap();

    assert_eq!(what(client.fetch(post, None).await), (Kind::Closed, true));
    let stats = client.stats();
    assert_eq!(
        (server.seen.requests().len(), stats.resent, stats.sent_twice),
        (2, 0, 0)
    );
}

#[tokio::test]
async fn unasked_for_bytes_do_not_poison_the_next_answer() {
    let mut answer = ok_bytes(b"right");
    answer.extend_from_slice(&ok_bytes(b"smuggled"));
    let server = Server::scripted([Step::Request, raw(answer), Step::Hang]).await;
    let client = client();
    for _ in 0..20 {
        assert_eq!(
            within("an answer", client.fetch(server.get(), None))
                .await
                .unwrap()
                .body,
            "right"
        );
    }
}

#[tokio::test]
async fn connection_close_is_honoured() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\nx"),
        Step::Request,
        ok(b"y"),
    ])
    .await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(client.fetch(server.get(), None).await.unwrap().body, "x");
    }
    assert_eq!(server.seen.accepted(), 3);
}

/// An answer that comes before the request is fully written: the connection is not for reuse.
#[tokio::test]
async fn early_answer_to_a_large_request_is_read_and_the_connection_dropped() {
    let server = Server::serve(|_, mut stream, seen| async move {
        let mut some = [0; 100];
        stream.read_exact(&mut some).await.unwrap();
        seen.record(String::new());
        tokio::io::AsyncWriteExt::write_all(
            &mut stream,
            b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno",
        )
        .await
        .unwrap();
        // keeps the connection open without reading on
        std::future::pending::<()>().await;
    })
    .await;
    let client = client();
    let request = http::Request::post(server.url("/"))
        .body(vec![b'x'; 32 << 20].into())
        .unwrap();

    let answer = within("an answer", client.fetch(request, None))
        .await
        .unwrap();

    assert_eq!(
        (answer.status.as_u16(), answer.body.as_ref()),
        (413, b"no".as_slice())
    );
    assert_eq!((client.stats().idle, client.stats().in_flight), (0, 0));
}

#[tokio::test]
async fn hosts_do_not_share_connections() {
    let one = Server::scripted([Step::Request, ok(b"one"), Step::Again]).await;
    let two = Server::scripted([Step::Request, ok(b"two"), Step::Again]).await;
    let client = client();
    for _ in 0..3 {
        assert_eq!(client.fetch(one.get(), None).await.unwrap().body, "one");
        assert_eq!(client.fetch(two.get(), None).await.unwrap().body, "two");
    }
    assert_eq!((one.seen.accepted(), two.seen.accepted()), (1, 1));
    assert_eq!(client.stats().idle, 2);
}

#[tokio::test]
async fn table_of_hosts_is_bounded() {
    // nothing listens there: each host is used once and forgotten when room is needed
    let client = client();
    for number in 0..1_000 {
        let url = format!("https://host-{number}.invalid/");
        assert_eq!(
            what(client.fetch(get(&url), None).await),
            (Kind::Dns, false)
        );
    }
    assert_eq!(client.stats().refused, 0);
}
