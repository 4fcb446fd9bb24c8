//! OHLC: `{"XXBTZUSD": [[seconds, open, high, low, close, vwap, volume, count], …], "last": seconds}`, oldest first.
//!
//! "The last entry in the OHLC array is for the current, not-yet-committed timeframe, and will always be present, regardless of the value
//! of since", and `last` is the start of the newest committed bar. Bars without trades are filled in with the last price and volume 0;
//! in a capture of a quiet pair they are a third of all minutes.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::SeqAccess;

use super::envelope::{direct_pair, open_pair};
use crate::wire::{
    BLANK_CANDLE, Cell, Fields, FillRow, Filled, FilledRows, Notes, Raw, Reading, Row, RowValues,
    Rows, Values, Window, Wire, clean,
};
use crate::{Context, Reply, Verdict, answer};

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
    vwap: C,
    #[serde(default)]
    volume: C,
    #[serde(default)]
    count: Raw<'a>,
}

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

    const BLANK: Candle = BLANK_CANDLE;

    fn cells<'de, A: SeqAccess<'de>>(
        candle: &mut Candle,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        candle.time = row.seconds()?;
        row.decimal(&mut candle.open)?;
        row.decimal(&mut candle.high)?;
        row.decimal(&mut candle.low)?;
        row.decimal(&mut candle.close)?;
        row.decimal(candle.vwap.insert(Decimal::ZERO))?;
        row.decimal(&mut candle.volume)?;
        if candle.volume.is_zero() {
            candle.vwap = None;
        }
        candle.count = Some(row.next()?);
        Ok(())
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    let pair = direct_pair::<FilledRows<DirectCandle>>(reply, symbol, context)?;
    let Filled(mut rows) = pair.value;
    let committed = clean(|fields| Some(fields.may("last", pair.last, Raw::seconds)))?;
    let is_closed = is_closed(committed, rows.len(), interval, context.now);
    for (index, candle) in rows.iter_mut().enumerate() {
        candle.closed = is_closed(index, candle.time);
    }
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.cut(rows);
    Some(Decoded::clean(Payload::Candles(candles)))
}

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Vec<Row<CandleWire<'_, Raw<'_>>>>>(reply, symbol, context)?;
    let rows = match pair.value {
        Ok(rows) => Some(Rows::Sound(rows)),
        Err(raw) => raw.json().and_then(|json| Rows::of(json).ok()),
    };
    let rows = rows.ok_or_else(|| answer::malformed(reply, "no bars"))?;
    let mut notes = Notes::clean(());
    let committed = Fields::new(&mut notes, None).may("last", pair.last, Raw::seconds);
    let is_closed = is_closed(committed, rows.len(), interval, context.now);
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(
        rows,
        &mut notes,
        |index, row: Row<CandleWire<'_, _>>, fields| {
            let mut candle = row.record(fields)?;
            candle.closed = is_closed(index, candle.time);
            Ok(candle)
        },
    );
    Ok(notes.map(|()| Payload::Candles(candles)))
}

impl<'a, C: Cell<'a>> Wire for CandleWire<'a, C> {
    type Record = Candle;

    /// The bar, as if it were open.
    fn record(&self, fields: &mut Fields<'_>) -> Reading<Candle> {
        let time = fields.need("time", self.time, Raw::seconds);
        let open = fields.need("open", self.open, Raw::decimal);
        let high = fields.need("high", self.high, Raw::decimal);
        let low = fields.need("low", self.low, Raw::decimal);
        let close = fields.need("close", self.close, Raw::decimal);
        let volume = fields.need("volume", self.volume, Raw::decimal);
        let vwap = fields.need("vwap", self.vwap, Raw::decimal);
        let count = fields.need("count", self.count, Raw::count);
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
            // Without trades there is no average price; Kraken writes 0 there.
            vwap: vwap.filter(|_| !volume.is_zero()),
            volume,
            quote_volume: None,
            count,
            closed: false,
        })
    }
}
