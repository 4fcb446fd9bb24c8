//! `/market/candles`: `[start, open, high, low, close, volume, volume, quote volume, confirm]`, newest first. `confirm` is `"1"` once a bar
//! is complete.

use robust_market::{Candle, Candles, Decoded, Interval, Payload, Symbol, Timestamp};

use crate::wire::{Notes, Raw, Record};

pub(crate) fn candles(
    symbol: &Symbol,
    interval: Interval,
    since: Option<Timestamp>,
    limit: Option<u32>,
    now: Timestamp,
    rows: Vec<Raw<'_>>,
) -> Decoded<Payload> {
    let mut notes = Notes::clean(());
    let mut candles = Candles::new(symbol.clone(), interval);
    let limit = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    for row in rows.into_iter().rev() {
        let position = candles.rows.len() + notes.excluded.len();
        if position == limit {
            break;
        }
        let mut record = Record::new(&mut notes, position);
        match candle(row, interval, now, &mut record) {
            // The first bar may begin before the start that was asked for.
            Some(candle) if since.is_some_and(|since| candle.time < since) => {}
            Some(candle) => candles.rows.push(candle),
            None => record.exclude(),
        }
    }
    notes.map(|()| Payload::Candles(candles))
}

fn candle(
    row: Raw<'_>,
    interval: Interval,
    now: Timestamp,
    record: &mut Record<'_>,
) -> Option<Candle> {
    let cells = record.need("rows", row, Raw::read::<Vec<Raw<'_>>>)?;
    let cell = |at: usize| cells.get(at).copied().unwrap_or_default();
    let time = record.need("time", cell(0), Raw::millis);
    let open = record.need("open", cell(1), Raw::decimal);
    let high = record.need("high", cell(2), Raw::decimal);
    let low = record.need("low", cell(3), Raw::decimal);
    let close = record.need("close", cell(4), Raw::decimal);
    let volume = record.need("volume", cell(5), Raw::decimal);
    let quote_volume = record.need("quote_volume", cell(7), Raw::decimal);
    let confirmed = record.need("confirm", cell(8), Raw::text);
    let time = time?;
    // A month has no fixed length: there the word of OKX has to do.
    let is_over = interval.is_calendar_month() || time.saturating_add(interval.duration()) <= now;
    Some(Candle {
        time,
        open: open?,
        high: high?,
        low: low?,
        close: close?,
        volume: volume?,
        quote_volume,
        vwap: None,
        count: None,
        closed: is_over && confirmed.is_none_or(|word| word == "1"),
    })
}
