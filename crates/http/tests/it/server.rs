//! A loopback server that does exactly what its script says, byte by byte.
//!
//! Raw sockets, because a real HTTP server cannot stall a body, lie about a length or speak garbage.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use robust_http::{Client, Error, Fetched, Kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// One thing that a server does on a connection.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Reads a request up to the end of its head.
    Request,
    /// Writes these bytes.
    Send(Vec<u8>),
    /// Waits.
    Pause(Duration),
    /// Never does anything again, and keeps the connection open.
    Hang,
    /// Sends a reset instead of an orderly end.
    Reset,
    /// Starts again from the first step.
    Again,
}

/// What the server saw.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    accepted: AtomicUsize,
    open: AtomicUsize,
    requests: Mutex<Vec<String>>,
    arrived: Notify,
}

impl Seen {
    /// Connections accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    /// The heads of all requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub(crate) fn record(&self, head: String) {
        self.requests.lock().unwrap().push(head);
        self.arrived.notify_waiters();
    }

    /// Waits for so many requests.
    pub(crate) async fn wait_for_requests(&self, count: usize) {
        loop {
            let arrived = self.arrived.notified();
            if self.requests.lock().unwrap().len() >= count {
                return;
            }
            arrived.await;
        }
    }

    /// Waits until the clients have closed all connections.
    pub(crate) async fn wait_until_closed(&self) {
        within("all connections closed", async {
            while self.open.load(Ordering::SeqCst) > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        })
        .await;
    }
}

/// A server on a loopback port of its own, stopped on drop.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Seen>,
    task: JoinHandle<()>,
}

impl Server {
    /// Runs this script on every connection, and closes the connection at its end.
    pub(crate) async fn scripted(script: impl Into<Vec<Step>>) -> Self {
        Self::scripted_each(vec![script.into()]).await
    }

    /// Runs the n-th script on the n-th connection, and the last one on all that follow.
    pub(crate) async fn scripted_each(scripts: Vec<Vec<Step>>) -> Self {
        Self::serve(move |nth, stream, seen| {
            let script = scripts[nth.min(scripts.len() - 1)].clone();
            play(script, stream, seen)
        })
        .await
    }

    /// Hands every connection, with its number from 0, to a function.
    pub(crate) async fn serve<F>(
        handler: impl Fn(usize, TcpStream, Arc<Seen>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self::serve_at("127.0.0.1:0".parse().unwrap(), handler).await
    }

    /// The same on an address of the test's choice.
    pub(crate) async fn serve_at<F>(
        address: SocketAddr,
        handler: impl Fn(usize, TcpStream, Arc<Seen>) -> F + Send + 'static,
    ) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let task = tokio::spawn({
            let seen = Arc::clone(&seen);
            async move {
                // dropped with the server, and the connections with it
                let mut connections = tokio::task::JoinSet::new();
                loop {
                    let Ok((stream, _)) = listener.accept().await else {
                        return;
                    };
                    let nth = seen.accepted.fetch_add(1, Ordering::SeqCst);
                    seen.open.fetch_add(1, Ordering::SeqCst);
                    let connection = handler(nth, stream, Arc::clone(&seen));
                    let seen = Arc::clone(&seen);
                    connections.spawn(async move {
                        connection.await;
                        seen.open.fetch_sub(1, Ordering::SeqCst);
                    });
                }
            }
        });
        Self {
            address,
            seen,
            task,
        }
    }

    /// The address of a path on this server.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A GET of `/` on this server.
    pub(crate) fn get(&self) -> Request<Bytes> {
        get(&self.url("/"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn play(script: Vec<Step>, mut stream: TcpStream, seen: Arc<Seen>) {
    let mut at = 0;
    while let Some(step) = script.get(at) {
        at += 1;
        match step {
            Step::Request => match read_head(&mut stream).await {
                Some(head) => seen.record(head),
                None => return,
            },
            Step::Send(bytes) => {
                if stream.write_all(bytes).await.is_err() {
                    return;
                }
            }
            Step::Pause(time) => tokio::time::sleep(*time).await,
            Step::Hang => {
                // until the client closes
                let mut rest = [0; 1024];
                while !matches!(stream.read(&mut rest).await, Ok(0) | Err(_)) {}
                return;
            }
            Step::Reset => {
                stream.set_zero_linger().unwrap();
                return;
            }
            Step::Again => at = 0,
        }
    }
}

/// Reads up to the empty line; `None` when the peer closed before it.
pub(crate) async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).unwrap())
}

/// A 200 with a length.
pub(crate) fn ok(body: &[u8]) -> Step {
    Step::Send(ok_bytes(body))
}

pub(crate) fn ok_bytes(body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// These bytes.
pub(crate) fn raw(bytes: impl AsRef<[u8]>) -> Step {
    Step::Send(bytes.as_ref().to_vec())
}

pub(crate) fn get(url: &str) -> Request<Bytes> {
    Request::get(url).body(Bytes::new()).unwrap()
}

pub(crate) fn client() -> Client {
    Client::builder().build().unwrap()
}

pub(crate) fn after(milliseconds: u64) -> Option<Instant> {
    Some(Instant::now() + Duration::from_millis(milliseconds))
}

/// What a test may branch on.
pub(crate) fn what<T: std::fmt::Debug>(result: Result<T, Error>) -> (Kind, bool) {
    let error = result.expect_err("the server did not let this succeed");
    (error.kind(), error.sent())
}

/// A server that answers nobody, a client of one place for it, and the call that has taken this place.
pub(crate) async fn place_taken() -> (Server, Client, JoinHandle<Result<Fetched, Error>>) {
    let server = Server::scripted([Step::Request, Step::Hang]).await;
    let client = Client::builder().max_per_host(1).build().unwrap();
    let holder = tokio::spawn({
        let (client, request) = (client.clone(), server.get());
        async move { client.fetch(request, None).await }
    });
    within("the place is taken", server.seen.wait_for_requests(1)).await;
    (server, client, holder)
}

/// Fails a test instead of letting it hang. Generous: it is never reached when the promise holds.
pub(crate) async fn within<T>(promise: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(20), future).await {
        Ok(value) => value,
        Err(_) => panic!("not in time: {promise}"),
    }
}
