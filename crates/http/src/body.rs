//! The body of a response, under three bounds: bytes on the wire, bytes decompressed, time.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::Instant;

use crate::coding::Coded;
use crate::connection::Wire;
use crate::error::{Error, Kind, Phase};
use crate::gate::Slot;
use crate::pace::{End, Pace, Watch};
use crate::pool::{Conn, Pool, Route};

/// Where a connection goes when its answer has been read, and the place that it occupies until then.
pub(crate) struct Lease {
    /// Declared before the slot: the socket is closed before its place is free.
    wire: Option<Box<Wire>>,
    pool: Arc<Pool>,
    route: Arc<Route>,
    slot: Slot,
}

impl Lease {
    pub(crate) fn new(conn: Conn, pool: &Arc<Pool>, route: &Arc<Route>, slot: Slot) -> Self {
        let wire = match conn {
            Conn::Own(wire) => Some(wire),
            Conn::Shared(_) => None,
        };
        Self {
            wire,
            pool: Arc::clone(pool),
            route: Arc::clone(route),
            slot,
        }
    }

    /// The answer has been read: the connection goes back first, then its place.
    fn finish(mut self, cx: &mut Context<'_>) {
        if let Some(wire) = self.wire.take() {
            self.pool.put_back(&self.route.host, wire, &self.slot, cx);
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
    pub(crate) times_sent: u32,
}

impl WireBody {
    pub(crate) fn new(
        incoming: Incoming,
        lease: Lease,
        limit: usize,
        first_byte: Instant,
        loopback: bool,
        times_sent: u32,
    ) -> Self {
        Self {
            incoming,
            lease: Some(lease),
            left: limit,
            limit,
            first_byte,
            loopback,
            times_sent,
        }
    }

    /// Bytes that came so far.
    fn received(&self) -> usize {
        self.limit - self.left
    }

    /// Whether the end of the body is announced, by its length or by its framing.
    pub(crate) fn has_length(&self) -> bool {
        self.incoming.is_end_stream() || self.incoming.size_hint().exact().is_some()
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
        // what came with the head, or with the piece before, is there already
        let mut frame = Pin::new(&mut this.incoming).poll_frame(cx);
        if frame.is_pending()
            && let Some(wire) = this.lease.as_mut().and_then(|lease| lease.wire.as_mut())
        {
            wire.drive(cx);
            frame = Pin::new(&mut this.incoming).poll_frame(cx);
        }
        let Some(frame) = ready!(frame) else {
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
/// `Timeout { phase: Body }` when the deadline passes, `TooSlow { phase: Body }` below the minimum throughput,
/// `BodyTooLarge` past the cap (of the bytes on the wire and of the decompressed ones), `Expansion` past the ratio of the
/// two, `Decompression` for a broken coding, `Closed`, `Reset` and `Protocol` for what the peer does. The server has seen the request in each of these cases. After an error the body is at its end.
pub struct Body {
    /// `None` after the end or an error: nothing is held any more.
    inner: Option<Coded>,
    left: usize,
    terms: Terms,
    /// Made when the body has to be waited for.
    watch: Option<Watch>,
    /// Bytes of the wire that the watch knows of.
    watched: usize,
    route: Arc<Route>,
}

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Bytes, on the wire and again decompressed.
    pub(crate) limit: usize,
    /// Decompressed bytes for each byte on the wire, once there are more than [`FREE`].
    pub(crate) ratio: usize,
    pub(crate) pace: Pace,
    pub(crate) deadline: Option<Instant>,
}

/// A body of this many decompressed bytes is no bomb, whatever its ratio: short repetitive answers compress well.
const FREE: usize = 1 << 20;

impl Body {
    pub(crate) fn new(inner: Coded, terms: Terms, route: Arc<Route>) -> Self {
        Self {
            inner: Some(inner),
            left: terms.limit,
            terms,
            watch: None,
            watched: 0,
            route,
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
    pub async fn collect(mut self) -> Result<Bytes, Error> {
        // most bodies come in one piece, and that one is handed on as it is
        let Some(first) = self.data().await? else {
            return Ok(Bytes::new());
        };
        if self.is_end_stream() {
            return Ok(first);
        }
        let Some(second) = self.data().await? else {
            return Ok(first);
        };
        // an announced length is the peer's word only: it is not allocated beforehand
        let mut all = BytesMut::with_capacity(2 * (first.len() + second.len()));
        all.extend_from_slice(&first);
        all.extend_from_slice(&second);
        while let Some(data) = self.data().await? {
            all.extend_from_slice(&data);
        }
        Ok(all.freeze())
    }

    /// The next piece of data; trailers are left out.
    async fn data(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.frame().await {
            if let Ok(data) = frame?.into_data() {
                return Ok(Some(data));
            }
        }
        Ok(None)
    }

    /// Whether there is no use in waiting for more; registers to be woken when that changes.
    fn is_hopeless(&mut self, cx: &mut Context<'_>) -> Option<Error> {
        let terms = self.terms;
        if terms.pace.is_off() && terms.deadline.is_none() {
            return None;
        }
        let received = self.received();
        let watch = self
            .watch
            .get_or_insert_with(|| Watch::new(terms.pace, terms.deadline));
        if received > self.watched {
            // bytes that the decoder has not turned into data yet
            watch.came(received - self.watched);
            self.watched = received;
        }
        match watch.poll(cx) {
            Poll::Ready(End::Late) => Some(Error::timeout(Phase::Body, true)),
            Poll::Ready(End::TooSlow) => {
                let phase = Phase::Body;
                Some(Error::new(Kind::TooSlow { phase }, true))
            }
            Poll::Pending => None,
        }
    }

    fn received(&self) -> usize {
        self.inner
            .as_ref()
            .map_or(0, |inner| inner.wire().received())
    }

    /// Counts a piece of the decompressed body.
    fn count(&mut self, length: usize) -> Result<(), Error> {
        let limit = self.terms.limit;
        let too_large = || Error::new(Kind::BodyTooLarge { limit }, true);
        self.left = self.left.checked_sub(length).ok_or_else(too_large)?;
        let (received, decoded) = (self.received(), limit - self.left);
        if decoded > FREE && decoded / self.terms.ratio > received {
            let limit = self.terms.ratio;
            return Err(Error::new(Kind::Expansion { limit }, true));
        }
        if let Some(watch) = &mut self.watch {
            watch.came(received.saturating_sub(self.watched));
            self.watched = received;
        }
        Ok(())
    }

    fn fail(&mut self, error: Error) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let times_sent = self
            .inner
            .as_ref()
            .map_or(1, |inner| inner.wire().times_sent);
        self.inner = None;
        let error = error.after(times_sent.saturating_sub(1));
        Poll::Ready(Some(Err(error.at(&self.route.target.label))))
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
        match inner.poll_frame(cx) {
            // bytes that are there are taken even if the deadline has just passed: their number is bounded
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                match this.count(length) {
                    Ok(()) => Poll::Ready(Some(Ok(frame))),
                    Err(error) => this.fail(error),
                }
            }
            Poll::Ready(Some(Err(error))) => this.fail(error),
            Poll::Ready(None) => {
                this.inner = None;
                Poll::Ready(None)
            }
            Poll::Pending => match this.is_hopeless(cx) {
                Some(error) => this.fail(error),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Coded::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Coded::size_hint)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Body")
            .field("ended", &self.inner.is_none())
            .field("left", &self.left)
            .field("terms", &self.terms)
            .finish()
    }
}
