//! What the failure of a read is to the job that made it.

use std::time::Duration;

use robust_connectors::Class;
use robust_scheduler::RunError;

use crate::DataError;
use crate::error::Stage;

/// The wait where an exchange says "too much" and not for how long.
const WAIT: Duration = Duration::from_secs(1);

/// A wait that ends so shortly before its run, or after it, was cut off by that: several timers end there, and which one is heard first
/// is chance.
const CLOSE: Duration = Duration::from_millis(10);

/// What the scheduler is to make of a read that failed this long before the run's deadline.
///
/// | the read | the job |
/// |---|---|
/// | found the budget spent, was told to stay away, met an open breaker | is parked with its source; no failure |
/// | ran out of the job's time, whichever wait was the one that ended with it | has timed out |
/// | can never be answered: a pair that is not listed, a refused key | fails and is quarantined at once |
/// | met an ill exchange, or brought a value that is not good enough | fails; whether the exchange is well is for its breaker to say, and whether the value recovers is seen by asking again |
/// | met a defect of this library | fails; five in a row quarantine the job |
pub(super) fn of(error: &DataError, left: Option<Duration>) -> RunError {
    let cut_off = left.is_some_and(|left| left <= CLOSE);
    let text = error.to_string();
    match error {
        DataError::Limited {
            retry_in: Some(wait),
            ..
        } => RunError::throttled(text, *wait),
        DataError::Throttled { retry_in, .. } => {
            RunError::throttled(text, retry_in.unwrap_or(WAIT))
        }
        DataError::CircuitOpen { retry_in, .. } => RunError::source_down(text, *retry_in),
        DataError::Timeout { stage, .. } if cut_off || *stage == Stage::Reader => {
            RunError::timed_out(text).excused()
        }
        DataError::InvalidName(_)
        | DataError::UnknownExchange { .. }
        | DataError::Unanswerable(_)
        | DataError::Simulated { .. }
        | DataError::Limited { .. }
        | DataError::Api {
            class: Class::Permanent | Class::Auth,
            ..
        } => RunError::permanent(text),
        DataError::Defect { .. } => RunError::new(text),
        _ => RunError::new(text).excused(),
    }
}

/// The same for a read of many pairs: one of them that is not listed says nothing about the others, which go on.
pub(super) fn of_many(error: &DataError, left: Option<Duration>) -> RunError {
    match error {
        DataError::Unanswerable(_) => RunError::new(error.to_string()).excused(),
        other => of(other, left),
    }
}

#[cfg(test)]
mod tests {
    use robust_market::Exchange;

    use super::*;

    #[test]
    fn a_wait_that_ends_with_its_run_is_the_runs_whichever_timer_is_heard_first() {
        let timeout = |stage| DataError::Timeout {
            exchange: Exchange::KRAKEN,
            stage,
            after: Duration::from_micros(2_998_473),
        };
        let text = "kraken: no answer within 2.998s";
        for (stage, left, is_own) in [
            (Stage::Reader, None, true),
            (Stage::Reader, Some(5_000), true),
            (Stage::Attempt, Some(2), true),
            (Stage::Attempt, Some(0), true),
            (Stage::Attempt, Some(9), true),
            (Stage::Attempt, Some(11), false),
            (Stage::Attempt, Some(1_000), false),
            (Stage::Attempt, None, false),
        ] {
            let error = timeout(stage);
            assert_eq!(error.to_string(), format!("{text} ({stage})"));
            let left = left.map(Duration::from_millis);
            let expected = if is_own {
                RunError::timed_out(error.to_string())
            } else {
                RunError::new(error.to_string())
            };
            let case = format!("{stage:?} {left:?}");
            assert_eq!(of(&error, left), expected.clone().excused(), "{case}");
            assert_eq!(of_many(&error, left), expected.excused(), "{case}");
        }
    }
}
