//! Trades: `[{"id", "ts", "data": [{"id", "trade-id", "price", "amount", "ts", "direction"}, …]}, …]`, newest first.
//!
//! What was executed at one moment is one entry with a list of its own. The entries run from the newest to the oldest; captured lists inside
//! of them do too, documented ones run the other way, so their order is read from the ids. `id` has up to 28 digits and is text here;
//! answers of before 2019 have no `trade-id`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::Deserialize;

use super::envelope::{Shaped, open_about, wrong_payload};
use crate::wire::{Fields, Notes, Raw, Reading, Rows, Window};
use crate::{Context, Reply, Verdict};

#[derive(Debug, Deserialize)]
struct EntryWire<T> {
    data: Vec<T>,
}

#[derive(Debug, Deserialize)]
struct TradeWire<'a> {
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default, rename = "trade-id")]
    trade_id: Raw<'a>,
    #[serde(borrow, default)]
    price: Raw<'a>,
    #[serde(borrow, default)]
    amount: Raw<'a>,
    #[serde(borrow, default)]
    ts: Raw<'a>,
    #[serde(borrow, default)]
    direction: Raw<'a>,
}

impl<'a> TradeWire<'a> {
    const fn name(&self) -> Raw<'a> {
        if self.trade_id.is_missing() {
            self.id
        } else {
            self.trade_id
        }
    }
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let opened = open_about::<Vec<EntryWire<TradeWire<'_>>>>(reply, symbol, context)?;
    let rows = oldest_first(opened.payload).ok_or_else(|| wrong_payload(reply))?;
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(rows, &mut notes, |_, row: TradeWire<'_>, fields| {
        trade(&row, fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

/// All trades of all entries in one list. What is no entry stands in it for itself: nothing vanishes.
fn oldest_first<'a>(
    payload: Shaped<'a, Vec<EntryWire<TradeWire<'a>>>>,
) -> Option<Rows<'a, TradeWire<'a>>> {
    let raw = match payload {
        Ok(entries) => {
            let entries = entries.into_iter().rev();
            let trades = entries.flat_map(|entry| in_order(entry.data, |trade| number(trade)));
            return Some(Rows::Sound(trades.collect()));
        }
        Err(raw) => raw,
    };
    let entries: Vec<Raw<'a>> = raw.read().ok()?;
    let trades = entries.into_iter().rev().flat_map(|entry| {
        let trades = entry.read::<EntryWire<Raw<'a>>>();
        let trades = trades.map_or_else(|raw| vec![raw], |entry| entry.data);
        in_order(trades, |raw| number(&raw.read::<TradeWire<'_>>().ok()?))
    });
    Some(Rows::Mixed(trades.collect()))
}

/// The trades of one entry, turned around when the first has a higher number than the last.
fn in_order<T>(mut trades: Vec<T>, number: impl Fn(&T) -> Option<u128>) -> Vec<T> {
    let first = trades.first().and_then(&number);
    let last = trades.last().and_then(&number);
    if first.zip(last).is_some_and(|(first, last)| first > last) {
        trades.reverse();
    }
    trades
}

/// The number of a trade. 28 digits fit into 128 bits.
fn number(trade: &TradeWire<'_>) -> Option<u128> {
    trade.name().identifier().ok()?.parse().ok()
}

fn trade(row: &TradeWire<'_>, fields: &mut Fields<'_>) -> Reading<Trade> {
    let price = fields.need("price", row.price, Raw::decimal);
    let amount = fields.need("amount", row.amount, Raw::decimal);
    let time = fields.need("time", row.ts, Raw::millis);
    let id = fields.need("id", row.name(), Raw::identifier);
    let side = fields.need("side", row.direction, side);
    let (Some(price), Some(amount), Some(at)) = (price, amount, time) else {
        return Err(time);
    };
    Ok(Trade {
        id,
        price,
        amount,
        side,
        time: at,
    })
}

fn side(raw: Raw<'_>) -> Result<Side, DefectKind> {
    match &*raw.text()? {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(DefectKind::Unparsable),
    }
}
