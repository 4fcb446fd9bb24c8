//! Trades: `{"XXBTZUSD": [[price, size, seconds, "b"|"s", "m"|"l", misc, id], …], "last": "nanoseconds"}`, oldest first.
//!
//! Rows of 2013 to 2022 end before the id, some of 2024 have one cell more.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};

use super::envelope::open_pair;
use crate::wire::{Cells, Fields, Notes, Raw, Reading, Rows, Window};
use crate::{Context, Reply, Verdict, answer};

type Row<'a> = Cells<'a, 7>;

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Vec<Row<'_>>>(reply, symbol, context)?;
    let rows = match pair.value {
        Ok(rows) => Some(Rows::Sound(rows)),
        Err(raw) => raw.json().and_then(|json| Rows::of(json).ok()),
    };
    let rows = rows.ok_or_else(|| answer::malformed(reply, "no trades"))?;
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.cursor = Fields::new(&mut notes, None).may("cursor", pair.last, Raw::identifier);
    trades.rows = window.read(rows, &mut notes, |_, row: Row<'_>, fields| {
        trade(row, fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

fn trade(row: Row<'_>, fields: &mut Fields<'_>) -> Reading<Trade> {
    let Cells([price, amount, time, taker, _, _, id]) = row;
    let price = fields.need("price", price, Raw::decimal);
    let amount = fields.need("amount", amount, Raw::decimal);
    let time = fields.need("time", time, Raw::seconds);
    let side = fields.need("side", taker, side);
    let id = fields.may("id", id, Raw::identifier);
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
        "b" => Ok(Side::Buy),
        "s" => Ok(Side::Sell),
        _ => Err(DefectKind::Unparsable),
    }
}
