//! Rows 9, 10, 12 and 14 to 18: bodies that are cut, empty, enormous or not what they should be.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use robust_http::{Client, Kind};
use tokio::io::AsyncWriteExt;

use super::{SOON, Start};
use crate::body::{chunked, encoded, gzip};
use crate::server::{Server, Step, after, ok, ok_bytes, raw, read_head, what, within};

/// What a script ends as. The connection is not used again.
async fn ends_as(client: &Client, script: Vec<Step>, expected: Kind) -> Server {
    let server = Server::scripted(script).await;
    let result = within("an error", client.fetch(server.get(), after(60_000))).await;
    assert_eq!(what(result), (expected, true));
    assert_eq!(client.stats().idle, 0, "{expected}");
    server
}

/// What a body is handed up as, byte for byte, twice on one connection.
async fn is_handed_up(client: &Client, head: &str, body: &[u8]) -> Server {
    let head = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n", body.len());
    let answer = raw([head.as_bytes(), body].concat());
    let server = Server::scripted([Step::Request, answer, Step::Again]).await;
    for _ in 0..2 {
        let answer = client.fetch(server.get(), after(60_000)).await.unwrap();
        assert_eq!(answer.body, body);
        assert_eq!(answer.times_sent, 1);
    }
    assert_eq!(server.seen.accepted(), 1);
    server
}

/// Row 9: a body cut short of its length, and cut between and inside of chunks.
#[tokio::test]
async fn truncated_body_is_closed_and_its_connection_dropped() {
    let start = Start::now();
    let client = Client::builder().build().unwrap();
    let whole = chunked(&[b'x'; 2_500]);
    let mut servers = Vec::new();
    for cut in [
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345".to_vec(),
        whole[..whole.len() - 5].to_vec(),
        whole[..whole.len() - 700].to_vec(),
    ] {
        servers.push(ends_as(&client, vec![Step::Request, raw(cut)], Kind::Closed).await);
    }
    start.restored(SOON, client, servers).await;
}

/// Row 10: a body that ends where its connection does may be half of one, so it is none.
#[tokio::test]
async fn body_without_an_announced_end_is_not_taken_for_a_short_one() {
    let start = Start::now();
    let client = Client::builder().build().unwrap();
    let mut servers = Vec::new();
    for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n"] {
        let script = vec![Step::Request, raw(head), raw("{\"asks\":[[\"1\",")];
        servers.push(ends_as(&client, script, Kind::NoLength).await);
    }
    start.restored(SOON, client, servers).await;
}

/// Row 12: a page of HTML with status 200. Handed up whole with its type, for the layer that knows what it asked for.
#[tokio::test]
async fn html_with_status_200_is_handed_up_unchanged() {
    let start = Start::now();
    let client = Client::builder().build().unwrap();
    let page = b"<!doctype html><title>Just a moment...</title>";
    let server = is_handed_up(&client, "200 OK\r\ncontent-type: text/html", page).await;
    let answer = client.fetch(server.get(), after(60_000)).await.unwrap();
    assert_eq!(answer.headers["content-type"], "text/html");
    start.restored(SOON, client, vec![server]).await;
}

/// Row 14: nothing, in four ways, is nothing and not an error.
#[tokio::test]
async fn empty_answers_are_answers_and_keep_their_connection() {
    let start = Start::now();
    let client = Client::builder().build().unwrap();
    let mut servers = Vec::new();
    for (head, body) in [
        ("204 No Content", ""),
        ("200 OK", ""),
        ("200 OK", "null"),
        ("200 OK", "[]"),
    ] {
        servers.push(is_handed_up(&client, head, body.as_bytes()).await);
    }
    start.restored(SOON, client, servers).await;
}

/// Row 15: a bomb ends at the ratio, before the cap; below the free megabyte nothing does. A wrong coding and a cut one are
/// told from both.
#[tokio::test]
async fn bomb_ends_at_the_ratio_and_broken_compression_is_told_from_it() {
    let start = Start::now();
    let client = Client::builder().max_body(64 << 20).build().unwrap();
    let bomb = gzip(&vec![0; 32 << 20]);
    let server = Server::scripted([Step::Request, encoded("gzip", &bomb), Step::Hang]).await;
    let mut body = client.send(server.get(), after(60_000)).await.unwrap().body;
    let mut read = 0;
    let error = loop {
        match body.frame().await.expect("the bomb does not end by itself") {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (error.kind(), error.sent()),
        (Kind::Expansion { limit: 100 }, true)
    );
    // the bomb is 33 kB on the wire
    assert!(
        read <= 100 * bomb.len() && read < 8 << 20,
        "{read} bytes were handed out"
    );
    let mut servers = vec![server];

    let small = encoded("gzip", &gzip(&vec![0; 1 << 20]));
    let server = Server::scripted([Step::Request, small]).await;
    let answer = client.fetch(server.get(), after(60_000)).await.unwrap();
    assert_eq!(answer.body.len(), 1 << 20);
    drop(answer);
    server.seen.wait_until_closed().await;
    servers.push(server);
    let whole = gzip(&[b'x'; 5_000]);
    for wrong in [
        encoded("br", b"abc"),
        encoded("gzip", b"not gzip at all"),
        encoded("gzip", &whole[..whole.len() - 4]),
    ] {
        let script = vec![Step::Request, wrong, Step::Hang];
        let server = Server::scripted(script).await;
        let result = within("an error", client.fetch(server.get(), after(60_000))).await;
        assert_eq!(what(result), (Kind::Decompression, true));
        servers.push(server);
    }
    start.restored(SOON, client, servers).await;
}

/// Row 16: a body of 1 GB. Cut at the cap, and the rest is not read.
#[tokio::test]
async fn gigabyte_is_cut_at_the_cap_and_not_drained() {
    let start = Start::now();
    let written = Arc::new(AtomicUsize::new(0));
    let server = Server::serve({
        let written = Arc::clone(&written);
        move |_, mut stream, _| {
            let written = Arc::clone(&written);
            async move {
                read_head(&mut stream).await;
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let chunk = [b"10000\r\n".as_slice(), &[b'x'; 65_536], b"\r\n"].concat();
                let mut going = stream.write_all(head).await;
                while going.is_ok() && written.load(Ordering::SeqCst) < 1 << 30 {
                    written.fetch_add(65_536, Ordering::SeqCst);
                    going = stream.write_all(&chunk).await;
                }
            }
        }
    })
    .await;
    let client = Client::builder().max_body(1 << 20).build().unwrap();
    let result = within("an error", client.fetch(server.get(), after(60_000))).await;
    assert_eq!(what(result), (Kind::BodyTooLarge { limit: 1 << 20 }, true));
    server.seen.wait_until_closed().await;
    // the cap, and what the buffers of two sockets hold
    assert!(written.load(Ordering::SeqCst) < 32 << 20);

    let announced = "HTTP/1.1 200 OK\r\ncontent-length: 1073741824\r\n\r\n";
    let expected = Kind::BodyTooLarge { limit: 1 << 20 };
    let script = vec![Step::Request, raw(announced), Step::Hang];
    let other = ends_as(&client, script, expected).await;
    start.restored(SOON, client, vec![server, other]).await;
}

/// Row 17: bytes that are no text, text that is no JSON, numbers that are none. Handed up byte for byte.
#[tokio::test]
async fn bytes_that_are_no_json_are_handed_up_unchanged() {
    let start = Start::now();
    let client = Client::builder().build().unwrap();
    let mut servers = Vec::new();
    for body in [
        b"\xff\xfe{\"a\":\x80}".as_slice(),
        b"{\"a\":",
        b"{\"a\":NaN}",
        b"{\"a\":1e999}",
    ] {
        servers.push(is_handed_up(&client, "200 OK", body).await);
    }
    start.restored(SOON, client, servers).await;
}

/// Row 18: deep and wide JSON is bounded by its bytes here.
#[tokio::test]
async fn deep_and_wide_json_is_bounded_by_the_cap() {
    let start = Start::now();
    let client = Client::builder().max_body(100_000).build().unwrap();
    let deep = "[".repeat(100_000);
    let wide = format!("[{}0]", "0,".repeat(60_000));
    let mut servers = vec![is_handed_up(&client, "200 OK", deep.as_bytes()).await];
    let server = Server::scripted([Step::Request, ok(wide.as_bytes()), Step::Hang]).await;
    let result = within("an error", client.fetch(server.get(), after(60_000))).await;
    assert_eq!(what(result), (Kind::BodyTooLarge { limit: 100_000 }, true));
    assert!(ok_bytes(wide.as_bytes()).len() > 100_000);
    servers.push(server);
    start.restored(SOON, client, servers).await;
}
