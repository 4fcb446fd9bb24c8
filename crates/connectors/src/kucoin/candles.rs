//! Candles: `[["seconds", open, close, high, low, volume, turnover], …]`, newest first.
//!
//! The close stands before the high. The first row is the open bar. A list that runs the other way is read as it runs. An interval in which nothing was traded has no row.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};

use super::envelope::open_rows;
use crate::calendar::end_of_bar;
use crate::wire::{Cells, Fields, Notes, Order, Raw, Reading, Window};
use crate::{Reply, Verdict};

type Row<'a> = Cells<'a, 7>;

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<Row<'_>>(reply, Some(symbol))?;
    let rows = rows.oldest_first(Order::NewestFirst, |Cells([time, ..])| time.seconds().ok());
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
    let Cells([time, open, close, high, low, volume, turnover]) = row;
    let time = fields.need("time", time, Raw::seconds);
    let open = fields.need("open", open, Raw::decimal);
    let close = fields.need("close", close, Raw::decimal);
    let high = fields.need("high", high, Raw::decimal);
    let low = fields.need("low", low, Raw::decimal);
    let volume = fields.need("volume", volume, Raw::decimal);
    let quote_volume = fields.need("quote_volume", turnover, Raw::decimal);
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
        closed: end_of_bar(start, interval, Duration::ZERO) <= now,
    })
}
