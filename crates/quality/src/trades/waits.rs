//! Has the market gone silent? A quiet market is not a stale one, so the newest trade is only held against the market's own pauses.

use std::time::Duration;

use robust_market::{Dimension, Request, Severity};

use super::Row;
use crate::rules::T_STALE;
use crate::tally::Tally;
use crate::timeliness::SourceTime;
use crate::{Context, Finite64, SymbolState};

/// Waits of one page before they say how long pauses are.
const ENOUGH: usize = 20;
/// The wait that all but this many in a thousand stay under is the longest usual one.
const BEYOND: usize = 1;
/// Up to this many of the longest usual waits nothing is lost.
const GOOD: u32 = 3;
/// More than this many are a Warning.
const WARNING: u32 = 10;
/// Shorter silences are never suspicious: the age at which a ticker is an Error.
const SILENCE_MIN: Duration = Duration::from_secs(60);

/// The longest usual wait of a page: that of 999 in 1 000, by rank.
fn longest(rows: &[&Row<'_>]) -> Option<Duration> {
    let count = rows.len().checked_sub(1)?;
    let surplus = count * BEYOND / 1_000;
    if count < ENOUGH {
        return None;
    }
    let wait = |pair: &[i64]| match pair {
        [a, b] => b.abs_diff(*a),
        _ => 0,
    };
    let ordered = rows.is_sorted_by_key(|row| row.ns());
    if surplus == 0 && ordered {
        let longest = rows.windows(2).map(|pair| match pair {
            [a, b] => b.ns().abs_diff(a.ns()),
            _ => 0,
        });
        return longest.max().map(Duration::from_nanos);
    }
    let mut sorted: Vec<i64> = rows.iter().map(|row| row.ns()).collect();
    if !ordered {
        sorted.sort_unstable();
    }
    let mut waits: Vec<u64> = sorted.windows(2).map(wait).collect();
    let place = count.checked_sub(1 + surplus)?;
    let (_, wait, _) = waits.select_nth_unstable(place);
    Some(Duration::from_nanos(*wait))
}

/// Judges the age of the newest trade where the newest ones were asked for, and learns how long this market pauses.
///
/// Nothing is ever lost below 0.95 for it, and nothing heavier than a Warning is said: the market may simply rest.
pub(super) fn judge(
    tally: &mut Tally,
    rows: &[&Row<'_>],
    repeated: bool,
    clock: &SourceTime,
    context: &Context<'_>,
    state: &mut SymbolState,
) {
    let Some(newest) = rows.iter().map(|row| row.trade.time).max() else {
        return;
    };
    let own = longest(rows);
    let known = state.seen.waits.quantile(1.0);
    let known = known.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    if let Some(seconds) = own.and_then(|own| Finite64::new(own.as_secs_f64())) {
        state.seen.waits.push(seconds);
    }
    let wants_newest = matches!(context.request, Request::Trades { since: None, .. });
    // A page that came again is objected to already.
    let (Some(usual), true, false) = (own.max(known), wants_newest, repeated) else {
        return;
    };
    let age = clock.there.since(newest);
    let good = usual.saturating_mul(GOOD);
    let warning = usual.saturating_mul(WARNING).max(SILENCE_MIN);
    if age <= good {
        return;
    }
    let part = age.saturating_sub(good).as_secs_f64() / warning.saturating_sub(good).as_secs_f64();
    tally.own_at_most(Dimension::Timeliness, 1.0 - 0.05 * part.min(1.0));
    if age > warning {
        tally.measured(&T_STALE, Severity::Warning, Some("time"), || {
            format!(
                "the newest trade is {:.0} s old; this market waits {:.1} s at most",
                age.as_secs_f64(),
                usual.as_secs_f64()
            )
        });
    }
}
