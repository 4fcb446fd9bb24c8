//! The shared state: moka bounds the memory, our clock decides freshness.
//!
//! moka's own expiry runs on the system clock, which tests cannot pause, so none of it is used.

use std::hash::Hash;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::entry::Entry;
use crate::flight::Flights;
use crate::lifetime::Lifetime;
use crate::stats::{Counters, bump};

/// A value as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Stored<V> {
    pub(crate) value: V,
    pub(crate) stored: Instant,
    pub(crate) born: Instant,
    /// How many bytes it takes, about; 0 where nobody says.
    pub(crate) size: u64,
}

impl<V> Stored<V> {
    pub(crate) fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.born)
    }

    pub(crate) fn into_entry(self, now: Instant) -> Entry<V> {
        Entry {
            age: self.age(now),
            stored: self.stored,
            value: self.value,
        }
    }
}

pub(crate) type LifetimeOf<K, V> = Box<dyn Fn(&K, &V) -> Lifetime + Send + Sync>;
pub(crate) type SizeOf<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;
pub(crate) type BirthOf<V> = Box<dyn Fn(&V) -> Option<Instant> + Send + Sync>;

/// What all handles of a cache share.
pub(crate) struct Inner<K, V, E, T> {
    pub(crate) values: moka::sync::Cache<K, Stored<V>>,
    pub(crate) lifetime: LifetimeOf<K, V>,
    pub(crate) birth: Option<BirthOf<V>>,
    pub(crate) size: Option<SizeOf<K, V>>,
    pub(crate) flights: Flights<K, V, E, T>,
    /// `None` once the cache is closed. Dropped with the last handle, which aborts the loads.
    pub(crate) tasks: Mutex<Option<JoinSet<()>>>,
    pub(crate) counters: Arc<Counters>,
}

impl<K, V, E, T> Inner<K, V, E, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// Stamps a value that just came in.
    pub(crate) fn receive(&self, value: V) -> Stored<V> {
        let stored = Instant::now();
        let born = self
            .birth
            .as_ref()
            .and_then(|born| born(&value))
            .unwrap_or(stored);
        Stored {
            value,
            stored,
            born,
            size: 0,
        }
    }

    /// Keeps a value, unless a younger one is there.
    pub(crate) fn keep(&self, key: K, mut new: Stored<V>) {
        if let Some(size) = &self.size {
            new.size = size(&key, &new.value);
        }
        // Counted before it is there: whatever takes it out again counts it out after this.
        let count_in = |size| self.counters.bytes.fetch_add(size, Relaxed);
        if self.birth.is_none() {
            count_in(new.size);
            self.values.insert(key, new);
            return;
        }
        let kept = self.values.entry(key).and_compute_with(|held| match held {
            Some(held) if held.value().born > new.born => moka::ops::compute::Op::Nop,
            _ => {
                count_in(new.size);
                moka::ops::compute::Op::Put(new)
            }
        });
        if matches!(kept, moka::ops::compute::CompResult::Unchanged(_)) {
            bump(&self.counters.discarded);
        }
    }
}
