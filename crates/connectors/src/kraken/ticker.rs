//! Ticker: `{"XXBTZUSD": {"a": [ask, whole, size], "b": […], "c": [last, size], "v": [today, 24 h], …}}`.
//!
//! Of the pairs of numbers the second covers the last 24 hours. There is no time. `o` is the price at 00:00 UTC and not of 24 hours
//! ago, so it is neither `open` nor does a change follow from it.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Kind, Level, Payload, Symbol, Ticker};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::SeqAccess;

use super::envelope::{FillPair, fill_pair, open_pair, open_records};
use crate::tickers::{Asked, Part};
use crate::wire::{
    Blank, Cells, Fields, FillObject, FillRow, InObject, InRow, Notes, Object, Raw, RowValues,
    Values,
};
use crate::{Context, Reply, Verdict, answer};

/// A ticker, of whose fields each is a list.
#[derive(Debug, Deserialize)]
struct TickerWire<'a> {
    #[serde(borrow, default, rename = "a")]
    ask: Raw<'a>,
    #[serde(borrow, default, rename = "b")]
    bid: Raw<'a>,
    #[serde(borrow, default, rename = "c")]
    last: Raw<'a>,
    #[serde(borrow, default, rename = "v")]
    volume: Raw<'a>,
    #[serde(borrow, default, rename = "p")]
    vwap: Raw<'a>,
    #[serde(borrow, default, rename = "l")]
    low: Raw<'a>,
    #[serde(borrow, default, rename = "h")]
    high: Raw<'a>,
}

impl TickerWire<'_> {
    fn is_empty(&self) -> bool {
        let fields = [self.ask, self.bid, self.last, self.volume];
        fields.iter().all(|raw| raw.is_missing())
    }
}

/// A ticker in which nothing is broken.
#[derive(Debug)]
struct DirectTicker;

/// `[price, whole lot size, size]`.
#[derive(Debug)]
struct DirectQuote;

/// The first cell, and no more.
#[derive(Debug)]
struct First;

/// The second cell of `[today, last 24 hours]`.
#[derive(Debug)]
struct Of24Hours;

impl FillRow for DirectQuote {
    type Record = Level;

    fn cells<'de, A: SeqAccess<'de>>(
        quote: &mut Level,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.decimal(&mut quote.price)?;
        row.skip()?;
        row.decimal(&mut quote.size)
    }
}

impl FillRow for First {
    type Record = Option<Decimal>;

    fn cells<'de, A: SeqAccess<'de>>(
        value: &mut Option<Decimal>,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.decimal_of(value)
    }
}

impl FillRow for Of24Hours {
    type Record = Option<Decimal>;

    fn cells<'de, A: SeqAccess<'de>>(
        value: &mut Option<Decimal>,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.skip()?;
        row.decimal_of(value)
    }
}

impl FillObject for DirectTicker {
    type Record = Ticker;

    const NEEDED: u32 = 0x7f;

    fn member<'de, V: Values<'de>>(
        ticker: &mut Ticker,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let mut quote = Level::BLANK;
        match key {
            "a" => {
                value.fill::<InRow<DirectQuote>>(&mut quote)?;
                (ticker.ask, ticker.ask_size) = (Some(quote.price), Some(quote.size));
                Ok(0x01)
            }
            "b" => {
                value.fill::<InRow<DirectQuote>>(&mut quote)?;
                (ticker.bid, ticker.bid_size) = (Some(quote.price), Some(quote.size));
                Ok(0x02)
            }
            "c" => value.fill::<InRow<First>>(&mut ticker.last).map(|()| 0x04),
            "v" => value
                .fill::<InRow<Of24Hours>>(&mut ticker.base_volume)
                .map(|()| 0x08),
            "p" => value
                .fill::<InRow<Of24Hours>>(&mut ticker.vwap)
                .map(|()| 0x10),
            "l" => value
                .fill::<InRow<Of24Hours>>(&mut ticker.low)
                .map(|()| 0x20),
            "h" => value
                .fill::<InRow<Of24Hours>>(&mut ticker.high)
                .map(|()| 0x40),
            _ => value.skip().map(|()| 0),
        }
    }
}

impl FillPair for DirectTicker {
    type Place = Ticker;

    fn record<'de, V: Values<'de>>(ticker: &mut Ticker, value: &mut V) -> Result<(), V::Error> {
        value.fill::<InObject<Self>>(ticker)
    }
}

pub(super) fn direct(symbol: &Symbol, context: &Context<'_>, reply: &Reply<'_>) -> Option<Payload> {
    let mut ticker = Ticker::new(symbol.clone());
    fill_pair::<DirectTicker>(reply, symbol, context, &mut ticker)?;
    Some(Payload::Ticker(ticker))
}

pub(super) fn one(
    symbol: &Symbol,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Object<TickerWire<'_>>>(reply, symbol, context)?;
    let wire = pair.value.ok().filter(|wire| !wire.is_empty());
    let wire = wire.ok_or_else(|| answer::malformed(reply, "no ticker"))?;
    let mut notes = Notes::clean(());
    let mut fields = Fields::new(&mut notes, Some(0));
    let ticker = ticker(symbol.clone(), &wire, Part::Whole, &mut fields);
    Ok(notes.map(|()| Payload::Ticker(ticker)))
}

pub(super) fn many(
    kind: Kind,
    asked: &[Symbol],
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let records = open_records::<Object<TickerWire<'_>>>(reply)?;
    let asked = Asked::new(asked);
    let mut notes = Notes::clean(());
    let mut tickers = Vec::with_capacity(records.len());
    for (key, record) in records {
        let position = tickers.len() + notes.excluded.len();
        let mut fields = Fields::new(&mut notes, Some(position));
        let Some(listing) = context.symbols.by_id(&key) else {
            fields.broken("symbol", DefectKind::Unparsable, Some(&key));
            fields.exclude();
            continue;
        };
        if !asked.has(&listing.symbol) {
            continue;
        }
        match record {
            Ok(wire) => tickers.push(ticker(
                listing.symbol.clone(),
                &wire,
                Part::of(kind),
                &mut fields,
            )),
            Err(raw) => {
                fields.not_a_record("ticker", raw);
                fields.exclude();
            }
        }
    }
    asked.note_absent(&mut notes, &tickers);
    Ok(notes.map(|()| Payload::Tickers(tickers)))
}

fn ticker(symbol: Symbol, wire: &TickerWire<'_>, part: Part, fields: &mut Fields<'_>) -> Ticker {
    let mut ticker = Ticker::new(symbol);
    if part.has_quotes() {
        (ticker.ask, ticker.ask_size) = quote(wire.ask, "ask", "ask_size", fields);
        (ticker.bid, ticker.bid_size) = quote(wire.bid, "bid", "bid_size", fields);
    }
    if part.has_last() {
        let last = fields.need("last", wire.last, Cells::read);
        ticker.last = last.and_then(|Cells([price])| fields.need("last", price, Raw::decimal));
    }
    if part == Part::Whole {
        ticker.base_volume = of_24_hours(wire.volume, "base_volume", fields);
        ticker.vwap = of_24_hours(wire.vwap, "vwap", fields);
        ticker.low = of_24_hours(wire.low, "low", fields);
        ticker.high = of_24_hours(wire.high, "high", fields);
    }
    ticker
}

/// `[price, whole lot size, size]`; replies of 2014 have no third cell.
fn quote(
    list: Raw<'_>,
    price_field: &'static str,
    size_field: &'static str,
    fields: &mut Fields<'_>,
) -> (Option<Decimal>, Option<Decimal>) {
    let Some(Cells([price, _, size])) = fields.need(price_field, list, Cells::read) else {
        return (None, None);
    };
    (
        fields.need(price_field, price, Raw::decimal),
        fields.may(size_field, size, Raw::decimal),
    )
}

/// The second cell of `[today, last 24 hours]`.
fn of_24_hours(list: Raw<'_>, field: &'static str, fields: &mut Fields<'_>) -> Option<Decimal> {
    let Cells([_, value]) = fields.need(field, list, Cells::read)?;
    fields.need(field, value, Raw::decimal)
}
