//! Sees the first byte leave and the first byte arrive.
//!
//! hyper does not say whether a request that failed was written, nor when its response began. The socket knows both.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// What the socket saw since the last request began.
///
/// One user at a time, but two owners (the connection and hyper), hence the atomics; they cost nothing uncontended.
#[derive(Debug)]
pub(crate) struct Meter {
    opened: Instant,
    written: AtomicBool,
    /// Bytes read.
    read: AtomicU64,
    /// When the first of them came, in nanoseconds after `opened`.
    first_byte: AtomicU64,
    /// How many may be read while there is no head.
    most: AtomicU64,
}

/// No bound: there is a head.
const ANY: u64 = u64::MAX;

impl Meter {
    fn new() -> Self {
        Self {
            opened: Instant::now(),
            written: AtomicBool::new(false),
            read: AtomicU64::new(0),
            first_byte: AtomicU64::new(0),
            most: AtomicU64::new(ANY),
        }
    }

    /// A new request begins. Of its answer no more than this is read until there is [a head](Self::has_head).
    pub(crate) fn begin(&self, most: usize) {
        self.written.store(false, Ordering::Relaxed);
        self.read.store(0, Ordering::Relaxed);
        self.most.store(most as u64, Ordering::Relaxed);
    }

    /// The head is here: what follows is bounded elsewhere.
    pub(crate) fn has_head(&self) {
        self.most.store(ANY, Ordering::Relaxed);
    }

    /// How many bytes may be read now.
    fn may_read(&self) -> usize {
        let (most, read) = (&self.most, &self.read);
        let left = most
            .load(Ordering::Relaxed)
            .saturating_sub(read.load(Ordering::Relaxed));
        usize::try_from(left).unwrap_or(usize::MAX)
    }

    /// Whether a byte of the request was handed to the socket (or to TLS above it).
    pub(crate) fn written(&self) -> bool {
        self.written.load(Ordering::Relaxed)
    }

    /// How many bytes were read after [`begin`](Self::begin).
    pub(crate) fn bytes_read(&self) -> usize {
        usize::try_from(self.read.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// When the first byte after [`begin`](Self::begin) was read.
    pub(crate) fn first_byte(&self) -> Option<Instant> {
        let after = Duration::from_nanos(self.first_byte.load(Ordering::Relaxed));
        (self.bytes_read() > 0).then(|| self.opened + after)
    }

    fn wrote(&self, result: &Poll<io::Result<usize>>) {
        if matches!(result, Poll::Ready(Ok(bytes)) if *bytes > 0) {
            self.written.store(true, Ordering::Relaxed);
        }
    }

    fn came(&self, bytes: usize) {
        let before = self.read.load(Ordering::Relaxed);
        if before == 0 && bytes > 0 {
            let after = Instant::now().saturating_duration_since(self.opened);
            // 584 years fit
            let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
            self.first_byte.store(after, Ordering::Relaxed);
        }
        self.read
            .store(before.saturating_add(bytes as u64), Ordering::Relaxed);
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
        let meter = Arc::new(Meter::new());
        (
            Self {
                stream,
                meter: Arc::clone(&meter),
            },
            meter,
        )
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Tap<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let most = this.meter.may_read();
        let result = if buf.remaining() <= most {
            Pin::new(&mut this.stream).poll_read(cx, buf)
        } else if most == 0 {
            // hyper reads on within one poll for as long as there are bytes, and so past any bound. Nobody has to be woken: whoever
            // waits for the head looks at what was read as soon as this poll has ended.
            Poll::Pending
        } else {
            let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
            let result = Pin::new(&mut this.stream).poll_read(cx, &mut part);
            let came = part.filled().len();
            buf.advance(came);
            result
        };
        this.meter.came(buf.filled().len().saturating_sub(before));
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Tap<T> {
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
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn meter_sees_the_first_byte_leave_and_the_first_byte_arrive() {
        let (near, mut far) = tokio::io::duplex(64);
        let (mut tap, meter) = Tap::new(near);
        meter.begin(100);
        assert_eq!((meter.written(), meter.first_byte()), (false, None));

        tap.write_all(b"request").await.unwrap();
        assert!(meter.written());

        let start = Instant::now();
        tokio::time::sleep(Duration::from_secs(1)).await;
        far.write_all(b"a").await.unwrap();
        tap.read_u8().await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        far.write_all(b"bc").await.unwrap();
        tap.read_u16().await.unwrap();
        assert_eq!(meter.first_byte().unwrap() - start, Duration::from_secs(1));
        assert_eq!(meter.bytes_read(), 3);

        meter.begin(100);
        assert_eq!(
            (meter.written(), meter.first_byte(), meter.bytes_read()),
            (false, None, 0)
        );
    }

    #[tokio::test]
    async fn nothing_written_is_not_written_and_an_end_is_no_byte() {
        let (near, far) = tokio::io::duplex(64);
        let (mut tap, meter) = Tap::new(near);
        tap.flush().await.unwrap();
        assert_eq!(tap.write(b"").await.unwrap(), 0);
        assert!(!meter.written());
        drop(far);
        assert_eq!(tap.read(&mut [0; 8]).await.unwrap(), 0);
        assert_eq!((meter.bytes_read(), meter.first_byte()), (0, None));
    }
}
