//! One deadline from the queue to the last byte of the body.

use std::time::Duration;

use robust_http::{Kind, Phase};

use crate::server::{Server, Step, after, client, ok, place_taken, raw, what};

/// A warm connection takes the connect out of the picture: then even a slow machine times out where it should.
#[tokio::test]
async fn headers_that_never_come_time_out_as_sent() {
    let server = Server::scripted([Step::Request, ok(b"warm"), Step::Request, Step::Hang]).await;
    let client = client();
    client.fetch(server.get(), None).await.unwrap();

    let result = client.fetch(server.get(), after(30)).await;

    assert_eq!(
        what(result),
        (
            Kind::Timeout {
                phase: Phase::Headers
            },
            true
        )
    );
    assert_eq!(client.stats().in_flight, 0);
    server.seen.wait_until_closed().await;
}

#[tokio::test]
async fn slow_drip_of_headers_does_not_outlive_the_deadline() {
    let mut script = vec![
        Step::Request,
        ok(b"warm"),
        Step::Request,
        raw("HTTP/1.1 200 OK\r\n"),
    ];
    for _ in 0..200 {
        script.extend([Step::Pause(Duration::from_millis(5)), raw("x-drip: 1\r\n")]);
    }
    let server = Server::scripted(script).await;
    let client = client();
    client.fetch(server.get(), None).await.unwrap();

    let result = client.fetch(server.get(), after(40)).await;

    assert_eq!(
        what(result),
        (
            Kind::Timeout {
                phase: Phase::Headers
            },
            true
        )
    );
}

#[tokio::test]
async fn body_that_stalls_times_out_in_the_body() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345"),
        Step::Hang,
    ])
    .await;
    let client = client();

    let response = client.send(server.get(), after(250)).await.unwrap();
    let result = response.collect().await;

    assert_eq!(what(result), (Kind::Timeout { phase: Phase::Body }, true));
    assert_eq!(client.stats().in_flight, 0);
    server.seen.wait_until_closed().await;
}

#[tokio::test]
async fn body_that_drips_does_not_outlive_the_deadline() {
    let mut script = vec![
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"),
    ];
    for _ in 0..500 {
        script.extend([raw("."), Step::Pause(Duration::from_millis(5))]);
    }
    let server = Server::scripted(script).await;

    let response = client().send(server.get(), after(250)).await.unwrap();

    assert_eq!(
        what(response.collect().await),
        (Kind::Timeout { phase: Phase::Body }, true)
    );
}

#[tokio::test]
async fn waiting_for_a_place_counts() {
    let (server, client, holder) = place_taken().await;

    let result = client.fetch(server.get(), after(30)).await;

    assert_eq!(
        what(result),
        (
            Kind::Timeout {
                phase: Phase::Queue
            },
            false
        )
    );
    assert_eq!((client.stats().in_flight, client.stats().waiting), (1, 0));
    holder.abort();
}

#[tokio::test]
async fn deadline_in_the_past_sends_nothing() {
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Again]).await;
    let client = client();
    client.fetch(server.get(), None).await.unwrap();

    let result = client
        .fetch(server.get(), Some(tokio::time::Instant::now()))
        .await;

    assert_eq!(
        what(result),
        (
            Kind::Timeout {
                phase: Phase::Queue
            },
            false
        )
    );
    assert_eq!(server.seen.requests().len(), 1);
}
