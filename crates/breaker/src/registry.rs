//! One breaker for each key: host, tenant, endpoint.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::{BuildHasher, Hash},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

use crate::{Breaker, Builder, KeyedLayer, Listener, Snapshot};

const SHARDS: usize = 16;
/// Below this a second shard would only make the capacity uneven.
const SHARD_FROM: usize = 256;

/// One breaker for each key, made when the key is first seen, all with the same settings.
///
/// It is bounded: a breaker that nobody holds and nobody has asked for in `idle_after` is forgotten
/// when a new key comes, and at the capacity the one that was unused for longest goes. One that is
/// refusing calls goes last, for forgetting it would let the calls through; which also means that what
/// an operator set on an idle key is forgotten with it. Clones share their breakers.
///
/// # Examples
///
/// ```
/// use robust_breaker::{Breaker, ErrorsAreFailures, Registry};
/// use tower::{BoxError, ServiceBuilder, ServiceExt, service_fn};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let hosts: Registry<String> = Registry::builder(Breaker::builder("").consecutive_failures(1)).build();
/// let client = ServiceBuilder::new()
///     .layer(hosts.admit_layer(|url: &&str| url.split('/').next().unwrap_or("").to_owned(), ErrorsAreFailures))
///     .service(service_fn(|url: &'static str| async move {
///         if url.starts_with("down") { Err("no answer".into()) } else { Ok::<_, BoxError>(url) }
///     }));
///
/// assert!(client.clone().oneshot("down.example/a").await.is_err());
/// assert!(hosts.get(&"down.example".to_owned()).check().is_err());
/// assert!(client.oneshot("up.example/a").await.is_ok());
/// # Ok(())
/// # }
/// ```
pub struct Registry<K, L: Listener = ()> {
    shared: Arc<Shared<K, L>>,
}

struct Shared<K, L: Listener> {
    template: Builder<L>,
    shards: Box<[Mutex<Shard<K, L>>]>,
    hasher: RandomState,
    /// Of each shard; all together never exceed the registry's.
    capacity: usize,
    idle_after: Duration,
    created: AtomicU64,
    evicted_idle: AtomicU64,
    evicted_full: AtomicU64,
}

struct Shard<K, L: Listener> {
    entries: HashMap<K, Entry<L>>,
    /// Not before is it worth looking for idle ones.
    next_sweep: Instant,
}

struct Entry<L: Listener> {
    breaker: Breaker<L>,
    used: Instant,
}

/// Settings of a [`Registry`]; from [`Registry::builder`].
#[derive(Debug, Clone)]
#[must_use]
pub struct RegistryBuilder<L = ()> {
    template: Builder<L>,
    capacity: usize,
    idle_after: Duration,
}

impl<L: Listener> RegistryBuilder<L> {
    /// Keeps at most so many breakers. Default 1,024; 0 counts as 1.
    pub fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = capacity.max(1);
        self
    }

    /// Forgets a breaker that was not asked for in this time. Default 10 min.
    pub fn idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = idle_after;
        self
    }

    /// The registry, empty.
    #[must_use]
    pub fn build<K: Hash + Eq + Clone + ToString>(self) -> Registry<K, L> {
        let shards = if self.capacity < SHARD_FROM {
            1
        } else {
            SHARDS
        };
        let next_sweep = Instant::now();
        Registry {
            shared: Arc::new(Shared {
                template: self.template,
                shards: (0..shards)
                    .map(|_| {
                        Mutex::new(Shard {
                            entries: HashMap::new(),
                            next_sweep,
                        })
                    })
                    .collect(),
                hasher: RandomState::new(),
                capacity: self.capacity / shards,
                idle_after: self.idle_after,
                created: AtomicU64::new(0),
                evicted_idle: AtomicU64::new(0),
                evicted_full: AtomicU64::new(0),
            }),
        }
    }
}

/// What a [`Registry`] has done: breakers made = kept + forgotten + removed by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryCounts {
    /// Breakers that it holds.
    pub kept: usize,
    /// Breakers that it made.
    pub created: u64,
    /// Forgotten because nobody asked for them.
    pub evicted_idle: u64,
    /// Forgotten for want of room.
    pub evicted_full: u64,
}

impl Registry<()> {
    /// Starts a registry whose breakers are made from this builder. Each is named after its key, and
    /// draws its own jitter.
    pub fn builder<L: Listener>(template: Builder<L>) -> RegistryBuilder<L> {
        RegistryBuilder {
            template,
            capacity: 1_024,
            idle_after: Duration::from_secs(600),
        }
    }
}

impl<K, L> Registry<K, L>
where
    K: Hash + Eq + Clone + ToString,
    L: Listener + Clone,
{
    /// The breaker of this key, made if it is new.
    #[must_use]
    pub fn get(&self, key: &K) -> Breaker<L> {
        let shared = &*self.shared;
        let now = Instant::now();
        let mut shard = self.shard(key);
        if let Some(entry) = shard.entries.get_mut(key) {
            entry.used = now;
            return entry.breaker.clone();
        }
        let full = shard.entries.len() >= shared.capacity;
        if full || shard.next_sweep <= now {
            let before = shard.entries.len();
            shard.entries.retain(|_, entry| {
                let idle = now.saturating_duration_since(entry.used) >= shared.idle_after;
                !idle || entry.breaker.is_held() || entry.breaker.is_refusing(now)
            });
            let gone = before - shard.entries.len();
            shared
                .evicted_idle
                .fetch_add(gone as u64, Ordering::Relaxed);
            // A quarter late at most.
            shard.next_sweep = now.checked_add(shared.idle_after / 4).unwrap_or(now);
        }
        if shard.entries.len() >= shared.capacity {
            let victim = shard
                .entries
                .iter()
                .min_by_key(|(_, entry)| {
                    (
                        entry.breaker.is_refusing(now),
                        entry.breaker.is_held(),
                        entry.used,
                    )
                })
                .map(|(key, _)| key.clone());
            if let Some(victim) = victim {
                shard.entries.remove(&victim);
                shared.evicted_full.fetch_add(1, Ordering::Relaxed);
            }
        }
        let number = shared.created.fetch_add(1, Ordering::Relaxed);
        let breaker = shared
            .template
            .named(key.to_string().into(), number)
            .build()
            .held_by_tickets();
        let entry = Entry {
            breaker: breaker.clone(),
            used: now,
        };
        shard.entries.insert(key.clone(), entry);
        breaker
    }

    /// Forgets the breaker of this key. Whoever holds it keeps it.
    pub fn remove(&self, key: &K) -> Option<Breaker<L>> {
        self.shard(key)
            .entries
            .remove(key)
            .map(|entry| entry.breaker)
    }

    /// What it holds and has done.
    #[must_use]
    pub fn counts(&self) -> RegistryCounts {
        RegistryCounts {
            kept: self.shards().map(|shard| shard.entries.len()).sum(),
            created: self.shared.created.load(Ordering::Relaxed),
            evicted_idle: self.shared.evicted_idle.load(Ordering::Relaxed),
            evicted_full: self.shared.evicted_full.load(Ordering::Relaxed),
        }
    }

    /// Every key with what is known about its breaker, in no order.
    #[must_use]
    pub fn snapshots(&self) -> Vec<(K, Snapshot)> {
        let breakers: Vec<_> = self
            .shards()
            .flat_map(|shard| {
                let pairs = shard.entries.iter();
                pairs
                    .map(|(key, entry)| (key.clone(), entry.breaker.clone()))
                    .collect::<Vec<_>>()
            })
            .collect();
        breakers
            .into_iter()
            .map(|(key, breaker)| (key, breaker.snapshot()))
            .collect()
    }

    /// A layer that admits each call at the breaker of its key and records what `classify` makes of
    /// its result; [`Breaker::admit_layer`] for many.
    #[must_use]
    pub fn admit_layer<F, C>(&self, key: F, classify: C) -> KeyedLayer<K, F, C, L> {
        KeyedLayer::new(self.clone(), key, classify)
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K, L>> {
        let shards = &self.shared.shards;
        let place = self.shared.hasher.hash_one(key) % shards.len() as u64;
        let place = usize::try_from(place).unwrap_or(0);
        #[allow(clippy::indexing_slicing, reason = "a remainder of the length")]
        lock(&shards[place])
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<K, L>>> {
        self.shared.shards.iter().map(lock)
    }
}

/// Nothing in a shard can panic half-way: a poisoned lock is usable.
fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K, L: Listener> Clone for Registry<K, L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K, L> fmt::Debug for Registry<K, L>
where
    L: Listener,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept: usize = self
            .shared
            .shards
            .iter()
            .map(|shard| lock(shard).entries.len())
            .sum();
        f.debug_struct("Registry")
            .field("kept", &kept)
            .finish_non_exhaustive()
    }
}
