//! One HTTP/1.1 connection, driven by whoever uses it.
//!
//! No task is spawned: the request future, and after it the body, polls the connection. So dropping either closes the
//! socket at that very moment, and the number of open sockets is exact.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use tokio::time::Instant;

use crate::connect::{Dialled, Stream};
use crate::error::{Error, Kind};
use crate::request::origin_form;
use crate::tap::{Meter, Tap};

type Driver = http1::Connection<Tap<Stream>, Full<Bytes>>;

/// An open connection.
pub(crate) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    /// `None` once the connection has ended.
    driver: Option<Driver>,
    /// Why it ended, when that was an error.
    fault: Option<hyper::Error>,
    meter: Arc<Meter>,
    loopback: bool,
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
    /// It was handed to the connection.
    Failed(Error),
}

impl Fault {
    pub(crate) fn from_hyper(mut error: TrySendError<Request<Full<Bytes>>>, written: bool) -> Self {
        match error.take_message() {
            Some(request) if !written => {
                Self::Unsent(Box::new(request), Error::from_hyper(error.error(), false))
            }
            _ => Self::Failed(Error::from_hyper(error.error(), written)),
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unsent(_, error) | Fault::Failed(error) => error,
        }
    }
}

impl Wire {
    pub(crate) async fn open(dialled: Dialled) -> Result<Box<Self>, Error> {
        let (stream, meter) = Tap::new(dialled.stream);
        let (sender, driver) = http1::Builder::new()
            .handshake(stream)
            .await
            .map_err(|error| Error::from_hyper(&error, false))?;
        Ok(Box::new(Self {
            sender,
            driver: Some(driver),
            fault: None,
            meter,
            loopback: dialled.loopback,
        }))
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
    ) -> Result<Response<Incoming>, Fault> {
        self.meter.begin();
        *request.uri_mut() = origin_form(request.uri());
        let mut answer = pin!(self.sender.try_send_request(request));
        let result = poll_fn(|cx| {
            let Some(driver) = &mut self.driver else {
                return answer.as_mut().poll(cx).map(Some);
            };
            if let Poll::Ready(result) = Pin::new(driver).poll(cx) {
                self.fault = result.err();
                self.driver = None;
            }
            match answer.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if self.driver.is_none() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        })
        .await;
        let written = self.meter.written();
        match result {
            Some(result) => result.map_err(|error| Fault::from_hyper(error, written)),
            None => Err(Fault::Failed(Error::new(Kind::Closed, written))),
        }
    }
}
