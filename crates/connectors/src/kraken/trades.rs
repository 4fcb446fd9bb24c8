//! Trades: `{"XXBTZUSD": [[price, size, seconds, "b"|"s", "m"|"l", misc, id], …], "last": "nanoseconds"}`, oldest first.
//!
//! Rows of 2013 to 2022 end before the id, some of 2024 have one cell more.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::de::SeqAccess;

use super::envelope::{FillPair, fill_pair, open_pair};
use crate::wire::{
    Cells, Execution, Fields, FillRow, InList, InRow, Notes, Raw, RowValues, Rows, Values, Window,
    room, some,
};
use crate::{Context, Reply, Verdict, answer};

/// A row; time and id are numbers, the rest are strings.
type TradeWire<'a> = Cells<'a, 7>;

/// A row in which nothing is broken.
#[derive(Debug)]
struct DirectTrade;

impl FillRow for DirectTrade {
    type Record = Trade;

    fn cells<'de, A: SeqAccess<'de>>(
        trade: &mut Trade,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.decimal(&mut trade.price)?;
        row.decimal(&mut trade.amount)?;
        trade.time = row.exact_seconds()?;
        trade.side = Some(some(side_of(row.text()?))?);
        row.skip()?;
        row.skip()?;
        trade.id = row.trade_id_if_there()?;
        Ok(())
    }
}

/// A page in which nothing is broken.
#[derive(Debug)]
struct DirectTrades;

impl FillPair for DirectTrades {
    type Place = Trades;

    fn record<'de, V: Values<'de>>(trades: &mut Trades, value: &mut V) -> Result<(), V::Error> {
        value.fill::<InList<InRow<DirectTrade>>>(&mut trades.rows)
    }

    fn last<'de, V: Values<'de>>(trades: &mut Trades, value: &mut V) -> Result<(), V::Error> {
        let cursor = value.next::<Raw<'de>>()?.identifier();
        trades.cursor = Some(some(cursor.ok())?);
        Ok(())
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Payload> {
    let mut trades = Trades::new(symbol.clone());
    trades.rows = room(reply.body, 60);
    fill_pair::<DirectTrades>(reply, symbol, context, &mut trades)?;
    trades.rows = window.cut(trades.rows);
    Some(Payload::Trades(trades))
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Vec<TradeWire<'_>>>(reply, symbol, context)?;
    let rows = match pair.value {
        Ok(rows) => Some(Rows::Sound(rows)),
        Err(raw) => raw.json().and_then(|json| Rows::of(json).ok()),
    };
    let rows = rows.ok_or_else(|| answer::malformed(reply, "no trades"))?;
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.cursor = Fields::new(&mut notes, None).may("cursor", pair.last, Raw::identifier);
    trades.rows = window.read(rows, &mut notes, |_, row: TradeWire<'_>, fields| {
        let Cells([price, amount, time, taker, _order_type, _misc, id]) = row;
        let execution = Execution {
            price,
            amount,
            time,
            id: (!id.is_missing()).then_some(id),
            side: taker,
        };
        execution.record(Raw::seconds, side, fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

fn side(raw: Raw<'_>) -> Result<Side, DefectKind> {
    side_of(&raw.text()?).ok_or(DefectKind::Unparsable)
}

fn side_of(text: &str) -> Option<Side> {
    match text {
        "b" => Some(Side::Buy),
        "s" => Some(Side::Sell),
        _ => None,
    }
}
