//! Door two: HTTP/1.1 on loopback.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::fault::Fault;
use crate::reply::{Action, Reply};
use crate::sim::Sim;

/// Connections that are served at once; the next one is closed as it comes.
const MAX_CONNECTIONS: usize = 1_024;
/// Bytes of a request body that are read.
const MAX_BODY: usize = 64 * 1_024;
/// Connections that the kernel may hold before they are accepted.
const BACKLOG: u32 = 1_024;
/// How long to wait before a failed bind or accept is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Why a simulated exchange could not open its port.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// The address can be reached from outside, which a simulator never allows.
    #[error(
        "address {addr} is not loopback: a simulated exchange listens on 127.0.0.1 or ::1 only"
    )]
    NotLoopback {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// Another program has the port.
    #[error(
        "address {addr} is in use: stop the program that listens there, or use port 0 for a free one"
    )]
    InUse {
        /// The address that was asked for.
        addr: SocketAddr,
    },
    /// The port could not be opened.
    #[error("address {addr} cannot be opened ({}): use another port, or port 0 for a free one", source.kind())]
    Io {
        /// The address that was asked for.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A simulated exchange that listens on loopback; dropping it closes the port.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    stop: watch::Sender<bool>,
    task: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn listen(sim: Sim, addr: SocketAddr) -> Result<Self, ListenError> {
        if !addr.ip().to_canonical().is_loopback() {
            return Err(ListenError::NotLoopback { addr });
        }
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse { addr },
            _ => ListenError::Io { addr, source },
        };
        let listener = bind(addr)
            .and_then(|socket| socket.listen(BACKLOG))
            .map_err(refused)?;
        let addr = listener.local_addr().map_err(refused)?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(run(sim, addr, listener, stopped));
        Ok(Self {
            addr,
            stop,
            task: Some(task),
        })
    }

    /// The address that it listens on, with the real port.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL for a client, such as `http://127.0.0.1:40123`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.addr)
    }

    /// Closes the port and every connection, and waits until that is done.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future closes the port as well, only without waiting for it.
    pub async fn shutdown(mut self) {
        let _ = self.stop.send(true);
        if let Some(task) = self.task.as_mut() {
            let _ = task.await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

fn bind(addr: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // On Windows the option would let two programs share the port.
    if cfg!(unix) {
        socket.set_reuseaddr(true)?;
    }
    socket.bind(addr)?;
    Ok(socket)
}

/// What the port does: serve, or refuse while the fault says so.
async fn run(
    sim: Sim,
    addr: SocketAddr,
    listener: TcpListener,
    mut stopped: watch::Receiver<bool>,
) {
    let mut faults = sim.faults();
    let mut listener = Some(listener);
    let mut connections = JoinSet::new();
    loop {
        if *stopped.borrow_and_update() {
            break;
        }
        let refusing = *faults.borrow_and_update() == Some(Fault::Refuse);
        if refusing {
            connections.shutdown().await;
            drop(listener.take());
            let held = hold(addr).await;
            tokio::select! {
                _ = stopped.changed() => break,
                changed = faults.wait_for(|fault| *fault != Some(Fault::Refuse)) => {
                    if changed.is_err() {
                        break;
                    }
                }
            }
            listener = held.listen(BACKLOG).ok();
            continue;
        }
        let Some(open) = &listener else {
            listener = hold(addr).await.listen(BACKLOG).ok();
            continue;
        };
        tokio::select! {
            _ = stopped.changed() => break,
            changed = faults.changed() => {
                if changed.is_err() {
                    break;
                }
            }
            accepted = open.accept() => match accepted {
                Ok((stream, _)) => {
                    if connections.len() < MAX_CONNECTIONS {
                        connections.spawn(serve(sim.clone(), stream));
                    }
                }
                // Out of file descriptors, or the peer left: the port stays open.
                Err(_) => tokio::time::sleep(RETRY).await,
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    connections.shutdown().await;
}

/// Keeps the port bound without listening, so that the system refuses connections and nobody else takes the port.
async fn hold(addr: SocketAddr) -> TcpSocket {
    loop {
        match bind(addr) {
            Ok(socket) => return socket,
            Err(_) => tokio::time::sleep(RETRY).await,
        }
    }
}

/// The connection is closed without a response.
#[derive(Debug, thiserror::Error)]
#[error("closed by fault")]
struct Closed;

async fn serve(sim: Sim, stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| answer(sim.clone(), request));
    // A peer that leaves or talks nonsense ends its own connection only.
    let _ = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    sim: Sim,
    request: http::Request<Incoming>,
) -> Result<http::Response<Part>, Closed> {
    // The head is here: this is the arrival.
    let now = sim.now();
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Err(Closed),
    };
    let request = http::Request::from_parts(head, body);
    // Generating history may take a while, and must not make the next arrival look late.
    let reply = tokio::task::spawn_blocking(move || sim.handle(&request, now))
        .await
        .map_err(|_| Closed)?;
    match reply.action {
        Action::Answer => Ok(respond(reply, None)),
        Action::Delay(by) => {
            tokio::time::sleep(by).await;
            Ok(respond(reply, None))
        }
        Action::Hang => match std::future::pending::<Infallible>().await {},
        Action::Close | Action::Refuse => Err(Closed),
        Action::Truncate(bytes) => Ok(respond(reply, Some(bytes))),
    }
}

fn respond(reply: Reply, cut: Option<usize>) -> http::Response<Part> {
    reply.into_response().map(|whole| Part::new(whole, cut))
}

/// A body that promises its whole length and may break off before.
#[derive(Debug)]
struct Part {
    rest: Bytes,
    promised: u64,
    end: End,
}

/// What comes after the bytes of a [`Part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Whole,
    /// A pause in which the connection sends what it has, then the break.
    Pause,
    Break,
}

impl Part {
    fn new(mut whole: Bytes, cut: Option<usize>) -> Self {
        let promised = whole.len() as u64;
        if let Some(cut) = cut {
            whole.truncate(cut);
        }
        Self {
            end: if (whole.len() as u64) < promised {
                End::Pause
            } else {
                End::Whole
            },
            rest: whole,
            promised,
        }
    }
}

impl Body for Part {
    type Data = Bytes;
    type Error = Closed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Closed>>> {
        let rest = std::mem::take(&mut self.rest);
        if !rest.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(rest))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Pause => {
                self.end = End::Break;
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            End::Break => Poll::Ready(Some(Err(Closed))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.end == End::Whole
    }

    fn size_hint(&self) -> SizeHint {
        // Asked once, before the first frame: the length that the head announces.
        SizeHint::with_exact(self.promised)
    }
}
