//! One adaptive limit for each key: host, endpoint, tenant.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::gate::Gate;
use super::{Adaptive, AdaptiveBuilder, AdaptiveSnapshot, KeyedLayer, Plain};

const SHARDS: usize = 16;
/// Below this a second shard would only make the capacity uneven.
const SHARD_FROM: usize = 256;

/// One [`Adaptive`] limit for each key, made when the key is first seen, all with the same settings.
///
/// What slows one server down must not shrink the limit of another, and a fast endpoint must not make a slow one look
/// overloaded: keep the state of each apart.
///
/// It is bounded. A limit that nobody uses and nobody has asked for in `idle_after` is forgotten when a new key comes, and at the
/// capacity the one that was unused for longest goes; its key begins anew with the initial limit. A limit in use, which is one with
/// a call under way or waiting, or with a handle, is never forgotten, so that no key ever has two. A key that finds the
/// table full of those shares one limit with all others in that position, until that one is not in use any more.
///
/// Clones share their limits.
///
/// ```
/// use std::{convert::Infallible, time::Duration};
/// use robust_limiter::{Error, LiftLayer, Rejected, concurrency::{Adaptive, Registry}};
/// use tower::{ServiceBuilder, ServiceExt};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let vans: Registry<&str> = Registry::builder(Adaptive::builder().initial(1).max_queue(0)).build();
/// let post = ServiceBuilder::new()
///     .layer(vans.layer(|parcel: &(&'static str, u64)| parcel.0))
///     .layer(LiftLayer::new())
///     .service_fn(|(_town, minutes): (&str, u64)| async move {
///         tokio::time::sleep(Duration::from_secs(60 * minutes)).await;
///         Ok::<_, Infallible>(())
///     });
/// let ulm = tokio::spawn(post.clone().oneshot(("Ulm", 90)));
/// tokio::task::yield_now().await;
/// // The van to Ulm is out, that to Bonn is there.
/// let full = post.clone().oneshot(("Ulm", 90)).await.unwrap_err();
/// assert!(matches!(full, Error::Rejected(Rejected::Busy { in_flight: 1, .. })));
/// assert!(post.oneshot(("Bonn", 30)).await.is_ok());
/// assert!(ulm.await.expect("no panic").is_ok());
/// assert_eq!(vans.counts().kept, 2);
/// # }
/// ```
pub struct Registry<K> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    template: AdaptiveBuilder,
    shards: Box<[Mutex<Shard<K>>]>,
    hasher: RandomState,
    /// Of each shard; all together never exceed the registry's.
    capacity: usize,
    idle_after: Duration,
    /// Of those who found no room.
    overflow: Adaptive,
    created: AtomicU64,
    evicted: AtomicU64,
    overflowed: AtomicU64,
}

struct Shard<K> {
    entries: HashMap<K, Entry>,
    /// Not before is it worth looking for idle ones.
    next_sweep: Instant,
}

struct Entry {
    limit: Adaptive,
    used: Instant,
}

/// Settings of a [`Registry`]; from [`Registry::builder`].
#[derive(Debug, Clone, Copy)]
#[must_use]
pub struct RegistryBuilder {
    template: AdaptiveBuilder,
    capacity: usize,
    idle_after: Duration,
}

impl RegistryBuilder {
    /// Keeps at most so many limits, each of less than 2 KiB. Default 1,024; 0 counts as 1.
    pub const fn capacity(mut self, capacity: usize) -> Self {
        self.capacity = if capacity == 0 { 1 } else { capacity };
        self
    }

    /// Forgets a limit that was not asked for in this time and is not in use. Default 10 min.
    pub const fn idle_after(mut self, idle_after: Duration) -> Self {
        self.idle_after = idle_after;
        self
    }

    /// The registry, empty.
    #[must_use]
    pub fn build<K: Hash + Eq + Clone>(self) -> Registry<K> {
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
                overflow: self.template.build(),
                created: AtomicU64::new(0),
                evicted: AtomicU64::new(0),
                overflowed: AtomicU64::new(0),
            }),
        }
    }
}

/// What a [`Registry`] has done: limits made = kept + forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryCounts {
    /// Limits that it holds.
    pub kept: usize,
    /// Limits that it made.
    pub created: u64,
    /// Limits that it forgot, because they were idle or for want of room.
    pub evicted: u64,
    /// Calls that shared the limit of those who found no room.
    pub overflowed: u64,
}

impl Registry<()> {
    /// Starts a registry whose limits are made from this builder.
    pub const fn builder(template: AdaptiveBuilder) -> RegistryBuilder {
        RegistryBuilder {
            template,
            capacity: 1_024,
            idle_after: Duration::from_secs(600),
        }
    }
}

impl<K: Hash + Eq + Clone> Registry<K> {
    /// The limit of this key, made if it is new. As long as it is held it is in use.
    #[must_use]
    pub fn get(&self, key: &K) -> Adaptive {
        let shared = &*self.shared;
        let now = Instant::now();
        let mut shard = self.shard(key);
        if let Some(entry) = shard.entries.get_mut(key) {
            entry.used = now;
            return entry.limit.clone();
        }
        // A key with calls in there must not have a second limit; and who comes in there does so under this shard's lock.
        let has_room = !shared.overflow.is_in_use() && shard.make_room(shared, now);
        if !has_room {
            shared.overflowed.fetch_add(1, Ordering::Relaxed);
            return shared.overflow.clone();
        }
        shared.created.fetch_add(1, Ordering::Relaxed);
        let limit = shared.template.build();
        let entry = Entry {
            limit: limit.clone(),
            used: now,
        };
        shard.entries.insert(key.clone(), entry);
        limit
    }

    /// What it holds and has done.
    #[must_use]
    pub fn counts(&self) -> RegistryCounts {
        RegistryCounts {
            kept: self.shards().map(|shard| shard.entries.len()).sum(),
            created: self.shared.created.load(Ordering::Relaxed),
            evicted: self.shared.evicted.load(Ordering::Relaxed),
            overflowed: self.shared.overflowed.load(Ordering::Relaxed),
        }
    }

    /// Every key with how its limit stands, in no order.
    #[must_use]
    pub fn snapshots(&self) -> Vec<(K, AdaptiveSnapshot)> {
        self.shards()
            .flat_map(|shard| {
                let pairs = shard.entries.iter();
                pairs
                    .map(|(key, entry)| (key.clone(), entry.limit.snapshot()))
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// A layer that lets each call wait for a slot of its key; [`Adaptive::layer`] for many.
    #[must_use]
    pub fn layer<F>(&self, key: F) -> KeyedLayer<K, F, Plain> {
        KeyedLayer::new(self.clone(), key, Plain)
    }

    pub(super) fn gate(&self, key: &K) -> Arc<Gate> {
        self.get(key).into_gate()
    }

    fn shard(&self, key: &K) -> MutexGuard<'_, Shard<K>> {
        let shards = &self.shared.shards;
        let place = self.shared.hasher.hash_one(key) % shards.len() as u64;
        let place = usize::try_from(place).unwrap_or(0);
        #[allow(clippy::indexing_slicing, reason = "a remainder of the length")]
        lock(&shards[place])
    }

    fn shards(&self) -> impl Iterator<Item = MutexGuard<'_, Shard<K>>> {
        self.shared.shards.iter().map(lock)
    }
}

impl<K: Hash + Eq + Clone> Shard<K> {
    /// Forgets who is idle, and if need be who was unused for longest; whether there is room then.
    fn make_room(&mut self, shared: &Shared<K>, now: Instant) -> bool {
        let before = self.entries.len();
        let is_full = |shard: &Self| shard.entries.len() >= shared.capacity;
        if is_full(self) || self.next_sweep <= now {
            self.entries.retain(|_, entry| {
                let idle = now.saturating_duration_since(entry.used) >= shared.idle_after;
                !idle || entry.limit.is_in_use()
            });
            // A quarter late at most.
            self.next_sweep = now.checked_add(shared.idle_after / 4).unwrap_or(now);
        }
        if is_full(self) {
            let unused = self
                .entries
                .iter()
                .filter(|(_, entry)| !entry.limit.is_in_use())
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| key.clone());
            if let Some(unused) = unused {
                self.entries.remove(&unused);
            }
        }
        let gone = before - self.entries.len();
        shared.evicted.fetch_add(gone as u64, Ordering::Relaxed);
        !is_full(self)
    }
}

/// A map that was left in the middle of a change by a panic is whole: its own methods do not panic.
fn lock<K>(shard: &Mutex<Shard<K>>) -> MutexGuard<'_, Shard<K>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<K> Clone for Registry<K> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<K> fmt::Debug for Registry<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("template", &self.shared.template)
            .finish_non_exhaustive()
    }
}
