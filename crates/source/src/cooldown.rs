//! How long to stay away after "too many requests" without a time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The first stay.
const FIRST: Duration = Duration::from_secs(1);

/// The longest that it grows to.
const LONGEST: Duration = Duration::from_secs(3_600);

/// Doubles from one refusal to the next, until an answer with data; one for all endpoints and addresses of a source, as its budget is.
#[derive(Debug, Default)]
pub(crate) struct Cooldown {
    /// Whether there is anything to forget: all that a good answer looks at.
    warm: AtomicBool,
    last: Mutex<Option<Last>>,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    stay: Duration,
    /// When it was learned.
    at: Instant,
}

impl Cooldown {
    fn last(&self) -> MutexGuard<'_, Option<Last>> {
        // Whole after every statement.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The stay after a refusal that came `now`, of a request that was sent at `sent`.
    ///
    /// Of many that were under way together only the first makes it longer: the others knew nothing of that.
    pub(crate) fn refused(&self, sent: Instant, now: Instant) -> Duration {
        let mut last = self.last();
        let stay = match *last {
            Some(last) if sent <= last.at => return last.stay,
            Some(last) => last.stay.saturating_mul(2).min(LONGEST),
            None => FIRST,
        };
        *last = Some(Last { stay, at: now });
        self.warm.store(true, Ordering::Release);
        stay
    }

    /// An answer with data to a request that was sent at `sent`.
    #[inline]
    pub(crate) fn answered(&self, sent: Instant) {
        if self.warm.load(Ordering::Relaxed) {
            self.forget(sent);
        }
    }

    /// Begins anew, unless the request went out before the refusal came: it says nothing about the time after.
    #[cold]
    fn forget(&self, sent: Instant) {
        let mut last = self.last();
        if last.is_some_and(|last| last.at < sent) {
            *last = None;
            self.warm.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_an_hour_once_for_all_that_were_under_way_and_a_good_answer_ends_it() {
        const HALF: Duration = Duration::from_millis(500);
        let began = Instant::now();
        let at = |seconds| began + Duration::from_secs(seconds);
        let cooldown = Cooldown::default();
        let mut stays = (0..14).map(|n| cooldown.refused(at(n), at(n + 1) - HALF).as_secs());
        let first: Vec<u64> = stays.by_ref().take(5).collect();
        assert_eq!(first, [1, 2, 4, 8, 16]);
        assert_eq!(stays.last(), Some(3_600));
        // Sent before the last refusal came.
        assert_eq!(cooldown.refused(at(12), at(20)), LONGEST);
        cooldown.answered(at(12));
        assert_eq!(cooldown.refused(at(20), at(20)), LONGEST);
        cooldown.answered(at(21));
        assert_eq!(cooldown.refused(at(22), at(23)), FIRST);
        assert_eq!(cooldown.refused(at(23), at(24)), FIRST);
    }
}
