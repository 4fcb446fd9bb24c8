//! The other side of the comparison: plain serde into borrowed text.
//!
//! Derived structs with the fields that a connector reads and nothing else: strings as `&str`, numbers as their text, lists as
//! vectors, no decimals, no times, no notes on what is broken. What a connector skips is skipped here. One unexpected type and everything is
//! lost.

#![allow(
    dead_code,
    reason = "they are filled to be measured and not to be read"
)]

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::payloads::{Kind, Venue};

type Number<'a> = &'a RawValue;

/// Reads an answer; `None` when it has another shape.
pub(super) fn read(venue: Venue, kind: Kind, body: &[u8]) -> Option<()> {
    // The whole text is checked once, as a connector does; that is cheaper than string by string.
    let text = std::str::from_utf8(body).ok()?;
    match (venue, kind) {
        (Venue::Kraken, Kind::Ticker) => parse::<Kraken<KrakenTicker<'_>>>(text),
        (Venue::Kraken, Kind::Trade) => parse::<Kraken<Vec<KrakenTrade<'_>>>>(text),
        (Venue::Kraken, Kind::Book) => parse::<Kraken<KrakenBook<'_>>>(text),
        (Venue::Kraken, Kind::Candle) => parse::<Kraken<Vec<KrakenCandle<'_>>>>(text),
        (Venue::Binance, Kind::Ticker) => parse::<BinanceTicker<'_>>(text),
        (Venue::Binance, Kind::Trade) => parse::<Vec<BinanceTrade<'_>>>(text),
        (Venue::Binance, Kind::Book) => parse::<BinanceBook<'_>>(text),
        (Venue::Binance, Kind::Candle) => parse::<Vec<BinanceCandle<'_>>>(text),
        (Venue::KuCoin, Kind::Ticker) => parse::<KuCoin<'_, KuCoinTicker<'_>>>(text),
        (Venue::KuCoin, Kind::Trade) => parse::<KuCoin<'_, Vec<KuCoinTrade<'_>>>>(text),
        (Venue::KuCoin, Kind::Book) => parse::<KuCoin<'_, KuCoinBook<'_>>>(text),
        (Venue::KuCoin, Kind::Candle) => parse::<KuCoin<'_, Vec<KuCoinCandle<'_>>>>(text),
        (Venue::Htx, Kind::Ticker) => parse::<HtxTick<'_, HtxTicker<'_>>>(text),
        (Venue::Htx, Kind::Trade) => parse::<HtxData<'_, HtxEntry<'_>>>(text),
        (Venue::Htx, Kind::Book) => parse::<HtxTick<'_, HtxBook<'_>>>(text),
        (Venue::Htx, Kind::Candle) => parse::<HtxData<'_, HtxCandle<'_>>>(text),
    }
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Option<()> {
    let value: T = serde_json::from_str(text).ok()?;
    std::hint::black_box(&value);
    Some(())
}

#[derive(Deserialize)]
struct Kraken<T> {
    error: Vec<IgnoredAny>,
    result: KrakenResult<T>,
}

#[derive(Deserialize)]
struct KrakenResult<T> {
    #[serde(rename = "XXBTZUSD")]
    pair: T,
}

#[derive(Deserialize)]
struct KrakenTicker<'a> {
    #[serde(borrow)]
    a: (&'a str, IgnoredAny, &'a str),
    b: (&'a str, IgnoredAny, &'a str),
    c: (&'a str, IgnoredAny),
    v: (IgnoredAny, &'a str),
    p: (IgnoredAny, &'a str),
    l: (IgnoredAny, &'a str),
    h: (IgnoredAny, &'a str),
}

#[derive(Deserialize)]
struct KrakenTrade<'a>(
    &'a str,
    &'a str,
    #[serde(borrow)] Number<'a>,
    &'a str,
    IgnoredAny,
    IgnoredAny,
    #[serde(borrow)] Number<'a>,
);

#[derive(Deserialize)]
struct KrakenBook<'a> {
    #[serde(borrow)]
    asks: Vec<(&'a str, &'a str, IgnoredAny)>,
    bids: Vec<(&'a str, &'a str, IgnoredAny)>,
}

#[derive(Deserialize)]
struct KrakenCandle<'a>(
    #[serde(borrow)] Number<'a>,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    #[serde(borrow)] Number<'a>,
);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BinanceTicker<'a> {
    symbol: &'a str,
    last_price: &'a str,
    bid_price: &'a str,
    bid_qty: &'a str,
    ask_price: &'a str,
    ask_qty: &'a str,
    high_price: &'a str,
    low_price: &'a str,
    open_price: &'a str,
    volume: &'a str,
    quote_volume: &'a str,
    weighted_avg_price: &'a str,
    price_change: &'a str,
    #[serde(borrow)]
    close_time: Number<'a>,
}

#[derive(Deserialize)]
struct BinanceTrade<'a> {
    #[serde(borrow)]
    a: Number<'a>,
    p: &'a str,
    q: &'a str,
    #[serde(borrow, rename = "T")]
    t: Number<'a>,
    m: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BinanceBook<'a> {
    #[serde(borrow)]
    last_update_id: Number<'a>,
    bids: Vec<(&'a str, &'a str)>,
    asks: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct BinanceCandle<'a>(
    #[serde(borrow)] Number<'a>,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    #[serde(borrow)] Number<'a>,
    &'a str,
    #[serde(borrow)] Number<'a>,
    IgnoredAny,
    IgnoredAny,
    IgnoredAny,
);

#[derive(Deserialize)]
struct KuCoin<'a, T> {
    code: &'a str,
    data: T,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KuCoinTicker<'a> {
    #[serde(borrow)]
    time: Number<'a>,
    symbol: &'a str,
    buy: &'a str,
    sell: &'a str,
    change_price: &'a str,
    high: &'a str,
    low: &'a str,
    vol: &'a str,
    vol_value: &'a str,
    last: &'a str,
}

#[derive(Deserialize)]
struct KuCoinTrade<'a> {
    sequence: &'a str,
    price: &'a str,
    size: &'a str,
    side: &'a str,
    #[serde(borrow)]
    time: Number<'a>,
}

#[derive(Deserialize)]
struct KuCoinBook<'a> {
    #[serde(borrow)]
    time: Number<'a>,
    sequence: &'a str,
    bids: Vec<(&'a str, &'a str)>,
    asks: Vec<(&'a str, &'a str)>,
}

#[derive(Deserialize)]
struct KuCoinCandle<'a>(
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
);

#[derive(Deserialize)]
struct HtxTick<'a, T> {
    ch: &'a str,
    status: &'a str,
    #[serde(borrow)]
    ts: Number<'a>,
    tick: T,
}

#[derive(Deserialize)]
struct HtxData<'a, T> {
    ch: &'a str,
    status: &'a str,
    #[serde(borrow)]
    ts: Number<'a>,
    data: Vec<T>,
}

#[derive(Deserialize)]
struct HtxTicker<'a> {
    #[serde(borrow)]
    open: Number<'a>,
    #[serde(borrow)]
    close: Number<'a>,
    #[serde(borrow)]
    low: Number<'a>,
    #[serde(borrow)]
    high: Number<'a>,
    #[serde(borrow)]
    amount: Number<'a>,
    #[serde(borrow)]
    vol: Number<'a>,
    #[serde(borrow)]
    bid: [Number<'a>; 2],
    #[serde(borrow)]
    ask: [Number<'a>; 2],
}

#[derive(Deserialize)]
struct HtxEntry<'a> {
    #[serde(borrow)]
    data: Vec<HtxTrade<'a>>,
}

#[derive(Deserialize)]
struct HtxTrade<'a> {
    #[serde(borrow, rename = "trade-id")]
    trade_id: Number<'a>,
    #[serde(borrow)]
    price: Number<'a>,
    #[serde(borrow)]
    amount: Number<'a>,
    #[serde(borrow)]
    ts: Number<'a>,
    direction: &'a str,
}

#[derive(Deserialize)]
struct HtxBook<'a> {
    #[serde(borrow)]
    bids: Vec<(Number<'a>, Number<'a>)>,
    #[serde(borrow)]
    asks: Vec<(Number<'a>, Number<'a>)>,
    #[serde(borrow)]
    version: Number<'a>,
    #[serde(borrow)]
    ts: Number<'a>,
}

#[derive(Deserialize)]
struct HtxCandle<'a> {
    #[serde(borrow)]
    id: Number<'a>,
    #[serde(borrow)]
    open: Number<'a>,
    #[serde(borrow)]
    close: Number<'a>,
    #[serde(borrow)]
    low: Number<'a>,
    #[serde(borrow)]
    high: Number<'a>,
    #[serde(borrow)]
    amount: Number<'a>,
    #[serde(borrow)]
    vol: Number<'a>,
    #[serde(borrow)]
    count: Number<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_side_reads_every_made_answer() {
        for venue in Venue::ALL {
            for kind in Kind::ALL {
                let body = venue.body(kind, 5, &mut fastrand::Rng::with_seed(7));
                let read = read(venue, kind, body.as_bytes());
                assert!(read.is_some(), "{venue:?} {kind:?}: {body}");
            }
        }
    }
}
