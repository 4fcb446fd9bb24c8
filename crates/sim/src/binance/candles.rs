//! klines.

use crate::binance::error::Refusal;
use crate::binance::params::{limit, number, one};
use crate::market::fixed::Fixed;
use crate::market::{Bar, DAY, HOUR, Listing, Market, SECOND, Span};
use crate::query::Query;

const PLACES: u32 = 8;
const MS: i64 = 1_000_000;
/// Weeks start on Monday; 1970 started on a Thursday.
const MONDAY: i64 = 4 * DAY;

fn interval(text: &str) -> Option<Span> {
    let minutes = |count: i64| Some(Span::even(count * 60 * SECOND));
    let hours = |count: i64| Some(Span::even(count * HOUR));
    match text {
        "1s" => Some(Span::even(SECOND)),
        "1m" => minutes(1),
        "3m" => minutes(3),
        "5m" => minutes(5),
        "15m" => minutes(15),
        "30m" => minutes(30),
        "1h" => hours(1),
        "2h" => hours(2),
        "4h" => hours(4),
        "6h" => hours(6),
        "8h" => hours(8),
        "12h" => hours(12),
        "1d" => hours(24),
        "3d" => hours(72),
        "1w" => Some(Span::Even {
            length: 7 * DAY,
            origin: MONDAY,
        }),
        "1M" => Some(Span::Months { count: 1, ahead: 0 }),
        _ => None,
    }
}

pub(crate) fn klines(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let name = query
        .get("interval")
        .ok_or(Refusal::Mandatory("interval"))?;
    let interval = interval(name).ok_or(Refusal::Interval)?;
    if query
        .get("timeZone")
        .is_some_and(|zone| !["0", "0:00", "00:00"].contains(&zone))
    {
        // Days of other zones are not simulated.
        return Err(Refusal::NotValid("timeZone"));
    }
    let limit = limit(query, 500, 1_000)?;
    let in_time = |ms: i64| ms.saturating_mul(MS);
    let from = number(query, "startTime")?.map(in_time);
    let until = number(query, "endTime")?.map_or(at, |end| in_time(end).min(at));
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::Symbol)?;

    let oldest = feed.oldest(at, |time| interval.start(time));
    let mut starts = Vec::with_capacity(limit);
    if let Some(from) = from {
        let from = from.max(oldest);
        let mut start = interval.start(from.min(at));
        if start < from {
            start = interval.next(start);
        }
        while starts.len() < limit && start <= until {
            starts.push(start);
            start = interval.next(start);
        }
    } else {
        let mut start = interval.start(until);
        while starts.len() < limit && start >= oldest {
            starts.push(start);
            start = interval.start(start - 1);
        }
        starts.reverse();
    }
    let mut previous = starts
        .first()
        .and_then(|first| feed.last_before(*first))
        .map_or(1, |trade| trade.price);
    let mut rows = Vec::with_capacity(starts.len());
    for start in starts {
        let next = interval.next(start);
        let bar = feed.bar(start, next.min(at + 1));
        rows.push(row(listing, start, next, bar, previous));
        previous = bar.map_or(previous, |bar| bar.close);
    }
    Ok(format!("[{}]", rows.join(",")))
}

fn row(listing: &Listing, start: i64, next: i64, bar: Option<Bar>, previous: u64) -> String {
    let (places, lots) = (listing.price_places, listing.lot_places);
    let price = |ticks: u64| Fixed::new(ticks, places, PLACES);
    let volume = |of: u128| Fixed::sum(of, lots, PLACES);
    let turnover = |of: u128| Fixed::sum(of, places + lots, PLACES);
    let (o, h, l, c) = bar.map_or((previous, previous, previous, previous), |bar| {
        (bar.open, bar.high, bar.low, bar.close)
    });
    let sum = |of: fn(&Bar) -> u128| bar.as_ref().map_or(0, of);
    format!(
        "[{},\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",{},\"{}\",{},\"{}\",\"{}\",\"0\"]",
        start / MS,
        price(o),
        price(h),
        price(l),
        price(c),
        volume(sum(|bar| bar.volume)),
        next / MS - 1,
        turnover(sum(|bar| bar.turnover)),
        bar.map_or(0, |bar| bar.trades),
        volume(sum(|bar| bar.bought)),
        turnover(sum(|bar| bar.bought_turnover))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_start_on_monday_and_case_tells_minutes_from_months() {
        // 2025-11-11T00:17:04Z, a Tuesday.
        let at = 1_762_820_224 * SECOND;
        let of = |text: &str| interval(text).unwrap();
        assert_eq!(of("1w").start(at), 1_762_732_800 * SECOND);
        assert_eq!(of("1M").start(at), 1_761_955_200 * SECOND);
        assert_eq!(of("4h").start(at), 1_762_819_200 * SECOND);
        assert_eq!(interval("1H"), None);
        assert_ne!(interval("1m"), interval("1M"));
    }
}
