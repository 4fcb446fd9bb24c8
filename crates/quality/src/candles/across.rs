//! Does a page go on where the one before it ended?

use robust_market::Severity;

use super::Row;
use super::grid::Grid;
use super::measure::logarithm;
use super::path::{GAP_HARD, LIFTED_MAX};
use crate::level::{BarLevel, Close};
use crate::rules::{A_OPEN_GAP, A_REGIME};
use crate::tally::Tally;
use crate::{Finite64, SymbolState};

/// Across bars that did not come the price may have moved: only this far is an error, times the square root of the bars for the
/// usual moves.
const APART_HARD: (f64, f64) = (25.0, 0.5);

/// What a page is beside the one before.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Joint {
    /// Nothing is known from before, or nothing of this page is as new.
    Unknown,
    /// It goes on from this close.
    Goes(Close),
    /// It is at another level, which waits to be confirmed.
    Away {
        /// Whether the page before was at that level too.
        again: bool,
    },
}

/// Where a page meets the last close of another one.
struct Meeting {
    /// Place of the first bar that is not older.
    at: usize,
    /// ln of the price there over that close.
    size: f64,
    is_hard: bool,
}

/// Whether a move is an error, `bars` after the close it is held against.
fn is_hard(size: f64, bars: f64, sigma: f64) -> bool {
    let (sigmas, least) = if bars <= 1.0 { GAP_HARD } else { APART_HARD };
    size.abs() > least && size.abs() > sigmas * sigma * bars.max(1.0).sqrt()
}

impl Meeting {
    fn of(end: &Close, rows: &[&Row<'_>], grid: &Grid, sigma: f64) -> Option<Self> {
        let at = rows.partition_point(|row| row.candle.time < end.at);
        let row = rows.get(at)?;
        let last = grid.slot(end.at);
        let far = |row: &Row<'_>| {
            let bars = row.slot.saturating_sub(last).max(0) as f64;
            let price = if bars == 0.0 { row.close } else { row.open };
            let size = logarithm(end.price.get(), price);
            (size, is_hard(size, bars * end.quiet.get(), sigma))
        };
        let (size, hard) = far(row);
        // A few bars that are lifted off the path are not another level: the path says so.
        let mut next = rows.iter().skip(at + 1).take(LIFTED_MAX);
        Some(Self {
            at,
            size,
            is_hard: hard && !next.any(|row| far(row).0.abs() < size.abs() / 2.0),
        })
    }
}

/// Holds the closed bars of a page against where the one before it ended, by the usual move of a bar.
///
/// A page at another level is an Error as a whole until a page after it goes on from it: prices that are wrong alike in every row
/// do not change anything between the rows.
pub(super) fn judge(
    tally: &mut Tally,
    rows: &[&Row<'_>],
    grid: &Grid,
    sigma: f64,
    level: &BarLevel,
) -> Joint {
    let meets = |end: Option<&Close>| end.and_then(|end| Meeting::of(end, rows, grid, sigma));
    let (Some(held), Some(met)) = (level.held, meets(level.held.as_ref())) else {
        return Joint::Unknown;
    };
    if !met.is_hard {
        return if met.at == 0 {
            Joint::Goes(held)
        } else {
            Joint::Unknown
        };
    }
    let waiting = level
        .waiting
        .filter(|_| meets(level.waiting.as_ref()).is_some_and(|m| !m.is_hard));
    let newest = rows.last().map(|row| row.candle.time);
    if let (Some(waiting), Some(newest)) = (waiting, newest)
        && level.is_confirmed(newest)
    {
        tally.measured(&A_REGIME, Severity::Info, Some("open"), || {
            "the level of the page before is confirmed".to_owned()
        });
        return Joint::Goes(waiting);
    }
    tally.whole(&A_OPEN_GAP, Severity::Error, Some("open"), || {
        format!(
            "the page is {:+.2} % away from where the one before ended",
            100.0 * met.size.exp_m1()
        )
    });
    Joint::Away {
        again: waiting.is_some(),
    }
}

/// Remembers where the page ended: `away` where that is a level which has to be confirmed.
pub(super) fn learn(
    tally: &Tally,
    rows: &[&Row<'_>],
    joint: Joint,
    breaks: bool,
    state: &mut SymbolState,
) {
    let Some(last) = rows.iter().rfind(|row| !tally.is_broken(row.position)) else {
        return;
    };
    let traded = rows
        .iter()
        .rev()
        .take_while(|row| row.volume == 0.0)
        .count();
    let before = match joint {
        Joint::Goes(end) if traded == rows.len() => end.quiet.get(),
        _ => 1.0,
    };
    let Some(price) = Finite64::new(last.close) else {
        return;
    };
    let end = Close {
        at: last.candle.time,
        price,
        quiet: Finite64::new(before + traded as f64).unwrap_or_default(),
    };
    let level = &mut state.seen.bar_level;
    match joint {
        Joint::Away { again } => level.wait(end, again),
        // The page itself leaves its level: which of the two is right the next one says.
        _ if breaks && level.held.is_some() => level.wait(end, false),
        _ if level.held.is_none_or(|held| held.at <= end.at) => level.hold(end),
        _ => {}
    }
}
