//! Rows 13 and 20 to 24: answers that say no. What they mean is another layer's to know; that it sees all of them, once
//! each and whole, is this client's.

use robust_http::{Client, Fetched, Kind};

use super::{SOON, Start};
use crate::server::{Server, Step, after, ok, raw, what, within};

/// Asks a server that repeats this answer twice: an answer each time, one request each, on one connection.
async fn answers_with(head: &str, body: &str) -> Fetched {
    let start = Start::now();
    let head = format!(
        "HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let server = Server::scripted([Step::Request, raw(head), Step::Again]).await;
    let client = Client::builder().build().unwrap();
    client.fetch(server.get(), after(60_000)).await.unwrap();
    let answer = client.fetch(server.get(), after(60_000)).await.unwrap();
    assert_eq!(
        (answer.body.as_ref(), answer.times_sent),
        (body.as_bytes(), 1)
    );
    assert_eq!(
        (server.seen.requests().len(), server.seen.accepted()),
        (2, 1)
    );
    start.restored(SOON, client, vec![server]).await;
    answer
}

/// Row 13: an exchange's error with status 200.
#[tokio::test]
async fn error_object_with_status_200_is_handed_up_unchanged() {
    for body in [
        r#"{"error":["EAPI:Rate limit exceeded"]}"#,
        r#"{"code":-1121,"msg":"Invalid symbol."}"#,
        r#"{"code":"200000","data":null}"#,
    ] {
        let answer = answers_with("200 OK\r\ncontent-type: application/json", body).await;
        assert_eq!(answer.status.as_u16(), 200);
    }
}

/// Row 20: 429 without a word on when to come back. Not an error here, and not tried again.
#[tokio::test]
async fn status_429_is_an_answer_and_sent_once() {
    let answer = answers_with("429 Too Many Requests", "slow down").await;
    assert_eq!(answer.status.as_u16(), 429);
}

/// Row 21: Retry-After in every form, beside the server's own Date.
#[tokio::test]
async fn retry_after_arrives_in_every_form_beside_the_date_of_the_server() {
    let date = "Wed, 21 Oct 2015 07:28:00 GMT";
    for form in [
        "5",
        date,
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "99999999999999999999",
        "soon",
        "",
    ] {
        let head = format!("429 Too Many Requests\r\ndate: {date}\r\nretry-after: {form}");
        let answer = answers_with(&head, "").await;
        assert_eq!(answer.headers["retry-after"], form);
        assert_eq!(answer.headers["date"], date);
    }
}

/// Row 22: a ban.
#[tokio::test]
async fn ban_is_handed_up_with_its_body() {
    let body = r#"{"code":-1003,"msg":"IP banned until 1763790000000."}"#;
    let answer = answers_with("418 I'm a teapot\r\nretry-after: 120", body).await;
    assert_eq!(answer.status.as_u16(), 418);
    assert_eq!(answer.headers["retry-after"], "120");
}

/// Row 23: a burst of 5xx, then health. Each is an answer; nothing is retried behind the caller's back.
#[tokio::test]
async fn burst_of_5xx_is_counted_by_the_caller_alone() {
    let start = Start::now();
    let mut script = Vec::new();
    for status in [
        "500 Internal Server Error",
        "502 Bad Gateway",
        "503 Service Unavailable",
    ] {
        for _ in 0..10 {
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 4\r\n\r\noops");
            script.extend([Step::Request, raw(head)]);
        }
    }
    script.extend([Step::Request, ok(b"well")]);
    let server = Server::scripted(script).await;
    let client = Client::builder().build().unwrap();
    for _ in 0..30 {
        let answer = client.fetch(server.get(), after(60_000)).await.unwrap();
        assert!(answer.status.is_server_error() && answer.times_sent == 1);
    }
    let answer = client.fetch(server.get(), after(60_000)).await.unwrap();
    assert_eq!(
        (answer.body.as_ref(), server.seen.requests().len()),
        (b"well".as_slice(), 31)
    );
    start.restored(SOON, client, vec![server]).await;
}

/// Row 24: every other connection is good. The good half gets through, the other half ends typed, nothing piles up.
#[tokio::test]
async fn flapping_server_costs_only_its_bad_half() {
    let start = Start::now();
    let server = Server::serve(|nth, stream, seen| {
        let good = vec![
            Step::Request,
            raw("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 4\r\n\r\ngood"),
        ];
        let bad = vec![Step::Request, Step::Reset];
        crate::server::play(if nth % 2 == 0 { good } else { bad }, stream, seen)
    })
    .await;
    let client = Client::builder().build().unwrap();
    for number in 0..200 {
        let result = within("a result", client.fetch(server.get(), after(60_000))).await;
        if number % 2 == 0 {
            assert_eq!(result.unwrap().body, "good");
        } else {
            assert_eq!(what(result), (Kind::Reset, true));
        }
    }
    // a fresh connection that fails is never tried again
    assert_eq!(
        (server.seen.accepted(), client.stats().sent_twice),
        (200, 0)
    );
    start.restored(SOON, client, vec![server]).await;
}
