//! Ticker and Depth.

use std::fmt::Write;

use crate::kraken::error::Refusal;
use crate::kraken::pairs::{named, number, one};
use crate::kraken::{shown, wide};
use crate::market::fixed::Fixed;
use crate::market::{Bar, DAY, Feed, Level, Listing, Market};
use crate::query::Query;

pub(crate) fn ticker(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let mut rows = Vec::new();
    for pair in named(query.get("pair"), market)? {
        if let Some((listing, mut feed)) = market.pair(pair) {
            rows.extend(row(listing, &mut feed, at));
        }
    }
    Ok(format!("{{{}}}", rows.join(",")))
}

fn row(listing: &Listing, feed: &mut Feed, at: i64) -> Option<String> {
    let (places, lots) = (listing.price_places, listing.lot_places);
    let wide = wide(places);
    let last = feed.last_before(at + 1)?;
    let book = feed.book(at, shown(1))?;
    let today = feed.bar(at.div_euclid(DAY) * DAY, at + 1);
    let day = feed.bar(at + 1 - DAY, at + 1);
    let price = |ticks: u64| Fixed::new(ticks, places, wide);
    let both = |of: &dyn Fn(Option<&Bar>) -> String| {
        format!("[\"{}\",\"{}\"]", of(today.as_ref()), of(day.as_ref()))
    };
    let volume =
        |bar: Option<&Bar>| Fixed::sum(bar.map_or(0, |b| b.volume), lots, lots).to_string();
    let vwap = |bar: Option<&Bar>| {
        Fixed::sum(bar.map_or(0, |b| b.vwap(places, wide)), wide, wide).to_string()
    };
    let low = |bar: Option<&Bar>| price(bar.map_or(last.price, |b| b.low)).to_string();
    let high = |bar: Option<&Bar>| price(bar.map_or(last.price, |b| b.high)).to_string();
    let trades = |bar: Option<Bar>| bar.map_or(0, |b| b.trades);
    let best = |level: Option<&Level>| {
        let level = level?;
        let amount = Fixed::new(level.amount, lots, 3);
        // Whole lots are rounded up, so that there is always one.
        let whole = level.amount.div_ceil(10_u64.pow(lots));
        Some(format!(
            "[\"{}\",\"{whole}\",\"{amount}\"]",
            price(level.price)
        ))
    };
    let mut row = String::with_capacity(512);
    let _ = write!(
        row,
        "\"{}\":{{\"a\":{},\"b\":{},\"c\":[\"{}\",\"{}\"]",
        listing.id,
        best(book.asks.first())?,
        best(book.bids.first())?,
        price(last.price),
        Fixed::new(last.amount, lots, lots)
    );
    let _ = write!(row, ",\"v\":{},\"p\":{}", both(&volume), both(&vwap));
    let _ = write!(
        row,
        ",\"t\":[{},{}],\"l\":{},\"h\":{},\"o\":\"{}\"}}",
        trades(today),
        trades(day),
        both(&low),
        both(&high),
        price(today.map_or(last.price, |b| b.open))
    );
    Some(row)
}

pub(crate) fn depth(query: &Query, market: &Market, at: i64) -> Result<String, Refusal> {
    let pair = one(query, market)?;
    let count = number(query, "count", 1..=500, 100)?;
    let (listing, mut feed) = market.pair(pair).ok_or(Refusal::UnknownPair)?;
    let book = feed.book(at, shown(count)).ok_or(Refusal::UnknownPair)?;
    let side = |levels: &[Level]| {
        let rows: Vec<String> = levels
            .iter()
            .map(|level| {
                format!(
                    "[\"{}\",\"{}\",{}]",
                    Fixed::new(
                        level.price,
                        listing.price_places,
                        wide(listing.price_places)
                    ),
                    Fixed::new(level.amount, listing.lot_places, 3),
                    level.since.div_euclid(crate::market::SECOND)
                )
            })
            .collect();
        rows.join(",")
    };
    Ok(format!(
        "{{\"{}\":{{\"asks\":[{}],\"bids\":[{}]}}}}",
        listing.id,
        side(&book.asks),
        side(&book.bids)
    ))
}
