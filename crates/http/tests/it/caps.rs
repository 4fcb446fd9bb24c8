//! The caps: 20 per host, 100 in all, a bounded queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use robust_http::{Client, Kind};
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::server::{Server, Step, get, ok, ok_bytes, read_head, what, within};

/// 200 requests at once. The server answers only when 20 are in its hands, so a lower cap would hang; and it counts
/// connections and requests, so a higher one would show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_concurrent_requests_use_exactly_twenty_connections() {
    let in_flight = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let full = Arc::new(Barrier::new(20));
    let server = Server::serve({
        let (in_flight, most) = (Arc::clone(&in_flight), Arc::clone(&most));
        move |_, mut stream, seen| {
            let (in_flight, most, full) =
                (Arc::clone(&in_flight), Arc::clone(&most), Arc::clone(&full));
            async move {
                while let Some(head) = read_head(&mut stream).await {
                    seen.record(head);
                    most.fetch_max(
                        in_flight.fetch_add(1, Ordering::SeqCst) + 1,
                        Ordering::SeqCst,
                    );
                    full.wait().await;
                    in_flight.fetch_sub(1, Ordering::SeqCst);
                    stream.write_all(&ok_bytes(&[b'x'; 3_000])).await.unwrap();
                }
            }
        }
    })
    .await;
    let client = Client::builder().build().unwrap();

    let mut calls = JoinSet::new();
    for number in 0..200 {
        let (client, request) = (client.clone(), get(&server.url(&format!("/{number}"))));
        calls.spawn(async move { client.fetch(request, None).await.unwrap().body.len() });
    }
    let answers = within("all answers", calls.join_all()).await;

    assert_eq!(answers, vec![3_000; 200]);
    assert_eq!(
        most.load(Ordering::SeqCst),
        20,
        "requests in flight at the server"
    );
    assert_eq!(server.seen.accepted(), 20, "connections accepted");
    assert_eq!(server.seen.requests().len(), 200);
    let stats = client.stats();
    assert_eq!(
        (
            stats.opened,
            stats.reused,
            stats.in_flight,
            stats.waiting,
            stats.idle
        ),
        (20, 180, 0, 0, 20)
    );
}

/// The same places, when every answer closes its connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn places_come_back_when_connections_are_not_reused() {
    let server = Server::scripted([Step::Request, raw_close(b"closing")]).await;
    let client = Client::builder().max_per_host(5).build().unwrap();

    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let (client, request) = (client.clone(), server.get());
        calls.spawn(async move { client.fetch(request, None).await.unwrap().body });
    }
    let answers = within("all answers", calls.join_all()).await;

    assert!(answers.iter().all(|body| body == "closing"));
    assert_eq!((server.seen.accepted(), client.stats().opened), (100, 100));
    assert_eq!((client.stats().in_flight, client.stats().idle), (0, 0));
}

fn raw_close(body: &[u8]) -> Step {
    let head = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    Step::Send([head.as_bytes(), body].concat())
}

#[tokio::test]
async fn cap_over_all_hosts_holds() {
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(Server::scripted([Step::Request, Step::Hang]).await);
    }
    let client = Client::builder()
        .max_per_host(4)
        .max_total(5)
        .build()
        .unwrap();

    let mut calls = JoinSet::new();
    for server in &servers {
        for _ in 0..4 {
            let (client, request) = (client.clone(), server.get());
            calls.spawn(async move { client.fetch(request, None).await });
        }
    }
    within("five requests arrived", async {
        while servers
            .iter()
            .map(|server| server.seen.requests().len())
            .sum::<usize>()
            < 5
        {
            tokio::task::yield_now().await;
        }
    })
    .await;

    assert_eq!((client.stats().in_flight, client.stats().waiting), (5, 7));
    assert_eq!(
        servers
            .iter()
            .map(|server| server.seen.accepted())
            .sum::<usize>(),
        5
    );
    calls.shutdown().await;
    assert_eq!((client.stats().in_flight, client.stats().waiting), (0, 0));
}

#[tokio::test]
async fn one_slow_host_leaves_the_others_their_places() {
    let slow = Server::scripted([Step::Request, Step::Hang]).await;
    let quick = Server::scripted([Step::Request, ok(b"quick")]).await;
    let client = Client::builder()
        .max_per_host(2)
        .max_total(4)
        .build()
        .unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..10 {
        let (client, request) = (client.clone(), slow.get());
        calls.spawn(async move { client.fetch(request, None).await });
    }
    within("the slow host is full", slow.seen.wait_for_requests(2)).await;

    let answer = within("an answer", client.fetch(quick.get(), None)).await;

    assert_eq!(answer.unwrap().body, "quick");
}

#[tokio::test]
async fn full_queue_refuses_at_once() {
    let server = Server::scripted([Step::Request, Step::Hang]).await;
    let client = Client::builder()
        .max_per_host(1)
        .max_waiting(2)
        .build()
        .unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..3 {
        let (client, request) = (client.clone(), server.get());
        calls.spawn(async move { client.fetch(request, None).await });
    }
    within("one in flight, two waiting", async {
        while client.stats().waiting < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;

    let result = within("a refusal", client.fetch(server.get(), None)).await;

    assert_eq!(what(result), (Kind::PoolFull, false));
    assert_eq!((client.stats().refused, client.stats().waiting), (1, 2));
}

#[tokio::test]
async fn place_is_held_until_the_body_ends() {
    let server = Server::scripted([Step::Request, ok(&[b'x'; 100]), Step::Again]).await;
    let client = Client::builder().max_per_host(1).build().unwrap();

    let first = client.send(server.get(), None).await.unwrap();
    assert_eq!(client.stats().in_flight, 1);
    let second = tokio::spawn({
        let (client, request) = (client.clone(), server.get());
        async move { client.fetch(request, None).await }
    });
    within("the second waits", async {
        while client.stats().waiting < 1 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(server.seen.requests().len(), 1);

    assert_eq!(first.collect().await.unwrap().body.len(), 100);
    assert_eq!(
        within("the second", second)
            .await
            .unwrap()
            .unwrap()
            .body
            .len(),
        100
    );
    assert_eq!(
        server.seen.accepted(),
        1,
        "the place and the connection were handed on together"
    );
    assert_eq!(client.stats().in_flight, 0);
}
