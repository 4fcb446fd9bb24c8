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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use hyper::rt::ReadBuf;
    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncWriteExt;

    use super::*;

    async fn read(tap: &mut Tap<TokioIo<tokio::io::DuplexStream>>) {
        let mut bytes = [0; 8];
        poll_fn(|cx| Pin::new(&mut *tap).poll_read(cx, ReadBuf::new(&mut bytes).unfilled()))
            .await
            .unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn meter_sees_the_first_byte_leave_and_the_first_byte_arrive() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut tap, meter) = Tap::new(TokioIo::new(near));
        meter.begin();
        assert_eq!((meter.written(), meter.first_byte()), (false, None));

        poll_fn(|cx| Pin::new(&mut tap).poll_write(cx, b"request"))
            .await
            .unwrap();
        assert!(meter.written());

        let start = Instant::now();
        tokio::time::sleep(Duration::from_secs(1)).await;
        far.write_all(b"a").await.unwrap();
        read(&mut tap).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        far.write_all(b"b").await.unwrap();
        read(&mut tap).await;
        assert_eq!(meter.first_byte().unwrap() - start, Duration::from_secs(1));

        meter.begin();
        assert_eq!((meter.written(), meter.first_byte()), (false, None));
    }

    #[tokio::test]
    async fn nothing_written_is_not_written() {
        let (near, _far) = tokio::io::duplex(64);
        let (mut tap, meter) = Tap::new(TokioIo::new(near));
        poll_fn(|cx| Pin::new(&mut tap).poll_flush(cx))
            .await
            .unwrap();
        poll_fn(|cx| Pin::new(&mut tap).poll_write(cx, b""))
            .await
            .unwrap();
        assert!(!meter.written());
    }
}
