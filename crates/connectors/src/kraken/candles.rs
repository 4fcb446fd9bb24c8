//! OHLC: `{"XXBTZUSD": [[seconds, open, high, low, close, vwap, volume, count], …], "last": seconds}`, oldest first.
//!
//! "The last entry in the OHLC array is for the current, not-yet-committed timeframe, and will always be present, regardless of the value
//! of since", and `last` is the start of the newest committed bar. Bars without trades are filled in with the last price and volume 0;
//! in a capture of a quiet pair they are a third of all minutes.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};

use super::envelope::open_pair;
use crate::wire::{Cells, Fields, Notes, Raw, Reading, Rows, Window};
use crate::{Context, Reply, Verdict, answer};

type Row<'a> = Cells<'a, 8>;

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let pair = open_pair::<Vec<Row<'_>>>(reply, symbol, context)?;
    let rows = match pair.value {
        Ok(rows) => Some(Rows::Sound(rows)),
        Err(raw) => raw.json().and_then(|json| Rows::of(json).ok()),
    };
    let rows = rows.ok_or_else(|| answer::malformed(reply, "no bars"))?;
    let mut notes = Notes::clean(());
    let committed = Fields::new(&mut notes, None).may("last", pair.last, Raw::seconds);
    let newest = rows.len().saturating_sub(1);
    let is_closed = |index: usize, time: Timestamp| match committed {
        Some(last) => time <= last,
        None => index < newest && time.saturating_add(interval.duration()) <= context.now,
    };
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(rows, &mut notes, |index, row: Row<'_>, fields| {
        let mut candle = candle(row, fields)?;
        candle.closed = is_closed(index, candle.time);
        Ok(candle)
    });
    Ok(notes.map(|()| Payload::Candles(candles)))
}

fn candle(row: Row<'_>, fields: &mut Fields<'_>) -> Reading<Candle> {
    let Cells([time, open, high, low, close, vwap, volume, count]) = row;
    let time = fields.need("time", time, Raw::seconds);
    let open = fields.need("open", open, Raw::decimal);
    let high = fields.need("high", high, Raw::decimal);
    let low = fields.need("low", low, Raw::decimal);
    let close = fields.need("close", close, Raw::decimal);
    let volume = fields.need("volume", volume, Raw::decimal);
    let vwap = fields.need("vwap", vwap, Raw::decimal);
    let count = fields.need("count", count, Raw::count);
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
