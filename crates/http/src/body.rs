//! The body of a response, under three bounds: bytes on the wire, bytes decompressed, time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep, sleep_until};
use tower_http::decompression::DecompressionBody;

use crate::connection::Wire;
use crate::error::{Error, Kind, Phase};
use crate::gate::Slot;
use crate::pool::{Conn, Host, Pool};

/// Where a connection goes when its answer has been read, and the place that it occupies until then.
pub(crate) struct Lease {
    /// Declared before the slot: the socket is closed before its place is free.
    wire: Option<Box<Wire>>,
    pool: Arc<Pool>,
    host: Arc<Host>,
    slot: Slot,
}

impl Lease {
    pub(crate) fn new(conn: Conn, pool: &Arc<Pool>, host: Arc<Host>, slot: Slot) -> Self {
        let wire = match conn {
            Conn::Own(wire) => Some(wire),
            Conn::Shared(_) => None,
        };
        Self {
            wire,
            pool: Arc::clone(pool),
            host,
            slot,
        }
    }

    /// The answer has been read: the connection goes back first, then its place.
    fn finish(mut self, cx: &mut Context<'_>) {
        if let Some(wire) = self.wire.take() {
            self.pool.put_back(&self.host, wire, &self.slot, cx);
        }
    }
}

/// The body as it comes from the wire.
pub(crate) struct WireBody {
    incoming: Incoming,
    lease: Option<Lease>,
    left: usize,
    limit: usize,
    pub(crate) first_byte: Instant,
    pub(crate) loopback: bool,
}

impl WireBody {
    pub(crate) fn new(
        incoming: Incoming,
        lease: Lease,
        limit: usize,
        first_byte: Instant,
        loopback: bool,
    ) -> Self {
        Self {
            incoming,
            lease: Some(lease),
            left: limit,
            limit,
            first_byte,
            loopback,
        }
    }

    /// Releases the connection at once when there is no body to wait for.
    pub(crate) fn release_if_ended(&mut self, cx: &mut Context<'_>) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
        {
            lease.finish(cx);
        }
    }

    /// The announced length, when it is past the cap.
    pub(crate) fn check_length(&self) -> Result<(), Error> {
        match usize::try_from(self.incoming.size_hint().lower()) {
            Ok(length) if length <= self.limit => Ok(()),
            _ => Err(self.too_large()),
        }
    }

    fn too_large(&self) -> Error {
        Error::new(Kind::BodyTooLarge { limit: self.limit }, true)
    }

    fn failed(&mut self, error: &hyper::Error) -> Error {
        // the connection knows better than its body why it ended
        let own = self
            .lease
            .as_mut()
            .and_then(|lease| lease.wire.as_mut())
            .and_then(|wire| wire.take_fault());
        Error::from_hyper(own.as_ref().unwrap_or(error), true)
    }
}

impl HttpBody for WireBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        if let Some(wire) = this.lease.as_mut().and_then(|lease| lease.wire.as_mut()) {
            wire.drive(cx);
        }
        let Some(frame) = ready!(Pin::new(&mut this.incoming).poll_frame(cx)) else {
            if let Some(lease) = this.lease.take() {
                lease.finish(cx);
            }
            return Poll::Ready(None);
        };
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return Poll::Ready(Some(Err(this.failed(&error)))),
        };
        if let Some(data) = frame.data_ref() {
            match this.left.checked_sub(data.len()) {
                Some(left) => this.left = left,
                None => return Poll::Ready(Some(Err(this.too_large()))),
            }
        }
        this.release_if_ended(cx);
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for WireBody {
    fn drop(&mut self) {
        // a reader that stopped after the last byte, but before the end was reported, wastes no connection
        self.release_if_ended(&mut Context::from_waker(Waker::noop()));
    }
}

/// The body of a response: decompressed, capped, and ended by the deadline of its call.
///
/// Holds the connection and its place under the caps. Both are given back when the last byte has been read, at the
/// first error, and on drop; a connection whose body was not read to the end is closed, not drained.
///
/// # Errors
///
/// `Timeout { phase: Body }` when the deadline passes, `BodyTooLarge` past the cap (of the bytes on the wire and of
/// the decompressed ones), `Decompression` for a broken coding, `Closed`, `Reset` and `Protocol` for what the peer
/// does. The server has seen the request in each of these cases. After an error the body is at its end.
pub struct Body {
    /// `None` after the end or an error: nothing is held any more.
    inner: Option<DecompressionBody<WireBody>>,
    left: usize,
    limit: usize,
    deadline: Option<Instant>,
    /// Made when the body has to be waited for.
    alarm: Option<Pin<Box<Sleep>>>,
    label: Arc<str>,
}

impl Body {
    pub(crate) fn new(
        inner: DecompressionBody<WireBody>,
        limit: usize,
        deadline: Option<Instant>,
        label: Arc<str>,
    ) -> Self {
        Self {
            inner: Some(inner),
            left: limit,
            limit,
            deadline,
            alarm: None,
            label,
        }
    }

    /// Reads the body to its end.
    ///
    /// # Errors
    ///
    /// Those of the body itself.
    ///
    /// # Cancel safety
    ///
    /// A dropped future drops the connection and gives its place back.
    pub async fn collect(self) -> Result<Bytes, Error> {
        Ok(BodyExt::collect(self).await?.to_bytes())
    }

    /// Whether the deadline has passed; registers to be woken by it.
    fn is_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(deadline) = self.deadline else {
            return false;
        };
        let alarm = self
            .alarm
            .get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        alarm.as_mut().poll(cx).is_ready()
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.inner = None;
        Poll::Ready(Some(Err(error.at(&self.label))))
    }
}

impl HttpBody for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = self.get_mut();
        let Some(inner) = &mut this.inner else {
            return Poll::Ready(None);
        };
        match Pin::new(inner).poll_frame(cx) {
            // bytes that are there are taken even if the deadline has just passed: their number is bounded
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match this.left.checked_sub(length) {
                    Some(left) => this.left = left,
                    None => {
                        return this
                            .fail(Error::new(Kind::BodyTooLarge { limit: this.limit }, true));
                    }
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                let error = error.downcast::<Error>().map_or_else(
                    // the decoder's own texts say nothing that the kind does not
                    |_| Error::new(Kind::Decompression, true),
                    |own| *own,
                );
                this.fail(error)
            }
            Poll::Ready(None) => {
                this.inner = None;
                Poll::Ready(None)
            }
            Poll::Pending if this.is_late(cx) => this.fail(Error::timeout(Phase::Body, true)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("ended", &self.inner.is_none())
            .field("left", &self.left)
            .field("limit", &self.limit)
            .field("deadline", &self.deadline)
            .finish()
    }
}
