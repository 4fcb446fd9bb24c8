//! A future dropped at any point leaves nothing behind.

use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use http_body_util::BodyExt;
use robust_http::Client;

use crate::server::{Server, Step, ok, place_taken, raw, within};

/// Polls so many times and gives up; `None` then.
async fn polled<F: Future>(mut future: Pin<Box<F>>, times: usize) -> Option<F::Output> {
    let mut left = times;
    std::future::poll_fn(move |cx| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// An answer in several pieces, so that there are several points to be dropped at.
fn piecewise() -> Vec<Step> {
    let pause = || Step::Pause(Duration::from_millis(1));
    vec![
        Step::Request,
        pause(),
        raw("HTTP/1.1 200 OK\r\n"),
        pause(),
        raw("transfer-encoding: chunked\r\n\r\n"),
        pause(),
        raw("3\r\nabc\r\n"),
        pause(),
        raw("3\r\ndef\r\n0\r\n\r\n"),
        Step::Again,
    ]
}

#[tokio::test]
async fn dropping_at_the_nth_poll_gives_everything_back() {
    let server = Server::scripted(piecewise()).await;
    let client = Client::builder()
        .max_per_host(1)
        .max_total(1)
        .build()
        .unwrap();
    let mut finished_at = None;
    for polls in 0..1_000 {
        let call = Box::pin(client.fetch(server.get(), None));
        let result = polled(call, polls).await;
        assert_eq!(
            (client.stats().in_flight, client.stats().waiting),
            (0, 0),
            "after {polls} polls"
        );
        if let Some(answer) = result {
            assert_eq!(answer.unwrap().body, "abcdef");
            finished_at = Some(polls);
            break;
        }
        // with a cap of one, any leak would make this wait for ever
        let answer = within("the place is free", client.fetch(server.get(), None)).await;
        assert_eq!(answer.unwrap().body, "abcdef", "after {polls} polls");
    }
    assert!(
        finished_at.is_some_and(|polls| polls >= 4),
        "the call was dropped at too few points: {finished_at:?}"
    );
}

/// The same for a call whose pooled connection closes, so that it dials and sends a second time.
#[tokio::test]
async fn dropping_a_second_try_at_the_nth_poll_gives_everything_back() {
    let mut second_tries = 0;
    for polls in 0..1_000 {
        let race = vec![Step::Request, ok(b"warm"), Step::Request];
        let server = Server::scripted_each(vec![race, piecewise()]).await;
        let client = Client::builder()
            .max_per_host(1)
            .max_total(1)
            .build()
            .unwrap();
        client.fetch(server.get(), None).await.unwrap();
        let result = polled(Box::pin(client.fetch(server.get(), None)), polls).await;
        second_tries += client.stats().sent_twice;
        let stats = client.stats();
        assert_eq!(
            (stats.in_flight, stats.waiting),
            (0, 0),
            "after {polls} polls"
        );
        if let Some(answer) = result {
            let answer = answer.unwrap();
            assert_eq!(
                (answer.body.as_ref(), answer.times_sent),
                (b"abcdef".as_slice(), 2)
            );
            assert!(second_tries > 1, "no call was dropped in its second try");
            return;
        }
        // with a cap of one, any leak would make this wait for ever
        let answer = within("the place is free", client.fetch(server.get(), None)).await;
        answer.unwrap();
    }
    panic!("the call never ended");
}

#[tokio::test]
async fn dropping_while_waiting_leaves_the_queue() {
    let (server, client, holder) = place_taken().await;

    for _ in 0..100 {
        assert!(
            polled(Box::pin(client.fetch(server.get(), None)), 1)
                .await
                .is_none()
        );
        assert_eq!((client.stats().in_flight, client.stats().waiting), (1, 0));
    }
    holder.abort();
    let _ = holder.await;
    assert_eq!(client.stats().in_flight, 0);
}

#[tokio::test]
async fn dropping_the_response_unread_closes_the_connection() {
    let server = Server::scripted([
        Step::Request,
        raw("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"),
        Step::Hang,
    ])
    .await;
    let client = Client::builder().max_per_host(1).build().unwrap();

    for _ in 0..3 {
        let response = within("headers", client.send(server.get(), None))
            .await
            .unwrap();
        assert_eq!(client.stats().in_flight, 1);
        drop(response);
        assert_eq!((client.stats().in_flight, client.stats().idle), (0, 0));
    }
    server.seen.wait_until_closed().await;
    assert_eq!(server.seen.accepted(), 3);
}

#[tokio::test]
async fn dropping_a_body_after_some_frames_gives_everything_back() {
    let server = Server::scripted(piecewise()).await;
    let client = Client::builder().max_per_host(1).build().unwrap();
    for frames in 0..3 {
        let mut response = within("headers", client.send(server.get(), None))
            .await
            .unwrap();
        for _ in 0..frames {
            let _ = within("a frame", response.body.frame()).await;
        }
        drop(response);
        assert_eq!(client.stats().in_flight, 0, "after {frames} frames");
    }
    assert_eq!(
        within("an answer", client.fetch(server.get(), None))
            .await
            .unwrap()
            .body,
        "abcdef"
    );
}

#[tokio::test]
async fn last_client_and_body_gone_closes_the_idle_connections() {
    let server = Server::scripted([Step::Request, ok(b"x"), Step::Again]).await;
    let client = Client::builder().build().unwrap();
    client.fetch(server.get(), None).await.unwrap();
    assert_eq!(client.stats().idle, 1);

    drop(client);

    server.seen.wait_until_closed().await;
}
