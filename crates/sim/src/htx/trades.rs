//! trade and history/trade.

use crate::htx::error::Refusal;
use crate::htx::listing::{amount, price};
use crate::htx::{MS, SYMBOL, channel, pair, size};
use crate::market::{Feed, Listing, Market, Trade};
use crate::query::Query;

/// Added to the number of an order, so that its text has twelve digits.
const ID_BASE: u64 = 100_000_000_000;

/// The last order that took, with its fills.
pub(crate) fn last(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let (listing, mut feed) = market.pair(pair(query, market)?).ok_or(SYMBOL)?;
    let groups = newest(listing, &mut feed, 1, at);
    let tick = groups.first().ok_or(SYMBOL)?;
    let payload = format!("\"tick\":{tick}");
    Ok(channel(&listing.id, "trade.detail", at, &payload))
}

/// The newest orders that took, newest first, each with its fills, newest first as captured frames have them.
pub(crate) fn history(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = pair(query, market)?;
    let count = size(query, 1)?;
    let (listing, mut feed) = market.pair(pair).ok_or(SYMBOL)?;
    let groups = newest(listing, &mut feed, count, at);
    let payload = format!("\"data\":[{}]", groups.join(","));
    Ok(channel(&listing.id, "trade.detail", at, &payload))
}

fn newest(listing: &Listing, feed: &mut Feed, count: usize, at: i64) -> Vec<String> {
    // Every fourth order fills twice; the oldest of these fills may belong to an order that is cut.
    feed.newest(count + count / 4 + 8, at)
        .chunk_by(|a, b| a.order == b.order)
        .rev()
        .take(count)
        .filter_map(|fills| group(listing, fills))
        .collect()
}

fn group(listing: &Listing, fills: &[Trade]) -> Option<String> {
    let first = fills.first()?;
    let group = ID_BASE + first.order;
    let rows: Vec<String> = fills
        .iter()
        .rev()
        .map(|fill| {
            // The id of a fill is that of its order with fifteen digits more: too long for 64 bits.
            format!(
                "{{\"id\":{group}{:015},\"ts\":{},\"trade-id\":{},\"amount\":{},\"price\":{},\"direction\":\"{}\"}}",
                fill.id % 1_000_000_000_000_000,
                fill.time.div_euclid(MS),
                fill.id,
                amount(listing, fill.amount),
                price(listing, fill.price),
                if fill.buy { "buy" } else { "sell" }
            )
        })
        .collect();
    Some(format!(
        "{{\"id\":{group},\"ts\":{},\"data\":[{}]}}",
        first.time.div_euclid(MS),
        rows.join(",")
    ))
}
