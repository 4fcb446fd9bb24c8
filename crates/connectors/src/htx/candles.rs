//! Klines: `[{"id": seconds, "open", "close", "low", "high", "amount": base, "vol": quote, "count"}, …]`, newest first.
//!
//! The first row is the open bar. A list that runs the other way is read as it runs. Days, weeks and months begin at 00:00 in Singapore.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};
use serde::Deserialize;

use super::envelope::{open_about, rows};
use crate::calendar::end_of_bar;
use crate::wire::{Fields, Notes, Object, Order, Raw, Reading, Window};
use crate::{Context, Reply, Verdict};

/// How far Singapore's clock is ahead of UTC; it has no summer time.
const SINGAPORE: Duration = Duration::from_secs(8 * 3_600);

#[derive(Debug, Deserialize)]
struct CandleWire<'a> {
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    open: Raw<'a>,
    #[serde(borrow, default)]
    close: Raw<'a>,
    #[serde(borrow, default)]
    low: Raw<'a>,
    #[serde(borrow, default)]
    high: Raw<'a>,
    #[serde(borrow, default)]
    amount: Raw<'a>,
    #[serde(borrow, default)]
    vol: Raw<'a>,
    #[serde(borrow, default)]
    count: Raw<'a>,
}

pub(super) fn candles(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let opened = open_about::<Vec<Object<CandleWire<'_>>>>(reply, symbol, context)?;
    let rows = rows(reply, opened.payload)?;
    let rows = rows.oldest_first(Order::NewestFirst, |Object(row)| row.id.seconds().ok());
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(rows, &mut notes, |_, Object(row), fields| {
        candle(&row, interval, context.now, fields)
    });
    Ok(notes.map(|()| Payload::Candles(candles)))
}

fn candle(
    row: &CandleWire<'_>,
    interval: Interval,
    now: Timestamp,
    fields: &mut Fields<'_>,
) -> Reading<Candle> {
    let time = fields.need("time", row.id, Raw::seconds);
    let open = fields.need("open", row.open, Raw::decimal);
    let high = fields.need("high", row.high, Raw::decimal);
    let low = fields.need("low", row.low, Raw::decimal);
    let close = fields.need("close", row.close, Raw::decimal);
    let volume = fields.need("volume", row.amount, Raw::decimal);
    let quote_volume = fields.need("quote_volume", row.vol, Raw::decimal);
    let count = fields.need("count", row.count, Raw::count);
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
        count,
        closed: end_of_bar(start, interval, SINGAPORE) <= now,
    })
}
