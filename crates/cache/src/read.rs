//! What a reader asks for, and how readers of one flight meet.

use std::time::Duration;

/// What a reader asks for.
///
/// # Examples
///
/// ```
/// use robust_cache::{Read, Refresh};
/// use std::time::Duration;
///
/// let read = Read::new(()).max_age(Duration::from_secs(2)).refresh(Refresh::OrFail);
/// assert_eq!(read.max_age, Some(Duration::from_secs(2)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read<T = ()> {
    /// A stored value is good enough while its age is below this. `None` takes the cache's own
    /// `fresh_for`; a value here replaces it in both directions. The comparison is strict, as in
    /// RFC 9111 §4.2, so that zero accepts nothing stored: such a reader joins a flight or starts
    /// one, and does not fall back to a stored value when the load fails.
    pub max_age: Option<Duration>,
    /// Whether a stored value may answer, and whether a stale one may when the load fails.
    pub refresh: Refresh,
    /// What the reader brings to the flight that it starts or joins, for example its priority.
    pub tag: T,
}

impl<T> Read<T> {
    /// Asks for a value by the cache's own freshness.
    pub fn new(tag: T) -> Self {
        Self {
            max_age: None,
            refresh: Refresh::IfNeeded,
            tag,
        }
    }

    /// Replaces the cache's `fresh_for` for this reader.
    #[must_use]
    pub fn max_age(mut self, max_age: impl Into<Option<Duration>>) -> Self {
        self.max_age = max_age.into();
        self
    }

    /// Says whether a stored value may answer.
    #[must_use]
    pub fn refresh(mut self, refresh: Refresh) -> Self {
        self.refresh = refresh;
        self
    }
}

impl<T: Default> Default for Read<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// When a reader wants a load, and what it accepts when the load fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Refresh {
    /// A fresh stored value answers. Otherwise load, and on failure accept a stale value, marked.
    #[default]
    IfNeeded,
    /// A fresh stored value answers. Otherwise load, and on failure accept nothing stale.
    OrFail,
    /// Nothing stored answers, before or after the load. A load that is already under way is a
    /// fetch in progress and is joined.
    Force,
}

/// How a reader raises the flight that it joins.
///
/// The flight carries the tag of the reader who started it, and the load was given a clone of that
/// tag; `join` tells it of one more reader. Use shared state inside (an atomic class, a deadline
/// cell), so that the load sees the change while it runs.
pub trait Join: Clone + Send + Sync + 'static {
    /// Takes in the tag of a reader who joined.
    fn join(&self, other: &Self);
}

impl Join for () {
    fn join(&self, (): &Self) {}
}
