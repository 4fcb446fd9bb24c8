//! Klines: `[[open time, open, high, low, close, volume, close time, quote volume, trades, …], …]`, oldest first.
//!
//! The close time is the last millisecond that belongs to the bar; the bar is open while that is not over.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{BarCalendar, Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};
use serde::de::SeqAccess;

use crate::calendar::end_of_bar;
use crate::wire::{
    Bar, Blank, Cells, FillRow, InList, InRow, Notes, Raw, RowValues, Rows, Values, Window, fill,
    room,
};

/// A row; prices and sizes are strings.
type CandleWire<'a> = Cells<'a, 9>;

/// A bar as if it were open, and its last millisecond.
type WithEnd = (Candle, Option<Timestamp>);

impl Blank for WithEnd {
    const BLANK: Self = (Candle::BLANK, None);
}

/// Says of a bar whether it is closed.
fn judged((mut candle, end): WithEnd, interval: Interval, now: Timestamp) -> Candle {
    candle.closed = match end {
        Some(end) => end.as_ms() < now.as_ms(),
        None => end_of_bar(candle.time, interval, BarCalendar::UTC) <= now,
    };
    candle
}

/// A row in which nothing is broken.
#[derive(Debug)]
struct DirectCandle;

impl FillRow for DirectCandle {
    type Record = WithEnd;

    fn cells<'de, A: SeqAccess<'de>>(
        (candle, end): &mut WithEnd,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        candle.time = row.millis()?;
        row.decimal(&mut candle.open)?;
        row.decimal(&mut candle.high)?;
        row.decimal(&mut candle.low)?;
        row.decimal(&mut candle.close)?;
        row.decimal(&mut candle.volume)?;
        *end = Some(row.millis()?);
        row.decimal_of(&mut candle.quote_volume)?;
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
) -> Option<Payload> {
    let mut rows = room(body.as_bytes(), 120);
    fill::<InList<InRow<DirectCandle>>>(body, &mut rows)?;
    let rows = rows.into_iter().map(|bar| judged(bar, interval, now));
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.cut(rows.collect());
    Some(Payload::Candles(candles))
}

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    body: &str,
) -> Result<Decoded<Payload>, String> {
    let rows: Rows<'_, CandleWire<'_>> =
        Rows::of(body).map_err(|_| "no list of bars".to_owned())?;
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(rows, &mut notes, |_, row: CandleWire<'_>, fields| {
        let Cells(
            [
                time,
                open,
                high,
                low,
                close,
                volume,
                end,
                quote_volume,
                count,
            ],
        ) = row;
        let bar = Bar {
            time,
            open,
            high,
            low,
            close,
            volume,
            quote_volume: Some(quote_volume),
            vwap: None,
            count: Some(count),
        };
        let candle = bar.record(Raw::millis, fields);
        let end = fields.need("close_time", end, Raw::millis);
        Ok(judged((candle?, end), interval, now))
    });
    Ok(notes.map(|()| Payload::Candles(candles)))
}
