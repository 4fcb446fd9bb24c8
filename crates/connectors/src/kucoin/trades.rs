//! Trades: `[{"sequence": "…", "price", "size", "side": "buy", "time": nanoseconds}, …]`, the last hundred.
//!
//! `side` is the taker's. There is no other id than `sequence`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Timestamp, Trade, Trades};
use serde::Deserialize;

use super::envelope::{self, open_rows};
use crate::wire::{
    BLANK_TRADE, Cell, Fields, FillObject, Filled, FilledObjects, Notes, Object, Order, Raw,
    Reading, Values, Window, Wire, some,
};
use crate::{Reply, Verdict};

/// A trade; the time is a number, the rest are strings.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Cell<'de>, 'de: 'a")]
struct TradeWire<'a, C> {
    #[serde(default)]
    sequence: C,
    #[serde(default)]
    price: C,
    #[serde(default)]
    size: C,
    #[serde(default)]
    side: C,
    #[serde(default)]
    time: Raw<'a>,
}

/// KuCoin shows its examples oldest first and promises no order.
const DOCUMENTED: Order = Order::OldestFirst;

/// A trade in which nothing is broken.
#[derive(Debug)]
struct DirectTrade;

impl FillObject for DirectTrade {
    type Record = Trade;

    const BLANK: Trade = BLANK_TRADE;

    const NEEDED: u32 = 0x1f;

    fn member<'de, V: Values<'de>>(
        trade: &mut Trade,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let bit = match key {
            "sequence" => {
                trade.id = Some(some(Raw::Text(value.text()?).identifier().ok())?);
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

pub(super) fn direct(
    symbol: &Symbol,
    window: Window,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    let Filled(rows) = envelope::direct::<FilledObjects<DirectTrade>>(reply)?;
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.cut(DOCUMENTED.oldest_first(rows, |trade| Some(trade.time)));
    Some(Decoded::clean(Payload::Trades(trades)))
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<Object<TradeWire<'_, Raw<'_>>>>(reply, Some(symbol))?;
    let rows = rows.oldest_first(DOCUMENTED, |row| row.time.integer().ok());
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(
        rows,
        &mut notes,
        |_, row: Object<TradeWire<'_, _>>, fields| row.record(fields),
    );
    Ok(notes.map(|()| Payload::Trades(trades)))
}

impl<'a, C: Cell<'a>> Wire for TradeWire<'a, C> {
    type Record = Trade;

    fn record(&self, fields: &mut Fields<'_>) -> Reading<Trade> {
        let price = fields.need("price", self.price, Raw::decimal);
        let amount = fields.need("amount", self.size, Raw::decimal);
        let time = fields.need("time", self.time, nanoseconds);
        let id = fields.need("id", self.sequence, Raw::identifier);
        let side = fields.need("side", self.side, side);
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

fn nanoseconds(raw: Raw<'_>) -> Result<Timestamp, DefectKind> {
    raw.integer().map(Timestamp::from_ns)
}

fn side(raw: Raw<'_>) -> Result<Side, DefectKind> {
    side_of(&raw.text()?).ok_or(DefectKind::Unparsable)
}

fn side_of(text: &str) -> Option<Side> {
    match text {
        "buy" => Some(Side::Buy),
        "sell" => Some(Side::Sell),
        _ => None,
    }
}
