//! Trades: `[{"sequence": "…", "price", "size", "side": "buy", "time": nanoseconds}, …]`, the last hundred.
//!
//! `side` is the taker's. There is no other id than `sequence`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Symbol, Timestamp, Trade, Trades};
use serde::Deserialize;

use super::envelope::{fill_data, open_rows};
use crate::wire::{
    Execution, FillObject, InList, InObject, Notes, Object, Order, Raw, Values, Window, only_if,
    room, side, side_of, some,
};
use crate::{Reply, Verdict};

/// A trade; the time is a number, the rest are strings.
#[derive(Debug, Deserialize)]
struct TradeWire<'a> {
    #[serde(borrow, default)]
    sequence: Raw<'a>,
    #[serde(borrow, default)]
    price: Raw<'a>,
    #[serde(borrow, default)]
    size: Raw<'a>,
    #[serde(borrow, default)]
    side: Raw<'a>,
    #[serde(borrow, default)]
    time: Raw<'a>,
}

/// KuCoin shows its examples oldest first and promises no order.
const DOCUMENTED: Order = Order::OldestFirst;

/// A trade in which nothing is broken.
#[derive(Debug)]
struct DirectTrade;

impl FillObject for DirectTrade {
    type Record = Trade;

    const NEEDED: u32 = 0x1f;

    fn member<'de, V: Values<'de>>(
        trade: &mut Trade,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let bit = match key {
            "sequence" => {
                let id = value.text()?;
                only_if(!id.is_empty())?;
                trade.id = Some(id.into());
                1
            }
            "price" => {
                value.decimal(&mut trade.price)?;
                2
            }
            "size" => {
                value.decimal(&mut trade.amount)?;
                4
            }
            "side" => {
                trade.side = Some(some(side_of(value.text()?))?);
                8
            }
            "time" => {
                trade.time = Timestamp::from_ns(value.next()?);
                16
            }
            _ => {
                value.skip()?;
                0
            }
        };
        Ok(bit)
    }
}

pub(super) fn direct(symbol: &Symbol, window: Window, reply: &Reply<'_>) -> Option<Payload> {
    let mut trades = Trades::new(symbol.clone());
    trades.rows = room(reply.body, 80);
    fill_data::<InList<InObject<DirectTrade>>>(reply, &mut trades.rows)?;
    let rows = DOCUMENTED.oldest_first(trades.rows, |trade| Some(trade.time));
    trades.rows = window.cut(rows);
    Some(Payload::Trades(trades))
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<Object<TradeWire<'_>>>(reply, Some(symbol))?;
    let rows = rows.oldest_first(DOCUMENTED, |row| row.time.integer().ok());
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(
        rows,
        &mut notes,
        |_, Object(row): Object<TradeWire<'_>>, fields| {
            let execution = Execution {
                price: row.price,
                amount: row.size,
                time: row.time,
                id: Some(row.sequence),
                side: row.side,
            };
            execution.record(nanoseconds, side, fields)
        },
    );
    Ok(notes.map(|()| Payload::Trades(trades)))
}

fn nanoseconds(raw: Raw<'_>) -> Result<Timestamp, DefectKind> {
    raw.integer().map(Timestamp::from_ns)
}
