//! Trades: `[{"sequence": "…", "price", "size", "side": "buy", "time": nanoseconds}, …]`, the last hundred.
//!
//! `side` is the taker's. There is no other id than `sequence`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Timestamp, Trade, Trades};
use serde::Deserialize;

use super::envelope::open_rows;
use crate::wire::{Fields, Notes, Object, Order, Raw, Reading, Window};
use crate::{Reply, Verdict};

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

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<Object<TradeWire<'_>>>(reply, Some(symbol))?;
    // KuCoin shows its examples oldest first and promises no order.
    let rows = rows.oldest_first(Order::OldestFirst, |Object(row)| row.time.integer().ok());
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(rows, &mut notes, |_, Object(row), fields| {
        trade(&row, fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

fn trade(row: &TradeWire<'_>, fields: &mut Fields<'_>) -> Reading<Trade> {
    let price = fields.need("price", row.price, Raw::decimal);
    let amount = fields.need("amount", row.size, Raw::decimal);
    let time = fields.need("time", row.time, nanoseconds);
    let id = fields.need("id", row.sequence, Raw::identifier);
    let side = fields.need("side", row.side, side);
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

fn nanoseconds(raw: Raw<'_>) -> Result<Timestamp, DefectKind> {
    raw.integer().map(Timestamp::from_ns)
}

fn side(raw: Raw<'_>) -> Result<Side, DefectKind> {
    match &*raw.text()? {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(DefectKind::Unparsable),
    }
}
