//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! No task is spawned: the request future, and after it the body, polls the connection. So dropping either closes the
//! socket at that very moment, and the number of open sockets is exact.

use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use crate::connect::{Dialled, Stream};
use crate::error::{Error, Kind, Phase};
use crate::pace::{Pace, Watch};
use crate::request::origin_form;
use crate::tap::{Meter, Tap};

/// hyper reads up to this many headers without allocating. Any other number costs an allocation for each answer.
const HYPERS_OWN: usize = 100;

type Driver = http1::Connection<TokioIo<Tap<TokioIo<Stream>>>, Full<Bytes>>;

/// An open connection.
pub(crate) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    /// Why it ended, when that was an error.
    fault: Option<hyper::Error>,
    meter: Arc<Meter>,
    loopback: bool,
    retires: Instant,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire")
            .field("open", &self.driver.is_some())
            .field("loopback", &self.loopback)
            .finish()
    }
}

/// A request without an answer.
pub(crate) enum Fault {
    /// Not a byte was written; here it is again.
    Unsent(Box<Request<Full<Bytes>>>, Error),
    /// It was written, and the connection ended before a byte of an answer. This is what a server does that closes an
    /// idle connection just then.
    Lost(Error),
    /// It was handed to the connection.
    Failed(Error),
}

impl Fault {
    fn from_hyper(mut error: TrySendError<Request<Full<Bytes>>>, meter: &Meter) -> Self {
        let written = meter.written();
        match error.take_message() {
            Some(request) if !written => {
                Self::Unsent(Box::new(request), Error::from_hyper(error.error(), false))
            }
            _ => Self::ended(Error::from_hyper(error.error(), written), meter),
        }
    }

    /// Whether nobody else should use the connection.
    pub(crate) fn ends_connection(&self) -> bool {
        !matches!(self, Self::Failed(_))
    }

    fn ended(error: Error, meter: &Meter) -> Self {
        let ended = matches!(error.kind(), Kind::Closed | Kind::Reset);
        if ended && error.sent() && meter.bytes_read() == 0 {
            Self::Lost(error)
        } else {
            Self::Failed(error)
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unsent(_, error) | Fault::Lost(error) | Fault::Failed(error) => error,
        }
    }
}

impl Wire {
    pub(crate) async fn open(
        dialled: Dialled,
        heads: Heads,
        lifetime: Duration,
    ) -> Result<Box<Self>, Error> {
        let (stream, meter) = Tap::new(TokioIo::new(dialled.stream));
        let mut builder = http1::Builder::new();
        builder.max_header_size(heads.bytes);
        if heads.count != HYPERS_OWN {
            builder.max_headers(heads.count);
        }
        let (sender, driver) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::from_hyper(&error, false))?;
        Ok(Box::new(Self {
            sender,
            driver: Some(driver),
            fault: None,
            meter,
            loopback: dialled.loopback,
            retires: Instant::now() + lifetime,
        }))
    }

    /// When it is old enough to be closed.
    pub(crate) fn retires(&self) -> Instant {
        self.retires
    }

    /// Whether a byte of the request was handed to the socket.
    pub(crate) fn written(&self) -> bool {
        self.meter.written()
    }

    /// When the first byte of the answer arrived; now, if it cannot be told.
    pub(crate) fn first_byte(&self) -> Instant {
        self.meter.first_byte().unwrap_or_else(Instant::now)
    }

    pub(crate) fn loopback(&self) -> bool {
        self.loopback
    }

    /// Lets the connection read and write.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        let Some(driver) = &mut self.driver else {
            return;
        };
        if let Poll::Ready(result) = Pin::new(driver).poll(cx) {
            self.fault = result.err();
            // a request that is still queued inside comes back only when the driver is dropped
            self.driver = None;
        }
    }

    /// Why the connection ended, when that was an error.
    pub(crate) fn take_fault(&mut self) -> Option<hyper::Error> {
        self.fault.take()
    }

    /// Whether the answer and the request are done with and the connection is open, as far as it has been driven. Lets it
    /// read and write only when that is needed to know.
    pub(crate) fn is_done(&mut self, cx: &mut Context<'_>) -> bool {
        (self.driver.is_some() && self.sender.is_ready()) || self.is_reusable(cx)
    }

    /// Whether the next request can be sent now. An answer that is not fully read, a request that is not fully
    /// written, a closed peer and unasked-for bytes all say no.
    pub(crate) fn is_reusable(&mut self, cx: &mut Context<'_>) -> bool {
        self.drive(cx);
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Sends the request and waits for the head of the answer.
    pub(crate) async fn exchange(
        &mut self,
        mut request: Request<Full<Bytes>>,
        heads: Heads,
    ) -> Result<Response<Incoming>, Fault> {
        self.meter.begin(heads.bytes);
        *request.uri_mut() = origin_form(request.uri());
        let mut answer = pin!(self.sender.try_send_request(request));
        let mut drip = None;
        let mut queued = false;
        poll_fn(|cx| {
            // The request leaves at the next turn of this task. Callers whose answers came together then read them first
            // and write together, and the peer is woken once for many requests instead of once for each.
            if !mem::replace(&mut queued, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Some(driver) = &mut self.driver
                && let Poll::Ready(result) = Pin::new(driver).poll(cx)
            {
                self.fault = result.err();
                self.driver = None;
            }
            match answer.as_mut().poll(cx) {
                Poll::Ready(Ok(response)) => {
                    self.meter.has_head();
                    Poll::Ready(Ok(response))
                }
                Poll::Ready(Err(error)) => Poll::Ready(Err(Fault::from_hyper(error, &self.meter))),
                Poll::Pending if self.driver.is_none() => {
                    let error = Error::new(Kind::Closed, self.meter.written());
                    Poll::Ready(Err(Fault::ended(error, &self.meter)))
                }
                // a part of the head is here
                Poll::Pending if self.meter.bytes_read() > 0 => heads
                    .incomplete(&self.meter, &mut drip, cx)
                    .map(|kind| Err(Fault::Failed(Error::new(kind, true)))),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }
}

/// What the head of an answer may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Heads {
    /// Bytes, interim answers included.
    pub(crate) bytes: usize,
    /// Headers.
    pub(crate) count: usize,
    /// From its first byte on.
    pub(crate) pace: Pace,
}

/// A head that comes in several pieces.
struct Drip {
    watch: Watch,
    counted: usize,
}

impl Heads {
    /// A head is not complete: is there still hope? Registers to be woken when the answer to that may change.
    fn incomplete(
        self,
        meter: &Meter,
        drip: &mut Option<Drip>,
        cx: &mut Context<'_>,
    ) -> Poll<Kind> {
        let read = meter.bytes_read();
        // each single head is measured by hyper; this sees a flood of interim ones. More than this is not read before there is a head.
        if read >= self.bytes {
            return Poll::Ready(Kind::HeadersTooLarge);
        }
        if self.pace.is_off() {
            return Poll::Pending;
        }
        let drip = drip.get_or_insert_with(|| Drip {
            watch: Watch::new(self.pace, None),
            counted: 0,
        });
        drip.watch.came(read.saturating_sub(drip.counted));
        drip.counted = read;
        drip.watch.poll(cx).map(|_| Kind::TooSlow {
            phase: Phase::Headers,
        })
    }
}
