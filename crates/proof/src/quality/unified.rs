//! The `data` of the exchange format read back: what has another type than the format says is a defect, never a guess.

use robust_market::decimal::{self, DecimalError};
use robust_market::{
    Candle, Candles, Decoded, Defect, DefectKind, Interval, Level, OrderBook, Payload, Side,
    Symbol, Ticker, Timestamp, Trade, Trades,
};
use rust_decimal::Decimal;
use serde_json::Value;

use super::catalogue::Data;

/// Reads `data` of a kind; where its pair cannot be read, `asked` stands in and the defect says so.
///
/// `interval` is that of the question, for series that do not say theirs.
#[must_use]
pub(super) fn read(
    data: Data,
    json: &Value,
    asked: &Symbol,
    interval: Interval,
) -> Decoded<Payload> {
    let mut notes = Notes::default();
    let pair = notes
        .symbol(json.get("symbol"), 0)
        .unwrap_or_else(|| asked.clone());
    let value = match data {
        Data::Ticker => Payload::Ticker(ticker(json, pair, 0, &mut notes)),
        Data::Book => Payload::OrderBook(book(json, pair, &mut notes)),
        Data::Candles => Payload::Candles(candles(json, pair, interval, &mut notes)),
        Data::Trades => Payload::Trades(trades(json, pair, &mut notes)),
    };
    notes.into_decoded(value)
}

/// Reads `data` of a list of tickers: `{rows: [ticker]}`.
#[must_use]
pub(super) fn tickers(json: &Value) -> Decoded<Payload> {
    let mut notes = Notes::default();
    let rows = notes
        .need(None, "rows", json.get("rows"), list)
        .unwrap_or_default();
    let mut read = Vec::with_capacity(rows.len());
    for (nth, row) in rows.iter().enumerate() {
        match notes.symbol(row.get("symbol"), nth) {
            Some(symbol) => read.push(ticker(row, symbol, nth, &mut notes)),
            None => notes.excluded.push(nth),
        }
    }
    notes.into_decoded(Payload::Tickers(read))
}

#[derive(Default)]
struct Notes {
    defects: Vec<Defect>,
    excluded: Vec<usize>,
}

impl Notes {
    fn defect(
        &mut self,
        index: Option<usize>,
        field: &'static str,
        kind: DefectKind,
        json: Option<&Value>,
    ) {
        let text = json.map(|json| match json {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        });
        self.defects
            .push(Defect::new(index, field, kind, text.as_deref()));
    }

    /// A value that may be absent.
    fn may<T>(
        &mut self,
        index: Option<usize>,
        field: &'static str,
        json: Option<&Value>,
        read: fn(&Value) -> Result<T, DefectKind>,
    ) -> Option<T> {
        match json {
            None | Some(Value::Null) => None,
            Some(json) => self.need(index, field, Some(json), read),
        }
    }

    /// A value that every record has.
    fn need<T>(
        &mut self,
        index: Option<usize>,
        field: &'static str,
        json: Option<&Value>,
        read: fn(&Value) -> Result<T, DefectKind>,
    ) -> Option<T> {
        let value = match json {
            None => Err(DefectKind::Missing),
            Some(Value::Null) => Err(DefectKind::Null),
            Some(json) => read(json),
        };
        value
            .map_err(|kind| self.defect(index, field, kind, json))
            .ok()
    }

    fn symbol(&mut self, json: Option<&Value>, at: usize) -> Option<Symbol> {
        let read = |json: &Value| {
            let text = json.as_str().ok_or(DefectKind::WrongType)?;
            text.parse().map_err(|_| DefectKind::Unparsable)
        };
        self.need(Some(at), "symbol", json, read)
    }

    fn into_decoded(self, value: Payload) -> Decoded<Payload> {
        let mut decoded = Decoded::clean(value);
        for defect in self.defects {
            decoded.note(defect);
        }
        decoded.excluded = self.excluded;
        decoded
    }
}

fn number(json: &Value) -> Result<Decimal, DefectKind> {
    let text = json.as_str().ok_or(DefectKind::WrongType)?;
    decimal::parse(text).map_err(|error| match error {
        DecimalError::NotFinite => DefectKind::NotFinite,
        DecimalError::OutOfRange => DefectKind::OutOfRange,
        DecimalError::Unparsable => DefectKind::Unparsable,
    })
}

fn time(json: &Value) -> Result<Timestamp, DefectKind> {
    let ms = json.as_i64().ok_or(DefectKind::WrongType)?;
    Timestamp::from_ms(ms).ok_or(DefectKind::OutOfRange)
}

fn time_ns(json: &Value) -> Result<Timestamp, DefectKind> {
    let text = json.as_str().ok_or(DefectKind::WrongType)?;
    text.parse()
        .map(Timestamp::from_ns)
        .map_err(|_| DefectKind::Unparsable)
}

fn count(json: &Value) -> Result<u64, DefectKind> {
    json.as_u64().ok_or(DefectKind::WrongType)
}

fn flag(json: &Value) -> Result<bool, DefectKind> {
    json.as_bool().ok_or(DefectKind::WrongType)
}

fn words<T: for<'a> From<&'a str>>(json: &Value) -> Result<T, DefectKind> {
    json.as_str().map(T::from).ok_or(DefectKind::WrongType)
}

fn side(json: &Value) -> Result<Side, DefectKind> {
    match json.as_str().ok_or(DefectKind::WrongType)? {
        "buy" => Ok(Side::Buy),
        "sell" => Ok(Side::Sell),
        _ => Err(DefectKind::Unparsable),
    }
}

fn list(json: &Value) -> Result<Vec<Value>, DefectKind> {
    json.as_array().cloned().ok_or(DefectKind::WrongType)
}

fn ticker(json: &Value, symbol: Symbol, nth: usize, notes: &mut Notes) -> Ticker {
    let mut ticker = Ticker::new(symbol);
    let at = Some(nth);
    for (field, slot) in [
        ("last", &mut ticker.last),
        ("bid", &mut ticker.bid),
        ("ask", &mut ticker.ask),
        ("bid_size", &mut ticker.bid_size),
        ("ask_size", &mut ticker.ask_size),
        ("high", &mut ticker.high),
        ("low", &mut ticker.low),
        ("open", &mut ticker.open),
        ("base_volume", &mut ticker.base_volume),
        ("quote_volume", &mut ticker.quote_volume),
        ("vwap", &mut ticker.vwap),
        ("change", &mut ticker.change),
    ] {
        *slot = notes.may(at, field, json.get(field), number);
    }
    ticker.time = event_time(json, at, notes);
    ticker.sequence = notes.may(at, "sequence", json.get("sequence"), count);
    ticker
}

/// `time_ms`, or finer where `time_ns` says more.
fn event_time(json: &Value, at: Option<usize>, notes: &mut Notes) -> Option<Timestamp> {
    let ms = notes.may(at, "time", json.get("time_ms"), time);
    notes.may(at, "time", json.get("time_ns"), time_ns).or(ms)
}

fn book(json: &Value, symbol: Symbol, notes: &mut Notes) -> OrderBook {
    let mut book = OrderBook::new(symbol);
    let bids = notes
        .need(None, "bids", json.get("bids"), list)
        .unwrap_or_default();
    let asks = notes
        .need(None, "asks", json.get("asks"), list)
        .unwrap_or_default();
    book.bids = levels(&bids, 0, ["bids", "bids.price", "bids.size"], notes);
    book.asks = levels(
        &asks,
        bids.len(),
        ["asks", "asks.price", "asks.size"],
        notes,
    );
    book.time = event_time(json, None, notes);
    book.sequence = notes.may(None, "sequence", json.get("sequence"), count);
    book
}

fn levels(
    rows: &[Value],
    offset: usize,
    [side, price, size]: [&'static str; 3],
    notes: &mut Notes,
) -> Vec<Level> {
    let mut levels = Vec::with_capacity(rows.len());
    for (nth, row) in rows.iter().enumerate() {
        let at = Some(offset + nth);
        let level = notes.need(at, side, Some(row), list).and_then(|cells| {
            let price = notes.need(at, price, cells.first(), number);
            let size = notes.need(at, size, cells.get(1), number);
            Some(Level {
                price: price?,
                size: size?,
            })
        });
        match level {
            Some(level) => levels.push(level),
            None => notes.excluded.extend(at),
        }
    }
    levels
}

/// The interval of a number of seconds, in the largest unit that fits.
#[must_use]
pub(super) fn interval_of(seconds: u64) -> Option<Interval> {
    if seconds == 2_592_000 {
        return "1M".parse().ok();
    }
    [
        (604_800, "w"),
        (86_400, "d"),
        (3_600, "h"),
        (60, "m"),
        (1, "s"),
    ]
    .into_iter()
    .find(|(unit, _)| seconds > 0 && seconds.is_multiple_of(*unit))
    .and_then(|(unit, letter)| format!("{}{letter}", seconds / unit).parse().ok())
}

fn candles(json: &Value, symbol: Symbol, asked: Interval, notes: &mut Notes) -> Candles {
    let read = |json: &Value| {
        let seconds = json.as_u64().ok_or(DefectKind::WrongType)?;
        interval_of(seconds).ok_or(DefectKind::OutOfRange)
    };
    let interval = notes.may(None, "interval", json.get("interval_s"), read);
    let mut series = Candles::new(symbol, interval.unwrap_or(asked));
    let rows = notes
        .need(None, "rows", json.get("rows"), list)
        .unwrap_or_default();
    for (nth, row) in rows.iter().enumerate() {
        let at = Some(nth);
        let candle = notes
            .need(at, "row", Some(row), list)
            .and_then(|cells| candle(&cells, at, notes));
        match candle {
            Some(candle) => series.rows.push(candle),
            None => notes.excluded.extend(at),
        }
    }
    series
}

fn candle(cells: &[Value], at: Option<usize>, notes: &mut Notes) -> Option<Candle> {
    let time = notes.need(at, "time", cells.first(), time);
    let open = notes.need(at, "open", cells.get(1), number);
    let high = notes.need(at, "high", cells.get(2), number);
    let low = notes.need(at, "low", cells.get(3), number);
    let close = notes.need(at, "close", cells.get(4), number);
    let volume = notes.need(at, "volume", cells.get(5), number);
    let quote_volume = notes.may(at, "quote_volume", cells.get(6), number);
    let vwap = notes.may(at, "vwap", cells.get(7), number);
    let count = notes.may(at, "count", cells.get(8), count);
    let closed = notes.need(at, "closed", cells.get(9), flag);
    Some(Candle {
        time: time?,
        open: open?,
        high: high?,
        low: low?,
        close: close?,
        volume: volume?,
        quote_volume,
        vwap,
        count,
        closed: closed.unwrap_or(true),
    })
}

fn trades(json: &Value, symbol: Symbol, notes: &mut Notes) -> Trades {
    let mut trades = Trades::new(symbol);
    let rows = notes
        .need(None, "rows", json.get("rows"), list)
        .unwrap_or_default();
    for (nth, row) in rows.iter().enumerate() {
        match trade(row, Some(nth), notes) {
            Some(trade) => trades.rows.push(trade),
            None => notes.excluded.push(nth),
        }
    }
    trades
}

fn trade(row: &Value, at: Option<usize>, notes: &mut Notes) -> Option<Trade> {
    if !row.is_object() {
        notes.defect(at, "row", DefectKind::WrongType, Some(row));
        return None;
    }
    let id = notes.may(at, "id", row.get("id"), words);
    let price = notes.need(at, "price", row.get("price"), number);
    let amount = notes.need(at, "amount", row.get("amount"), number);
    let side = notes.may(at, "side", row.get("side"), side);
    let ms = notes.need(at, "time", row.get("time_ms"), time);
    let ns = notes.may(at, "time", row.get("time_ns"), time_ns);
    Some(Trade {
        id,
        price: price?,
        amount: amount?,
        side,
        time: ns.or(ms)?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::PRESETS;
    use super::super::made::{Style, feed};
    use super::*;

    fn pair() -> Symbol {
        "AAA/USDT".parse().unwrap()
    }

    #[test]
    fn what_is_written_is_read_back() {
        for data in Data::ALL {
            for style in Style::ALL {
                let feed = feed(data, &PRESETS[0], style, 5).unwrap();
                let value = &feed.shots[1].decoded.value;
                let json = serde_json::to_value(value).unwrap();
                let back = read(data, &json, &pair(), Interval::M1);
                assert!(back.is_clean(), "{data:?} {style:?}: {:?}", back.defects);
                assert_eq!(&back.value, value);
            }
        }
    }

    #[test]
    fn a_wrong_type_is_a_defect_of_its_record() {
        let json = json!({"symbol": 7, "rows": [
            [0, "1", "1", "1", "1", "1", null, null, null, true],
            [60_000, 1.5, "1", "1", "1", "1", null, null, null, true],
            [120_000, "1", "1"],
            "x",
        ]});
        let decoded = read(Data::Candles, &json, &pair(), Interval::M1);
        assert_eq!(decoded.excluded, [1, 2, 3]);
        assert_eq!(decoded.value.len(), 1);
        let kinds: Vec<_> = decoded
            .defects
            .iter()
            .map(|d| (&*d.field, d.kind))
            .collect();
        assert_eq!(kinds[0], ("symbol", DefectKind::WrongType));
        assert_eq!(kinds[1], ("open", DefectKind::WrongType));
        assert!(kinds.contains(&("volume", DefectKind::Missing)));
        assert_eq!(kinds.last(), Some(&("row", DefectKind::WrongType)));
    }

    #[test]
    fn an_interval_is_named_by_its_largest_unit() {
        let name = |seconds| interval_of(seconds).unwrap().to_string();
        assert_eq!(
            [name(60), name(300), name(86_400), name(2_592_000)],
            ["1m", "5m", "1d", "1M"]
        );
        assert_eq!(interval_of(0), None);
    }
}
