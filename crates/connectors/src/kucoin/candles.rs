//! Candles: `[["seconds", open, close, high, low, volume, turnover], …]`, newest first.
//!
//! The close stands before the high. The first row is the open bar. A list that runs the other way is read as it runs. An interval in which nothing was traded has no row.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::SeqAccess;

use super::envelope::{self, open_rows};
use crate::calendar::end_of_bar;
use crate::wire::{
    BLANK_CANDLE, Cell, Fields, FillRow, Filled, FilledRows, Notes, Order, Raw, Reading, Row,
    RowValues, Values, Window, Wire, some,
};
use crate::{Reply, Verdict};

/// A row, all of strings.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Cell<'de>")]
struct CandleWire<C> {
    #[serde(default)]
    time: C,
    #[serde(default)]
    open: C,
    #[serde(default)]
    close: C,
    #[serde(default)]
    high: C,
    #[serde(default)]
    low: C,
    #[serde(default)]
    volume: C,
    #[serde(default)]
    turnover: C,
}

const DOCUMENTED: Order = Order::NewestFirst;

fn is_closed(candle: &Candle, interval: Interval, now: Timestamp) -> bool {
    end_of_bar(candle.time, interval, Duration::ZERO) <= now
}

/// A row in which nothing is broken.
#[derive(Debug)]
struct DirectCandle;

impl FillRow for DirectCandle {
    type Record = Candle;

    const BLANK: Candle = BLANK_CANDLE;

    fn cells<'de, A: SeqAccess<'de>>(
        candle: &mut Candle,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        candle.time = some(Raw::Text(row.text()?).seconds().ok())?;
        row.decimal(&mut candle.open)?;
        row.decimal(&mut candle.close)?;
        row.decimal(&mut candle.high)?;
        row.decimal(&mut candle.low)?;
        row.decimal(&mut candle.volume)?;
        row.decimal(candle.quote_volume.insert(Decimal::ZERO))
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    let Filled(mut rows) = envelope::direct::<FilledRows<DirectCandle>>(reply)?;
    for candle in &mut rows {
        candle.closed = is_closed(candle, interval, now);
    }
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.cut(DOCUMENTED.oldest_first(rows, |candle| Some(candle.time)));
    Some(Decoded::clean(Payload::Candles(candles)))
}

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<Row<CandleWire<Raw<'_>>>>(reply, Some(symbol))?;
    let rows = rows.oldest_first(DOCUMENTED, |Row(row)| row.time.seconds().ok());
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(rows, &mut notes, |_, row: Row<CandleWire<_>>, fields| {
        let mut candle = row.record(fields)?;
        candle.closed = is_closed(&candle, interval, now);
        Ok(candle)
    });
    Ok(notes.map(|()| Payload::Candles(candles)))
}

impl<'a, C: Cell<'a>> Wire for CandleWire<C> {
    type Record = Candle;

    /// The bar, as if it were open.
    fn record(&self, fields: &mut Fields<'_>) -> Reading<Candle> {
        let time = fields.need("time", self.time, Raw::seconds);
        let open = fields.need("open", self.open, Raw::decimal);
        let close = fields.need("close", self.close, Raw::decimal);
        let high = fields.need("high", self.high, Raw::decimal);
        let low = fields.need("low", self.low, Raw::decimal);
        let volume = fields.need("volume", self.volume, Raw::decimal);
        let quote_volume = fields.need("quote_volume", self.turnover, Raw::decimal);
        let (Some(start), Some(open), Some(high), Some(low), Some(close), Some(volume)) =
            (time, open, high, low, close, volume)
        else {
            return Err(time);
        };
        Ok(Candle {
            time: start,
            open,
            high,
            low,
            close,
            volume,
            quote_volume,
            vwap: None,
            count: None,
            closed: false,
        })
    }
}
