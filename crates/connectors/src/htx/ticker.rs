//! Tickers: `/market/detail/merged` of one pair, `/market/tickers` of all.
//!
//! Of one pair everything covers the last 24 hours, and the time stands outside of the record. In the list of all pairs `open`, `high` and `low`
//! are those of the day in Singapore, while `amount`, `vol` and `count` cover 24 hours; it has no time of its own.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Kind, Level, Payload, Symbol, Ticker};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::envelope::{fill_payload, open, open_about, rows, wrong_payload};
use crate::levels::Numbers;
use crate::tickers::{Asked, Part};
use crate::wire::{Blank, Cells, Fields, FillObject, InObject, InRow, Notes, Object, Raw, Values};
use crate::{Context, Reply, Verdict, answer};

/// The ticker of one pair, of which the quotes are lists.
#[derive(Debug, Deserialize)]
struct MergedWire<'a> {
    #[serde(borrow, default)]
    open: Raw<'a>,
    #[serde(borrow, default)]
    close: Raw<'a>,
    #[serde(borrow, default)]
    high: Raw<'a>,
    #[serde(borrow, default)]
    low: Raw<'a>,
    #[serde(borrow, default)]
    amount: Raw<'a>,
    #[serde(borrow, default)]
    vol: Raw<'a>,
    #[serde(borrow, default)]
    bid: Raw<'a>,
    #[serde(borrow, default)]
    ask: Raw<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RowWire<'a> {
    #[serde(borrow, default)]
    symbol: Raw<'a>,
    #[serde(borrow, default)]
    close: Raw<'a>,
    #[serde(borrow, default)]
    amount: Raw<'a>,
    #[serde(borrow, default)]
    vol: Raw<'a>,
    #[serde(borrow, default)]
    bid: Raw<'a>,
    #[serde(borrow, default)]
    bid_size: Raw<'a>,
    #[serde(borrow, default)]
    ask: Raw<'a>,
    #[serde(borrow, default)]
    ask_size: Raw<'a>,
}

pub(super) fn one(
    symbol: &Symbol,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let opened = open_about::<Object<MergedWire<'_>>>(reply, symbol, context)?;
    let wire = opened.payload.map_err(|_| wrong_payload(reply))?;
    let fields_there = [wire.close, wire.bid, wire.ask];
    if fields_there.iter().all(|raw| raw.is_missing()) {
        return Err(answer::malformed(reply, "no ticker"));
    }
    let mut notes = Notes::clean(());
    let mut fields = Fields::new(&mut notes, Some(0));
    let ticker = merged(symbol, &wire, opened.ts, &mut fields);
    Ok(notes.map(|()| Payload::Ticker(ticker)))
}

/// The ticker of one pair in which nothing is broken.
#[derive(Debug)]
struct DirectTicker;

impl FillObject for DirectTicker {
    type Record = Ticker;

    const NEEDED: u32 = 0xff;

    fn member<'de, V: Values<'de>>(
        ticker: &mut Ticker,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let mut quote = Level::BLANK;
        let (bit, place) = match key {
            "bid" => {
                value.fill::<InRow<Numbers>>(&mut quote)?;
                (ticker.bid, ticker.bid_size) = (Some(quote.price), Some(quote.size));
                return Ok(0x01);
            }
            "ask" => {
                value.fill::<InRow<Numbers>>(&mut quote)?;
                (ticker.ask, ticker.ask_size) = (Some(quote.price), Some(quote.size));
                return Ok(0x02);
            }
            "close" => (0x04, &mut ticker.last),
            "high" => (0x08, &mut ticker.high),
            "low" => (0x10, &mut ticker.low),
            "open" => (0x20, &mut ticker.open),
            "amount" => (0x40, &mut ticker.base_volume),
            "vol" => (0x80, &mut ticker.quote_volume),
            _ => return value.skip().map(|()| 0),
        };
        value.number_of(place).map(|()| bit)
    }
}

pub(super) fn direct(symbol: &Symbol, context: &Context<'_>, reply: &Reply<'_>) -> Option<Payload> {
    let mut ticker = Ticker::new(symbol.clone());
    let answered = fill_payload::<InObject<DirectTicker>>(reply, symbol, context, &mut ticker)?;
    ticker.time = Some(answered?);
    Some(Payload::Ticker(ticker))
}

fn merged(symbol: &Symbol, wire: &MergedWire<'_>, ts: Raw<'_>, fields: &mut Fields<'_>) -> Ticker {
    let mut ticker = Ticker::new(symbol.clone());
    (ticker.bid, ticker.bid_size) = quote(wire.bid, "bid", "bid_size", fields);
    (ticker.ask, ticker.ask_size) = quote(wire.ask, "ask", "ask_size", fields);
    ticker.last = fields.need("last", wire.close, Raw::decimal);
    ticker.high = fields.need("high", wire.high, Raw::decimal);
    ticker.low = fields.need("low", wire.low, Raw::decimal);
    ticker.open = fields.need("open", wire.open, Raw::decimal);
    ticker.base_volume = fields.need("base_volume", wire.amount, Raw::decimal);
    ticker.quote_volume = fields.need("quote_volume", wire.vol, Raw::decimal);
    ticker.time = fields.need("time", ts, Raw::millis);
    ticker
}

/// `[price, size]`.
fn quote(
    list: Raw<'_>,
    price_field: &'static str,
    size_field: &'static str,
    fields: &mut Fields<'_>,
) -> (Option<Decimal>, Option<Decimal>) {
    let Some(Cells([price, size])) = fields.need(price_field, list, Cells::read) else {
        return (None, None);
    };
    (
        fields.need(price_field, price, Raw::decimal),
        fields.need(size_field, size, Raw::decimal),
    )
}

pub(super) fn many(
    kind: Kind,
    symbols: &[Symbol],
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let rows = rows(reply, open::<Vec<Object<RowWire<'_>>>>(reply)?.payload)?;
    let asked = Asked::new(symbols);
    let mut notes = Notes::clean(());
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
                tickers.push(ticker(symbol, &wire, Part::of(kind), &mut fields));
            }
            _ => fields.exclude(),
        }
    });
    asked.note_absent(&mut notes, &tickers);
    Ok(notes.map(|()| Payload::Tickers(tickers)))
}

fn listed(wire: &RowWire<'_>, context: &Context<'_>, fields: &mut Fields<'_>) -> Option<Symbol> {
    let id = fields.need("symbol", wire.symbol, Raw::text)?;
    let listing = context.symbols.by_id(&id);
    if listing.is_none() {
        fields.broken("symbol", DefectKind::Unparsable, Some(&id));
    }
    listing.map(|listing| listing.symbol.clone())
}

fn ticker(symbol: Symbol, wire: &RowWire<'_>, part: Part, fields: &mut Fields<'_>) -> Ticker {
    let mut ticker = Ticker::new(symbol);
    if part.has_quotes() {
        ticker.bid = fields.need("bid", wire.bid, Raw::decimal);
        ticker.bid_size = fields.need("bid_size", wire.bid_size, Raw::decimal);
        ticker.ask = fields.need("ask", wire.ask, Raw::decimal);
        ticker.ask_size = fields.need("ask_size", wire.ask_size, Raw::decimal);
    }
    if part.has_last() {
        ticker.last = fields.need("last", wire.close, Raw::decimal);
    }
    if part == Part::Whole {
        ticker.base_volume = fields.need("base_volume", wire.amount, Raw::decimal);
        ticker.quote_volume = fields.need("quote_volume", wire.vol, Raw::decimal);
    }
    ticker
}
