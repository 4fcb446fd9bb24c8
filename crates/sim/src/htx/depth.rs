//! depth.

use crate::htx::error::Refusal;
use crate::htx::listing::{price, volume};
use crate::htx::{MS, SYMBOL, channel, pair};
use crate::market::{Depth, Level, Listing, Market};
use crate::query::Query;

/// Levels of `step0` when `depth` is left out.
const ALL: usize = 150;
/// Levels of the other steps when `depth` is left out.
const MERGED: usize = 20;
/// Levels of the book that the steps are merged from.
const WHOLE: usize = 5_000;

/// Levels are merged to multiples of so many ticks.
fn grid(name: &str) -> Option<u64> {
    match name {
        "step0" => Some(1),
        "step1" => Some(10),
        "step2" => Some(100),
        "step3" => Some(1_000),
        "step4" => Some(10_000),
        "step5" => Some(100_000),
        _ => None,
    }
}

pub(crate) fn depth(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let (listing, mut feed) = market.pair(pair(query, market)?).ok_or(SYMBOL)?;
    let name = query.get("type").unwrap_or_default();
    let grid = grid(name).ok_or(Refusal::Parameter("invalid type"))?;
    let levels = match query.get("depth") {
        None if grid == 1 => ALL,
        None | Some("20") => MERGED,
        Some("10") => 10,
        Some("5") => 5,
        Some(_) => return Err(Refusal::Parameter("invalid depth")),
    };
    let taken = if grid == 1 { levels } else { WHOLE };
    let shown = Depth {
        levels: taken,
        step: 1,
    };
    let book = feed.book(at, shown).ok_or(SYMBOL)?;
    // A bid is shown no higher and an ask no lower than it is.
    let bids = merge(&book.bids, levels, |ticks| ticks / grid * grid);
    let asks = merge(&book.asks, levels, |ticks| ticks.div_ceil(grid) * grid);
    let payload = format!(
        "\"tick\":{{\"bids\":[{}],\"asks\":[{}],\"version\":{},\"ts\":{}}}",
        rows(listing, &bids),
        rows(listing, &asks),
        book.sequence,
        at.div_euclid(MS)
    );
    let topic = format!("depth.{name}");
    Ok(channel(&listing.id, &topic, at, &payload))
}

/// Adds up the levels that fall on the same price; a price of zero is no level.
fn merge(levels: &[Level], count: usize, to: impl Fn(u64) -> u64) -> Vec<(u64, u128)> {
    levels
        .chunk_by(|a, b| to(a.price) == to(b.price))
        .filter_map(|same| {
            let price = to(same.first()?.price);
            let amount = same.iter().map(|level| u128::from(level.amount)).sum();
            (price > 0).then_some((price, amount))
        })
        .take(count)
        .collect()
}

fn rows(listing: &Listing, levels: &[(u64, u128)]) -> String {
    let rows: Vec<String> = levels
        .iter()
        .map(|(ticks, lots)| format!("[{},{}]", price(listing, *ticks), volume(listing, *lots)))
        .collect();
    rows.join(",")
}
