//! Trades.

use crate::kraken::error::Refusal;
use crate::kraken::pairs::{number, one};
use crate::kraken::wide;
use crate::market::fixed::Fixed;
use crate::market::{Market, SECOND, Trade, horizon};
use crate::query::Query;

/// A `since` below this is in seconds, above it the nanoseconds of a cursor.
const SECONDS_BELOW: i64 = 1_000_000_000_000;

pub(crate) fn trades(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let count = number(query, "count", 1..=1_000, 1_000)?;
    let since = match query.get("since") {
        None => None,
        Some(text) => Some(cursor(text)?),
    };
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::UnknownPair)?;
    let trades = match since {
        None => feed.newest(count, at),
        Some(since) => feed.range(since.saturating_add(1).max(horizon(at)), at + 1, count),
    };
    let last = trades
        .last()
        .map_or_else(|| since.unwrap_or(at), |trade| trade.time);
    let rows: Vec<String> = trades
        .iter()
        .map(|trade| {
            format!(
                "[\"{}\",\"{}\",{},\"{}\",\"{}\",\"\",{}]",
                Fixed::new(
                    trade.price,
                    listing.price_places,
                    wide(listing.price_places)
                ),
                Fixed::new(trade.amount, listing.lot_places, listing.lot_places),
                float_seconds(trade),
                if trade.buy { "b" } else { "s" },
                if trade.market { "m" } else { "l" },
                trade.id
            )
        })
        .collect();
    Ok(format!(
        "{{\"{}\":[{}],\"last\":\"{last}\"}}",
        listing.id,
        rows.join(",")
    ))
}

fn cursor(text: &str) -> Result<i64, Refusal> {
    let whole = match text.split_once('.') {
        Some((whole, part)) if part.bytes().all(|b| b.is_ascii_digit()) => whole,
        Some(_) => return Err(Refusal::InvalidArguments),
        None => text,
    };
    match whole.parse::<i64>() {
        Ok(seconds @ 0..SECONDS_BELOW) => Ok(seconds.saturating_mul(SECOND)),
        Ok(nanoseconds) if nanoseconds >= 0 => Ok(nanoseconds),
        _ => Err(Refusal::InvalidArguments),
    }
}

/// Seconds with the seven decimals that a float still holds, without zeros at the end. The rest is cut, so that a time
/// never leaves its minute.
fn float_seconds(trade: &Trade) -> String {
    let text = Fixed::new(trade.time.div_euclid(100), 7, 7).to_string();
    let short = text.trim_end_matches('0');
    if short.ends_with('.') {
        format!("{short}0")
    } else {
        short.to_owned()
    }
}
