//! Rows 26 and 27: connections that end when they are needed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{Method, Request};
use robust_http::{Client, Kind, MayResend, Phase};

use super::{SOON, Start};
use crate::server::{Server, Step, after, ok, raw, what, within};

/// The first connection answers once and closes on its second request; the others do as told.
async fn closes_on_reuse(others: Vec<Step>) -> Server {
    let first = vec![Step::Request, ok(b"warm"), Step::Request];
    Server::scripted_each(vec![first, others]).await
}

/// Makes a request to a server.
type Make = dyn Fn(&Server) -> Request<Bytes>;

fn with(method: Method, server: &Server) -> Request<Bytes> {
    let mut request = server.get();
    *request.method_mut() = method;
    request
}

/// Row 26: the server closes an idle connection just when it is used again. One more try, on a fresh connection, for what is
/// idempotent; and the caller is told that it went out twice.
#[tokio::test]
async fn keep_alive_race_is_retried_once_on_a_fresh_connection() {
    for (method, body) in [(Method::GET, b"fresh".as_slice()), (Method::HEAD, b"")] {
        let start = Start::now();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{}",
            String::from_utf8_lossy(body)
        );
        let server = closes_on_reuse(vec![Step::Request, raw(head), Step::Again]).await;
        let client = Client::builder().build().unwrap();
        let warm = client.fetch(server.get(), after(60_000)).await.unwrap();
        assert_eq!(warm.times_sent, 1);
        let mut request = with(method, &server);
        request
            .headers_mut()
            .insert("x-key", "kept".parse().unwrap());
        let answer = within("an answer", client.fetch(request, after(60_000)))
            .await
            .unwrap();
        assert_eq!((answer.body.as_ref(), answer.times_sent), (body, 2));
        let seen = server.seen.requests();
        assert_eq!((seen.len(), &seen[1]), (3, &seen[2]), "the same request");
        assert!(seen[2].contains("x-key: kept"));
        let stats = client.stats();
        assert_eq!((stats.sent_twice, stats.opened, stats.resent), (1, 2, 0));
        start.restored(SOON, client, vec![server]).await;
    }
}

/// Row 26, its limits: what is not idempotent, what has content, what was answered in part, what is fresh, what nobody
/// allows. Each was sent exactly once.
#[tokio::test]
async fn keep_alive_race_is_not_retried_where_it_could_do_harm() {
    let start = Start::now();
    let mut servers = Vec::new();
    let client = Client::builder().build().unwrap();
    let content = |server: &Server| server.get().map(|_| Bytes::from_static(b"content"));
    let denied = |server: &Server| {
        let mut request = server.get();
        request
            .extensions_mut()
            .insert(MayResend(Arc::new(|| false)));
        request
    };
    let requests: [&Make; 5] = [
        &|server| with(Method::POST, server),
        &|server| with(Method::DELETE, server),
        &|server| with(Method::PUT, server),
        &content,
        &denied,
    ];
    for make in requests {
        let server = closes_on_reuse(vec![Step::Request, ok(b"never")]).await;
        client.fetch(server.get(), after(60_000)).await.unwrap();
        let error = client
            .fetch(make(&server), after(60_000))
            .await
            .unwrap_err();
        // content that was not read makes the close a reset
        assert!(
            matches!(error.kind(), Kind::Closed | Kind::Reset),
            "{error:?}"
        );
        assert_eq!((error.times_sent(), server.seen.requests().len()), (1, 2));
        servers.push(server);
    }
    let part = [Step::Request, ok(b"warm"), Step::Request, raw("HTTP/1.1 2")];
    let server =
        Server::scripted_each(vec![part.to_vec(), vec![Step::Request, ok(b"never")]]).await;
    client.fetch(server.get(), after(60_000)).await.unwrap();
    assert_eq!(
        what(client.fetch(server.get(), after(60_000)).await),
        (Kind::Closed, true)
    );
    servers.push(server);
    let server = Server::scripted([Step::Request]).await;
    assert_eq!(
        what(client.fetch(server.get(), after(60_000)).await),
        (Kind::Closed, true)
    );
    assert_eq!(
        server.seen.accepted(),
        1,
        "a fresh connection is never the race"
    );
    servers.push(server);
    assert_eq!(client.stats().sent_twice, 0);

    let never = Client::builder().retry_closed(false).build().unwrap();
    let server = closes_on_reuse(vec![Step::Request, ok(b"never")]).await;
    never.fetch(server.get(), after(60_000)).await.unwrap();
    assert_eq!(
        what(never.fetch(server.get(), after(60_000)).await),
        (Kind::Closed, true)
    );
    servers.push(server);
    drop(never);
    start.restored(SOON, client, servers).await;
}

/// Row 26, the second try: it happens once, within the deadline, whoever counts is asked once, and its failures say that two
/// requests went out.
#[tokio::test]
async fn second_try_has_the_same_deadline_and_is_the_last() {
    let start = Start::now();
    let mut servers = Vec::new();
    let client = Client::builder().build().unwrap();
    let headers = Kind::Timeout {
        phase: Phase::Headers,
    };
    let cut = raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort");
    for (others, kind) in [
        (vec![Step::Request], Kind::Closed),
        (vec![Step::Request, Step::Hang], headers),
        (vec![Step::Request, cut], Kind::Closed),
    ] {
        let server = closes_on_reuse(others).await;
        client.fetch(server.get(), after(60_000)).await.unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let mut request = server.get();
        let counting = Arc::clone(&asked);
        let may = move || counting.fetch_add(1, Ordering::SeqCst) == 0;
        request.extensions_mut().insert(MayResend(Arc::new(may)));
        let error = client.fetch(request, after(800)).await.unwrap_err();
        assert_eq!((error.kind(), error.times_sent()), (kind, 2));
        assert_eq!(
            (asked.load(Ordering::SeqCst), server.seen.requests().len()),
            (1, 3)
        );
        servers.push(server);
    }
    start.restored(SOON, client, servers).await;
}

/// Row 27: a reset in the middle of a body, and a peer that is gone without a word. Neither connection is used again.
#[tokio::test]
async fn reset_and_vanished_peers_end_typed_and_are_not_used_again() {
    let start = Start::now();
    let client = Client::builder().build().unwrap();
    let half = raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345");
    let pause = Step::Pause(std::time::Duration::from_millis(50));
    let reset = Server::scripted([Step::Request, half, pause, Step::Reset]).await;
    assert_eq!(
        what(client.fetch(reset.get(), after(60_000)).await),
        (Kind::Reset, true)
    );
    assert_eq!(client.stats().idle, 0);

    // a proxy that has lost the server, but keeps our side open: only the deadline finds out
    let silent = vec![Step::Request, ok(b"warm"), Step::Request, Step::Hang];
    let silent = Server::scripted_each(vec![silent, vec![Step::Request, ok(b"fresh")]]).await;
    client.fetch(silent.get(), after(60_000)).await.unwrap();
    let phase = Phase::Headers;
    assert_eq!(
        what(client.fetch(silent.get(), after(300)).await),
        (Kind::Timeout { phase }, true)
    );
    let answer = within("an answer", client.fetch(silent.get(), after(60_000)))
        .await
        .unwrap();
    assert_eq!(
        (answer.body.as_ref(), silent.seen.accepted()),
        (b"fresh".as_slice(), 2)
    );
    start.restored(SOON, client, vec![reset, silent]).await;
}
