//! Whose wall time it is.

use std::time::{Duration, SystemTime};

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

/// Tells the wall time. The monotonic time is always tokio's, which tests can pause.
///
/// The scheduler compares the two: a wall clock that was set shows as a step and is told as
/// [`Event::ClockStepped`](crate::Event::ClockStepped).
pub trait Clock: Send + Sync + 'static {
    /// The wall time now. Called often, and under a lock: it must be quick. If it panics, the last
    /// reading counts, and [`Event::ClockFailed`](crate::Event::ClockFailed) is told.
    fn now(&self) -> SystemTime;
}

impl<F: Fn() -> SystemTime + Send + Sync + 'static> Clock for F {
    fn now(&self) -> SystemTime {
        self()
    }
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(
        clippy::disallowed_methods,
        reason = "the one place that reads the machine's clock; everybody else is handed a Clock"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that goes with tokio's, from a moment that is given: with paused time, hours pass in
/// an instant and a run of the same seed is the same run.
///
/// ```
/// use robust_scheduler::{Clock, SimClock};
/// use std::time::{Duration, SystemTime};
///
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// let clock = SimClock::at(SystemTime::UNIX_EPOCH);
/// tokio::time::advance(Duration::from_secs(60)).await;
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
/// clock.back(Duration::from_secs(50));
/// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(10));
/// # }
/// ```
#[derive(Debug)]
pub struct SimClock {
    began: Instant,
    wall: Mutex<SystemTime>,
}

impl SimClock {
    /// A clock that shows `wall` now.
    pub fn at(wall: SystemTime) -> Self {
        Self {
            began: Instant::now(),
            wall: Mutex::new(wall),
        }
    }

    /// Sets the clock forward.
    pub fn forward(&self, by: Duration) {
        self.change(|wall| wall.checked_add(by));
    }

    /// Sets the clock back.
    pub fn back(&self, by: Duration) {
        self.change(|wall| wall.checked_sub(by));
    }

    fn change(&self, to: impl FnOnce(SystemTime) -> Option<SystemTime>) {
        let mut wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
        *wall = to(*wall).unwrap_or(*wall);
    }
}

impl Clock for SimClock {
    fn now(&self) -> SystemTime {
        let wall = *self.wall.lock().unwrap_or_else(PoisonError::into_inner);
        wall.checked_add(self.began.elapsed()).unwrap_or(wall)
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now(&self) -> SystemTime {
        (**self).now()
    }
}
