//! Klines: `[{"id": seconds, "open", "close", "low", "high", "amount": base, "vol": quote, "count"}, …]`, newest first.
//!
//! The first row is the open bar. A list that runs the other way is read as it runs. Days, weeks and months begin at 00:00 in Singapore.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use robust_market::{BarCalendar, Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};
use serde::Deserialize;

use super::envelope::{fill_payload, open_about, rows};
use crate::calendar::end_of_bar;
use crate::wire::{
    Bar, FillObject, InList, InObject, Notes, Object, Order, Raw, Values, Window, room,
};
use crate::{Context, Reply, Verdict};

/// Singapore's clock is 8 hours ahead of UTC; it has no summer time.
pub(super) const SINGAPORE: BarCalendar = BarCalendar::UTC.ahead(Duration::from_secs(8 * 3_600));

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

const DOCUMENTED: Order = Order::NewestFirst;

fn is_closed(candle: &Candle, interval: Interval, now: Timestamp) -> bool {
    end_of_bar(candle.time, interval, SINGAPORE) <= now
}

/// A bar in which nothing is broken.
#[derive(Debug)]
struct DirectCandle;

impl FillObject for DirectCandle {
    type Record = Candle;

    const NEEDED: u32 = 0xff;

    fn member<'de, V: Values<'de>>(
        candle: &mut Candle,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        let bit = match key {
            "id" => {
                candle.time = value.seconds()?;
                1
            }
            "open" => {
                value.number(&mut candle.open)?;
                2
            }
            "close" => {
                value.number(&mut candle.close)?;
                4
            }
            "low" => {
                value.number(&mut candle.low)?;
                8
            }
            "high" => {
                value.number(&mut candle.high)?;
                16
            }
            "amount" => {
                value.number(&mut candle.volume)?;
                32
            }
            "vol" => {
                value.number_of(&mut candle.quote_volume)?;
                64
            }
            "count" => {
                candle.count = Some(value.next()?);
                128
            }
            _ => {
                value.skip()?;
                0
            }
        };
        Ok(bit)
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    interval: Interval,
    window: Window,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Payload> {
    let mut rows = room(reply.body, 100);
    fill_payload::<InList<InObject<DirectCandle>>>(reply, symbol, context, &mut rows)?;
    for candle in &mut rows {
        candle.closed = is_closed(candle, interval, context.now);
    }
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.cut(DOCUMENTED.oldest_first(rows, |candle| Some(candle.time)));
    Some(Payload::Candles(candles))
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
    let rows = rows.oldest_first(DOCUMENTED, |row| row.id.seconds().ok());
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    candles.rows = window.read(
        rows,
        &mut notes,
        |_, Object(row): Object<CandleWire<'_>>, fields| {
            let bar = Bar {
                time: row.id,
                open: row.open,
                high: row.high,
                low: row.low,
                close: row.close,
                volume: row.amount,
                quote_volume: Some(row.vol),
                vwap: None,
                count: Some(row.count),
            };
            let mut candle = bar.record(Raw::seconds, fields)?;
            candle.closed = is_closed(&candle, interval, context.now);
            Ok(candle)
        },
    );
    Ok(notes.map(|()| Payload::Candles(candles)))
}
