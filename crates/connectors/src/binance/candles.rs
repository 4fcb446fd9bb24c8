//! Klines: `[[open time, open, high, low, close, volume, close time, quote volume, trades, …], …]`, oldest first.
//!
//! The close time is the last millisecond that belongs to the bar; the bar is open while that is not over.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::SeqAccess;

use crate::wire::{
    BLANK_CANDLE, Cell, Fields, FillRow, Filled, FilledRows, Notes, Raw, Reading, Row, RowValues,
    Rows, Values, Window, Wire,
};

/// A row; prices and sizes are strings.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Cell<'de>, 'de: 'a")]
struct CandleWire<'a, C> {
    #[serde(default)]
    time: Raw<'a>,
    #[serde(default)]
    open: C,
    #[serde(default)]
    high: C,
    #[serde(default)]
    low: C,
    #[serde(default)]
    close: C,
    #[serde(default)]
    volume: C,
    #[serde(default)]
    end: Raw<'a>,
    #[serde(default)]
    quote_volume: C,
    #[serde(default)]
    count: Raw<'a>,
}

/// A bar as if it were open, and its last millisecond.
type Bar = (Candle, Option<Timestamp>);

/// Says of a bar whether it is closed.
fn judged((mut candle, end): Bar, interval: Interval, now: Timestamp) -> Candle {
    candle.closed = match end {
        Some(end) => end.as_ms() < now.as_ms(),
        None => candle.time.saturating_add(interval.duration()) <= now,
    };
    candle
}

/// A row in which nothing is broken.
#[derive(Debug)]
struct DirectCandle;

impl FillRow for DirectCandle {
    type Record = Bar;

    const BLANK: Bar = (BLANK_CANDLE, None);

    fn cells<'de, A: SeqAccess<'de>>(
        (candle, end): &mut Bar,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        candle.time = row.millis()?;
        row.decimal(&mut candle.open)?;
        row.decimal(&mut candle.high)?;
        row.decimal(&mut candle.low)?;
        row.decimal(&mut candle.close)?;
        row.decimal(&mut candle.volume)?;
        *end = Some(row.millis()?);
        row.decimal(candle.quote_volume.insert(Decimal::ZERO))?;
        candle.count = Some(row.next()?);
        Ok(())
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    body: &str,
) -> Option<Decoded<Payload>> {
    let Filled(rows) = serde_json::from_str::<FilledRows<DirectCandle>>(body).ok()?;
    let rows = rows.into_iter().map(|bar| judged(bar, interval, now));
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.cut(rows.collect());
    Some(Decoded::clean(Payload::Candles(candles)))
}

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    body: &str,
) -> Result<Decoded<Payload>, String> {
    let rows: Rows<'_, Row<CandleWire<'_, Raw<'_>>>> =
        Rows::of(body).map_err(|_| "no list of bars".to_owned())?;
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(
        rows,
        &mut notes,
        |_, row: Row<CandleWire<'_, _>>, fields| {
            row.record(fields).map(|bar| judged(bar, interval, now))
        },
    );
    Ok(notes.map(|()| Payload::Candles(candles)))
}

impl<'a, C: Cell<'a>> Wire for CandleWire<'a, C> {
    type Record = Bar;

    fn record(&self, fields: &mut Fields<'_>) -> Reading<Bar> {
        let time = fields.need("time", self.time, Raw::millis);
        let open = fields.need("open", self.open, Raw::decimal);
        let high = fields.need("high", self.high, Raw::decimal);
        let low = fields.need("low", self.low, Raw::decimal);
        let close = fields.need("close", self.close, Raw::decimal);
        let volume = fields.need("volume", self.volume, Raw::decimal);
        let end = fields.need("close_time", self.end, Raw::millis);
        let quote_volume = fields.need("quote_volume", self.quote_volume, Raw::decimal);
        let count = fields.need("count", self.count, Raw::count);
        let (Some(start), Some(open), Some(high), Some(low), Some(close), Some(volume)) =
            (time, open, high, low, close, volume)
        else {
            return Err(time);
        };
        let candle = Candle {
            time: start,
            open,
            high,
            low,
            close,
            volume,
            quote_volume,
            vwap: None,
            count,
            closed: false,
        };
        Ok((candle, end))
    }
}
