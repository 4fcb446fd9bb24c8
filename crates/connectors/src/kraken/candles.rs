//! OHLC: `{"XXBTZUSD": [[seconds, open, high, low, close, vwap, volume, count], …], "last": seconds}`, oldest first.
//!
//! "The last entry in the OHLC array is for the current, not-yet-committed timeframe, and will always be present, regardless of the value
//! of since", and `last` is the start of the newest committed bar. Bars without trades are filled in with the last price and volume 0;
//! in a capture of a quiet pair they are a third of all minutes.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};
use serde::de::SeqAccess;

use super::envelope::{FillPair, fill_pair, open_pair};
use crate::wire::{
    Bar, Cells, Fields, FillRow, InList, InRow, Notes, Raw, RowValues, Rows, Values, Window, room,
    some,
};
use crate::{Context, Reply, Verdict, answer};

/// A row; prices and sizes are strings.
type CandleWire<'a> = Cells<'a, 8>;

/// Which bars are closed, of an answer with `len` of them: those up to `last`, the newest committed one.
fn is_closed(
    committed: Option<Timestamp>,
    len: usize,
    interval: Interval,
    now: Timestamp,
) -> impl Fn(usize, Timestamp) -> bool {
    let newest = len.saturating_sub(1);
    move |index, time| match committed {
        Some(last) => time <= last,
        None => index < newest && time.saturating_add(interval.duration()) <= now,
    }
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
        candle.time = row.seconds()?;
        row.decimal(&mut candle.open)?;
        row.decimal(&mut candle.high)?;
        row.decimal(&mut candle.low)?;
        row.decimal(&mut candle.close)?;
        row.decimal_of(&mut candle.vwap)?;
        row.decimal(&mut candle.volume)?;
        without_trades(candle);
        candle.count = Some(row.next()?);
        Ok(())
    }
}

/// Without trades there is no average price; Kraken writes 0 there.
fn without_trades(candle: &mut Candle) {
    if candle.volume.is_zero() {
        candle.vwap = None;
    }
}

/// A page in which nothing is broken: its rows, and the start of the newest committed bar.
#[derive(Debug)]
struct DirectCandles;

impl FillPair for DirectCandles {
    type Place = (Vec<Candle>, Option<Timestamp>);

    fn record<'de, V: Values<'de>>(page: &mut Self::Place, value: &mut V) -> Result<(), V::Error> {
        value.fill::<InList<InRow<DirectCandle>>>(&mut page.0)
    }

    fn last<'de, V: Values<'de>>(page: &mut Self::Place, value: &mut V) -> Result<(), V::Error> {
        let committed = value.next::<Raw<'de>>()?.seconds();
        page.1 = Some(some(committed.ok())?);
        Ok(())
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Payload> {
    let mut page = (room(reply.body, 60), None);
    fill_pair::<DirectCandles>(reply, symbol, context, &mut page)?;
    let (mut rows, committed) = page;
    let is_closed = is_closed(committed, rows.len(), interval, context.now);
    for (index, candle) in rows.iter_mut().enumerate() {
        candle.closed = is_closed(index, candle.time);
    }
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.cut(rows);
    Some(Payload::Candles(candles))
}

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Vec<CandleWire<'_>>>(reply, symbol, context)?;
    let rows = match pair.value {
        Ok(rows) => Some(Rows::Sound(rows)),
        Err(raw) => raw.json().and_then(|json| Rows::of(json).ok()),
    };
    let rows = rows.ok_or_else(|| answer::malformed(reply, "no bars"))?;
    let mut notes = Notes::clean(());
    let committed = Fields::new(&mut notes, None).may("last", pair.last, Raw::seconds);
    let is_closed = is_closed(committed, rows.len(), interval, context.now);
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(rows, &mut notes, |index, row: CandleWire<'_>, fields| {
        let Cells([time, open, high, low, close, vwap, volume, count]) = row;
        let bar = Bar {
            time,
            open,
            high,
            low,
            close,
            volume,
            quote_volume: None,
            vwap: Some(vwap),
            count: Some(count),
        };
        let mut candle = bar.record(Raw::seconds, fields)?;
        without_trades(&mut candle);
        candle.closed = is_closed(index, candle.time);
        Ok(candle)
    });
    Ok(notes.map(|()| Payload::Candles(candles)))
}
