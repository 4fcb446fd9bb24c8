//! Tickers: `stats` of one pair, `allTickers` of all, and `orderbook/level1` for the best quotes of one.
//!
//! `changePrice` is the change of 24 hours. `averagePrice` is an average of prices and not weighted by volume, so it is no `vwap`; there is no
//! open. Of a pair without trades any number may be null.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::marker::PhantomData;

use robust_market::{Decoded, DefectKind, Kind, Payload, Symbol, Ticker};
use serde::Deserialize;

use super::envelope::{fill_data, open, wrong_data};
use crate::tickers::{Asked, Part};
use crate::wire::{Fields, FillObject, InObject, Notes, Object, Raw, Rows, Values, only_if};
use crate::{Context, Reply, Verdict, answer};

/// A ticker; the time is a number, the rest are strings.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TickerWire<'a> {
    #[serde(borrow, default)]
    symbol: Raw<'a>,
    #[serde(borrow, default)]
    buy: Raw<'a>,
    #[serde(borrow, default)]
    sell: Raw<'a>,
    #[serde(borrow, default)]
    best_bid_size: Raw<'a>,
    #[serde(borrow, default)]
    best_ask_size: Raw<'a>,
    #[serde(borrow, default)]
    last: Raw<'a>,
    #[serde(borrow, default)]
    high: Raw<'a>,
    #[serde(borrow, default)]
    low: Raw<'a>,
    #[serde(borrow, default)]
    vol: Raw<'a>,
    #[serde(borrow, default)]
    vol_value: Raw<'a>,
    #[serde(borrow, default)]
    change_price: Raw<'a>,
    /// Only in `stats`; a list has one time for all.
    #[serde(borrow, default)]
    time: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct ListWire<'a, S> {
    #[serde(borrow, default)]
    time: Raw<'a>,
    ticker: S,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level1Wire<'a> {
    #[serde(borrow, default)]
    sequence: Raw<'a>,
    #[serde(borrow, default)]
    price: Raw<'a>,
    #[serde(borrow, default)]
    best_bid: Raw<'a>,
    #[serde(borrow, default)]
    best_bid_size: Raw<'a>,
    #[serde(borrow, default)]
    best_ask: Raw<'a>,
    #[serde(borrow, default)]
    best_ask_size: Raw<'a>,
    #[serde(borrow, default)]
    time: Raw<'a>,
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

    /// Only lists have the sizes of the quotes.
    const NEEDED: u32 = 0x3ff;

    fn member<'de, V: Values<'de>>(
        about: &mut About<'c>,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let ticker = &mut about.ticker;
        let (bit, place) = match key {
            "symbol" => {
                let id = value.text()?;
                only_if(other(id, &ticker.symbol, about.context).is_none())?;
                return Ok(0x01);
            }
            "time" => {
                ticker.time = Some(value.millis()?);
                return Ok(0x02);
            }
            "buy" => (0x04, &mut ticker.bid),
            "sell" => (0x08, &mut ticker.ask),
            "last" => (0x10, &mut ticker.last),
            "high" => (0x20, &mut ticker.high),
            "low" => (0x40, &mut ticker.low),
            "vol" => (0x80, &mut ticker.base_volume),
            "volValue" => (0x100, &mut ticker.quote_volume),
            "changePrice" => (0x200, &mut ticker.change),
            "bestBidSize" => (0x400, &mut ticker.bid_size),
            "bestAskSize" => (0x800, &mut ticker.ask_size),
            _ => return value.skip().map(|()| 0),
        };
        value.decimal_of(place).map(|()| bit)
    }
}

pub(super) fn direct(symbol: &Symbol, context: &Context<'_>, reply: &Reply<'_>) -> Option<Payload> {
    let mut about = About {
        ticker: Ticker::new(symbol.clone()),
        context,
    };
    fill_data::<InObject<DirectTicker<'_>>>(reply, &mut about)?;
    Some(Payload::Ticker(about.ticker))
}

/// The pair that a name is listed as, where it is another one than was asked for.
fn other<'c>(id: &str, symbol: &Symbol, context: &Context<'c>) -> Option<&'c Symbol> {
    let listing = context.symbols.by_id(id);
    let other = listing.map(|listing| &listing.symbol);
    other.filter(|other| *other != symbol)
}

pub(super) fn one(
    symbol: &Symbol,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let wire = open::<Object<TickerWire<'_>>>(reply, Some(symbol))?;
    let wire = wire.map_err(|_| wrong_data(reply))?;
    let fields_there = [wire.symbol, wire.last, wire.buy];
    if fields_there.iter().all(|raw| raw.is_missing()) {
        return Err(answer::malformed(reply, "no ticker"));
    }
    let mut notes = Notes::clean(());
    let mut fields = Fields::new(&mut notes, Some(0));
    let id = fields.need("symbol", wire.symbol, Raw::text);
    if let Some(other) = id.as_deref().and_then(|id| other(id, symbol, context)) {
        let why = format!("the answer is about {other} instead of {symbol}");
        return Err(answer::malformed(reply, &why));
    }
    let mut ticker = ticker(symbol.clone(), &wire, Part::Whole, &mut fields);
    ticker.time = fields.need("time", wire.time, Raw::millis);
    Ok(notes.map(|()| Payload::Ticker(ticker)))
}

pub(super) fn many(
    kind: Kind,
    symbols: &[Symbol],
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let only = match symbols {
        [only] => Some(only),
        _ => None,
    };
    let (list_time, rows) =
        match open::<Object<ListWire<'_, Vec<Object<TickerWire<'_>>>>>>(reply, only)? {
            Ok(Object(list)) => (list.time, Rows::Sound(list.ticker)),
            Err(raw) => match raw.read::<Object<ListWire<'_, Vec<Raw<'_>>>>>() {
                Ok(Object(list)) => (list.time, Rows::Mixed(list.ticker)),
                Err(raw) => return level1(only, raw).ok_or_else(|| wrong_data(reply)),
            },
        };
    let asked = Asked::new(symbols);
    let mut notes = Notes::clean(());
    let time = Fields::new(&mut notes, None).need("time", list_time, Raw::millis);
    let mut tickers = Vec::with_capacity(rows.len());
    rows.for_each(|_, row| {
        if let Ok(wire) = &row
            && let Ok(id) = wire.symbol.text()
            && asked.leaves_out(&id, context.symbols)
        {
            return;
        }
        let position = tickers.len() + notes.excluded.len();
        let mut fields = Fields::new(&mut notes, Some(position));
        let symbol = match &row {
            Ok(wire) => listed(wire, context, &mut fields),
            Err(raw) => {
                fields.not_a_record("ticker", *raw);
                None
            }
        };
        match (symbol, row) {
            (Some(symbol), Ok(_)) if !asked.has(&symbol) => {}
            (Some(symbol), Ok(wire)) => {
                let mut ticker = ticker(symbol, &wire, Part::of(kind), &mut fields);
                ticker.time = time;
                tickers.push(ticker);
            }
            _ => fields.exclude(),
        }
    });
    asked.note_absent(&mut notes, &tickers);
    Ok(notes.map(|()| Payload::Tickers(tickers)))
}

/// The answer about the best quotes of one pair, which does not name it.
fn level1(symbol: Option<&Symbol>, raw: Raw<'_>) -> Option<Decoded<Payload>> {
    let wire: Object<Level1Wire<'_>> = raw.read().ok()?;
    let fields_there = [wire.price, wire.best_bid, wire.best_ask];
    if fields_there.iter().all(|raw| raw.is_missing()) {
        return None;
    }
    let mut notes = Notes::clean(());
    let mut fields = Fields::new(&mut notes, Some(0));
    let mut ticker = Ticker::new(symbol?.clone());
    ticker.last = fields.need("last", wire.price, Raw::decimal);
    ticker.bid = fields.need("bid", wire.best_bid, Raw::decimal);
    ticker.bid_size = fields.need("bid_size", wire.best_bid_size, Raw::decimal);
    ticker.ask = fields.need("ask", wire.best_ask, Raw::decimal);
    ticker.ask_size = fields.need("ask_size", wire.best_ask_size, Raw::decimal);
    ticker.time = fields.need("time", wire.time, Raw::millis);
    ticker.sequence = fields.need("sequence", wire.sequence, Raw::count);
    Some(notes.map(|()| Payload::Tickers(vec![ticker])))
}

fn listed(wire: &TickerWire<'_>, context: &Context<'_>, fields: &mut Fields<'_>) -> Option<Symbol> {
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
        ticker.bid = fields.need("bid", wire.buy, Raw::decimal);
        ticker.ask = fields.need("ask", wire.sell, Raw::decimal);
        // Only lists have them.
        ticker.bid_size = fields.may("bid_size", wire.best_bid_size, Raw::decimal);
        ticker.ask_size = fields.may("ask_size", wire.best_ask_size, Raw::decimal);
    }
    if part.has_last() {
        ticker.last = fields.need("last", wire.last, Raw::decimal);
    }
    if part == Part::Whole {
        ticker.high = fields.need("high", wire.high, Raw::decimal);
        ticker.low = fields.need("low", wire.low, Raw::decimal);
        ticker.base_volume = fields.need("base_volume", wire.vol, Raw::decimal);
        ticker.quote_volume = fields.need("quote_volume", wire.vol_value, Raw::decimal);
        ticker.change = fields.need("change", wire.change_price, Raw::decimal);
    }
    ticker
}
