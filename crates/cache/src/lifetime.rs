//! How long a value is worth something, and since when.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// The two ages of a stored value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// A value younger than this answers a reader without a load.
    pub fresh_for: Duration,
    /// For this long after it stopped being fresh, a value may stand in for a failed load
    /// (`stale-if-error` of RFC 5861). Zero never serves stale.
    pub stale_for: Duration,
}

impl Lifetime {
    /// The age at which a value is worth nothing any more.
    pub fn hard(&self) -> Duration {
        self.fresh_for.saturating_add(self.stale_for)
    }
}

/// A value that knows when it was born.
///
/// A value may have been produced well before the cache took it in: read from another tier, or
/// repeated by a server that sends an old snapshot. A cache built with
/// [`Builder::born`](crate::Builder::born) counts ages from that moment and never lets an older
/// value replace a younger one.
pub trait Born {
    /// The moment of birth, or `None` to count from the moment of storing.
    fn born(&self) -> Option<Instant>;
}

impl<B: Born + ?Sized> Born for Arc<B> {
    fn born(&self) -> Option<Instant> {
        (**self).born()
    }
}

impl<B: Born + ?Sized> Born for Box<B> {
    fn born(&self) -> Option<Instant> {
        (**self).born()
    }
}
