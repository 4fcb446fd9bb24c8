//! candles.

use crate::kucoin::error::Refusal;
use crate::kucoin::listing::price;
use crate::kucoin::pair;
use crate::market::fixed::Fixed;
use crate::market::{Bar, HOUR, Listing, Market, SECOND, Span, horizon};
use crate::query::Query;

/// Rows of an answer.
const MAX_ROWS: usize = 1_500;

/// Weeks start on Thursday, as 1970 did (kucoin-api-docs issues 350 and 373).
fn span(name: &str) -> Option<Span> {
    let minutes = |count: i64| Some(Span::even(count * 60 * SECOND));
    let hours = |count: i64| Some(Span::even(count * HOUR));
    match name {
        "1min" => minutes(1),
        "3min" => minutes(3),
        "5min" => minutes(5),
        "15min" => minutes(15),
        "30min" => minutes(30),
        "1hour" => hours(1),
        "2hour" => hours(2),
        "4hour" => hours(4),
        "6hour" => hours(6),
        "8hour" => hours(8),
        "12hour" => hours(12),
        "1day" => hours(24),
        "1week" => hours(7 * 24),
        "1month" => Some(Span::Months { count: 1, ahead: 0 }),
        _ => None,
    }
}

/// A time in seconds; zero is as good as none.
fn seconds(query: &Query, name: &'static str) -> Result<Option<i64>, Refusal> {
    match query.get(name) {
        None => Ok(None),
        Some(text) => match text.parse::<i64>() {
            Ok(seconds) if seconds >= 0 => {
                Ok((seconds > 0).then(|| seconds.saturating_mul(SECOND)))
            }
            _ => Err(Refusal::NotValid(name)),
        },
    }
}

/// The newest rows that start at `startAt` or later and before `endAt`, newest first; what had no trade has no row.
pub(crate) fn candles(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let found = pair(query, market)?.ok_or(Refusal::UnsupportedPair)?;
    let name = query.get("type").ok_or(Refusal::Missing("type"))?;
    let span = span(name).ok_or(Refusal::CandleType)?;
    let from = seconds(query, "startAt")?.unwrap_or(0).max(horizon(at));
    let until = seconds(query, "endAt")?.map_or(at + 1, |end| end.min(at + 1));
    let (listing, mut feed) = market.pair(found).ok_or(Refusal::UnsupportedPair)?;
    let mut rows = Vec::new();
    let mut start = span.start(until.saturating_sub(1));
    while start >= from && rows.len() < MAX_ROWS {
        if let Some(bar) = feed.bar(start, span.next(start).min(at + 1)) {
            rows.push(row(listing, start, &bar));
        }
        start = span.start(start - 1);
    }
    Ok(format!("[{}]", rows.join(",")))
}

/// Time, open, CLOSE, HIGH, LOW, volume, turnover: all of it text.
fn row(listing: &Listing, start: i64, bar: &Bar) -> String {
    let (places, lots) = (listing.price_places, listing.lot_places);
    format!(
        "[\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\"]",
        start / SECOND,
        price(listing, bar.open),
        price(listing, bar.close),
        price(listing, bar.high),
        price(listing, bar.low),
        Fixed::sum(bar.volume, lots, lots).trimmed(),
        Fixed::sum(bar.turnover, places + lots, places + lots).trimmed()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_start_on_thursday() {
        // 2022-01-18, the day of the issue that reports rows at 1642032000 and 1641427200.
        let week = span("1week").unwrap();
        assert_eq!(week.start(1_642_464_000 * SECOND), 1_642_032_000 * SECOND);
        assert_eq!(span("1m"), None);
    }
}
