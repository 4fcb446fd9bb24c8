//! One load under way and those who wait for it.
//!
//! The load is a task of its own. Readers only watch for its outcome, so that a reader who leaves
//! takes nothing with it; the task ends the flight through [`Landing`], also when it panics or is
//! aborted, so that no key stays behind in the map.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::LoadError;
use crate::stats::bump;
use crate::store::{Inner, Stored};

type Outcome<V, E> = Result<Stored<V>, LoadError<E>>;

/// A load under way.
#[derive(Debug)]
pub(crate) struct Flight<V, E, T> {
    pub(crate) tag: T,
    outcome: watch::Receiver<Option<Outcome<V, E>>>,
    /// Its task, once that was begun.
    pub(crate) task: OnceLock<AbortHandle>,
}

impl<V: Clone, E: Clone, T> Flight<V, E, T> {
    /// A new flight and the end that lands it.
    pub(crate) fn new(tag: T) -> (Arc<Self>, watch::Sender<Option<Outcome<V, E>>>) {
        let (sender, outcome) = watch::channel(None);
        let task = OnceLock::new();
        let flight = Self { tag, outcome, task };
        (Arc::new(flight), sender)
    }

    /// Waits for the outcome.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves the load as it is.
    pub(crate) async fn wait(&self) -> Outcome<V, E> {
        let mut outcome = self.outcome.clone();
        match outcome.wait_for(Option::is_some).await {
            Ok(landed) => landed.clone().unwrap_or(Err(LoadError::Closed)),
            Err(_) => Err(LoadError::Closed),
        }
    }
}

/// The flights of a cache, one a key.
#[derive(Debug)]
pub(crate) struct Flights<K, V, E, T>(Mutex<Board<K, V, E, T>>);

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct Board<K, V, E, T> {
    pub(crate) flying: HashMap<K, Arc<Flight<V, E, T>>>,
    pub(crate) closed: bool,
}

impl<K, V, E, T> Default for Flights<K, V, E, T> {
    fn default() -> Self {
        Self(Mutex::new(Board {
            flying: HashMap::new(),
            closed: false,
        }))
    }
}

impl<K: Hash + Eq, V, E, T> Flights<K, V, E, T> {
    /// Looks at the board, or changes it. Never called across an await.
    pub(crate) fn with<R>(&self, look: impl FnOnce(&mut Board<K, V, E, T>) -> R) -> R {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<K: Hash + Eq, V, E, T> Board<K, V, E, T> {
    /// Takes no more loads, and ends those that nobody waits for.
    pub(crate) fn close(&mut self) {
        self.closed = true;
        // The board holds one of them, its landing the second; each reader holds one while it waits, and gets it under this lock.
        let alone = |flight: &&Arc<Flight<V, E, T>>| Arc::strong_count(flight) <= 2;
        for flight in self.flying.values().filter(alone) {
            if let Some(task) = flight.task.get() {
                task.abort();
            }
        }
    }

    /// Takes this very flight off the board; false if the key was invalidated and the flight cut
    /// loose, or another one flies under the key by now.
    fn take_off(&mut self, key: &K, flight: &Arc<Flight<V, E, T>>) -> bool {
        let mine = self
            .flying
            .get(key)
            .is_some_and(|flying| Arc::ptr_eq(flying, flight));
        if mine {
            self.flying.remove(key);
        }
        mine
    }
}

/// Ends a flight exactly once, whatever happens to its task.
pub(crate) struct Landing<K, V, E, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    /// Weak: when the last handle is gone nobody can read, and the load is aborted.
    pub(crate) cache: Weak<Inner<K, V, E, T>>,
    pub(crate) key: K,
    pub(crate) flight: Arc<Flight<V, E, T>>,
    pub(crate) outcome: watch::Sender<Option<Outcome<V, E>>>,
    pub(crate) landed: bool,
}

impl<K, V, E, T> Landing<K, V, E, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    /// Stores a value, or not, takes the flight off the board and tells all who wait, in this
    /// order: a reader who comes in between finds the stored value or the flight, never neither.
    pub(crate) fn land(mut self, result: Result<V, LoadError<E>>) {
        self.finish(result);
    }

    fn finish(&mut self, result: Result<V, LoadError<E>>) {
        self.landed = true;
        let Some(cache) = self.cache.upgrade() else {
            return;
        };
        let outcome = result.map(|value| cache.receive(value));
        if let Err(error) = &outcome {
            bump(&cache.counters.failures);
            if matches!(error, LoadError::Panicked) {
                bump(&cache.counters.panics);
            }
        }
        cache.flights.with(|board| {
            // Kept under the lock, so that an invalidation comes wholly before or wholly after.
            match (board.take_off(&self.key, &self.flight), &outcome) {
                (true, Ok(stored)) => cache.keep(self.key.clone(), stored.clone()),
                (false, Ok(_)) => bump(&cache.counters.discarded),
                (_, Err(_)) => {}
            }
        });
        self.outcome.send_replace(Some(outcome));
    }
}

impl<K, V, E, T> Drop for Landing<K, V, E, T>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    T: Send + Sync + 'static,
{
    fn drop(&mut self) {
        if !self.landed {
            self.finish(Err(LoadError::Closed));
        }
    }
}
