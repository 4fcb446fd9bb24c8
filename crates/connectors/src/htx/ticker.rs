//! Tickers: `/market/detail/merged` of one pair, `/market/tickers` of all.
//!
//! Of one pair everything covers the last 24 hours, and the time stands outside of the record. In the list of all pairs `open`, `high` and `low`
//! are those of the day in Singapore, while `amount`, `vol` and `count` cover 24 hours; it has no time of its own.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Kind, Payload, Symbol, Ticker};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::envelope::{self, open, open_about, rows, wrong_payload};
use crate::tickers::{Asked, Part};
use crate::wire::{Cells, Fields, List, Notes, Object, Raw, clean};
use crate::{Context, Reply, Verdict, answer};

/// The ticker of one pair, of which the quotes are lists.
#[derive(Debug, Deserialize)]
#[serde(bound = "L: Deserialize<'de> + Default, 'de: 'a")]
struct MergedWire<'a, L> {
    #[serde(default)]
    open: Raw<'a>,
    #[serde(default)]
    close: Raw<'a>,
    #[serde(default)]
    high: Raw<'a>,
    #[serde(default)]
    low: Raw<'a>,
    #[serde(default)]
    amount: Raw<'a>,
    #[serde(default)]
    vol: Raw<'a>,
    #[serde(default)]
    bid: L,
    #[serde(default)]
    ask: L,
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
    let opened = open_about::<Object<MergedWire<'_, Raw<'_>>>>(reply, symbol, context)?;
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

pub(super) fn direct(
    symbol: &Symbol,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    type Quote<'a> = Cells<Raw<'a>, 2>;
    let opened = envelope::direct::<Object<MergedWire<'_, Quote<'_>>>>(reply, symbol, context)?;
    let ticker = clean(|fields| Some(merged(symbol, &opened.payload, opened.ts, fields)));
    Some(Decoded::clean(Payload::Ticker(ticker?)))
}

fn merged<'a, L: List<'a> + Copy>(
    symbol: &Symbol,
    wire: &MergedWire<'a, L>,
    ts: Raw<'a>,
    fields: &mut Fields<'_>,
) -> Ticker {
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
fn quote<'a>(
    list: impl List<'a>,
    price_field: &'static str,
    size_field: &'static str,
    fields: &mut Fields<'_>,
) -> (Option<Decimal>, Option<Decimal>) {
    let Some([price, size]) = list.cells(price_field, fields) else {
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
