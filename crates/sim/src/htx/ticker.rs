//! detail/merged, detail and tickers.

use crate::htx::error::Refusal;
use crate::htx::listing::{amount, price, turnover, volume};
use crate::htx::{MS, SYMBOL, channel, pair};
use crate::market::{Bar, DAY, Depth, Feed, HOUR, Level, Listing, Market};
use crate::query::Query;

/// Days are those of Singapore.
pub(crate) const AHEAD: i64 = 8 * HOUR;

/// The sums of the last 24 hours.
fn rolling(feed: &mut Feed, at: i64) -> Option<Bar> {
    feed.bar(at - DAY, at + 1)
}

fn best(feed: &mut Feed, at: i64) -> Option<(Level, Level)> {
    let book = feed.book(at, Depth { levels: 1, step: 1 })?;
    Some((*book.bids.first()?, *book.asks.first()?))
}

/// The fields that merged and detail share.
fn day(listing: &Listing, bar: &Bar, id: u64) -> String {
    format!(
        "\"id\":{id},\"version\":{id},\"open\":{},\"close\":{},\"low\":{},\"high\":{},\"amount\":{},\"vol\":{},\"count\":{}",
        price(listing, bar.open),
        price(listing, bar.close),
        price(listing, bar.low),
        price(listing, bar.high),
        volume(listing, bar.volume),
        turnover(listing, bar.turnover),
        bar.trades
    )
}

pub(crate) fn merged(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let (listing, mut feed) = market.pair(pair(query, market)?).ok_or(SYMBOL)?;
    let bar = rolling(&mut feed, at).ok_or(SYMBOL)?;
    let (bid, ask) = best(&mut feed, at).ok_or(SYMBOL)?;
    let payload = format!(
        "\"tick\":{{{},\"bid\":[{},{}],\"ask\":[{},{}]}}",
        day(listing, &bar, bar.last_id),
        price(listing, bid.price),
        amount(listing, bid.amount),
        price(listing, ask.price),
        amount(listing, ask.amount)
    );
    Ok(channel(&listing.id, "detail.merged", at, &payload))
}

pub(crate) fn detail(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let (listing, mut feed) = market.pair(pair(query, market)?).ok_or(SYMBOL)?;
    let bar = rolling(&mut feed, at).ok_or(SYMBOL)?;
    let payload = format!("\"tick\":{{{}}}", day(listing, &bar, bar.last_id));
    Ok(channel(&listing.id, "detail", at, &payload))
}

pub(crate) fn tickers(market: &Market, at: i64) -> Result<String, Refusal> {
    let rows: Vec<String> = (0..market.listings().len())
        .filter_map(|pair| {
            let (listing, mut feed) = market.pair(pair)?;
            row(listing, &mut feed, at)
        })
        .collect();
    Ok(format!(
        "{{\"status\":\"ok\",\"ts\":{},\"data\":[{}]}}",
        at.div_euclid(MS),
        rows.join(",")
    ))
}

/// Open, high, low and close are of the day in Singapore; amount, vol and count of the last 24 hours.
fn row(listing: &Listing, feed: &mut Feed, at: i64) -> Option<String> {
    let last = feed.last_before(at + 1)?;
    let today = (at + AHEAD).div_euclid(DAY) * DAY - AHEAD;
    let (open, high, low, close) = match feed.bar(today, at + 1) {
        Some(bar) => (bar.open, bar.high, bar.low, bar.close),
        // Nothing traded yet today.
        None => (last.price, last.price, last.price, last.price),
    };
    let sums = rolling(feed, at)?;
    let (bid, ask) = best(feed, at)?;
    Some(format!(
        "{{\"symbol\":\"{}\",\"open\":{},\"high\":{},\"low\":{},\"close\":{},\"amount\":{},\"vol\":{},\"count\":{},\"bid\":{},\"bidSize\":{},\"ask\":{},\"askSize\":{}}}",
        listing.id,
        price(listing, open),
        price(listing, high),
        price(listing, low),
        price(listing, close),
        volume(listing, sums.volume),
        turnover(listing, sums.turnover),
        sums.trades,
        price(listing, bid.price),
        amount(listing, bid.amount),
        price(listing, ask.price),
        amount(listing, ask.amount)
    ))
}
