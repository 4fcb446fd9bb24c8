//! Trades: `[{"id", "ts", "data": [{"id", "trade-id", "price", "amount", "ts", "direction"}, …]}, …]`, newest first.
//!
//! What was executed at one moment is one entry with a list of its own. The entries run from the newest to the oldest, which their times
//! confirm or refute; captured lists inside of them do too, documented ones run the other way, so their order is read from the ids. `id` has
//! up to 28 digits and is text here; answers of before 2019 have no `trade-id`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::Deserialize;

use super::envelope::{self, Shaped, open_about, wrong_payload};
use crate::wire::{Direct, Fields, Notes, Object, Order, Raw, Reading, Rows, Window, Wire};
use crate::{Context, Reply, Verdict};

#[derive(Debug, Deserialize)]
struct Entry<L> {
    data: L,
}

type EntryWire<'a> = Object<Entry<Vec<TradeWire<'a>>>>;
type TradeWire<'a> = Object<TradeFields<'a>>;

#[derive(Debug, Clone, Copy, Deserialize)]
struct TradeFields<'a> {
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

impl<'a> TradeFields<'a> {
    const fn name(&self) -> Raw<'a> {
        if self.trade_id.is_missing() {
            self.id
        } else {
            self.trade_id
        }
    }
}

impl Wire for TradeFields<'_> {
    type Record = Trade;

    fn record(&self, fields: &mut Fields<'_>) -> Reading<Trade> {
        let price = fields.need("price", self.price, Raw::decimal);
        let amount = fields.need("amount", self.amount, Raw::decimal);
        let time = fields.need("time", self.ts, Raw::millis);
        let id = fields.need("id", self.name(), Raw::identifier);
        let side = fields.need("side", self.direction, side);
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
}

pub(super) fn direct(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    type Entries<'a> = Vec<Object<Entry<Direct<TradeWire<'a>>>>>;
    let entries = envelope::direct::<Entries<'_>>(reply, symbol, context)?.payload;
    let entries = entries.into_iter().map(
        |Object(Entry {
             data: Direct(trades),
         })| trades,
    );
    let rows = in_order(
        entries.collect(),
        |trade| trade.id.as_deref()?.parse().ok(),
        |trade| Some(trade.time),
    );
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.cut(rows);
    Some(Decoded::clean(Payload::Trades(trades)))
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let opened = open_about::<Vec<EntryWire<'_>>>(reply, symbol, context)?;
    let rows = oldest_first(opened.payload).ok_or_else(|| wrong_payload(reply))?;
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(rows, &mut notes, |_, row: TradeWire<'_>, fields| {
        row.record(fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

/// All trades of all entries in one list. What is no entry stands in it for itself: nothing vanishes.
fn oldest_first<'a>(payload: Shaped<'a, Vec<EntryWire<'a>>>) -> Option<Rows<'a, TradeWire<'a>>> {
    let raw = match payload {
        Ok(entries) => {
            let entries = entries.into_iter().map(|Object(entry)| entry.data);
            let time = |trade: &TradeWire<'a>| trade.ts.integer().ok();
            let trades = in_order(entries.collect(), number, time);
            return Some(Rows::Sound(trades));
        }
        Err(raw) => raw,
    };
    let entries: Vec<Raw<'a>> = raw.read().ok()?;
    let entries = entries.into_iter().map(|entry| {
        let trades = entry.read::<Object<Entry<Vec<Raw<'a>>>>>();
        trades.map_or_else(|raw| vec![raw], |Object(entry)| entry.data)
    });
    let read = |raw: &Raw<'a>| raw.read::<TradeWire<'a>>().ok();
    let trades = in_order(
        entries.collect(),
        |raw| number(&read(raw)?),
        |raw| read(raw)?.ts.integer().ok(),
    );
    Some(Rows::Mixed(trades))
}

/// The trades of all entries from the oldest to the newest: those of an entry by their numbers, the entries by their first trade's time.
fn in_order<T, K: PartialOrd>(
    mut entries: Vec<Vec<T>>,
    number: impl Fn(&T) -> Option<u128>,
    time: impl Fn(&T) -> Option<K>,
) -> Vec<T> {
    for trades in &mut entries {
        let numbers = trades.iter().map(&number);
        if trades.len() > 1 && Order::of(numbers, Order::OldestFirst) == Order::NewestFirst {
            trades.reverse();
        }
    }
    let entries = Order::NewestFirst.oldest_first(entries, |trades| time(trades.first()?));
    entries.into_iter().flatten().collect()
}

/// The number of a trade. 28 digits fit into 128 bits.
fn number(trade: &TradeWire<'_>) -> Option<u128> {
    trade.name().identifier().ok()?.parse().ok()
}

fn side(raw: Raw<'_>) -> Result<Side, DefectKind> {
    match &*raw.text()? {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(DefectKind::Unparsable),
    }
}
