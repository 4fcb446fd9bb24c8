//! Sees the first byte leave and the first byte arrive.
//!
//! hyper does not say whether a request that failed was written, nor when its response began. The socket knows both.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::Instant;

/// What the socket saw since the last request began.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    written: AtomicBool,
    first_byte: Mutex<Option<Instant>>,
}

impl Meter {
    /// A new request begins.
    pub(crate) fn begin(&self) {
        self.written.store(false, Ordering::Relaxed);
        *self
            .first_byte
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether a byte of the request was handed to the socket (or to TLS above it).
    pub(crate) fn written(&self) -> bool {
        self.written.load(Ordering::Relaxed)
    }

    /// When the first byte after [`begin`](Self::begin) was read.
    pub(crate) fn first_byte(&self) -> Option<Instant> {
        *self
            .first_byte
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        if matches!(result, Poll::Ready(Ok(bytes)) if *bytes > 0) {
            self.written.store(true, Ordering::Relaxed);
        }
    }

    fn read(&self) {
        let mut first = self
            .first_byte
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if first.is_none() {
            *first = Some(Instant::now());
        }
    }
}

/// A stream that reports to a [`Meter`].
#[derive(Debug)]
pub(crate) struct Tap<T> {
    stream: T,
    meter: Arc<Meter>,
}

impl<T> Tap<T> {
    pub(crate) fn new(stream: T) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
        (
            Self {
                stream,
                meter: Arc::clone(&meter),
            },
            meter,
        )
    }
}

impl<T: Read + Unpin> Read for Tap<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_read(cx, buf);
        if matches!(result, Poll::Ready(Ok(()))) {
            this.meter.read();
        }
        result
    }
}

impl<T: Write + Unpin> Write for Tap<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(cx, buf);
        this.meter.wrote(&result);
        result
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(cx, bufs);
        this.meter.wrote(&result);
        result
    }
}
