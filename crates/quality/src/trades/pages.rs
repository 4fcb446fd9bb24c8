//! Trades beside those of the page before: copies, conflicts and holes between pages.

use robust_market::{Request, Severity, Timestamp};

use super::Row;
use crate::rules::{C_ID_GAP, C_PAGE_GAP, U_DUP_CONFLICT, U_OVERLAP, U_PAGE_REPEAT};
use crate::tally::{Place, Tally};
use crate::{Context, Provenance, SymbolState};

/// A page of fewer trades says nothing about the market's pace.
const PACE: usize = 20;
/// A market that paused for more than this many of its longest pauses would have traded.
const PAUSES: u32 = 5;
/// Shorter waits than this are never suspicious.
const WAIT_MIN: std::time::Duration = std::time::Duration::from_secs(10);

/// What a page is beside those before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    /// Whether it is the one before again while new trades are due.
    pub(super) repeated: bool,
    /// Whether it holds a trade that is not remembered.
    pub(super) fresh: bool,
}

/// Judges a page beside what was here before.
pub(super) fn judge(
    tally: &mut Tally,
    rows: &[Row<'_>],
    copies: &[bool],
    context: &Context<'_>,
    state: &SymbolState,
) -> Page {
    if state.seen.ids.is_empty() {
        return Page {
            repeated: false,
            fresh: true,
        };
    }
    let mut known = 0_usize;
    let mut fresh = false;
    let mut place = 0;
    for (row, copy) in rows.iter().zip(copies) {
        let Some(id) = row.key.filter(|_| !copy) else {
            continue;
        };
        let Some(content) = state.seen.ids.content(id, &mut place) else {
            fresh = true;
            continue;
        };
        if content == row.content {
            known += 1;
            continue;
        }
        let place = Place {
            field: Some("id"),
            ..Place::row(row.position)
        };
        tally.object(&U_DUP_CONFLICT, Severity::Error, place, || {
            "another trade had this id on a page before".to_owned()
        });
    }
    if known > 0 {
        tally.measured(&U_OVERLAP, Severity::Info, Some("id"), || {
            format!("{known} of {} trades were on a page before", rows.len())
        });
    }
    let repeated = known == rows.len() && known >= PACE && overdue(rows, context);
    if repeated {
        tally.measured(&U_PAGE_REPEAT, Severity::Warning, Some("id"), || {
            "the page before again, though the market's pace makes new trades due".to_owned()
        });
    }
    if known == 0 && !rows.is_empty() {
        hole(tally, rows, context, state);
    }
    Page { repeated, fresh }
}

/// Whether more time went by since the newest trade than the market's pauses explain.
fn overdue(rows: &[Row<'_>], context: &Context<'_>) -> bool {
    let newest = rows.iter().map(|row| row.trade.time).max();
    let waited = newest
        .map(|newest| context.now.since(newest))
        .unwrap_or_default();
    if waited <= WAIT_MIN {
        return false;
    }
    let pause = |pair: &[Row<'_>]| match pair {
        [a, b] => b.ns().abs_diff(a.ns()),
        _ => 0,
    };
    let longest = rows.windows(2).map(pause).max().unwrap_or_default();
    waited > std::time::Duration::from_nanos(longest).saturating_mul(PAUSES)
}

/// Objects to ids that are left out where hardly any ever is, and learns how they count.
pub(super) fn counted(
    tally: &mut Tally,
    rows: &[Row<'_>],
    straight: bool,
    state: &mut SymbolState,
) {
    if !straight || rows.len() < 2 {
        return;
    }
    let step = |pair: &[Row<'_>]| match pair {
        [a, b] => b.key.unwrap_or(0).saturating_sub(a.key.unwrap_or(0)),
        _ => 0,
    };
    let ones = rows.windows(2).filter(|pair| step(pair) == 1).count();
    let others = rows.len() - 1 - ones;
    let count = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    state.seen.counting = state.seen.counting.with(count(ones), count(others));
    if others > 0 && state.seen.counting.is_dense() {
        let missing = rows.windows(2).map(|pair| step(pair).saturating_sub(1));
        let missing = missing.fold(0_u64, u64::saturating_add);
        tally.whole(&C_ID_GAP, Severity::Warning, Some("id"), || {
            format!("{missing} ids are left out, where nearly all count up by one")
        });
    }
}

/// Objects to trades that are missing between the page before and this one.
fn hole(tally: &mut Tally, rows: &[Row<'_>], context: &Context<'_>, state: &SymbolState) {
    let (first, dense) = if context.profile.dense_trade_ids {
        let first = rows.iter().filter_map(Row::number).min();
        (first.and_then(|first| u64::try_from(first).ok()), true)
    } else {
        (None, false)
    };
    let beyond = match (first, state.seen.last_id) {
        (Some(first), Some(last)) => first > last.saturating_add(1),
        // Without counted ids a page that is all newer may or may not follow.
        _ if dense => false,
        _ => {
            let oldest = rows.iter().map(|row| row.trade.time).min();
            oldest > state.last_time()
        }
    };
    if !beyond {
        return;
    }
    let pushed = context
        .provenance
        .as_ref()
        .is_some_and(Provenance::is_stream);
    let continues = |since: Timestamp| state.last_time().is_some_and(|last| since <= last);
    let asked = match context.request {
        Request::Trades {
            since: Some(since), ..
        } => continues(*since),
        _ => pushed,
    };
    let severity = match (asked, dense) {
        (true, true) => Severity::Error,
        (true, false) => Severity::Warning,
        // A poll of the newest trades leaves out what came in between: nobody asked for it.
        (false, _) => Severity::Info,
    };
    tally.measured(&C_PAGE_GAP, severity, Some("id"), || {
        match (first, state.seen.last_id) {
            (Some(first), Some(last)) => format!(
                "{} trades are missing before this page",
                first.saturating_sub(last).saturating_sub(1)
            ),
            _ => "the page does not overlap the one before".to_owned(),
        }
    });
}

/// Remembers the trades of a page; without `fresh` ones it is remembered already.
pub(super) fn learn(
    rows: &[&Row<'_>],
    fresh: bool,
    context: &Context<'_>,
    state: &mut SymbolState,
) {
    if fresh {
        let page: Vec<(u64, u64)> = rows
            .iter()
            .filter_map(|row| Some((row.key?, row.content)))
            .collect();
        state.seen.ids.learn(&page);
    }
    let newest = rows.iter().map(|row| row.trade.time).max();
    state.accept(newest.max(state.last_time()), None);
    if context.profile.dense_trade_ids {
        let highest = rows.iter().filter_map(|row| row.number()).max();
        let highest = highest.and_then(|highest| u64::try_from(highest).ok());
        state.seen.last_id = highest.max(state.seen.last_id);
    }
}
