//! histories.

use crate::kucoin::error::Refusal;
use crate::kucoin::listing::price;
use crate::kucoin::pair;
use crate::market::Market;
use crate::market::fixed::Fixed;
use crate::query::Query;

/// The last trades of an answer; there is no way to ask for more or for older ones.
const TRADES: usize = 100;

pub(crate) fn histories(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let found = pair(query, market)?.ok_or(Refusal::UnsupportedPair)?;
    let (listing, mut feed) = market.pair(found).ok_or(Refusal::UnsupportedPair)?;
    let lots = listing.lot_places;
    let rows: Vec<String> = feed
        .newest(TRADES, at)
        .iter()
        .map(|trade| {
            // Sizes keep their zeros here, and the time is in nanoseconds.
            format!(
                "{{\"sequence\":\"{}\",\"price\":\"{}\",\"size\":\"{}\",\"side\":\"{}\",\"time\":{}}}",
                trade.id,
                price(listing, trade.price),
                Fixed::new(trade.amount, lots, lots),
                if trade.buy { "buy" } else { "sell" },
                trade.time
            )
        })
        .collect();
    Ok(format!("[{}]", rows.join(",")))
}
