//! Rows 7, 8, 11, 26, 27 and 29: answers that do not come, or not as HTTP says.

use std::time::Duration;

use robust_http::{Client, Kind, Phase};
use tokio::io::AsyncWriteExt;

use super::{SOON, Start};
use crate::server::{Server, Step, after, get, ok_bytes, raw, read_head, what, within};

const HEADERS: Kind = Kind::Timeout {
    phase: Phase::Headers,
};

/// Row 7: accepted, and then silence.
#[tokio::test]
async fn silence_after_the_request_ends_at_the_deadline_or_the_head_timeout() {
    let start = Start::now();
    let server = Server::scripted([Step::Request, Step::Hang]).await;
    let client = Client::builder()
        .head_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    // without a deadline
    assert_eq!(
        what(client.fetch(server.get(), None).await),
        (HEADERS, true)
    );
    // with one that is nearer
    let patient = Client::builder().build().unwrap();
    let result = patient.fetch(server.get(), after(300)).await;
    assert_eq!(what(result), (HEADERS, true));
    assert_eq!(patient.stats().in_flight, 0);
    drop(patient);
    start.restored(SOON, client, vec![server]).await;
}

/// Row 8: a byte now and then. Ended by the minimum throughput, long before the deadline.
#[tokio::test]
async fn drips_are_too_slow_long_before_the_deadline() {
    let start = Start::now();
    let drip = |head: &str, drop: &str| {
        let mut script = vec![Step::Request, raw(head)];
        for _ in 0..2_000 {
            script.extend([raw(drop), Step::Pause(Duration::from_millis(15))]);
        }
        script
    };
    let body = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n";
    let chunks = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut servers = Vec::new();
    let client = Client::builder()
        .throughput_window(Duration::from_millis(200))
        .build()
        .unwrap();
    for (script, phase) in [
        (drip("HTTP/1.1 200 OK\r\n", "a: b\r\n"), Phase::Headers),
        (drip(body, "."), Phase::Body),
        (drip(chunks, "1\r\n.\r\n"), Phase::Body),
    ] {
        let server = Server::scripted(script).await;
        let result = client.fetch(server.get(), after(60_000)).await;
        assert_eq!(what(result), (Kind::TooSlow { phase }, true));
        servers.push(server);
    }
    start.restored(SOON, client, servers).await;
}

/// The other side of row 8: what is fast enough, or slow because nobody reads, is left alone.
#[tokio::test]
async fn what_is_fast_enough_is_left_alone() {
    let mut script = vec![
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 6000\r\n\r\n"),
    ];
    for _ in 0..6 {
        script.extend([raw([b'.'; 1_000]), Step::Pause(Duration::from_millis(150))]);
    }
    script.push(Step::Again);
    let server = Server::scripted(script).await;
    // 1,000 bytes in 150 ms are far more than 1 kB/s, even on a machine that is three times as slow
    let client = Client::builder()
        .throughput_window(Duration::from_millis(600))
        .build()
        .unwrap();
    let answer = client.fetch(server.get(), after(60_000)).await.unwrap();
    assert_eq!(answer.body.len(), 6_000);

    let response = client.send(server.get(), after(60_000)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(response.collect().await.unwrap().body.len(), 6_000);
}

/// Row 11: a length that lies, two lengths, a length beside chunks. Whatever comes of that one, the 1,000 requests around
/// it get their own answers.
#[tokio::test]
async fn contradicting_lengths_never_poison_another_answer() {
    let start = Start::now();
    let server = Server::serve(|_, mut stream, seen| async move {
        while let Some(head) = read_head(&mut stream).await {
            let number = head.split(['/', ' ']).nth(2).unwrap_or_default().to_owned();
            seen.record(head);
            let kind = number.parse::<usize>().map_or(0, |number| number % 10);
            let two = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ncontent-length: 400\r\n\r\nevil";
            let both = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n\r\n";
            let answer = match kind {
                2 => two.as_bytes().to_vec(),
                4 => both.as_bytes().to_vec(),
                // more than announced
                6 => [ok_bytes(number.as_bytes()), ok_bytes(b"evil")].concat(),
                // less than announced, and then the next answer would be taken for the rest
                8 => b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nev".to_vec(),
                _ => ok_bytes(number.as_bytes()),
            };
            if stream.write_all(&answer).await.is_err() || kind == 8 {
                return;
            }
        }
    })
    .await;
    let client = Client::builder().build().unwrap();
    let (mut good, mut bad) = (0, 0);
    for number in 0..2_000 {
        let url = server.url(&format!("/{number}"));
        match within("a result", client.fetch(get(&url), after(60_000))).await {
            Ok(answer) => {
                assert_eq!(answer.body, number.to_string());
                good += 1;
            }
            Err(error) => {
                let expected = [Kind::Protocol, Kind::Closed, Kind::Reset];
                assert!(
                    expected.contains(&error.kind()) && error.sent(),
                    "{error:?}"
                );
                assert!([2, 4, 8].contains(&(number % 10)), "{number}: {error:?}");
                bad += 1;
            }
        }
    }
    assert_eq!((good, bad), (1_400, 600));
    start.restored(SOON * 3, client, vec![server]).await;
}

/// Row 29: interim answers without end, and a head of 2 MB.
#[tokio::test]
async fn floods_of_interim_answers_and_huge_heads_are_too_large() {
    let start = Start::now();
    let client = Client::builder().build().unwrap();
    let interim = Server::serve(|_, mut stream, _| async move {
        read_head(&mut stream).await;
        let flood = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n".repeat(100);
        while stream.write_all(flood.as_bytes()).await.is_ok() {}
    })
    .await;
    let long = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n",
        "x".repeat(2 << 20)
    );
    let many = format!(
        "HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n",
        "a: b\r\n".repeat(101)
    );
    let long = Server::scripted([Step::Request, raw(long), Step::Hang]).await;
    let many = Server::scripted([Step::Request, raw(many), Step::Hang]).await;
    let servers = vec![interim, long, many];
    for server in &servers {
        let result = within("an error", client.fetch(server.get(), after(60_000))).await;
        assert_eq!(what(result), (Kind::HeadersTooLarge, true));
    }
    start.restored(SOON, client, servers).await;
}

/// Row 29, where the flood has an end and comes at once: hyper reads it within one poll, and a good answer after it. What counts is the
/// bytes up to the end of the head, to the last one; the body has a cap of its own.
#[tokio::test]
async fn finite_floods_in_one_write_are_bounded_to_the_byte() {
    const CAP: usize = 8 << 10;
    let start = Start::now();
    let client = Client::builder().max_header_bytes(CAP).build().unwrap();
    let interim = "HTTP/1.1 103 Early Hints\r\n\r\n";
    let last = "HTTP/1.1 200 OK\r\ncontent-length: 600000\r\nx: ";
    let body = "b".repeat(600_000);
    let flood = |bytes: usize| {
        let count = (bytes - last.len() - 4) / interim.len();
        let filled = count * interim.len() + last.len() + 4;
        let fill = "x".repeat(bytes - filled);
        format!("{}{last}{fill}\r\n\r\n{body}", interim.repeat(count))
    };
    let mut servers = Vec::new();
    for (bytes, passes) in [
        (200, true),
        (CAP - 1, true),
        (CAP, true),
        (CAP + 1, false),
        (CAP + 200, false),
        (9 * CAP, false),
        (2_700_000, false),
    ] {
        // the first answer has let hyper's buffer grow
        let script = [
            Step::Request,
            raw(flood(200)),
            Step::Request,
            raw(flood(bytes)),
            Step::Hang,
        ];
        let server = Server::scripted(script).await;
        let first = within("an answer", client.fetch(server.get(), after(60_000))).await;
        assert_eq!(first.unwrap().body, body);
        let result = within("an end", client.fetch(server.get(), after(60_000))).await;
        assert_eq!(server.seen.accepted(), 1);
        if passes {
            assert_eq!(result.unwrap().body, body, "{bytes}");
        } else {
            assert_eq!(what(result), (Kind::HeadersTooLarge, true), "{bytes}");
        }
        servers.push(server);
    }
    start.restored(SOON, client, servers).await;
}

/// A change of protocol that nobody asked for is not an answer.
#[tokio::test]
async fn unasked_for_upgrade_is_a_protocol_error() {
    let head = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    let server = Server::scripted([Step::Request, raw(head), Step::Hang]).await;
    let client = Client::builder().build().unwrap();
    let result = within("an error", client.fetch(server.get(), after(60_000))).await;
    assert_eq!(what(result), (Kind::Protocol, true));
    assert_eq!((client.stats().in_flight, client.stats().idle), (0, 0));
}
