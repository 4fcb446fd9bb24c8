//! OHLC.

use crate::kraken::error::Refusal;
use crate::kraken::pairs::{number, one};
use crate::market::fixed::Fixed;
use crate::market::{Market, SECOND};
use crate::query::Query;

/// The intervals in minutes.
const INTERVALS: [usize; 9] = [1, 5, 15, 30, 60, 240, 1_440, 10_080, 21_600];
/// Committed rows of an answer; the open one comes on top.
const MAX_ROWS: i64 = 720;

pub(crate) fn ohlc(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let minutes = number(query, "interval", 1..=21_600, 1)?;
    if !INTERVALS.contains(&minutes) {
        return Err(Refusal::InvalidArguments);
    }
    let since: Option<i64> = match query.get("since") {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| Refusal::InvalidArguments)?),
    };
    let step = i64::try_from(minutes).unwrap_or(1) * 60 * SECOND;
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::UnknownPair)?;

    let open = at.div_euclid(step) * step;
    // The first whole interval that the exchange remembers.
    let oldest = feed.oldest(at, |time| time.div_euclid(step) * step);
    let oldest = -(-oldest).div_euclid(step) * step;
    let mut start = (open - MAX_ROWS * step).max(oldest).min(open);
    if let Some(since) = since {
        // Rows after `since`; the open row is there regardless.
        let after = since
            .saturating_mul(SECOND)
            .div_euclid(step)
            .saturating_add(1)
            .saturating_mul(step);
        start = start.max(after.min(open));
    }
    let mut previous = feed.last_before(start).map_or(1, |trade| trade.price);
    let mut rows = Vec::new();
    while start <= open {
        let bar = feed.bar(start, (start + step).min(at + 1));
        let places = listing.price_places;
        let price = |ticks: u64| Fixed::new(ticks, places, places);
        let (o, h, l, c) = bar.map_or((previous, previous, previous, previous), |bar| {
            (bar.open, bar.high, bar.low, bar.close)
        });
        rows.push(format!(
            "[{},\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",\"{}\",{}]",
            start / SECOND,
            price(o),
            price(h),
            price(l),
            price(c),
            Fixed::sum(
                bar.map_or(0, |bar| bar.vwap(places, places)),
                places,
                places
            ),
            Fixed::sum(
                bar.map_or(0, |bar| bar.volume),
                listing.lot_places,
                listing.lot_places
            ),
            bar.map_or(0, |bar| bar.trades)
        ));
        previous = c;
        start += step;
    }
    Ok(format!(
        "{{\"{}\":[{}],\"last\":{}}}",
        listing.id,
        rows.join(","),
        (open - step) / SECOND
    ))
}
