//! What has happened since the last success: the hole that one request fills.

use std::time::{Duration, SystemTime};

use robust_market::{Candles, Interval, Request, Timestamp};

/// Bars that every exchange sends when nobody says how many.
const USUAL: u32 = 100;

/// The most bars that a hole is filled with; what is older is for `rdm fetch` and friends.
const MOST: u64 = 10_000;

/// The request of a run that stands for `nominal`, after a last success at `last`.
///
/// Bars: as many as were closed since, and the one that is open, where that is more than is asked for anyway. As long as one answer
/// (`page`) holds them they are the newest bars, so that they are kept where every reader finds them; beyond that they are asked for
/// from the last success on, page by page, and of more than the most the newest.
pub(super) fn fill(
    request: &Request,
    last: Option<SystemTime>,
    nominal: SystemTime,
    page: Option<u32>,
) -> Option<Request> {
    let Request::Candles {
        symbol,
        interval,
        since: None,
        limit,
    } = request
    else {
        return None;
    };
    let last = last?;
    let length = interval.duration().as_secs().max(1);
    let bars = seconds(nominal) / length - (seconds(last) / length).min(seconds(nominal) / length);
    let wanted = u32::try_from((bars + 1).min(MOST)).unwrap_or(u32::MAX);
    if wanted <= limit.unwrap_or(USUAL) {
        return None;
    }
    let beyond = page.is_some_and(|page| wanted > page);
    let first = (seconds(nominal) / length).saturating_sub(u64::from(wanted) - 1);
    let from = i64::try_from(first * length).unwrap_or(i64::MAX);
    Some(Request::Candles {
        symbol: symbol.clone(),
        interval: *interval,
        since: beyond.then(|| Timestamp::from_secs(from)).flatten(),
        limit: Some(wanted),
    })
}

/// The trades since the last success, or of the time from one run to the next before there is one; as many as one answer (`page`)
/// holds, where nobody says how many.
pub(super) fn since(
    request: &Request,
    last: Option<SystemTime>,
    nominal: SystemTime,
    period: Duration,
    page: Option<u32>,
) -> Option<Request> {
    let Request::Trades { symbol, limit, .. } = request else {
        return None;
    };
    let from = last.or_else(|| nominal.checked_sub(period))?;
    let ms = from
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?
        .as_millis();
    Some(Request::Trades {
        symbol: symbol.clone(),
        since: Timestamp::from_ms(i64::try_from(ms).ok()?),
        limit: limit.or(page),
    })
}

/// The same request for at most so many rows, where it is for a series of pages.
pub(super) fn at_most(mut request: Request, rows: u32) -> Request {
    if let Request::Candles { since, limit, .. } | Request::Trades { since, limit, .. } =
        &mut request
        && since.is_some()
    {
        *limit = limit.map(|limit| limit.min(rows));
    }
    request
}

/// The bars after `last` that a request does not go back to.
pub(super) fn left_out(
    request: &Request,
    last: Option<SystemTime>,
) -> Option<(Timestamp, Timestamp)> {
    let Request::Candles {
        interval,
        since: Some(first),
        ..
    } = request
    else {
        return None;
    };
    let length = interval.duration().as_secs().max(1);
    let from = i64::try_from(seconds(last?) / length * length).ok()?;
    let from = Timestamp::from_secs(from)?;
    (from < *first).then_some((from, *first))
}

/// Whether the bar that closed at `nominal` or last before it is not there yet, or there and not finished.
pub(super) fn lacks_the_last_bar(bars: &Candles, interval: Interval, nominal: SystemTime) -> bool {
    let length = interval.duration().as_secs().max(1);
    let Some(opened) = (seconds(nominal) / length * length).checked_sub(length) else {
        return false;
    };
    let newest = bars.rows.iter().rev().find(|row| row.closed);
    let opened = i64::try_from(opened).unwrap_or(i64::MAX);
    newest.is_none_or(|newest| newest.time.as_secs() < opened)
}

fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn bars(limit: Option<u32>) -> Request {
        Request::Candles {
            symbol: "BTC/USD".parse().unwrap(),
            interval: Interval::M1,
            since: None,
            limit,
        }
    }

    fn asked(last: u64, nominal: u64, limit: Option<u32>, page: u32) -> Option<(Option<i64>, u32)> {
        let request = fill(&bars(limit), Some(at(last)), at(nominal), Some(page))?;
        match request {
            Request::Candles { since, limit, .. } => Some((since.map(Timestamp::as_secs), limit?)),
            _ => None,
        }
    }

    #[test]
    fn a_hole_is_filled_by_one_request_for_its_bars_and_the_open_one() {
        // Nothing is missing, or nothing that is not asked for anyway.
        assert_eq!(asked(540, 600, Some(5), 720), None);
        assert_eq!(asked(0, 600, None, 720), None);
        assert_eq!(fill(&bars(Some(5)), None, at(600), Some(720)), None);
        // Thirty minutes away.
        assert_eq!(asked(600, 2_400, Some(5), 720), Some((None, 31)));
        assert_eq!(asked(659, 2_401, Some(5), 720), Some((None, 31)));
        // More than a page: from the last success on.
        assert_eq!(asked(659, 66_000, Some(5), 720), Some((Some(600), 1_091)));
        // A clock that was set back asks for nothing more.
        assert_eq!(asked(6_000, 600, Some(5), 720), None);
        assert_eq!(asked(0, 60_000_000, Some(5), 20_000), Some((None, 10_000)));
    }

    #[test]
    fn of_a_hole_beyond_the_most_the_newest_bars_are_asked_for_and_the_others_told() {
        // A million bars, up to the one that opens at 60,000,000.
        let asked = fill(&bars(Some(5)), Some(at(0)), at(60_000_000), Some(1_000)).unwrap();
        let Request::Candles { since, limit, .. } = &asked else {
            panic!("{asked:?}")
        };
        let first = 60_000_000 - 9_999 * 60;
        let since = since.map(Timestamp::as_secs);
        assert_eq!((since, *limit), (Some(first), Some(10_000)));
        let (from, to) = left_out(&asked, Some(at(0))).unwrap();
        assert_eq!((from.as_secs(), to.as_secs()), (0, first));
        // Nothing is left out of one that the most holds.
        let asked = fill(&bars(Some(5)), Some(at(659)), at(66_000), Some(720)).unwrap();
        assert_eq!(left_out(&asked, Some(at(659))), None);
    }

    #[test]
    fn trades_are_those_since_the_last_success_or_of_one_period() {
        let request = Request::Trades {
            symbol: "BTC/USD".parse().unwrap(),
            since: None,
            limit: Some(1_000),
        };
        let from = |last| match since(&request, last, at(9_000), Duration::from_secs(900), None) {
            Some(Request::Trades { since, .. }) => since.map(Timestamp::as_secs),
            _ => None,
        };
        assert_eq!(
            (from(None), from(Some(at(7_000)))),
            (Some(8_100), Some(7_000))
        );
    }
}
