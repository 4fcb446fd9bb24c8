//! How far a series has come, and what of it nobody will bring.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use robust_market::{
    BarCalendar, Coverage, Missing, MissingReason, Payload, Sample, Stopped, Symbol, Timestamp,
};

use super::run::system;

/// The least step beyond a moment that fills whole pages.
const STEP: Duration = Duration::from_millis(1);

/// What a series has left over.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Short {
    /// Where the next run goes on; `None` when nothing has come.
    pub(super) from: Option<SystemTime>,
    /// Why it ended before the moment that its run stands for.
    pub(super) why: String,
}

/// The pair of a series.
pub(super) const fn symbol(payload: &Payload) -> Option<&Symbol> {
    match payload {
        Payload::Candles(bars) => Some(&bars.symbol),
        Payload::Trades(trades) => Some(&trades.symbol),
        _ => None,
    }
}

/// What a series lacks that another run can bring; `None` when it reaches the run's moment.
pub(super) fn short(
    sample: &Sample<Arc<Payload>>,
    nominal: SystemTime,
    calendar: BarCalendar,
) -> Option<Short> {
    let coverage = sample.meta.coverage.as_deref()?;
    // How far the last row goes: a bar is of a time, a trade of a moment.
    let (last, upto) = match &*sample.data {
        Payload::Candles(bars) => {
            let last = bars.rows.last().map(|row| row.time);
            let grid = calendar.grid(bars.interval);
            (last, last.map(|last| grid.end(last)))
        }
        Payload::Trades(trades) => {
            let last = trades.rows.last().map(|row| row.time);
            (last, last)
        }
        _ => return None,
    };
    let cut = coverage.got >= coverage.asked;
    let left = |missing: &Missing| missing.reason == MissingReason::NotReached;
    let ended = coverage.stopped.is_some() || coverage.missing.iter().any(left);
    if !(cut || ended) || upto.is_some_and(|upto| system(upto) >= nominal) {
        return None;
    }
    // No page begins within a moment: what is left of one that a run cannot pass cannot be had.
    let beyond = |last: Timestamp| match within_a_moment(coverage, last) {
        true => last.saturating_add(STEP),
        false => last,
    };
    let why = match &coverage.stopped {
        Some(Stopped::Failed(failure)) => failure.message.clone(),
        Some(Stopped::OneMoment) => "one moment fills a whole page".to_owned(),
        Some(Stopped::Unreadable) => "no row of a page can be read".to_owned(),
        Some(_) => "it was stopped".to_owned(),
        None => "that is the most that a run asks for".to_owned(),
    };
    Some(Short {
        from: last.map(|last| system(beyond(last))),
        why,
    })
}

/// Whether a series ended within the moment that it began with, or that fills a page.
fn within_a_moment(coverage: &Coverage, last: Timestamp) -> bool {
    let stands = coverage.got >= coverage.asked && last.as_ms() <= coverage.from.as_ms();
    coverage.stopped == Some(Stopped::OneMoment) || stands
}

/// The part of a series that no run can bring any more, with the reason.
pub(super) fn lost(
    payload: &Payload,
    coverage: &Coverage,
) -> Option<(Timestamp, Timestamp, &'static str)> {
    let beyond = |missing: &&Missing| missing.reason == MissingReason::BeyondDepth;
    if let Some(missing) = coverage.missing.iter().find(beyond) {
        let reason = "the exchange sends nothing older any more";
        return Some((missing.from, missing.to, reason));
    }
    let Payload::Trades(trades) = payload else {
        return None;
    };
    let last = trades.rows.last()?.time;
    let reason = "there may be more of this moment than a run asks for";
    within_a_moment(coverage, last).then_some((last, last, reason))
}
