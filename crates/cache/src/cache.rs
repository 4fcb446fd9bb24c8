//! The handle: read, put, take out, close.

use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::builder::Builder;
use crate::entry::{Entry, Lookup};
use crate::error::LoadError;
use crate::flight::{Flight, Landing};
use crate::read::{Join, Read, Refresh};
use crate::stats::{Stats, Waiting, bump};
use crate::store::{Inner, Stored};

/// A cache with two ages and single flight. Clones share one state.
///
/// `K` is the key, `V` the value (use an `Arc` for anything large), `E` the load's error and `T`
/// the tag that a joining reader brings to a flight.
///
/// Dropping the last handle aborts the loads under way: nobody is left to read their results.
pub struct Cache<K, V, E, T = ()> {
    pub(crate) inner: Arc<Inner<K, V, E, T>>,
}

impl<K, V, E, T> Clone for Cache<K, V, E, T> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<K, V, E, T> std::fmt::Debug for Cache<K, V, E, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("counters", &self.inner.counters)
            .finish_non_exhaustive()
    }
}

/// What the closing of a cache found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CloseReport {
    /// Loads that were under way and ended by themselves.
    pub completed: usize,
    /// Loads that had to be aborted.
    pub aborted: usize,
}

impl CloseReport {
    /// Counts how each of these ends.
    async fn count(&mut self, tasks: &mut JoinSet<()>) {
        while let Some(ended) = tasks.join_next().await {
            // A load that ended in the last moment was not aborted.
            match ended {
                Ok(()) => self.completed += 1,
                Err(_) => self.aborted += 1,
            }
        }
    }
}

/// How a reader who found nothing fresh goes on.
enum Boarding<V, E, T> {
    Fresh(Entry<V>),
    Joined(Arc<Flight<V, E, T>>),
    Started(Arc<Flight<V, E, T>>),
    Refused,
}

impl<K, V, E, T> Cache<K, V, E, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    /// Starts with the defaults: 10,000 entries, fresh for 5 s, never stale.
    pub fn builder() -> Builder<K, V, E, T> {
        Builder::default()
    }

    /// Stores a value, unless the cache knows births and a younger one is there.
    ///
    /// A load under way is left alone; its result is stored when it comes.
    pub fn insert(&self, key: K, value: V) {
        let stored = self.inner.receive(value);
        self.inner.keep(key, stored);
    }

    /// Looks at a stored value of any age. Counts nothing and starts nothing.
    pub fn peek(&self, key: &K) -> Option<Entry<V>> {
        self.inner
            .values
            .get(key)
            .map(|stored| stored.into_entry(Instant::now()))
    }

    /// Takes a value out.
    ///
    /// A load under way is cut loose: those who wait for it still get its result, but it is not
    /// stored, and the next reader starts a new load.
    pub fn invalidate(&self, key: &K) {
        // One step for readers: the lock keeps a landing flight wholly before or wholly after.
        let loose = self.inner.flights.with(|board| {
            self.inner.values.invalidate(key);
            board.flying.remove(key)
        });
        drop(loose);
    }

    /// What happened so far. Lets moka do its pending housekeeping first, so that `len` and
    /// `evictions` are exact.
    pub fn stats(&self) -> Stats {
        self.inner.values.run_pending_tasks();
        let flights = self.inner.flights.with(|board| board.flying.len());
        self.inner
            .counters
            .snapshot(flights as u64, self.inner.values.entry_count())
    }
}

impl<K, V, E, T> Cache<K, V, E, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    T: Join,
{
    /// Reads a value, loading it when nothing stored is good enough for this reader.
    ///
    /// At most one load a key is under way: later readers join it and raise its tag. The load runs
    /// in a task of its own and its result is stored, whoever still waits. A load is given the
    /// flight's tag. It should have a time limit of its own: nothing here ends it before
    /// [`close`](Self::close).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives up the wait and nothing else; put a timeout around it freely.
    pub async fn get<F, Fut>(&self, key: &K, read: Read<T>, load: F) -> Lookup<V, E>
    where
        F: FnOnce(T) -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let inner = &*self.inner;
        if let Some(entry) = self.fresh(key, &read) {
            bump(&inner.counters.hits);
            return Lookup::Fresh(entry);
        }
        let waiting = Waiting::begin(&inner.counters);
        let (flight, joined) = match self.board(key, &read, load) {
            Boarding::Fresh(entry) => {
                waiting.end(|counters| &counters.hits);
                return Lookup::Fresh(entry);
            }
            Boarding::Refused => {
                bump(&inner.counters.misses);
                return self.fall_back(key, &read, LoadError::Closed, waiting);
            }
            Boarding::Joined(flight) => {
                bump(&inner.counters.joined);
                (flight, true)
            }
            Boarding::Started(flight) => {
                bump(&inner.counters.loads);
                (flight, false)
            }
        };
        bump(&inner.counters.misses);
        match flight.wait().await {
            Ok(stored) => {
                waiting.end(|counters| &counters.loaded);
                Lookup::Loaded {
                    entry: stored.into_entry(Instant::now()),
                    joined,
                }
            }
            Err(reason) => self.fall_back(key, &read, reason, waiting),
        }
    }

    /// Stops loading and waits up to `grace` for the loads that somebody waits for, then aborts them.
    /// Those that nobody waits for any more are aborted at once.
    ///
    /// Readers of an aborted load, and later readers who would need a load, get
    /// [`LoadError::Closed`]; what is stored can still be read. A zero `grace` aborts at once. A
    /// second call has nothing left to wait for and returns at once.
    ///
    /// # Cancel safety
    ///
    /// The cache is closed from the first poll on; dropping the future aborts the loads.
    pub async fn close(&self, grace: Duration) -> CloseReport {
        self.inner.flights.with(|board| board.close());
        let taken = self
            .inner
            .tasks
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut tasks) = taken else {
            return CloseReport::default();
        };
        reap(&mut tasks);
        let mut report = CloseReport::default();
        let drained = report.count(&mut tasks);
        if tokio::time::timeout(grace, drained).await.is_err() {
            tasks.abort_all();
            report.count(&mut tasks).await;
        }
        report
    }

    /// A stored value that is young enough for this reader.
    fn fresh(&self, key: &K, read: &Read<T>) -> Option<Entry<V>> {
        if read.refresh == Refresh::Force {
            return None;
        }
        let stored = self.inner.values.get(key)?;
        let now = Instant::now();
        (stored.age(now) < self.limit(key, read, &stored)).then(|| stored.into_entry(now))
    }

    fn limit(&self, key: &K, read: &Read<T>, stored: &Stored<V>) -> Duration {
        read.max_age
            .unwrap_or_else(|| (self.inner.lifetime)(key, &stored.value).fresh_for)
    }

    /// Joins the flight of the key or starts one.
    fn board<F, Fut>(&self, key: &K, read: &Read<T>, load: F) -> Boarding<V, E, T>
    where
        F: FnOnce(T) -> Fut + Send + 'static,
        Fut: Future<Output = Result<V, E>> + Send + 'static,
    {
        let inner = &self.inner;
        let Ok(runtime) = Handle::try_current() else {
            return Boarding::Refused;
        };
        let started = inner.flights.with(|board| {
            if let Some(flight) = board.flying.get(key) {
                flight.tag.join(&read.tag);
                return Err(Boarding::Joined(Arc::clone(flight)));
            }
            // A flight may have landed since the first look.
            if let Some(entry) = self.fresh(key, read) {
                return Err(Boarding::Fresh(entry));
            }
            if board.closed {
                return Err(Boarding::Refused);
            }
            let (flight, outcome) = Flight::new(read.tag.clone());
            board.flying.insert(key.clone(), Arc::clone(&flight));
            Ok((flight, outcome))
        });
        let (flight, outcome) = match started {
            Ok(started) => started,
            Err(boarding) => return boarding,
        };
        let landing = Landing {
            cache: Arc::downgrade(inner),
            key: key.clone(),
            flight: Arc::clone(&flight),
            outcome,
            landed: false,
        };
        let tag = flight.tag.clone();
        let task = async move {
            // Called inside the task, so that a panic of the closure itself is contained too.
            let load = async move { load(tag).await };
            match AssertUnwindSafe(load).catch_unwind().await {
                Ok(result) => landing.land(result.map_err(LoadError::Failed)),
                Err(_) => landing.land(Err(LoadError::Panicked)),
            }
        };
        // Outside the board's lock: a task that is dropped unstarted lands at once.
        let mut tasks = inner.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        match tasks.as_mut() {
            Some(tasks) => {
                reap(tasks);
                let task = tasks.spawn_on(task, &runtime);
                // Set once, here.
                let _ = flight.task.set(task);
            }
            None => {
                drop(tasks);
                drop(task);
            }
        }
        Boarding::Started(flight)
    }

    /// After a failed load: what is fresh by now, what may stand in, or nothing.
    fn fall_back(
        &self,
        key: &K,
        read: &Read<T>,
        reason: LoadError<E>,
        waiting: Waiting<'_>,
    ) -> Lookup<V, E> {
        let stored = if read.refresh == Refresh::Force {
            None
        } else {
            self.inner.values.get(key)
        };
        let now = Instant::now();
        if let Some(stored) = stored {
            let age = stored.age(now);
            if age < self.limit(key, read, &stored) {
                waiting.end(|counters| &counters.hits);
                return Lookup::Fresh(stored.into_entry(now));
            }
            let accepts = read.refresh == Refresh::IfNeeded && read.max_age != Some(Duration::ZERO);
            if accepts && age < (self.inner.lifetime)(key, &stored.value).hard() {
                waiting.end(|counters| &counters.stale_served);
                return Lookup::Stale {
                    entry: stored.into_entry(now),
                    reason,
                };
            }
        }
        waiting.end(|counters| &counters.unavailable);
        Lookup::Unavailable(reason)
    }
}

/// Forgets tasks that have ended, so that the set is bounded by the loads under way.
fn reap(tasks: &mut JoinSet<()>) {
    while tasks.try_join_next().is_some() {}
}
