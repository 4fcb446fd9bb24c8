//! Delays as tower's `Backoff`, for callers with a retry loop of their own.

use std::{sync::Arc, time::Duration};

use tokio::time::Sleep;
use tower::retry::backoff::{Backoff, MakeBackoff};

use crate::{Exponential, seeds::Seeds};

impl Exponential {
    /// Starts sessions that wait by these delays; two sessions never share a random stream.
    ///
    /// The same `seed` gives the same sessions in the same order.
    #[must_use]
    pub fn sessions(self, seed: u64) -> Sessions {
        Sessions {
            exponential: self,
            seeds: Arc::new(Seeds::new(seed)),
        }
    }
}

/// Makes [`Session`]s: one for every sequence of retries. Clones draw from the same seeds.
#[derive(Debug, Clone)]
pub struct Sessions {
    exponential: Exponential,
    seeds: Arc<Seeds>,
}

impl Sessions {
    /// A session at its first delay.
    #[must_use]
    pub fn start(&self) -> Session {
        Session {
            exponential: self.exponential,
            seeds: Arc::clone(&self.seeds),
            rng: self.seeds.draw(),
            retry: 0,
            before: None,
        }
    }
}

impl MakeBackoff for Sessions {
    type Backoff = Session;

    fn make_backoff(&mut self) -> Session {
        self.start()
    }
}

/// One sequence of growing delays.
///
/// A clone starts again at the first delay, as tower demands, and with a random stream of its own.
///
/// # Examples
///
/// ```
/// use robust_backoff::Exponential;
/// use std::time::Duration;
/// use tower::retry::backoff::Backoff;
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let sessions = Exponential::new(Duration::from_millis(100), Duration::from_secs(5)).sessions(7);
/// let mut session = sessions.start();
/// for _ in 0..3 {
///     session.next_backoff().await; // up to 100, 200, 400 ms
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Session {
    exponential: Exponential,
    seeds: Arc<Seeds>,
    rng: fastrand::Rng,
    retry: u32,
    before: Option<Duration>,
}

impl Session {
    /// The next delay, for those who sleep by other means.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self
            .exponential
            .delay_after(self.before, self.retry, &mut self.rng);
        self.before = Some(delay);
        self.retry = self.retry.saturating_add(1);
        delay
    }
}

impl Clone for Session {
    fn clone(&self) -> Self {
        Self {
            exponential: self.exponential,
            seeds: Arc::clone(&self.seeds),
            rng: self.seeds.draw(),
            retry: 0,
            before: None,
        }
    }
}

impl Backoff for Session {
    type Future = Sleep;

    fn next_backoff(&mut self) -> Sleep {
        tokio::time::sleep(self.next_delay())
    }
}
