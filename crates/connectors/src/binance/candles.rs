//! Klines: `[[open time, open, high, low, close, volume, close time, quote volume, trades, …], …]`, oldest first.
//!
//! The close time is the last millisecond that belongs to the bar; the bar is open while that is not over.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};

use crate::wire::{Cells, Fields, Notes, Raw, Reading, Rows, Window};

type Row<'a> = Cells<'a, 9>;

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    body: &str,
) -> Result<Decoded<Payload>, String> {
    let rows: Rows<'_, Row<'_>> = Rows::of(body).map_err(|_| "no list of bars".to_owned())?;
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(rows, &mut notes, |_, row: Row<'_>, fields| {
        candle(row, interval, now, fields)
    });
    Ok(notes.map(|()| Payload::Candles(candles)))
}

fn candle(
    row: Row<'_>,
    interval: Interval,
    now: Timestamp,
    fields: &mut Fields<'_>,
) -> Reading<Candle> {
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
    let time = fields.need("time", time, Raw::millis);
    let open = fields.need("open", open, Raw::decimal);
    let high = fields.need("high", high, Raw::decimal);
    let low = fields.need("low", low, Raw::decimal);
    let close = fields.need("close", close, Raw::decimal);
    let volume = fields.need("volume", volume, Raw::decimal);
    let end = fields.need("close_time", end, Raw::millis);
    let quote_volume = fields.need("quote_volume", quote_volume, Raw::decimal);
    let count = fields.need("count", count, Raw::count);
    let (Some(start), Some(open), Some(high), Some(low), Some(close), Some(volume)) =
        (time, open, high, low, close, volume)
    else {
        return Err(time);
    };
    let closed = match end {
        Some(end) => end.as_ms() < now.as_ms(),
        None => start.saturating_add(interval.duration()) <= now,
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
        count,
        closed,
    })
}
