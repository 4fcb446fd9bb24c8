//! What a reader gets in place of a doubtful value.

use std::sync::Arc;

use robust_market::{Acceptance, Report, Request};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use crate::DataError;
use crate::cached::STALE_FOR;
use crate::shared::Shared;
use crate::stored::{Answered, Came, Kept, Stored};

/// What a read brings when the value is quarantined or rejected: by what it holds, or by its age at this read.
///
/// A price that falls by half is quarantined until the next prints confirm it. Whoever withholds it is blind while the
/// market crashes; whoever takes it may act on a mistake of the exchange. So the choice is the reader's. What stands in when the
/// exchange cannot be asked at all is another question: [`Query::stale_if_error`](crate::Query::stale_if_error).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnQuarantine {
    /// The value, with its acceptance in [`Sample::quality`](robust_market::Sample::quality).
    #[default]
    Deliver,
    /// The newest accepted answer to the same question that is kept, at most an hour old, marked as stale and with its own age;
    /// [`DataError::NoLastGood`] when there is none. Also a value that was accepted and is doubtful by its age alone comes like this.
    LastGood,
    /// [`DataError::Quarantined`], with the report.
    Error,
}

/// Whether a reader who withholds doubtful values does not want this one.
fn doubtful(report: Option<&Arc<Report>>) -> Option<&Arc<Report>> {
    report.filter(|report| report.acceptance <= Acceptance::Quarantine)
}

/// The value as this reader wants it.
pub(crate) fn deliver(
    shared: &Shared,
    request: &Request,
    kept: &Kept,
    came: Came,
    on_quarantine: OnQuarantine,
) -> Result<Answered, DataError> {
    let rules = shared.judges.rules();
    let show = |stored: &Stored, came| stored.sample(request, came, &*shared.clock, rules);
    let sample = show(&kept.newest, came);
    let Some(report) = doubtful(sample.quality.as_ref()) else {
        return Ok(sample);
    };
    let exchange = kept.newest.exchange.clone();
    match on_quarantine {
        OnQuarantine::Deliver => Ok(sample),
        OnQuarantine::Error => Err(DataError::Quarantined {
            exchange,
            report: Arc::clone(report),
        }),
        OnQuarantine::LastGood => match kept.good(Instant::now(), STALE_FOR) {
            Some(good) => Ok(show(good, Came::Stale)),
            None => Err(DataError::NoLastGood {
                exchange,
                report: Arc::clone(report),
            }),
        },
    }
}
