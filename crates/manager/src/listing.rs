//! When an exchange that refuses its list of pairs is asked for it again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::DataError;

/// How long the first refusal is believed.
const FIRST: Duration = Duration::from_secs(10);
/// How long the last is; in between each is believed twice as long as the one before.
const LONGEST: Duration = Duration::from_secs(600);

/// The memory of one exchange's final refusals. A pair that nobody knows would otherwise ask for the list at every read.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Refused>,
    /// Grows with each change, so that of many who asked together one is believed.
    turn: u64,
}

#[derive(Debug)]
struct Refused {
    error: DataError,
    until: Instant,
    believed: Duration,
}

/// The permission to ask once; says to which turn the answer belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Turn(u64);

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whether to ask.
    ///
    /// # Errors
    ///
    /// The exchange's own last refusal, with the time until it is asked again.
    pub(crate) fn ask(&self, now: Instant) -> Result<Turn, DataError> {
        let state = self.lock();
        match &state.last {
            Some(refused) if now < refused.until => {
                let left = refused.until.saturating_duration_since(now);
                Err(refused.error.clone().again_in(left))
            }
            _ => Ok(Turn(state.turn)),
        }
    }

    /// Notes the answer. What may be otherwise next time, such as a timeout, is not remembered: retry and breaker see to that.
    pub(crate) fn note<T>(&self, turn: Turn, answer: Result<&T, &DataError>, now: Instant) {
        let mut state = self.lock();
        if state.turn != turn.0 {
            return;
        }
        match answer {
            Ok(_) if state.last.is_none() => {}
            Ok(_) => {
                state.last = None;
                state.turn += 1;
            }
            Err(error @ DataError::Api { .. }) if !error.is_retryable() => {
                let before = state.last.as_ref().map(|refused| refused.believed);
                let believed = before.map_or(FIRST, |before| (before * 2).min(LONGEST));
                state.last = Some(Refused {
                    error: error.clone(),
                    until: now + believed,
                    believed,
                });
                state.turn += 1;
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use robust_connectors::Class;
    use robust_market::Exchange;

    use super::*;

    fn refusal(class: Class) -> DataError {
        DataError::Api {
            exchange: Exchange::KRAKEN,
            class,
            status: 403,
            code: None,
            message: "no".to_owned(),
            retry_in: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_believed_twice_as_long_each_time_up_to_ten_minutes() {
        let refusals = Refusals::default();
        let mut now = Instant::now();
        for secs in [10, 20, 40, 80, 160, 320, 600, 600] {
            let turn = refusals.ask(now).unwrap();
            let late = refusals.ask(now).unwrap();
            refusals.note::<()>(turn, Err(&refusal(Class::Permanent)), now);
            // Who asked together with the first changes nothing.
            refusals.note::<()>(late, Err(&refusal(Class::Permanent)), now);
            let left = refusals.ask(now + Duration::from_secs(3)).unwrap_err();
            assert_eq!(left.retry_in(), Some(Duration::from_secs(secs - 3)));
            now += Duration::from_secs(secs);
        }
        let turn = refusals.ask(now).unwrap();
        refusals.note(turn, Ok(&()), now);
        let turn = refusals.ask(now).unwrap();
        refusals.note::<()>(turn, Err(&refusal(Class::Auth)), now);
        let left = refusals.ask(now).unwrap_err();
        assert_eq!(left.retry_in(), Some(FIRST), "from the start again");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_otherwise_next_time_is_not_remembered() {
        let refusals = Refusals::default();
        let now = Instant::now();
        for error in [
            refusal(Class::Transient),
            refusal(Class::Malformed),
            DataError::Shutdown,
        ] {
            let turn = refusals.ask(now).unwrap();
            refusals.note::<()>(turn, Err(&error), now);
            assert!(refusals.ask(now).is_ok(), "{error}");
        }
    }
}
