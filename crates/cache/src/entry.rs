//! What a read gives back: values with their age, never a silent substitute.

use std::time::Duration;

use tokio::time::Instant;

use crate::LoadError;

/// A value with its age at the moment of the read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<V> {
    /// The value.
    pub value: V,
    /// When the cache took it in.
    pub stored: Instant,
    /// How old it was when it was handed out: since its own time of birth when the cache knows
    /// one, else since `stored`.
    pub age: Duration,
}

/// The answer to a read. Staleness and absence are values, because the caller decides what they
/// are worth.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Lookup<V, E> {
    /// A stored value, young enough for this reader.
    Fresh(Entry<V>),
    /// The result of a load that was running or was started for this reader.
    Loaded {
        /// The loaded value.
        entry: Entry<V>,
        /// Whether another reader had started the load.
        joined: bool,
    },
    /// The load failed and a stored value past its freshness stands in, marked as such.
    Stale {
        /// The stored value with its true age.
        entry: Entry<V>,
        /// Why nothing newer could be had.
        reason: LoadError<E>,
    },
    /// The load failed and nothing stored may stand in.
    Unavailable(LoadError<E>),
}

impl<V, E> Lookup<V, E> {
    /// The entry, whatever its freshness.
    pub fn entry(&self) -> Option<&Entry<V>> {
        match self {
            Self::Fresh(entry) | Self::Loaded { entry, .. } | Self::Stale { entry, .. } => {
                Some(entry)
            }
            Self::Unavailable(_) => None,
        }
    }

    /// Whether the value is a stored one past its freshness.
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Stale { .. })
    }

    /// Keeps what is fresh or just loaded; a stale value becomes its reason.
    ///
    /// # Errors
    ///
    /// The load's error, for a stale value as for none.
    pub fn into_live(self) -> Result<Entry<V>, LoadError<E>> {
        match self {
            Self::Fresh(entry) | Self::Loaded { entry, .. } => Ok(entry),
            Self::Stale { reason, .. } | Self::Unavailable(reason) => Err(reason),
        }
    }
}
