//! Does a page go on at the price where the one before it ended?

use robust_market::{Severity, Timestamp};

use super::Row;
use super::path::{AROUND, Event, HARD, middle};
use crate::level::Waiting;
use crate::rules::{A_OUTLIER, A_REGIME};
use crate::tally::Tally;
use crate::{Finite64, SymbolState};

/// Events that make a level, of one page or of several that agree.
const LEVEL: u8 = 3;
/// The limit is that of a print within so many seconds of the last one; it grows with the square root of the time.
const SHORT: f64 = 60.0;

/// What the prices of a page are beside those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// They go on from them, or nothing is known.
    Same,
    /// They are another level, which waits for a page that confirms it.
    Away,
    /// They confirm the level of the page before.
    Moved,
}

/// The first events of a page that are newer than a time; the last ones where none is.
struct Meeting {
    /// ln of their middle.
    ln: f64,
    events: u8,
    /// Seconds between that time and the first of them.
    apart: f64,
}

impl Meeting {
    fn of(rows: &[&Row<'_>], events: &[Event], at: Timestamp) -> Option<Self> {
        let time = |event: &Event| rows.get(event.from).map(|row| row.ns());
        let newer = events.partition_point(|event| time(event) <= Some(at.as_ns()));
        let from = if newer < events.len() {
            newer
        } else {
            events.len().saturating_sub(AROUND)
        };
        let some = events.get(from..events.len().min(from + AROUND))?;
        let mut prices = [0.0; AROUND];
        for (slot, event) in prices.iter_mut().zip(some) {
            *slot = event.average;
        }
        let apart = time(some.first()?)?.abs_diff(at.as_ns());
        Some(Self {
            ln: middle(prices.get(..some.len())?, &[])?,
            events: u8::try_from(some.len()).unwrap_or(u8::MAX),
            apart: std::time::Duration::from_nanos(apart).as_secs_f64(),
        })
    }

    /// How far it is from another price, where that is an error; `base` is the usual step.
    fn far(&self, from: f64, base: f64) -> Option<f64> {
        let limit = (HARD.0 * base).max(HARD.1) * (1.0 + self.apart / SHORT).sqrt();
        let far = self.ln - from;
        (far.abs() > limit).then_some(far)
    }
}

/// Holds the first trades of a page against the remembered ones.
///
/// A page at another level is an Error as a whole until the next one goes on from it: prices that are wrong alike in every row are
/// plausible beside each other. Fewer than three events are judged one by one, and wait alike.
pub(super) fn judge(
    tally: &mut Tally,
    rows: &[&Row<'_>],
    events: &[Event],
    base: f64,
    state: &mut SymbolState,
) -> Level {
    let newest = rows.last().map(|row| row.trade.time);
    let (Some(at), Some(newest)) = (state.seen.print_level.at, newest) else {
        return Level::Same;
    };
    let known: Vec<f64> = state.seen.prints.iter().collect();
    let last = known.get(known.len().saturating_sub(AROUND)..);
    let (Some(held), Some(met)) = (
        last.and_then(|last| middle(last, &[])),
        Meeting::of(rows, events, at),
    ) else {
        return Level::Same;
    };
    let Some(far) = met.far(held, base) else {
        state.seen.print_level.waiting = None;
        return Level::Same;
    };
    let agrees = state.seen.print_level.waiting.and_then(|waiting| {
        let met = Meeting::of(rows, events, waiting.at)?;
        let near = met.far(waiting.ln.get(), base).is_none();
        near.then_some((waiting, met.events))
    });
    let before = agrees.map_or(0, |(waiting, _)| waiting.events);
    if let Some((waiting, events)) = agrees
        && newest > waiting.at
        && before.saturating_add(events) >= LEVEL
    {
        tally.measured(&A_REGIME, Severity::Info, Some("price"), || {
            "the level of the page before is confirmed".to_owned()
        });
        return Level::Moved;
    }
    if met.events >= LEVEL {
        tally.whole(&A_OUTLIER, Severity::Error, Some("price"), || {
            format!(
                "the page is {:+.2} % away from the trades before it",
                100.0 * far.exp_m1()
            )
        });
    }
    let last = Meeting::of(rows, events, newest);
    let waits = last.and_then(|last| Some((Finite64::new(last.ln)?, last.events)));
    // The same page again adds nothing.
    let is_new = agrees.is_none_or(|(waiting, _)| newest > waiting.at);
    if let Some((ln, events)) = waits.filter(|_| is_new) {
        state.seen.print_level.waiting = Some(Waiting {
            at: newest,
            ln,
            events: before.saturating_add(events),
        });
    }
    if met.events >= LEVEL {
        Level::Away
    } else {
        Level::Same
    }
}
