//! Where bars begin.

use robust_market::{Interval, Timestamp};

#[derive(Debug, Clone, Copy)]
pub(super) enum Round {
    Down,
    Up,
}

/// The start of the bar at, or after, a time. Weeks begin on Monday; months are left as they are.
pub(super) fn grid(time: Timestamp, interval: Interval, round: Round) -> Timestamp {
    const WEEK: i64 = 604_800;
    /// 1970-01-01 was a Thursday: the first Monday is four days later.
    const MONDAY: i64 = 4 * 86_400;
    if interval.is_calendar_month() {
        return time;
    }
    let secs = i64::try_from(interval.duration().as_secs())
        .unwrap_or(i64::MAX)
        .max(1);
    let anchor = if secs % WEEK == 0 { MONDAY } else { 0 };
    let step = secs.saturating_mul(1_000_000_000);
    let offset = time
        .as_ns()
        .saturating_sub(anchor.saturating_mul(1_000_000_000))
        .rem_euclid(step);
    let down = time.as_ns().saturating_sub(offset);
    match round {
        Round::Up if offset != 0 => Timestamp::from_ns(down.saturating_add(step)),
        _ => Timestamp::from_ns(down),
    }
}
