//! Trades: `[{"sequence": "…", "price", "size", "side": "buy", "time": nanoseconds}, …]`, the last hundred.
//!
//! `side` is the taker's. There is no other id than `sequence`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Timestamp, Trade, Trades};
use serde::Deserialize;

use super::envelope::open_rows;
use crate::wire::{Fields, Notes, Raw, Reading, Rows, Window};
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
    let mut rows = open_rows::<TradeWire<'_>>(reply, Some(symbol))?;
    if is_newest_first(&rows) {
        rows = rows.reversed();
    }
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.rows = window.read(rows, &mut notes, |_, row: TradeWire<'_>, fields| {
        trade(&row, fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

/// Whether more of the steps from row to row go back in time than forward.
///
/// KuCoin shows its examples oldest first and promises no order. One row with a broken time does not turn the list around.
fn is_newest_first(rows: &Rows<'_, TradeWire<'_>>) -> bool {
    let time = |row: &TradeWire<'_>| row.time.integer().ok();
    let times: Vec<i64> = match rows {
        Rows::Sound(rows) => rows.iter().filter_map(time).collect(),
        Rows::Mixed(rows) => {
            let rows = rows.iter().filter_map(|raw| raw.read().ok());
            rows.filter_map(|row| time(&row)).collect()
        }
    };
    let steps = || times.iter().zip(times.iter().skip(1));
    let back = steps().filter(|(one, next)| one > next).count();
    let forward = steps().filter(|(one, next)| one < next).count();
    back > forward
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
