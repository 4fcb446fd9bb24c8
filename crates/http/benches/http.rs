//! What the guarantees cost: this client beside hyper-util's bare one, on loopback, at 1, 10 and 100 connections.
//!
//! `cargo bench -p robust-http --bench http`. The server runs in the same process on a thread of its own and answers
//! from memory, so what differs between two rows is the client alone.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a bench that cannot go on stops, and its groups are macros"
)]

use std::time::Duration;

use bytes::Bytes;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client as Bare;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use robust_http::Client;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Requests of one round on each connection.
const ROUND: usize = 100;

fn answer(body: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {body}\r\n\r\n"
    );
    [head.into_bytes(), vec![b'x'; body]].concat()
}

/// A server on a thread and a runtime of its own, for as long as the process lives.
fn serve(body: usize) -> String {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(reply(stream, answer(body)));
            }
        });
    });
    format!(
        "http://{}/api/v3/ticker?symbol=BTCUSDT",
        told.recv().unwrap()
    )
}

/// One answer for each head; requests here have no content.
async fn reply(mut stream: TcpStream, answer: Vec<u8>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; 4_096];
    let mut filled = 0;
    loop {
        match stream.read(&mut buffer[filled..]).await? {
            0 => return Ok(()),
            more => filled += more,
        }
        if buffer[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            stream.write_all(&answer).await?;
        }
    }
}

fn ours(connections: usize) -> Client {
    Client::builder()
        .max_per_host(connections)
        .max_total(connections)
        .build()
        .unwrap()
}

fn bare(connections: usize) -> Bare<HttpConnector, Full<Bytes>> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    Bare::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_max_idle_per_host(connections)
        .build(connector)
}

async fn fetch(client: Client, url: String) {
    for _ in 0..ROUND {
        let request = Request::get(&url).body(Bytes::new()).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        let answer = client.fetch(request, Some(deadline)).await.unwrap();
        assert!(!answer.body.is_empty());
    }
}

async fn fetch_bare(client: Bare<HttpConnector, Full<Bytes>>, url: String) {
    for _ in 0..ROUND {
        let request = Request::get(&url).body(Full::default()).unwrap();
        let answer = client.request(request).await.unwrap();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(!body.is_empty());
    }
}

fn loopback(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let url = serve(2_000);
    let mut group = criterion.benchmark_group("loopback");
    group
        .sample_size(30)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4));
    for connections in [1, 10, 100] {
        group.throughput(Throughput::Elements((connections * ROUND) as u64));
        let client = bare(connections);
        group.bench_function(BenchmarkId::new("hyper-util", connections), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let calls: JoinSet<_> = (0..connections)
                        .map(|_| fetch_bare(client.clone(), url.clone()))
                        .collect();
                    calls.join_all().await
                })
            });
        });
        let client = ours(connections);
        group.bench_function(BenchmarkId::new("robust-http", connections), |bencher| {
            bencher.iter(|| {
                runtime.block_on(async {
                    let calls: JoinSet<_> = (0..connections)
                        .map(|_| fetch(client.clone(), url.clone()))
                        .collect();
                    calls.join_all().await
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, loopback);
criterion_main!(benches);
