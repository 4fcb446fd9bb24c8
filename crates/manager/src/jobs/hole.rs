//! What has happened since the last success: the hole that one request fills.

use std::time::{Duration, SystemTime};

use robust_market::{BarCalendar, Candles, Request, Timestamp};

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
    calendar: BarCalendar,
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
    let grid = calendar.grid(*interval);
    let (last, open) = (grid.floor(stamp(last?)), grid.floor(stamp(nominal)));
    let bars = grid.between(last, open);
    let wanted = u32::try_from((bars + 1).min(MOST)).unwrap_or(u32::MAX);
    if wanted <= limit.unwrap_or(USUAL) {
        return None;
    }
    let beyond = page.is_some_and(|page| wanted > page);
    let first = grid.after(open, 1 - i64::from(wanted));
    Some(Request::Candles {
        symbol: symbol.clone(),
        interval: *interval,
        since: beyond.then_some(first),
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
    calendar: BarCalendar,
) -> Option<(Timestamp, Timestamp)> {
    let Request::Candles {
        interval,
        since: Some(first),
        ..
    } = request
    else {
        return None;
    };
    let from = calendar.grid(*interval).floor(stamp(last?));
    (from < *first).then_some((from, *first))
}

/// Whether the bar that closed at `nominal` or last before it is not there yet, or there and not finished.
///
/// Asked of the bars themselves: the one after the newest finished bar is over by then. So nobody waits for a bar of a day on which
/// the exchange closes none.
pub(super) fn lacks_the_last_bar(
    bars: &Candles,
    nominal: SystemTime,
    calendar: BarCalendar,
) -> bool {
    let grid = calendar.grid(bars.interval);
    let newest = bars.rows.iter().rev().find(|row| row.closed);
    newest.is_none_or(|newest| grid.after(newest.time, 2) <= stamp(nominal))
}

fn stamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(Timestamp::EPOCH, |since| {
        Timestamp::EPOCH.saturating_add(since)
    })
}

#[cfg(test)]
mod tests {
    use robust_market::{Candle, Interval, WeekStart};

    use super::*;

    const UTC: BarCalendar = BarCalendar::UTC;

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
        let request = fill(&bars(limit), Some(at(last)), at(nominal), Some(page), UTC)?;
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
        assert_eq!(fill(&bars(Some(5)), None, at(600), Some(720), UTC), None);
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
        let asked = fill(
            &bars(Some(5)),
            Some(at(0)),
            at(60_000_000),
            Some(1_000),
            UTC,
        )
        .unwrap();
        let Request::Candles { since, limit, .. } = &asked else {
            panic!("{asked:?}")
        };
        let first = 60_000_000 - 9_999 * 60;
        let since = since.map(Timestamp::as_secs);
        assert_eq!((since, *limit), (Some(first), Some(10_000)));
        let (from, to) = left_out(&asked, Some(at(0)), UTC).unwrap();
        assert_eq!((from.as_secs(), to.as_secs()), (0, first));
        // Nothing is left out of one that the most holds.
        let asked = fill(&bars(Some(5)), Some(at(659)), at(66_000), Some(720), UTC).unwrap();
        assert_eq!(left_out(&asked, Some(at(659)), UTC), None);
    }

    /// Bars of an exchange as they are at a moment, the open one last.
    fn series(interval: &str, calendar: BarCalendar, now: Timestamp) -> Candles {
        let mut bars = Candles::new("BTC/USD".parse().unwrap(), interval.parse().unwrap());
        let grid = calendar.grid(bars.interval);
        bars.rows = (-9..=0)
            .map(|nth| grid.after(grid.floor(now), nth))
            .map(|time| Candle {
                time,
                open: 1.into(),
                high: 1.into(),
                low: 1.into(),
                close: 1.into(),
                volume: 1.into(),
                quote_volume: None,
                vwap: None,
                count: None,
                closed: grid.end(time) <= now,
            })
            .collect();
        bars
    }

    #[test]
    fn nobody_waits_for_a_week_a_month_or_a_day_that_is_not_over() {
        let singapore = UTC.ahead(Duration::from_secs(8 * 3_600));
        let epoch = UTC.weeks(WeekStart::Thursday);
        for (interval, calendar) in [
            ("1w", UTC),
            ("1w", epoch),
            ("1w", singapore),
            ("1M", UTC),
            ("1M", singapore),
            ("1d", singapore),
            ("3d", UTC),
        ] {
            // Six hours after another, over three months.
            for quarter in 0..360 {
                let now = at(1_700_000_000 + quarter * 21_600);
                let whole = series(interval, calendar, stamp(now));
                let text = format!("{interval} {calendar:?} {now:?}");
                assert!(!lacks_the_last_bar(&whole, now, calendar), "{text}");
                let mut late = whole.clone();
                late.rows.pop();
                let before = late.rows.last_mut().unwrap();
                before.closed = false;
                assert!(lacks_the_last_bar(&late, now, calendar), "{text}");
                late.rows.pop();
                assert!(lacks_the_last_bar(&late, now, calendar), "{text}");
            }
        }
    }

    #[test]
    fn a_hole_of_weeks_or_months_is_counted_by_the_calendar_of_the_exchange() {
        let ask = |interval: &str, last, nominal, page| {
            let request = Request::Candles {
                symbol: "BTC/USD".parse().unwrap(),
                interval: interval.parse().unwrap(),
                since: None,
                limit: Some(1),
            };
            let asked = fill(&request, Some(at(last)), at(nominal), Some(page), UTC);
            match asked {
                Some(Request::Candles { since, limit, .. }) => {
                    Some((since.map(|since| since.to_string()), limit.unwrap()))
                }
                _ => None,
            }
        };
        // From Saturday the 11th of November 2023 to Sunday the 12th: no week in between. To Monday: one.
        assert_eq!(ask("1w", 1_699_660_800, 1_699_747_200, 720), None);
        let one = ask("1w", 1_699_660_800, 1_699_833_600, 720);
        assert_eq!(one, Some((None, 2)));
        // From 31 January 2024 to 1 February: one month; to 31 January 2025: twelve, and more than a page from the first on.
        assert_eq!(
            ask("1M", 1_706_659_200, 1_706_745_600, 720),
            Some((None, 2))
        );
        let year = ask("1M", 1_706_659_200, 1_738_281_600, 5);
        assert_eq!(year, Some((Some("2024-01-01T00:00:00Z".to_owned()), 13)));
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
