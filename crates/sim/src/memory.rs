//! Door one: a tower service without a socket.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tower_service::Service;

use crate::reply::Action;
use crate::sim::Sim;

/// Why no whole response came through a door without a socket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// Nobody listens; the request never arrived.
    #[error("connection refused")]
    Refused,
    /// The request arrived and the connection closed without a byte.
    #[error("connection closed before a byte of the response")]
    Reset,
    /// The body ended before its length.
    #[error("body ended after {received} of {promised} bytes")]
    Truncated {
        /// Bytes that came.
        received: usize,
        /// Bytes that the head promised.
        promised: usize,
    },
}

/// A simulated exchange as a tower service, without a socket.
///
/// A request arrives when its future is first polled. Delays run on tokio's clock, so a paused clock skips them; a
/// hanging request is pending for ever.
///
/// # Cancel safety
///
/// A future that is dropped after its first poll has arrived and stays counted, as on a real exchange.
#[derive(Debug, Clone)]
pub struct InMemory(Sim);

impl InMemory {
    pub(crate) fn new(sim: Sim) -> Self {
        Self(sim)
    }
}

/// The response of an [`InMemory`] exchange, on its way.
pub struct Pending(Pin<Box<dyn Future<Output = Result<http::Response<Bytes>, DoorError>> + Send>>);

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

impl Future for Pending {
    type Output = Result<http::Response<Bytes>, DoorError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl Service<http::Request<Bytes>> for InMemory {
    type Response = http::Response<Bytes>;
    type Error = DoorError;
    type Future = Pending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Pending {
        let sim = self.0.clone();
        Pending(Box::pin(async move {
            let reply = sim.handle(&request, sim.now());
            match reply.action {
                Action::Answer => {}
                Action::Delay(by) => tokio::time::sleep(by).await,
                Action::Hang => std::future::pending().await,
                Action::Close => return Err(DoorError::Reset),
                Action::Refuse => return Err(DoorError::Refused),
                Action::Truncate(received) => {
                    return Err(DoorError::Truncated {
                        received,
                        promised: reply.body.len(),
                    });
                }
            }
            Ok(reply.into_response())
        }))
    }
}
