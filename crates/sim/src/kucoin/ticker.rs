//! level1, allTickers, stats and the books.

use std::fmt::Write;

use crate::kucoin::error::Refusal;
use crate::kucoin::listing::{amount, name, price};
use crate::kucoin::pair;
use crate::market::fixed::Fixed;
use crate::market::{DAY, Depth, Feed, Level, Listing, Market, SECOND};
use crate::query::Query;

const MS: i64 = 1_000_000;
/// Levels a side of what stands for the whole book.
pub(crate) const WHOLE: usize = 2_000;
/// allTickers is a snapshot that is taken every two seconds.
const SNAPSHOT: i64 = 2 * SECOND;

const FEES: &str = "\"takerFeeRate\":\"0.001\",\"makerFeeRate\":\"0.001\",\"takerCoefficient\":\"1\",\"makerCoefficient\":\"1\"";

/// Amounts of the book are whole lots.
fn shown(levels: usize) -> Depth {
    Depth { levels, step: 1 }
}

pub(crate) fn level1(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    // An unknown symbol is no error here: its data are null.
    let Some((listing, mut feed)) = pair(query, market)?.and_then(|pair| market.pair(pair)) else {
        return Ok("null".to_owned());
    };
    let row = best(listing, &mut feed, at);
    Ok(row.unwrap_or_else(|| "null".to_owned()))
}

fn best(listing: &Listing, feed: &mut Feed, at: i64) -> Option<String> {
    let last = feed.last_before(at + 1)?;
    let book = feed.book(at, shown(1))?;
    let (bid, ask) = (book.bids.first()?, book.asks.first()?);
    Some(format!(
        "{{\"time\":{},\"sequence\":\"{}\",\"price\":\"{}\",\"size\":\"{}\",\"bestBid\":\"{}\",\"bestBidSize\":\"{}\",\"bestAsk\":\"{}\",\"bestAskSize\":\"{}\"}}",
        at.div_euclid(MS),
        book.sequence,
        price(listing, last.price),
        amount(listing, last.amount),
        price(listing, bid.price),
        amount(listing, bid.amount),
        price(listing, ask.price),
        amount(listing, ask.amount)
    ))
}

pub(crate) fn stats(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let found = pair(query, market)?.ok_or(Refusal::UnsupportedPair)?;
    let (listing, mut feed) = market.pair(found).ok_or(Refusal::UnsupportedPair)?;
    let mut row = format!(
        "{{\"time\":{},\"symbol\":\"{}\"",
        at.div_euclid(MS),
        listing.id
    );
    day(&mut row, listing, &mut feed, at, false).ok_or(Refusal::UnsupportedPair)?;
    Ok(row)
}

pub(crate) fn all(market: &Market, at: i64) -> Result<String, Refusal> {
    let at = at.div_euclid(SNAPSHOT) * SNAPSHOT;
    let rows: Vec<String> = (0..market.listings().len())
        .filter_map(|pair| {
            let (listing, mut feed) = market.pair(pair)?;
            let mut row = format!(
                "{{\"symbol\":\"{}\",\"symbolName\":\"{}\"",
                listing.id,
                name(listing)
            );
            day(&mut row, listing, &mut feed, at, true)?;
            Some(row)
        })
        .collect();
    Ok(format!(
        "{{\"time\":{},\"ticker\":[{}]}}",
        at.div_euclid(MS),
        rows.join(",")
    ))
}

/// The fields of the last 24 hours, to the end of the object; with the sizes of the best prices or without.
fn day(row: &mut String, listing: &Listing, feed: &mut Feed, at: i64, sizes: bool) -> Option<()> {
    let bar = feed.bar(at - DAY, at + 1)?;
    let last = feed.last_before(at + 1)?;
    let book = feed.book(at, shown(1))?;
    let (bid, ask) = (book.bids.first()?, book.asks.first()?);
    let (places, lots) = (listing.price_places, listing.lot_places);
    let change = i128::from(bar.close) - i128::from(bar.open);
    let open = i128::from(bar.open.max(1));
    // A fraction with four decimals, rounded half away from zero.
    let rate = (change.abs() * 10_000 + open / 2) / open * change.signum();
    // Writing to a string cannot fail.
    let _ = write!(row, ",\"buy\":\"{}\"", price(listing, bid.price));
    if sizes {
        let _ = write!(row, ",\"bestBidSize\":\"{}\"", amount(listing, bid.amount));
    }
    let _ = write!(row, ",\"sell\":\"{}\"", price(listing, ask.price));
    if sizes {
        let _ = write!(row, ",\"bestAskSize\":\"{}\"", amount(listing, ask.amount));
    }
    let _ = write!(
        row,
        ",\"changeRate\":\"{}\",\"changePrice\":\"{}\",\"high\":\"{}\",\"low\":\"{}\",\"vol\":\"{}\",\"volValue\":\"{}\",\"last\":\"{}\",\"averagePrice\":\"{}\",{FEES}}}",
        Fixed::new(rate, 4, 4).trimmed(),
        Fixed::new(change, places, places).trimmed(),
        price(listing, bar.high),
        price(listing, bar.low),
        Fixed::sum(bar.volume, lots, lots).trimmed(),
        Fixed::sum(bar.turnover, places + lots, places + lots).trimmed(),
        price(listing, last.price),
        Fixed::sum(
            bar.vwap(places, places.max(8)),
            places.max(8),
            places.max(8)
        )
        .trimmed()
    );
    Some(())
}

pub(crate) fn book(
    query: &Query,
    market: &Market,
    at: i64,
    levels: usize,
) -> Result<String, Refusal> {
    let found = pair(query, market)?.ok_or(Refusal::NoSuchSymbol)?;
    let (listing, mut feed) = market.pair(found).ok_or(Refusal::NoSuchSymbol)?;
    let book = feed.book(at, shown(levels)).ok_or(Refusal::NoSuchSymbol)?;
    let side = |levels: &[Level]| {
        let rows: Vec<String> = levels
            .iter()
            .map(|level| {
                format!(
                    "[\"{}\",\"{}\"]",
                    price(listing, level.price),
                    amount(listing, level.amount)
                )
            })
            .collect();
        rows.join(",")
    };
    Ok(format!(
        "{{\"time\":{},\"sequence\":\"{}\",\"bids\":[{}],\"asks\":[{}]}}",
        at.div_euclid(MS),
        book.sequence,
        side(&book.bids),
        side(&book.asks)
    ))
}
