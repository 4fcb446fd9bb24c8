//! Trades: `{"XXBTZUSD": [[price, size, seconds, "b"|"s", "m"|"l", misc, id], …], "last": "nanoseconds"}`, oldest first.
//!
//! Rows of 2013 to 2022 end before the id, some of 2024 have one cell more.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Payload, Side, Symbol, Trade, Trades};
use serde::Deserialize;
use serde::de::{IgnoredAny, SeqAccess};

use super::envelope::{direct_pair, open_pair};
use crate::wire::{
    BLANK_TRADE, Cell, Fields, FillRow, Filled, FilledRows, Notes, Raw, Reading, Row, RowValues,
    Rows, Values, Window, Wire, clean, some,
};
use crate::{Context, Reply, Verdict, answer};

/// A row; time and id are numbers, the rest are strings.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Cell<'de>, 'de: 'a")]
struct TradeWire<'a, C> {
    #[serde(default)]
    price: C,
    #[serde(default)]
    amount: C,
    #[serde(default)]
    time: Raw<'a>,
    #[serde(default)]
    side: C,
    #[serde(default)]
    _order_type: IgnoredAny,
    #[serde(default)]
    _misc: IgnoredAny,
    #[serde(default)]
    id: Raw<'a>,
}

/// A row in which nothing is broken.
#[derive(Debug)]
struct DirectTrade;

impl FillRow for DirectTrade {
    type Record = Trade;

    const BLANK: Trade = BLANK_TRADE;

    fn cells<'de, A: SeqAccess<'de>>(
        trade: &mut Trade,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.decimal(&mut trade.price)?;
        row.decimal(&mut trade.amount)?;
        trade.time = row.read(Raw::seconds)?;
        trade.side = Some(some(side_of(row.text()?))?);
        row.skip()?;
        row.skip()?;
        if let Some(id) = row.raw_if_there()? {
            trade.id = Some(some(id.identifier().ok())?);
        }
        Ok(())
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    let pair = direct_pair::<FilledRows<DirectTrade>>(reply, symbol, context)?;
    let Filled(rows) = pair.value;
    let mut trades = Trades::new(symbol.clone());
    trades.cursor = clean(|fields| Some(fields.may("cursor", pair.last, Raw::identifier)))?;
    trades.rows = window.cut(rows);
    Some(Decoded::clean(Payload::Trades(trades)))
}

pub(super) fn trades(
    symbol: &Symbol,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Vec<Row<TradeWire<'_, Raw<'_>>>>>(reply, symbol, context)?;
    let rows = match pair.value {
        Ok(rows) => Some(Rows::Sound(rows)),
        Err(raw) => raw.json().and_then(|json| Rows::of(json).ok()),
    };
    let rows = rows.ok_or_else(|| answer::malformed(reply, "no trades"))?;
    let mut notes = Notes::clean(());
    let mut trades = Trades::new(symbol.clone());
    trades.cursor = Fields::new(&mut notes, None).may("cursor", pair.last, Raw::identifier);
    trades.rows = window.read(rows, &mut notes, |_, row: Row<TradeWire<'_, _>>, fields| {
        row.record(fields)
    });
    Ok(notes.map(|()| Payload::Trades(trades)))
}

impl<'a, C: Cell<'a>> Wire for TradeWire<'a, C> {
    type Record = Trade;

    fn record(&self, fields: &mut Fields<'_>) -> Reading<Trade> {
        let price = fields.need("price", self.price, Raw::decimal);
        let amount = fields.need("amount", self.amount, Raw::decimal);
        let time = fields.need("time", self.time, Raw::seconds);
        let side = fields.need("side", self.side, side);
        let id = fields.may("id", self.id, Raw::identifier);
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
