//! Settings of a cache.

use std::hash::Hash;
use std::marker::PhantomData;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use moka::notification::RemovalCause;
use moka::policy::EvictionPolicy;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::cache::Cache;
use crate::flight::Flights;
use crate::lifetime::Lifetime;
use crate::stats::{Counters, bump};
use crate::store::{BirthOf, Inner, LifetimeOf, SizeOf, Stored};

/// Settings of a cache, from [`Cache::builder`].
pub struct Builder<K, V, E, T = ()> {
    capacity: u64,
    bytes: Option<(u64, SizeOf<K, V>)>,
    fresh_for: Duration,
    stale_for: Duration,
    lifetime: Option<LifetimeOf<K, V>>,
    birth: Option<BirthOf<V>>,
    kinds: PhantomData<fn() -> (E, T)>,
}

impl<K, V, E, T> std::fmt::Debug for Builder<K, V, E, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.capacity)
            .field("max_bytes", &self.bytes.as_ref().map(|(bytes, _)| bytes))
            .field("fresh_for", &self.fresh_for)
            .field("stale_for", &self.stale_for)
            .finish_non_exhaustive()
    }
}

impl<K, V, E, T> Default for Builder<K, V, E, T> {
    fn default() -> Self {
        Self {
            capacity: 10_000,
            bytes: None,
            fresh_for: Duration::from_secs(5),
            stale_for: Duration::ZERO,
            lifetime: None,
            birth: None,
            kinds: PhantomData,
        }
    }
}

impl<K, V, E, T> Builder<K, V, E, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// How many entries are kept; the least recently used goes first. Default 10,000.
    #[must_use]
    pub fn capacity(mut self, entries: u64) -> Self {
        self.capacity = entries;
        self
    }

    /// How many bytes all entries may take together, beside their number; the least recently used go first. Default: any.
    ///
    /// `size` says how many bytes a value takes, about, and is called once for each value that is stored. Both bounds hold, for an
    /// entry counts as its size or as its share of `bytes`, which is `bytes / capacity`, whichever is more. A value that alone is
    /// larger than `bytes` is given to its readers and not kept.
    #[must_use]
    pub fn max_bytes(
        mut self,
        bytes: u64,
        size: impl Fn(&K, &V) -> u64 + Send + Sync + 'static,
    ) -> Self {
        self.bytes = Some((bytes, Box::new(size)));
        self
    }

    /// How long a value answers without a load. Default 5 s. A reader's `max_age` replaces it.
    #[must_use]
    pub fn fresh_for(mut self, age: Duration) -> Self {
        self.fresh_for = age;
        self
    }

    /// For how long after `fresh_for` a value may stand in for a failed load. Default zero: never.
    #[must_use]
    pub fn stale_for(mut self, age: Duration) -> Self {
        self.stale_for = age;
        self
    }

    /// Decides both ages by key and value, in place of `fresh_for` and `stale_for`.
    ///
    /// Called at every read of a stored value, so it should be a table look-up.
    #[must_use]
    pub fn lifetime(
        mut self,
        lifetime: impl Fn(&K, &V) -> Lifetime + Send + Sync + 'static,
    ) -> Self {
        self.lifetime = Some(Box::new(lifetime));
        self
    }

    /// Counts ages from each value's own time of birth, and lets no older value replace a younger.
    ///
    /// For a value that implements [`Born`](crate::Born), pass `Born::born`.
    #[must_use]
    pub fn born(mut self, birth: impl Fn(&V) -> Option<Instant> + Send + Sync + 'static) -> Self {
        self.birth = Some(Box::new(birth));
        self
    }

    /// Makes the cache. Nothing runs until the first load.
    pub fn build(self) -> Cache<K, V, E, T> {
        let counters = Arc::new(Counters::default());
        let removals = Arc::clone(&counters);
        let (bytes, size) = self.bytes.unzip();
        // moka knows one bound, so an entry weighs at least its share of the bytes: as many as the capacity fill them.
        let share = bytes.map_or(1, |bytes| bytes.div_ceil(self.capacity.max(1)));
        let share = u32::try_from(share).unwrap_or(u32::MAX).max(1);
        let values = moka::sync::Cache::builder()
            .max_capacity(self.capacity.saturating_mul(u64::from(share)))
            .weigher(move |_key: &K, stored: &Stored<V>| {
                u32::try_from(stored.size).unwrap_or(u32::MAX).max(share)
            })
            // moka's default policy may refuse a new key in favour of a popular one; a load that
            // was just paid for must be there for the next reader.
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |_key, stored: Stored<V>, cause| {
                removals.bytes.fetch_sub(stored.size, Relaxed);
                if cause == RemovalCause::Size {
                    bump(&removals.evictions);
                }
            })
            .build();
        let one = Lifetime {
            fresh_for: self.fresh_for,
            stale_for: self.stale_for,
        };
        Cache {
            inner: Arc::new(Inner {
                values,
                lifetime: self.lifetime.unwrap_or_else(|| Box::new(move |_, _| one)),
                birth: self.birth,
                size,
                flights: Flights::default(),
                tasks: Mutex::new(Some(JoinSet::new())),
                counters,
            }),
        }
    }
}
