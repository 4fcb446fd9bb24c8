//! Is every bar there that should be?

use robust_market::{Dimension, Request, Severity, Timestamp};

use super::Row;
use super::grid::Grid;
use crate::Context;
use crate::rules::{C_GAP, C_SHORT};
use crate::tally::Tally;

/// The bars of one answer, as far as their times can be used.
pub(super) struct Series<'a> {
    /// One bar for each time, ascending.
    pub(super) unique: &'a [Row<'a>],
    /// Wire positions of bars that could not be read.
    pub(super) excluded: &'a [usize],
    /// How many of those lack a field.
    pub(super) lacking: usize,
    /// Bars on the wire.
    pub(super) total: usize,
    /// Whether interval and order are right; gaps mean nothing otherwise.
    pub(super) regular: bool,
}

/// Whether the newest bars were asked for, so that their age means something.
pub(super) fn wants_newest(grid: &Grid, context: &Context<'_>) -> bool {
    match context.request {
        Request::Candles {
            since: Some(since),
            limit,
            ..
        } => limit.is_some_and(|limit| {
            let end = first_slot(grid, *since).saturating_add(i64::from(limit));
            end >= grid.slot(context.now)
        }),
        _ => true,
    }
}

/// The first bar that starts at or after `since`.
fn first_slot(grid: &Grid, since: Timestamp) -> i64 {
    grid.slot(since)
        .saturating_add(i64::from(grid.offset(since) != 0))
}

/// Sets the share of bars that are there, and objects to holes and to a series that is shorter than asked for.
pub(super) fn completeness(
    tally: &mut Tally,
    series: &Series<'_>,
    grid: &Grid,
    context: &Context<'_>,
) {
    let closed: Vec<&Row<'_>> = series.unique.iter().filter(|row| !row.forming).collect();
    let dense = context.profile.dense_candles;
    let (Some(first), Some(last)) = (closed.first(), closed.last()) else {
        nothing(tally, series, grid, context);
        return;
    };
    let unreadable = series.excluded.len();
    let there = count(closed.len()) + count(unreadable);
    let readable = there.saturating_sub(count(series.lacking));
    if !series.regular {
        tally.own_share(Dimension::Completeness, readable, there);
        return;
    }
    let gaps = Gaps::of(&closed, series.excluded);
    let span = if dense {
        there + gaps.missing
    } else {
        // Where empty bars are left out, what is missing cannot be told from what was not.
        there
    };
    let wanted = wanted(first, last, span, series, grid, context);
    tally.own_share(Dimension::Completeness, readable, span.max(wanted));
    gaps.object(tally, span, dense);
    if wanted > span {
        short(tally, span, wanted, dense);
    }
}

/// Missing bars between those that came.
struct Gaps {
    missing: u64,
    longest: u64,
}

impl Gaps {
    fn of(closed: &[&Row<'_>], excluded: &[usize]) -> Self {
        let mut gaps = Self {
            missing: 0,
            longest: 0,
        };
        for pair in closed.windows(2) {
            let [before, after] = pair else { continue };
            let hole = after.slot.saturating_sub(before.slot).saturating_sub(1);
            let hole = u64::try_from(hole).unwrap_or(0);
            if hole == 0 {
                continue;
            }
            // A bar that came and could not be read fills its place: it is objected to already.
            let (low, high) = (
                before.position.min(after.position),
                before.position.max(after.position),
            );
            let filled = excluded
                .iter()
                .filter(|position| (low..high).contains(*position))
                .count();
            let hole = hole.saturating_sub(count(filled));
            gaps.missing = gaps.missing.saturating_add(hole);
            gaps.longest = gaps.longest.max(hole);
        }
        gaps
    }

    fn object(&self, tally: &mut Tally, span: u64, dense: bool) {
        if self.missing == 0 {
            return;
        }
        let severity = if !dense {
            Severity::Info
        } else if self.longest >= 10 || self.missing.saturating_mul(20) > span {
            Severity::Error
        } else {
            Severity::Warning
        };
        tally.measured(&C_GAP, severity, Some("time"), || {
            format!(
                "{} bars are missing, {} in a row",
                self.missing, self.longest
            )
        });
    }
}

/// How many closed bars the request promises, holes included; zero where it promises none.
fn wanted(
    first: &Row<'_>,
    last: &Row<'_>,
    span: u64,
    series: &Series<'_>,
    grid: &Grid,
    context: &Context<'_>,
) -> u64 {
    let Request::Candles { since, limit, .. } = context.request else {
        return 0;
    };
    // The last bar that can be closed by now.
    let newest = grid.slot(context.now).saturating_sub(1);
    match (since, limit) {
        (Some(since), limit) => {
            let kept = context.profile.history.map_or(i64::MIN, |bars| {
                newest.saturating_sub(i64::from(bars)).saturating_add(1)
            });
            let from = first_slot(grid, *since).max(kept);
            let head = first.slot.saturating_sub(from).max(0);
            let tail = limit.map_or(0, |limit| {
                let end = first_slot(grid, *since)
                    .saturating_add(i64::from(limit))
                    .saturating_sub(1);
                // A window that reaches to now is late, not short.
                if end < newest {
                    end.saturating_sub(last.slot).max(0)
                } else {
                    0
                }
            });
            span.saturating_add(u64::try_from(head.saturating_add(tail)).unwrap_or(0))
        }
        (None, Some(limit)) => {
            let forming = series.unique.iter().filter(|row| row.forming).count();
            let kept = context.profile.history.map_or(u64::MAX, u64::from);
            u64::from(*limit).min(kept).saturating_sub(count(forming))
        }
        (None, None) => 0,
    }
}

fn short(tally: &mut Tally, span: u64, wanted: u64, dense: bool) {
    let percent = u128::from(span) * 100 / u128::from(wanted.max(1));
    let severity = match percent {
        _ if !dense => Severity::Info,
        0..90 => Severity::Error,
        90..95 => Severity::Warning,
        _ => Severity::Info,
    };
    tally.measured(&C_SHORT, severity, None, || {
        format!("{span} bars of {wanted}")
    });
}

/// No closed bar came: a fault unless none can exist yet.
fn nothing(tally: &mut Tally, series: &Series<'_>, grid: &Grid, context: &Context<'_>) {
    let none_due = match context.request {
        Request::Candles {
            since: Some(since), ..
        } => first_slot(grid, *since) >= grid.slot(context.now),
        // The forming bar alone is an answer where no number of bars was asked for: a market's first.
        Request::Candles { limit, .. } => limit.is_none_or(|limit| limit <= 1) && series.total > 0,
        _ => false,
    };
    if none_due {
        return;
    }
    let unreadable = count(series.excluded.len());
    if series.total > 0 && (unreadable > 0 || series.unique.is_empty()) {
        // What came is objected to already.
        let readable = unreadable.saturating_sub(count(series.lacking));
        tally.own_share(Dimension::Completeness, readable, unreadable);
        return;
    }
    tally.own_share(Dimension::Completeness, 0, 1);
    let severity = if context.profile.dense_candles {
        Severity::Error
    } else {
        Severity::Info
    };
    tally.measured(&C_SHORT, severity, None, || "no closed bar came".to_owned());
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
