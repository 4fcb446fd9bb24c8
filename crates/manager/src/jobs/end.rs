//! What the failure of a read is to the job that made it.

use std::time::Duration;

use robust_connectors::Class;
use robust_scheduler::RunError;

use crate::DataError;
use crate::error::Stage;

/// The wait where an exchange says "too much" and not for how long.
const WAIT: Duration = Duration::from_secs(1);

/// What the scheduler is to make of it.
///
/// | the read | the job |
/// |---|---|
/// | found the budget spent, was told to stay away, met an open breaker | is parked with its source; no failure |
/// | ran out of the job's time | has timed out |
/// | can never be answered: a pair that is not listed, a refused key | fails and is quarantined at once |
/// | met an ill exchange, or brought a value that is not good enough | fails; whether the exchange is well is for its breaker to say, and whether the value recovers is seen by asking again |
/// | met a defect of this library | fails; five in a row quarantine the job |
pub(super) fn of(error: &DataError) -> RunError {
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
        DataError::Timeout {
            stage: Stage::Reader,
            ..
        } => RunError::timed_out(text).excused(),
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
pub(super) fn of_many(error: &DataError) -> RunError {
    match error {
        DataError::Unanswerable(_) => RunError::new(error.to_string()).excused(),
        other => of(other),
    }
}
