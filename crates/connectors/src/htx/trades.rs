//! Trades: `[{"id", "ts", "data": [{"id", "trade-id", "price", "amount", "ts", "direction"}, …]}, …]`, newest first.
//!
//! What was executed at one moment is one entry with a list of its own. The entries run from the newest to the oldest, which their times
//! confirm or refute; captured lists inside of them do too, documented ones run the other way, so their order is read from the ids. `id` has
//! up to 28 digits and is text here; answers of before 2019 have no `trade-id`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, Payload, Symbol, Trade, Trades};
use serde::Deserialize;

use super::envelope::{Shaped, fill_payload, open_about, wrong_payload};
use crate::wire::{
    Execution, FillObject, InEach, InList, InObject, Notes, Object, Order, Raw, Rows, Values,
    Window, room, side, side_of, some,
};
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

/// All trades of all entries one after the other, and how many each entry has.
#[derive(Debug)]
struct Entries<T> {
    trades: Vec<T>,
    lens: Vec<usize>,
}

impl<T> Entries<T> {
    const fn new() -> Self {
        Self {
            trades: Vec::new(),
            lens: Vec::new(),
        }
    }

    /// The trades from the oldest to the newest: those of an entry by their numbers, the entries by their first trade's time.
    fn in_order<K: PartialOrd>(
        mut self,
        number: impl Fn(&T) -> Option<u128>,
        time: impl Fn(&T) -> Option<K>,
    ) -> Vec<T> {
        let is_newest_first = |entry: &[T]| {
            let numbers = entry.iter().map(&number);
            entry.len() > 1 && Order::of(numbers, Order::OldestFirst) == Order::NewestFirst
        };
        for_each(&mut self.trades, self.lens.iter(), |entry| {
            if is_newest_first(entry) {
                entry.reverse();
            }
        });
        let times = self.lens.iter().scan(0, |begin, len| {
            let first = self.trades.get(*begin).filter(|_| *len > 0);
            *begin += len;
            Some(first.and_then(&time))
        });
        if Order::of(times, Order::NewestFirst) == Order::NewestFirst {
            // The entries change places and stay as they are inside.
            self.trades.reverse();
            for_each(&mut self.trades, self.lens.iter().rev(), <[T]>::reverse);
        }
        self.trades
    }
}

impl<T> FromIterator<Vec<T>> for Entries<T> {
    fn from_iter<I: IntoIterator<Item = Vec<T>>>(entries: I) -> Self {
        let mut all = Self::new();
        for entry in entries {
            all.lens.push(entry.len());
            all.trades.extend(entry);
        }
        all
    }
}

/// Hands out the trades of each entry, of which the first has as many as the first of `lens`.
fn for_each<'l, T>(
    mut trades: &mut [T],
    lens: impl Iterator<Item = &'l usize>,
    mut each: impl FnMut(&mut [T]),
) {
    for len in lens {
        let (entry, rest) = trades.split_at_mut((*len).min(trades.len()));
        each(entry);
        trades = rest;
    }
}

/// An entry in which nothing is broken.
#[derive(Debug)]
struct DirectEntry;

/// A trade in which nothing is broken and which has a `trade-id`.
#[derive(Debug)]
struct DirectTrade;

impl FillObject for DirectEntry {
    type Record = Entries<Trade>;

    const NEEDED: u32 = 1;

    fn member<'de, V: Values<'de>>(
        entries: &mut Entries<Trade>,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        match key {
            "data" => {
                let before = entries.trades.len();
                value.fill::<InList<InObject<DirectTrade>>>(&mut entries.trades)?;
                entries.lens.push(entries.trades.len() - before);
                Ok(1)
            }
            _ => value.skip().map(|()| 0),
        }
    }
}

impl FillObject for DirectTrade {
    type Record = Trade;

    const NEEDED: u32 = 0x1f;

    fn member<'de, V: Values<'de>>(
        trade: &mut Trade,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        match key {
            "trade-id" => {
                trade.id = Some(value.trade_id()?);
                Ok(1)
            }
            "price" => value.number(&mut trade.price).map(|()| 2),
            "amount" => value.number(&mut trade.amount).map(|()| 4),
            "ts" => {
                trade.time = value.millis()?;
                Ok(8)
            }
            "direction" => {
                trade.side = Some(some(side_of(value.text()?))?);
                Ok(16)
            }
            "id" => value.skip().map(|()| 32),
            _ => value.skip().map(|()| 0),
        }
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Payload> {
    let mut entries = Entries::new();
    entries.trades = room(reply.body, 120);
    entries.lens = room(reply.body, 120);
    fill_payload::<InEach<InObject<DirectEntry>>>(reply, symbol, context, &mut entries)?;
    let rows = entries.in_order(
        |trade| trade.id.as_deref()?.parse().ok(),
        |trade| Some(trade.time),
    );
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.cut(rows);
    Some(Payload::Trades(trades))
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
    trades.rows = window.read(rows, &mut notes, |_, Object(row): TradeWire<'_>, fields| {
        let execution = Execution {
            price: row.price,
            amount: row.amount,
            time: row.ts,
            id: Some(row.name()),
            side: row.direction,
        };
        execution.record(Raw::millis, side, fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

/// All trades of all entries in one list. What is no entry stands in it for itself: nothing vanishes.
fn oldest_first<'a>(payload: Shaped<'a, Vec<EntryWire<'a>>>) -> Option<Rows<'a, TradeWire<'a>>> {
    let raw = match payload {
        Ok(entries) => {
            let entries = entries.into_iter().map(|Object(entry)| entry.data);
            let entries: Entries<_> = entries.collect();
            let time = |trade: &TradeWire<'a>| trade.ts.integer().ok();
            return Some(Rows::Sound(entries.in_order(number, time)));
        }
        Err(raw) => raw,
    };
    let entries: Vec<Raw<'a>> = raw.read().ok()?;
    let entries = entries.into_iter().map(|entry| {
        let trades = entry.read::<Object<Entry<Vec<Raw<'a>>>>>();
        trades.map_or_else(|raw| vec![raw], |Object(entry)| entry.data)
    });
    let entries: Entries<_> = entries.collect();
    let read = |raw: &Raw<'a>| raw.read::<TradeWire<'a>>().ok();
    let trades = entries.in_order(
        |raw| number(&read(raw)?),
        |raw| read(raw)?.ts.integer().ok(),
    );
    Some(Rows::Mixed(trades))
}

/// The number of a trade. 28 digits fit into 128 bits.
fn number(trade: &TradeWire<'_>) -> Option<u128> {
    trade.name().trade_id().ok()?.parse().ok()
}
