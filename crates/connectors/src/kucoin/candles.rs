//! Candles: `[["seconds", open, close, high, low, volume, turnover], …]`, newest first.
//!
//! The close stands before the high. The first row is the open bar. A list that runs the other way is read as it runs. An interval in which nothing was traded has no row.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{
    BarCalendar, Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp, WeekStart,
};
use serde::de::SeqAccess;

use super::envelope::{fill_data, open_rows};
use crate::calendar::end_of_bar;
use crate::wire::{
    Bar, Cells, FillRow, InList, InRow, Notes, Order, Raw, RowValues, Values, Window, room,
};
use crate::{Reply, Verdict};

/// A row, all of strings.
type CandleWire<'a> = Cells<'a, 7>;

const DOCUMENTED: Order = Order::NewestFirst;

/// Weeks begin on Thursday (kucoin-api-docs, issues 350 and 373).
pub(super) const CALENDAR: BarCalendar = BarCalendar::UTC.weeks(WeekStart::Thursday);

fn is_closed(candle: &Candle, interval: Interval, now: Timestamp) -> bool {
    end_of_bar(candle.time, interval, CALENDAR) <= now
}

/// A row in which nothing is broken.
#[derive(Debug)]
struct DirectCandle;

impl FillRow for DirectCandle {
    type Record = Candle;

    fn cells<'de, A: SeqAccess<'de>>(
        candle: &mut Candle,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        candle.time = row.seconds_in_text()?;
        row.decimal(&mut candle.open)?;
        row.decimal(&mut candle.close)?;
        row.decimal(&mut candle.high)?;
        row.decimal(&mut candle.low)?;
        row.decimal(&mut candle.volume)?;
        row.decimal_of(&mut candle.quote_volume)
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    reply: &Reply<'_>,
) -> Option<Payload> {
    let mut rows = room(reply.body, 80);
    fill_data::<InList<InRow<DirectCandle>>>(reply, &mut rows)?;
    for candle in &mut rows {
        candle.closed = is_closed(candle, interval, now);
    }
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.cut(DOCUMENTED.oldest_first(rows, |candle| Some(candle.time)));
    Some(Payload::Candles(candles))
}

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    now: Timestamp,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<CandleWire<'_>>(reply, Some(symbol))?;
    let rows = rows.oldest_first(DOCUMENTED, |Cells([time, ..])| time.seconds().ok());
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(rows, &mut notes, |_, row: CandleWire<'_>, fields| {
        let Cells([time, open, close, high, low, volume, turnover]) = row;
        let bar = Bar {
            time,
            open,
            high,
            low,
            close,
            volume,
            quote_volume: Some(turnover),
            vwap: None,
            count: None,
        };
        let mut candle = bar.record(Raw::seconds, fields)?;
        candle.closed = is_closed(&candle, interval, now);
        Ok(candle)
    });
    Ok(notes.map(|()| Payload::Candles(candles)))
}
