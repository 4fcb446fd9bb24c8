//! Is every bar there that should be?

use robust_market::{Dimension, Request, Severity, Timestamp};

use super::Row;
use super::grid::Grid;
use crate::level::Trading;
use crate::rules::{C_GAP, C_SHORT, C_SOURCE_OUTAGE};
use crate::tally::Tally;
use crate::{Context, Finite64, SymbolState};

/// A hole this many times as long as the longest one that is usual is no market's pause, as with the waits between trades.
const PAUSES: u64 = 3;
/// Holes before it is known how long they usually are.
const HOLES: usize = 30;
/// A shorter hole is never suspicious where empty bars are left out.
const HOLE_MIN: u64 = 10;
/// Bars that show that a market trades in every one of them.
const ALWAYS: u32 = 200;
/// Missing bars in a row that no such market leaves out.
const ODD: u64 = 3;

/// The bars of one answer, as far as their times can be used.
pub(super) struct Series<'a> {
    /// One bar for each time, ascending.
    pub(super) unique: &'a [Row<'a>],
    /// Whether each of them follows the one before it.
    pub(super) straight: bool,
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
    state: &mut SymbolState,
) {
    let is_closed = |row: &&Row<'_>| !row.forming;
    let closed_ones = || series.unique.iter().filter(is_closed);
    let dense = context.profile.dense_candles;
    let (Some(first), Some(last)) = (closed_ones().next(), closed_ones().next_back()) else {
        nothing(tally, series, grid, context, state);
        return;
    };
    let number = closed_ones().count();
    let unreadable = series.excluded.len();
    let there = count(number) + count(unreadable);
    let readable = there.saturating_sub(count(series.lacking));
    if !series.regular {
        tally.own_share(Dimension::Completeness, readable, there);
        return;
    }
    // Without a forming one between them.
    let all = last
        .slot
        .checked_sub(first.slot)
        .map(|apart| count(number) == apart.unsigned_abs() + 1);
    // Where nothing is missing they need not be gone through.
    let (closed, gaps) = if series.straight && all == Some(true) {
        (Vec::new(), Gaps::NONE)
    } else {
        let closed: Vec<&Row<'_>> = closed_ones().collect();
        let gaps = Gaps::of(&closed, series.excluded);
        (closed, gaps)
    };
    if dense {
        let span = there + gaps.missing;
        let due = span.saturating_add(ends(first, last, span, series, grid, context));
        tally.own_share(Dimension::Completeness, readable, due);
        let own = gaps.without_outages(tally, &closed, grid, context);
        own.object(tally, own.severity(span));
        if due > span {
            short(tally, span, due, severity(span, due));
        }
        return;
    }
    // Where empty bars are left out, what is missing cannot be told from what was not, unless it is far more than usual.
    let usual = state.longest_hole();
    let unusual = usual.is_some_and(|usual| gaps.longest > (PAUSES * usual).max(HOLE_MIN))
        || gaps.are_odd(&closed, there, state.seen.trading);
    state
        .seen
        .trading
        .learn(closed_ones(), state.seen.bar_level.held.map(|held| held.at));
    gaps.object(
        tally,
        if unusual {
            Severity::Warning
        } else {
            Severity::Info
        },
    );
    let due = Due::of(first, last, there, &gaps, series, grid, context, state);
    if due.is_short {
        tally.own_share(Dimension::Completeness, readable.min(due.came), due.wanted);
        short(tally, due.came, due.wanted, severity(due.came, due.wanted));
    } else {
        tally.own_share(Dimension::Completeness, readable, there);
        if due.wanted > due.came {
            short(tally, due.came, due.wanted, Severity::Info);
        }
    }
    if !unusual {
        gaps.learn(&closed, state);
    }
}

/// What was asked for of a source that leaves empty bars out.
struct Due {
    came: u64,
    wanted: u64,
    is_short: bool,
}

impl Due {
    #[allow(clippy::too_many_arguments, reason = "one place, called once")]
    fn of(
        first: &Row<'_>,
        last: &Row<'_>,
        there: u64,
        gaps: &Gaps,
        series: &Series<'_>,
        grid: &Grid,
        context: &Context<'_>,
        state: &mut SymbolState,
    ) -> Self {
        let asked = match context.request {
            Request::Candles {
                since: None, limit, ..
            } => limit.map(u64::from),
            _ => None,
        };
        // A source that once sent as many bars as were asked for and left some out counts bars, not time.
        let forming = series.unique.iter().filter(|row| row.forming).count();
        let enough = |asked| there.saturating_add(count(forming)) >= asked;
        if asked.is_some_and(enough) && gaps.missing > 0 {
            state.seen.counts_bars = true;
        }
        if state.seen.counts_bars && asked.is_some() {
            let wanted = there.saturating_add(ends(first, last, there, series, grid, context));
            return Self {
                came: there,
                wanted,
                is_short: wanted > there,
            };
        }
        // Nothing may have been traded since the last bar.
        let quiet = match asked {
            Some(_) => grid
                .slot(context.now)
                .saturating_sub(last.slot)
                .saturating_sub(1),
            None => 0,
        };
        let span = (there + gaps.missing).saturating_add(u64::try_from(quiet).unwrap_or(0));
        let lacks = ends(first, last, span, series, grid, context);
        let pause = gaps.longest.max(state.longest_hole().unwrap_or(0));
        Self {
            came: span,
            wanted: span.saturating_add(lacks),
            is_short: lacks > PAUSES * pause.max(1),
        }
    }
}

/// Missing bars between those that came.
#[derive(Debug, Clone, Copy)]
struct Gaps {
    missing: u64,
    longest: u64,
}

impl Gaps {
    const NONE: Self = Self {
        missing: 0,
        longest: 0,
    };

    fn of(closed: &[&Row<'_>], excluded: &[usize]) -> Self {
        let mut gaps = Self::NONE;
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

    /// The holes that other markets of the source do not share; tells those that they do.
    fn without_outages(
        self,
        tally: &mut Tally,
        closed: &[&Row<'_>],
        grid: &Grid,
        context: &Context<'_>,
    ) -> Self {
        let asked = context.outages.zip(context.request.symbol());
        let Some((outages, symbol)) = asked.filter(|_| self.missing > 0) else {
            return self;
        };
        let (mut own, mut shared) = (Self::NONE, 0_u64);
        for pair in closed.windows(2) {
            let [before, after] = pair else { continue };
            let hole = after.slot.saturating_sub(before.slot).saturating_sub(1);
            let hole = u64::try_from(hole).unwrap_or(0);
            if hole == 0 {
                continue;
            }
            let from = grid.end(before.candle.time);
            if outages.is_shared(symbol, from, after.candle.time) {
                shared = shared.saturating_add(hole);
            } else {
                own.missing = own.missing.saturating_add(hole);
                own.longest = own.longest.max(hole);
            }
        }
        if shared == 0 {
            return self;
        }
        tally.measured(&C_SOURCE_OUTAGE, Severity::Info, Some("time"), || {
            format!("{shared} bars are missing, as in other markets of the source")
        });
        // Bars that came and could not be read fill their places.
        own.missing = own.missing.min(self.missing);
        own.longest = own.longest.min(self.longest);
        own
    }

    /// Where there is a bar for every interval.
    fn severity(&self, span: u64) -> Severity {
        if self.longest >= 10 || self.missing.saturating_mul(20) > span {
            Severity::Error
        } else {
            Severity::Warning
        }
    }

    fn object(&self, tally: &mut Tally, severity: Severity) {
        if self.missing == 0 {
            return;
        }
        tally.measured(&C_GAP, severity, Some("time"), || {
            format!(
                "{} bars are missing, {} in a row",
                self.missing, self.longest
            )
        });
    }

    /// Whether there are holes in a market that trades in every bar: three in a row or one bar in twenty where the past says so, as
    /// many as are an error elsewhere where only the rest of the page does.
    fn are_odd(&self, closed: &[&Row<'_>], there: u64, past: Trading) -> bool {
        if self.missing == 0 {
            return false;
        }
        if past.is_always() {
            return self.longest >= ODD || self.missing.saturating_mul(20) > there + self.missing;
        }
        let mut page = Trading::default();
        page.learn(closed.iter().copied(), None);
        self.longest >= HOLE_MIN && past.with(page).is_always()
    }

    /// Remembers how long the holes are.
    fn learn(self, closed: &[&Row<'_>], state: &mut SymbolState) {
        if self.missing == 0 {
            return;
        }
        for pair in closed.windows(2) {
            let [before, after] = pair else { continue };
            let hole = after.slot.saturating_sub(before.slot).saturating_sub(1);
            if hole > 0 {
                let hole = u32::try_from(hole).unwrap_or(u32::MAX);
                let hole = Finite64::new(f64::from(hole)).unwrap_or_default();
                state.seen.holes.push(hole);
            }
        }
    }
}

impl Trading {
    /// Whether hardly one bar in a hundred was without a trade.
    const fn is_always(self) -> bool {
        self.bars >= ALWAYS && self.pauses.saturating_mul(100) <= self.bars
    }

    const fn with(self, other: Self) -> Self {
        Self {
            bars: self.bars.saturating_add(other.bars),
            pauses: self.pauses.saturating_add(other.pauses),
        }
    }

    /// Counts the bars after a time, and the holes before them.
    fn learn<'r, 'a: 'r>(
        &mut self,
        closed: impl Iterator<Item = &'r Row<'a>>,
        after: Option<Timestamp>,
    ) {
        let (mut fresh, mut pauses, mut before) = (0_usize, 0_usize, None);
        for row in closed.filter(|row| Some(row.candle.time) > after) {
            fresh += 1;
            pauses += usize::from(row.volume == 0.0);
            let last = before.replace(row.slot).unwrap_or(row.slot);
            pauses += usize::from(row.slot.saturating_sub(last) > 1);
        }
        let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        *self = self.with(Self {
            bars: count(fresh),
            pauses: count(pauses),
        });
        // A market that rests more and more is no longer one that always trades.
        while self.bars > 20 * ALWAYS {
            self.bars /= 2;
            self.pauses /= 2;
        }
    }
}

impl SymbolState {
    /// The longest hole that is usual where empty bars are left out; `None` before enough of them were seen.
    fn longest_hole(&mut self) -> Option<u64> {
        let holes = &mut self.seen.holes;
        let enough = holes.len() >= HOLES;
        let longest = holes.quantile(1.0).filter(|_| enough)?;
        // At most 2^32, so the conversion keeps it.
        Some(longest as u64)
    }
}

/// How many closed bars the request promises before and after the `span` that came; zero where it promises none.
fn ends(
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
            u64::try_from(head.saturating_add(tail)).unwrap_or(0)
        }
        (None, Some(limit)) => {
            let forming = series.unique.iter().filter(|row| row.forming).count();
            let kept = context.profile.history.map_or(u64::MAX, u64::from);
            let wanted = u64::from(*limit).min(kept);
            wanted.saturating_sub(count(forming)).saturating_sub(span)
        }
        (None, None) => 0,
    }
}

/// How heavy it is that so many of so many came.
fn severity(came: u64, wanted: u64) -> Severity {
    match u128::from(came) * 100 / u128::from(wanted.max(1)) {
        0..90 => Severity::Error,
        90..95 => Severity::Warning,
        _ => Severity::Info,
    }
}

fn short(tally: &mut Tally, came: u64, wanted: u64, severity: Severity) {
    tally.measured(&C_SHORT, severity, None, || {
        format!("{came} bars of {wanted}")
    });
}

/// No closed bar came: a fault unless none can exist yet.
///
/// A source that leaves out empty bars may know none at all; not one that sent some before and was not asked from a time on.
fn nothing(
    tally: &mut Tally,
    series: &Series<'_>,
    grid: &Grid,
    context: &Context<'_>,
    state: &SymbolState,
) {
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
    let from = matches!(context.request, Request::Candles { since: Some(_), .. });
    let severity = if context.profile.dense_candles || (state.knows_bars() && !from) {
        tally.own_share(Dimension::Completeness, 0, 1);
        Severity::Error
    } else {
        Severity::Info
    };
    tally.measured(&C_SHORT, severity, None, || "no closed bar came".to_owned());
}

fn count(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}
