//! Tickers: `/ticker/24hr` (one object, or a list of them), `/ticker/bookTicker` and `/ticker/price`.
//!
//! `closeTime` is the end of the rolling day, which is the time of the record; the two others have no time. A pair without trades has
//! zeros for prices.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::marker::PhantomData;

use robust_market::{Decoded, DefectKind, Kind, Payload, Symbol, Ticker};
use serde::Deserialize;

use crate::Context;
use crate::tickers::{Asked, Part};
use crate::wire::{Fields, FillObject, InObject, Notes, Object, Raw, Rows, Values, fill, only_if};

/// A ticker of any of the three endpoints; the time is a number, the rest are strings.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TickerWire<'a> {
    #[serde(borrow, default)]
    symbol: Raw<'a>,
    #[serde(borrow, default)]
    last_price: Raw<'a>,
    /// The last price, as `/ticker/price` calls it.
    #[serde(borrow, default)]
    price: Raw<'a>,
    #[serde(borrow, default)]
    bid_price: Raw<'a>,
    #[serde(borrow, default)]
    bid_qty: Raw<'a>,
    #[serde(borrow, default)]
    ask_price: Raw<'a>,
    #[serde(borrow, default)]
    ask_qty: Raw<'a>,
    #[serde(borrow, default)]
    high_price: Raw<'a>,
    #[serde(borrow, default)]
    low_price: Raw<'a>,
    #[serde(borrow, default)]
    open_price: Raw<'a>,
    #[serde(borrow, default)]
    volume: Raw<'a>,
    #[serde(borrow, default)]
    quote_volume: Raw<'a>,
    #[serde(borrow, default)]
    weighted_avg_price: Raw<'a>,
    #[serde(borrow, default)]
    price_change: Raw<'a>,
    #[serde(borrow, default)]
    close_time: Raw<'a>,
}

/// A ticker of the rolling day, and the pair that it has to be about.
struct About<'c> {
    ticker: Ticker,
    context: &'c Context<'c>,
}

/// A ticker of the rolling day in which nothing is broken.
#[derive(Debug)]
struct DirectTicker<'c>(PhantomData<&'c ()>);

impl<'c> FillObject for DirectTicker<'c> {
    type Record = About<'c>;

    const NEEDED: u32 = 0x3fff;

    fn member<'de, V: Values<'de>>(
        about: &mut About<'c>,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let ticker = &mut about.ticker;
        let (bit, place) = match key {
            "symbol" => {
                let id = value.text()?;
                only_if(is_asked(id, &ticker.symbol, about.context).is_ok())?;
                return Ok(0x01);
            }
            "closeTime" => {
                ticker.time = Some(value.millis()?);
                return Ok(0x02);
            }
            "lastPrice" => (0x04, &mut ticker.last),
            "bidPrice" => (0x08, &mut ticker.bid),
            "bidQty" => (0x10, &mut ticker.bid_size),
            "askPrice" => (0x20, &mut ticker.ask),
            "askQty" => (0x40, &mut ticker.ask_size),
            "highPrice" => (0x80, &mut ticker.high),
            "lowPrice" => (0x100, &mut ticker.low),
            "openPrice" => (0x200, &mut ticker.open),
            "volume" => (0x400, &mut ticker.base_volume),
            "quoteVolume" => (0x800, &mut ticker.quote_volume),
            "weightedAvgPrice" => (0x1000, &mut ticker.vwap),
            "priceChange" => (0x2000, &mut ticker.change),
            // The other endpoint's name for the last price.
            "price" => return value.skip().map(|()| 0x4000),
            _ => return value.skip().map(|()| 0),
        };
        value.decimal_of(place).map(|()| bit)
    }
}

pub(super) fn direct(symbol: &Symbol, context: &Context<'_>, body: &str) -> Option<Payload> {
    let mut about = About {
        ticker: Ticker::new(symbol.clone()),
        context,
    };
    fill::<InObject<DirectTicker<'_>>>(body, &mut about)?;
    Some(Payload::Ticker(about.ticker))
}

/// Refuses an answer that names a pair which is listed as another one.
fn is_asked(id: &str, symbol: &Symbol, context: &Context<'_>) -> Result<(), String> {
    match context.symbols.by_id(id) {
        Some(other) if other.symbol != *symbol => Err(format!(
            "the answer is about {} instead of {symbol}",
            other.symbol
        )),
        _ => Ok(()),
    }
}

pub(super) fn one(
    symbol: &Symbol,
    context: &Context<'_>,
    body: &str,
) -> Result<Decoded<Payload>, String> {
    // A list of one is the same answer.
    let wire = if body.trim_start().starts_with('[') {
        serde_json::from_str(body).map(|[only]: [Object<TickerWire<'_>>; 1]| only)
    } else {
        serde_json::from_str(body)
    };
    let wire: Object<TickerWire<'_>> = wire.map_err(|_| "no ticker".to_owned())?;
    if wire.symbol.is_missing() && wire.last_price.is_missing() && wire.bid_price.is_missing() {
        return Err("no ticker".to_owned());
    }
    let mut notes = Notes::clean(());
    let mut fields = Fields::new(&mut notes, Some(0));
    let id = fields.need("symbol", wire.symbol, Raw::text);
    if let Some(id) = &id {
        is_asked(id, symbol, context)?;
    }
    let ticker = ticker(symbol.clone(), &wire, Part::Whole, &mut fields);
    Ok(notes.map(|()| Payload::Ticker(ticker)))
}

pub(super) fn many(
    kind: Kind,
    asked: &[Symbol],
    context: &Context<'_>,
    body: &str,
) -> Result<Decoded<Payload>, String> {
    // One pair asked for by its own parameter is answered without a list.
    let rows = if body.trim_start().starts_with('{') {
        serde_json::from_str(body).map(|wire: Object<TickerWire<'_>>| Rows::Sound(vec![wire]))
    } else {
        Rows::of(body)
    };
    let rows = rows.map_err(|_| "no list of tickers".to_owned())?;
    if let Rows::Sound(rows) = &rows
        && let [only] = rows.as_slice()
        && only.symbol.is_missing()
    {
        return Err("no ticker".to_owned());
    }
    let asked = Asked::new(asked);
    let mut notes = Notes::clean(());
    let mut tickers = Vec::with_capacity(rows.len());
    rows.for_each(|_, row| {
        let position = tickers.len() + notes.excluded.len();
        let mut fields = Fields::new(&mut notes, Some(position));
        let symbol = match &row {
            Ok(wire) => symbol(wire, context, &mut fields),
            Err(raw) => {
                fields.not_a_record("ticker", *raw);
                None
            }
        };
        match (symbol, row) {
            (Some(symbol), Ok(_)) if !asked.has(&symbol) => {}
            (Some(symbol), Ok(wire)) => {
                tickers.push(ticker(symbol, &wire, Part::of(kind), &mut fields));
            }
            _ => fields.exclude(),
        }
    });
    asked.note_absent(&mut notes, &tickers);
    Ok(notes.map(|()| Payload::Tickers(tickers)))
}

fn symbol(wire: &TickerWire<'_>, context: &Context<'_>, fields: &mut Fields<'_>) -> Option<Symbol> {
    let id = fields.need("symbol", wire.symbol, Raw::text)?;
    let listing = context.symbols.by_id(&id);
    if listing.is_none() {
        fields.broken("symbol", DefectKind::Unparsable, Some(&id));
    }
    listing.map(|listing| listing.symbol.clone())
}

fn ticker(symbol: Symbol, wire: &TickerWire<'_>, part: Part, fields: &mut Fields<'_>) -> Ticker {
    let mut ticker = Ticker::new(symbol);
    if part.has_quotes() {
        ticker.bid = fields.need("bid", wire.bid_price, Raw::decimal);
        ticker.bid_size = fields.need("bid_size", wire.bid_qty, Raw::decimal);
        ticker.ask = fields.need("ask", wire.ask_price, Raw::decimal);
        ticker.ask_size = fields.need("ask_size", wire.ask_qty, Raw::decimal);
    }
    if part.has_last() {
        let last = if part == Part::Last {
            wire.price
        } else {
            wire.last_price
        };
        ticker.last = fields.need("last", last, Raw::decimal);
    }
    if part == Part::Whole {
        ticker.high = fields.need("high", wire.high_price, Raw::decimal);
        ticker.low = fields.need("low", wire.low_price, Raw::decimal);
        ticker.open = fields.need("open", wire.open_price, Raw::decimal);
        ticker.base_volume = fields.need("base_volume", wire.volume, Raw::decimal);
        ticker.quote_volume = fields.need("quote_volume", wire.quote_volume, Raw::decimal);
        ticker.vwap = fields.need("vwap", wire.weighted_avg_price, Raw::decimal);
        ticker.change = fields.need("change", wire.price_change, Raw::decimal);
        ticker.time = fields.need("time", wire.close_time, Raw::millis);
    }
    ticker
}
