//! history/kline.

use crate::htx::error::Refusal;
use crate::htx::listing::{price, turnover, volume};
use crate::htx::ticker::AHEAD;
use crate::htx::{SYMBOL, channel, pair, size};
use crate::market::{Bar, DAY, HOUR, Listing, Market, SECOND, Span};
use crate::query::Query;

/// Rows of an answer when `size` is left out.
const ROWS: usize = 150;

fn span(name: &str) -> Option<Span> {
    let from = |length: i64, origin: i64| Some(Span::Even { length, origin });
    let minutes = |count: i64| Some(Span::even(count * 60 * SECOND));
    match name {
        "1min" => minutes(1),
        "5min" => minutes(5),
        "15min" => minutes(15),
        "30min" => minutes(30),
        "60min" => minutes(60),
        "4hour" => from(4 * HOUR, -AHEAD),
        "1day" => from(DAY, -AHEAD),
        // Monday, in Singapore.
        "1week" => from(7 * DAY, 4 * DAY - AHEAD),
        "1mon" => Some(Span::Months {
            count: 1,
            ahead: AHEAD,
        }),
        "1year" => Some(Span::Months {
            count: 12,
            ahead: AHEAD,
        }),
        _ => None,
    }
}

/// The newest rows, newest first; a span without a trade repeats the last price with nothing traded.
pub(crate) fn kline(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = pair(query, market)?;
    let name = query.get("period").unwrap_or_default();
    let span = span(name).ok_or(Refusal::Parameter("invalid period"))?;
    let count = size(query, ROWS)?;
    let (listing, mut feed) = market.pair(pair).ok_or(SYMBOL)?;
    let oldest = feed.oldest(at, |time| span.start(time));
    let mut rows = Vec::with_capacity(count);
    let mut start = span.start(at);
    while start >= oldest && rows.len() < count {
        let bar = feed.bar(start, span.next(start).min(at + 1));
        let before = match bar {
            Some(_) => None,
            None => feed.last_before(start),
        };
        let quiet = before.map_or(1, |trade| trade.price);
        rows.push(row(listing, start, bar, quiet));
        start = span.start(start - 1);
    }
    let payload = format!("\"data\":[{}]", rows.join(","));
    let topic = format!("kline.{name}");
    Ok(channel(&listing.id, &topic, at, &payload))
}

fn row(listing: &Listing, start: i64, bar: Option<Bar>, quiet: u64) -> String {
    let (open, close, low, high) = bar.map_or((quiet, quiet, quiet, quiet), |bar| {
        (bar.open, bar.close, bar.low, bar.high)
    });
    format!(
        "{{\"id\":{},\"open\":{},\"close\":{},\"low\":{},\"high\":{},\"amount\":{},\"vol\":{},\"count\":{}}}",
        start / SECOND,
        price(listing, open),
        price(listing, close),
        price(listing, low),
        price(listing, high),
        volume(listing, bar.map_or(0, |bar| bar.volume)),
        turnover(listing, bar.map_or(0, |bar| bar.turnover)),
        bar.map_or(0, |bar| bar.trades)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_start_at_16_utc_and_weeks_on_monday_there() {
        // 2017-07-04T16:00:00Z is the id of the example in the documentation.
        let day = span("1day").unwrap();
        assert_eq!(day.start(1_499_200_000 * SECOND), 1_499_184_000 * SECOND);
        // 2025-11-11T00:17:04Z; Monday the 10th starts on Sunday at 16:00 UTC.
        let at = 1_762_820_224 * SECOND;
        let monday = 1_762_732_800 * SECOND - AHEAD;
        assert_eq!(span("1week").unwrap().start(at), monday);
        assert_eq!(span("1hour"), None);
    }
}
