//! Bodies: truncated, too large, compressed, bombs.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::BodyExt;
use robust_http::{Client, Kind};
use tokio::io::AsyncWriteExt;

use crate::server::{Server, Step, client, ok, raw, read_head, what, within};

const LIMIT: usize = 10_000;

fn small() -> Client {
    Client::builder().max_body(LIMIT).build().unwrap()
}

pub(crate) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn encoded(coding: &str, body: &[u8]) -> Step {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: {coding}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    raw([head.as_bytes(), body].concat())
}

pub(crate) fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for chunk in body.chunks(1_000) {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[tokio::test]
async fn body_at_the_cap_passes_and_one_byte_more_does_not() {
    for framing in [crate::server::ok_bytes, chunked] {
        for (size, passes) in [
            (0, true),
            (LIMIT - 1, true),
            (LIMIT, true),
            (LIMIT + 1, false),
            (LIMIT * 20, false),
        ] {
            let server =
                Server::scripted([Step::Request, raw(framing(&vec![b'x'; size])), Step::Hang])
                    .await;
            let client = small();
            let result = within("a result", client.fetch(server.get(), None)).await;
            if passes {
                assert_eq!(result.unwrap().body.len(), size);
            } else {
                assert_eq!(
                    what(result),
                    (Kind::BodyTooLarge { limit: LIMIT }, true),
                    "{size}"
                );
                // the rest is not read
                server.seen.wait_until_closed().await;
            }
            assert_eq!(client.stats().in_flight, 0);
        }
    }
}

#[tokio::test]
async fn announced_length_over_the_cap_is_refused_before_the_body() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 10001\r\n\r\n"),
        Step::Hang,
    ])
    .await;

    let result = within("an error", small().send(server.get(), None)).await;

    assert_eq!(what(result), (Kind::BodyTooLarge { limit: LIMIT }, true));
}

#[tokio::test]
async fn truncated_bodies_are_errors() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\na\r\n12345",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n12345\r\n",
    ] {
        let server = Server::scripted([Step::Request, raw(answer)]).await;
        let client = client();
        assert_eq!(
            what(client.fetch(server.get(), None).await),
            (Kind::Closed, true),
            "{answer:?}"
        );
        assert_eq!((client.stats().in_flight, client.stats().idle), (0, 0));
    }
}

#[tokio::test]
async fn reset_in_the_body_is_a_reset() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"),
        Step::Reset,
    ])
    .await;

    // the reset may overtake the head: then it is seen while waiting for that
    assert_eq!(
        what(client().fetch(server.get(), None).await),
        (Kind::Reset, true)
    );
}

#[tokio::test]
async fn body_that_ends_with_the_connection_is_read_only_where_that_is_allowed() {
    let server = Server::scripted([Step::Request, raw("HTTP/1.1 200 OK\r\n\r\nold style")]).await;
    let client = Client::builder().allow_close_delimited().build().unwrap();

    assert_eq!(
        client.fetch(server.get(), None).await.unwrap().body,
        "old style"
    );
    assert_eq!(client.stats().idle, 0);
    assert_eq!(
        what(crate::server::client().fetch(server.get(), None).await),
        (Kind::NoLength, true)
    );
}

/// A gzip stream ends with a member, and another one may follow (RFC 1952 §2.2): cut off between two, it looks whole.
#[tokio::test]
async fn compressed_body_that_ends_with_the_connection_is_read_only_where_that_is_allowed() {
    let first = gzip(&[b'x'; 5_000]);
    let both = [first.clone(), gzip(b"end")].concat();
    let lenient = Client::builder().allow_close_delimited().build().unwrap();
    for (body, length) in [
        (&both[..], Some(5_003)),
        // the rest is lost, and nobody can know
        (&both[..first.len()], Some(5_000)),
        (&both[..both.len() - 3], None),
        (&both[..first.len() + 9], None),
        (&both[..first.len() - 3], None),
    ] {
        let head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n";
        let server = Server::scripted([Step::Request, raw([head, body].concat())]).await;
        let result = client().fetch(server.get(), None).await;
        assert_eq!(what(result), (Kind::NoLength, true));
        match lenient.fetch(server.get(), None).await {
            Ok(answer) => assert_eq!(Some(answer.body.len()), length),
            Err(error) => assert_eq!((error.kind(), length), (Kind::Decompression, None)),
        }
    }
}

#[tokio::test]
async fn gzip_of_several_members_is_read_to_its_end() {
    let members = [gzip(b"[1,2"), gzip(b""), gzip(&[b','; 40_000]), gzip(b"3]")].concat();
    let text = [b"[1,2".as_slice(), &[b','; 40_000], b"3]"].concat();
    let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
    // whole, byte by byte, and cut everywhere around the ends of the members
    let whole = encoded("gzip", &members);
    let pieces = |size: usize| {
        let mut bytes = head.as_bytes().to_vec();
        for piece in members.chunks(size) {
            bytes.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            bytes.extend_from_slice(piece);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        raw(bytes)
    };
    let answers = (1..40).map(pieces).chain([whole]);
    let client = client();
    for answer in answers {
        let server = Server::scripted([Step::Request, answer, Step::Again]).await;
        for _ in 0..2 {
            let answer = within("an answer", client.fetch(server.get(), None)).await;
            assert_eq!(answer.unwrap().body, text);
        }
        assert_eq!(server.seen.accepted(), 1, "the connection is given back");
    }
}

#[tokio::test]
async fn what_follows_a_gzip_stream_is_an_error_and_never_cut_off() {
    let (first, second) = (gzip(b"[1,2"), gzip(b",3]"));
    for rest in [
        b"JUNKJUNKJUNK".as_slice(),
        b"J",
        &[0; 512],
        &second[..1],
        &second[..9],
        &second[..second.len() - 1],
    ] {
        let body = [&first, rest].concat();
        let server = Server::scripted([Step::Request, encoded("gzip", &body), Step::Hang]).await;
        let client = client();
        let result = within("an error", client.fetch(server.get(), None)).await;
        assert_eq!(what(result), (Kind::Decompression, true), "{}", rest.len());
        assert_eq!(client.stats().in_flight, 0);
    }
}

/// An answer to HEAD, a 204, a 304 and an empty body have no gzip stream, whatever their headers say.
#[tokio::test]
async fn an_answer_without_content_needs_no_gzip_stream() {
    for (method, head) in [
        ("HEAD", "200 OK\r\ncontent-length: 500"),
        ("GET", "200 OK\r\ncontent-length: 0"),
        ("GET", "204 No Content"),
        ("GET", "304 Not Modified"),
    ] {
        let head = format!("HTTP/1.1 {head}\r\ncontent-encoding: gzip\r\n\r\n");
        let server = Server::scripted([Step::Request, raw(head), Step::Hang]).await;
        let mut request = server.get();
        *request.method_mut() = method.parse().unwrap();
        let answer = within("an answer", client().fetch(request, None)).await;
        assert_eq!(answer.unwrap().body.len(), 0);
    }
}

#[tokio::test]
async fn gzip_is_decoded_and_its_headers_are_gone() {
    for coding in ["gzip", "GZIP", "x-gzip"] {
        let server = Server::scripted([
            Step::Request,
            encoded(coding, &gzip(b"{\"a\":1}")),
            Step::Again,
        ])
        .await;
        let client = client();
        for _ in 0..2 {
            let answer = client.fetch(server.get(), None).await.unwrap();
            assert_eq!(answer.body, "{\"a\":1}");
            assert!(
                !answer.headers.contains_key("content-encoding")
                    && !answer.headers.contains_key("content-length")
            );
        }
        assert_eq!(
            server.seen.accepted(),
            1,
            "a decoded body gives its connection back"
        );
    }
}

#[tokio::test]
async fn cap_counts_decompressed_bytes() {
    for (size, passes) in [(LIMIT, true), (LIMIT + 1, false)] {
        let server = Server::scripted([
            Step::Request,
            encoded("gzip", &gzip(&vec![0; size])),
            Step::Hang,
        ])
        .await;
        let result = within("a result", small().fetch(server.get(), None)).await;
        match result {
            Ok(answer) => assert!(passes && answer.body.len() == size),
            Err(error) => assert!(
                !passes && error.kind() == Kind::BodyTooLarge { limit: LIMIT },
                "{error:?}"
            ),
        }
    }
}

#[tokio::test]
async fn gzip_bomb_stops_at_the_cap() {
    // 16 MiB in 16 kB; what is decompressed is never more than the cap and one chunk
    let bomb = gzip(&vec![0; 16 << 20]);
    assert!(bomb.len() < 20_000);
    let client = Client::builder().max_body(100_000).build().unwrap();
    let server = Server::scripted([Step::Request, encoded("gzip", &bomb), Step::Hang]).await;

    let mut body = client.send(server.get(), None).await.unwrap().body;
    let mut read = 0;
    let error = loop {
        match body.frame().await.expect("the bomb does not end by itself") {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };

    assert_eq!(error.kind(), Kind::BodyTooLarge { limit: 100_000 });
    assert!(read <= 100_000, "{read} bytes were handed out");
    assert!(
        body.frame().await.is_none(),
        "after an error the body is at its end"
    );
    assert_eq!(client.stats().in_flight, 0);
}

/// A gzip header whose file name never ends: not one decompressed byte ever counts, so the wire has to.
#[tokio::test]
async fn compressed_bytes_that_decompress_to_nothing_stop_at_the_cap() {
    let server = Server::serve(|_, mut stream, _| async move {
        read_head(&mut stream).await;
        let head =
            "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n";
        let header_with_name = b"a\r\n\x1f\x8b\x08\x08\0\0\0\0\0\xff\r\n";
        let name = [b"64\r\n".as_slice(), &[b'n'; 100], b"\r\n"].concat();
        let mut written = stream
            .write_all(&[head.as_bytes(), header_with_name].concat())
            .await;
        while written.is_ok() {
            written = stream.write_all(&name).await;
        }
    })
    .await;

    let result = within("an error", small().fetch(server.get(), None)).await;

    assert_eq!(what(result), (Kind::BodyTooLarge { limit: LIMIT }, true));
}

#[tokio::test]
async fn broken_compression_is_told_from_a_broken_connection() {
    let good = gzip(&[b'x'; 5_000]);
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let cut = &good[..good.len() - 6];
    for body in [b"this is no gzip".as_slice(), &flipped, cut] {
        let server = Server::scripted([Step::Request, encoded("gzip", body), Step::Hang]).await;
        let client = client();
        let result = within("an error", client.fetch(server.get(), None)).await;
        assert_eq!(what(result), (Kind::Decompression, true));
        assert_eq!(client.stats().in_flight, 0);
    }

    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
        good.len()
    );
    let server = Server::scripted([Step::Request, raw([head.as_bytes(), cut].concat())]).await;
    assert_eq!(
        what(client().fetch(server.get(), None).await),
        (Kind::Closed, true)
    );
}

#[tokio::test]
async fn coding_that_was_not_asked_for_is_an_error() {
    for coding in ["br", "deflate", "gzip, gzip", "zstd"] {
        let server = Server::scripted([Step::Request, encoded(coding, b"abc"), Step::Hang]).await;
        assert_eq!(
            what(client().fetch(server.get(), None).await),
            (Kind::Decompression, true),
            "{coding}"
        );
    }
    let server = Server::scripted([Step::Request, encoded("identity", b"abc")]).await;
    assert_eq!(
        client().fetch(server.get(), None).await.unwrap().body,
        "abc"
    );
}

#[tokio::test]
async fn body_streams_frame_by_frame() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc"),
        Step::Request,
        ok(b"never read"),
    ])
    .await;
    let mut response = client().send(server.get(), None).await.unwrap();

    // the second half never comes, yet the first one is here
    let first = within("a frame", response.body.frame())
        .await
        .unwrap()
        .unwrap();

    assert_eq!(first.into_data().unwrap(), "abc");
}
