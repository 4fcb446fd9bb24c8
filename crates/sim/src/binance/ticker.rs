//! ticker/24hr, ticker/price, ticker/bookTicker, avgPrice and depth.

use std::fmt::Write;

use crate::binance::error::Refusal;
use crate::binance::params::{limit, one, pairs};
use crate::binance::shown;
use crate::market::fixed::Fixed;
use crate::market::{DAY, Feed, Level, Listing, Market};
use crate::query::Query;

/// Prices and amounts have eight decimals everywhere.
const PLACES: u32 = 8;
const MS: i64 = 1_000_000;

/// One object for `symbol`, a list otherwise.
fn rows(
    query: &Query,
    market: &Market,
    row: impl Fn(&Listing, &mut Feed) -> Option<String>,
) -> Result<String, Refusal> {
    let (chosen, single) = pairs(query, market)?;
    // Every pair is trading, all the time; another status finds nothing.
    let status = query.get("symbolStatus").unwrap_or("TRADING");
    let rows: Vec<String> = chosen
        .iter()
        .filter(|_| status == "TRADING")
        .filter_map(|pair| market.pair(*pair))
        .filter_map(|(listing, mut feed)| row(listing, &mut feed))
        .collect();
    match (single, rows.first()) {
        (true, Some(row)) => Ok(row.clone()),
        (true, None) => Err(Refusal::Symbol),
        (false, _) => Ok(format!("[{}]", rows.join(","))),
    }
}

pub(crate) fn day(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let full = match query.get("type") {
        None | Some("FULL") => true,
        Some("MINI") => false,
        Some(_) => return Err(Refusal::NotValid("type")),
    };
    rows(query, market, |listing, feed| {
        day_row(listing, feed, at, full)
    })
}

fn day_row(listing: &Listing, feed: &mut Feed, at: i64, full: bool) -> Option<String> {
    let close_ms = at.div_euclid(MS);
    let open_ms = close_ms - DAY / MS;
    let bar = feed.bar(open_ms * MS, at + 1)?;
    let before = feed.last_before(open_ms * MS)?;
    let last = feed.last_before(at + 1)?;
    let book = feed.book(at, shown(1))?;
    let (places, lots) = (listing.price_places, listing.lot_places);
    let price = |ticks: u64| Fixed::new(ticks, places, PLACES);
    let amount = |of: u64| Fixed::new(of, lots, PLACES);
    let change = i128::from(bar.close) - i128::from(bar.open);
    let mut row = String::with_capacity(768);
    // Writing to a string cannot fail.
    let _ = write!(row, "{{\"symbol\":\"{}\"", listing.id);
    if full {
        let (bid, ask) = (book.bids.first()?, book.asks.first()?);
        // Thousandths of a percent, rounded half away from zero.
        let open = i128::from(bar.open.max(1));
        let percent = (change.abs() * 100_000 + open / 2) / open * change.signum();
        let _ = write!(
            row,
            ",\"priceChange\":\"{}\",\"priceChangePercent\":\"{}\",\"weightedAvgPrice\":\"{}\",\"prevClosePrice\":\"{}\",\"lastPrice\":\"{}\",\"lastQty\":\"{}\"",
            Fixed::new(change, places, PLACES),
            Fixed::new(percent, 3, 3),
            Fixed::sum(bar.vwap(places, PLACES), PLACES, PLACES),
            price(before.price),
            price(last.price),
            amount(last.amount)
        );
        let _ = write!(
            row,
            ",\"bidPrice\":\"{}\",\"bidQty\":\"{}\",\"askPrice\":\"{}\",\"askQty\":\"{}\",\"openPrice\":\"{}\",\"highPrice\":\"{}\",\"lowPrice\":\"{}\"",
            price(bid.price),
            amount(bid.amount),
            price(ask.price),
            amount(ask.amount),
            price(bar.open),
            price(bar.high),
            price(bar.low)
        );
    } else {
        let _ = write!(
            row,
            ",\"openPrice\":\"{}\",\"highPrice\":\"{}\",\"lowPrice\":\"{}\",\"lastPrice\":\"{}\"",
            price(bar.open),
            price(bar.high),
            price(bar.low),
            price(last.price)
        );
    }
    let _ = write!(
        row,
        ",\"volume\":\"{}\",\"quoteVolume\":\"{}\",\"openTime\":{open_ms},\"closeTime\":{close_ms},\"firstId\":{},\"lastId\":{},\"count\":{}}}",
        Fixed::sum(bar.volume, lots, PLACES),
        Fixed::sum(bar.turnover, places + lots, PLACES),
        bar.first_id,
        bar.last_id,
        bar.trades
    );
    Some(row)
}

pub(crate) fn price(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    rows(query, market, |listing, feed| {
        let last = feed.last_before(at + 1)?;
        Some(format!(
            "{{\"symbol\":\"{}\",\"price\":\"{}\"}}",
            listing.id,
            Fixed::new(last.price, listing.price_places, PLACES)
        ))
    })
}

pub(crate) fn book_ticker(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    rows(query, market, |listing, feed| {
        let book = feed.book(at, shown(1))?;
        let (bid, ask) = (book.bids.first()?, book.asks.first()?);
        let price = |ticks: u64| Fixed::new(ticks, listing.price_places, PLACES);
        let amount = |of: u64| Fixed::new(of, listing.lot_places, PLACES);
        Some(format!(
            "{{\"symbol\":\"{}\",\"bidPrice\":\"{}\",\"bidQty\":\"{}\",\"askPrice\":\"{}\",\"askQty\":\"{}\"}}",
            listing.id,
            price(bid.price),
            amount(bid.amount),
            price(ask.price),
            amount(ask.amount)
        ))
    })
}

pub(crate) fn avg_price(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::Symbol)?;
    let last = feed.last_before(at + 1).ok_or(Refusal::Symbol)?;
    let places = listing.price_places;
    // Without a trade in five minutes, the last price.
    let price = match feed.bar(at + 1 - 300_000 * MS, at + 1) {
        Some(bar) => Fixed::sum(bar.vwap(places, PLACES), PLACES, PLACES),
        None => Fixed::new(last.price, places, PLACES),
    };
    Ok(format!(
        "{{\"mins\":5,\"price\":\"{price}\",\"closeTime\":{}}}",
        last.time.div_euclid(MS)
    ))
}

pub(crate) fn depth(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let limit = limit(query, 100, 5_000)?;
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::Symbol)?;
    let book = feed.book(at, shown(limit)).ok_or(Refusal::Symbol)?;
    let side = |levels: &[Level]| {
        let rows: Vec<String> = levels
            .iter()
            .map(|level| {
                format!(
                    "[\"{}\",\"{}\"]",
                    Fixed::new(level.price, listing.price_places, PLACES),
                    Fixed::new(level.amount, listing.lot_places, PLACES)
                )
            })
            .collect();
        rows.join(",")
    };
    Ok(format!(
        "{{\"lastUpdateId\":{},\"bids\":[{}],\"asks\":[{}]}}",
        book.sequence,
        side(&book.bids),
        side(&book.asks)
    ))
}
