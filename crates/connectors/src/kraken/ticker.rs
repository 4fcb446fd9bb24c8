//! Ticker: `{"XXBTZUSD": {"a": [ask, whole, size], "b": […], "c": [last, size], "v": [today, 24 h], …}}`.
//!
//! Of the pairs of numbers the second covers the last 24 hours. There is no time. `o` is the price at 00:00 UTC and not of 24 hours
//! ago, so it is neither `open` nor does a change follow from it.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Kind, Payload, Symbol, Ticker};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::envelope::{direct_pair, open_pair, open_records};
use crate::tickers::{Asked, Part};
use crate::wire::{Cells, Fields, List, Notes, Object, Raw, Text, clean};
use crate::{Context, Reply, Verdict, answer};

/// A ticker, of whose fields each is a list.
#[derive(Debug, Deserialize)]
#[serde(bound = "L: Deserialize<'de> + Default")]
struct TickerWire<L> {
    #[serde(default, rename = "a")]
    ask: L,
    #[serde(default, rename = "b")]
    bid: L,
    #[serde(default, rename = "c")]
    last: L,
    #[serde(default, rename = "v")]
    volume: L,
    #[serde(default, rename = "p")]
    vwap: L,
    #[serde(default, rename = "l")]
    low: L,
    #[serde(default, rename = "h")]
    high: L,
}

/// A list of three strings, or of two.
type Texts<'a> = Cells<Text<'a>, 3>;

impl TickerWire<Raw<'_>> {
    fn is_empty(&self) -> bool {
        let fields = [self.ask, self.bid, self.last, self.volume];
        fields.iter().all(|raw| raw.is_missing())
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    let pair = direct_pair::<Object<TickerWire<Texts<'_>>>>(reply, symbol, context)?;
    let ticker = clean(|fields| Some(ticker(symbol.clone(), &pair.value, Part::Whole, fields)));
    Some(Decoded::clean(Payload::Ticker(ticker?)))
}

pub(super) fn one(
    symbol: &Symbol,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Object<TickerWire<Raw<'_>>>>(reply, symbol, context)?;
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
    let records = open_records::<Object<TickerWire<Raw<'_>>>>(reply)?;
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

fn ticker<'a, L: List<'a> + Copy>(
    symbol: Symbol,
    wire: &TickerWire<L>,
    part: Part,
    fields: &mut Fields<'_>,
) -> Ticker {
    let mut ticker = Ticker::new(symbol);
    if part.has_quotes() {
        (ticker.ask, ticker.ask_size) = quote(wire.ask, "ask", "ask_size", fields);
        (ticker.bid, ticker.bid_size) = quote(wire.bid, "bid", "bid_size", fields);
    }
    if part.has_last() {
        let last = wire.last.cells("last", fields);
        ticker.last = last.and_then(|[price]| fields.need("last", price, Raw::decimal));
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
fn quote<'a>(
    list: impl List<'a>,
    price_field: &'static str,
    size_field: &'static str,
    fields: &mut Fields<'_>,
) -> (Option<Decimal>, Option<Decimal>) {
    let Some([price, _, size]) = list.cells(price_field, fields) else {
        return (None, None);
    };
    (
        fields.need(price_field, price, Raw::decimal),
        fields.may(size_field, size, Raw::decimal),
    )
}

/// The second cell of `[today, last 24 hours]`.
fn of_24_hours<'a>(
    list: impl List<'a>,
    field: &'static str,
    fields: &mut Fields<'_>,
) -> Option<Decimal> {
    let [_, value] = list.cells(field, fields)?;
    fields.need(field, value, Raw::decimal)
}
