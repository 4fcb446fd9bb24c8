//! The `data` of the exchange format, version 1, read back.
//!
//! What another program wrote, or what was saved, becomes records again. What has another type than the format says is a
//! [`Defect`], never a guess: a price that is a JSON number and no string has lost digits already.
//!
//! ```
//! use robust_market::{Decoded, Interval, Kind, Payload, Ticker, decimal, unified};
//!
//! let mut ticker = Ticker::new("BTC/USD".parse()?);
//! ticker.last = Some(decimal::parse("36500.10")?);
//! let asked = ticker.symbol.clone();
//! let json = serde_json::to_value(Payload::Ticker(ticker.clone()))?;
//!
//! let back = unified::read(Kind::Ticker, &json, &asked, Interval::M1).ok_or("a kind without records")?;
//! assert_eq!(back, Decoded::clean(Payload::Ticker(ticker)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use rust_decimal::Decimal;
use serde_json::Value;

use crate::decimal::{self, DecimalError};
use crate::{
    Candle, Candles, Decoded, Defect, DefectKind, Interval, Kind, Level, OrderBook, Payload, Side,
    Symbol, Ticker, Timestamp, Trade, Trades,
};

/// Reads `data` of a kind; where its pair cannot be read, `asked` stands in and the defect says so. `None` for kinds that are no
/// market data: instruments, assets, time and status.
///
/// `interval` is that of the question, for series that do not say theirs.
#[must_use]
pub fn read(
    kind: Kind,
    json: &Value,
    asked: &Symbol,
    interval: Interval,
) -> Option<Decoded<Payload>> {
    let mut notes = Notes::default();
    if matches!(kind, Kind::Tickers | Kind::BidsAsks | Kind::LastPrices) {
        return Some(tickers(json));
    }
    let pair = notes
        .symbol(json.get("symbol"), 0)
        .unwrap_or_else(|| asked.clone());
    let value = match kind {
        Kind::Ticker => Payload::Ticker(ticker(json, pair, 0, &mut notes)),
        Kind::Book => Payload::OrderBook(book(json, pair, &mut notes)),
        Kind::Candles => Payload::Candles(candles(json, pair, interval, &mut notes)),
        Kind::Trades => Payload::Trades(trades(json, pair, &mut notes)),
        _ => return None,
    };
    Some(notes.into_decoded(value))
}

/// Reads `data` of a list of tickers: `{rows: [ticker]}`.
fn tickers(json: &Value) -> Decoded<Payload> {
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
    json.as_str().map(Into::into).ok_or(DefectKind::WrongType)
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
    let ms = notes.may(at, "time", json.get("time_ms"), time);
    ticker.time = finer(json, ms, at, notes);
    ticker.sequence = notes.may(at, "sequence", json.get("sequence"), count);
    ticker
}

/// The time of `time_ms`, to the nanosecond where `time_ns` says the same more exactly; another time there is a defect.
fn finer(
    json: &Value,
    ms: Option<Timestamp>,
    at: Option<usize>,
    notes: &mut Notes,
) -> Option<Timestamp> {
    let wire = json.get("time_ns");
    let Some(ns) = notes.may(at, "time", wire, time_ns) else {
        return ms;
    };
    match ms {
        Some(ms) if ms.as_ms() == ns.as_ms() => Some(ns),
        Some(_) => {
            notes.defect(at, "time", DefectKind::Unparsable, wire);
            None
        }
        None => {
            notes.defect(at, "time", DefectKind::Null, json.get("time_ms"));
            None
        }
    }
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
    let ms = notes.may(None, "time", json.get("time_ms"), time);
    book.time = finer(json, ms, None, notes);
    book.sequence = notes.may(None, "sequence", json.get("sequence"), count);
    let limit = notes.may(None, "depth_limit", json.get("depth_limit"), count);
    book.depth_limit = limit.and_then(|limit| u32::try_from(limit).ok());
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

/// The interval of a number of seconds, in the largest unit that fits: 300 is five minutes. `None` where no interval is that long;
/// 2592000 stands for a calendar month, as in `interval_s`.
///
/// ```
/// use robust_market::unified;
///
/// assert_eq!(unified::interval_of(86_400).map(|day| day.to_string()).as_deref(), Some("1d"));
/// assert_eq!(unified::interval_of(0), None);
/// ```
#[must_use]
pub fn interval_of(seconds: u64) -> Option<Interval> {
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
    let time = ms.and_then(|ms| finer(row, Some(ms), at, notes));
    Some(Trade {
        id,
        price: price?,
        amount: amount?,
        side,
        time: time?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pair() -> Symbol {
        "AAA/USDT".parse().unwrap()
    }

    fn number(text: &str) -> Decimal {
        decimal::parse(text).unwrap()
    }

    fn every() -> Vec<(Kind, Payload)> {
        let time = Timestamp::from_ns(1_700_000_000_123_456_789);
        let ms = Timestamp::from_ms(1_700_000_000_000).unwrap();
        let mut ticker = Ticker::new(pair());
        (ticker.last, ticker.bid) = (Some(number("0.10000000")), Some(number("0.000000968")));
        (ticker.time, ticker.sequence) = (Some(time), Some(7));
        let mut book = OrderBook::new(pair());
        let level = |price, size| Level {
            price: number(price),
            size: number(size),
        };
        book.bids = vec![level("1.0", "2"), level("0.9", "3")];
        book.asks = vec![level("1.1", "4")];
        let mut candles = Candles::new(pair(), "5m".parse().unwrap());
        candles.rows = vec![Candle {
            time: ms,
            open: number("1"),
            high: number("3"),
            low: number("0.5"),
            close: number("2"),
            volume: number("10"),
            quote_volume: None,
            vwap: Some(number("1.5")),
            count: Some(3),
            closed: false,
        }];
        let mut trades = Trades::new(pair());
        trades.rows = vec![Trade {
            id: Some("17".into()),
            price: number("1"),
            amount: number("2"),
            side: Some(Side::Sell),
            time,
        }];
        vec![
            (Kind::Ticker, Payload::Ticker(ticker.clone())),
            (Kind::Tickers, Payload::Tickers(vec![ticker])),
            (Kind::Book, Payload::OrderBook(book)),
            (Kind::Candles, Payload::Candles(candles)),
            (Kind::Trades, Payload::Trades(trades)),
        ]
    }

    #[test]
    fn a_time_that_is_told_twice_has_to_be_one_time() {
        let read = |times: Value| {
            let mut row = json!({"id": "1", "price": "1", "amount": "2", "side": "buy"});
            for (name, value) in times.as_object().unwrap() {
                row[name] = value.clone();
            }
            let json = json!({"symbol": "AAA/USDT", "rows": [row]});
            super::read(Kind::Trades, &json, &pair(), Interval::M1).unwrap()
        };
        let sound =
            read(json!({"time_ms": 1_700_000_000_123_i64, "time_ns": "1700000000123456789"}));
        assert!(sound.defects.is_empty() && sound.excluded.is_empty());
        for broken in [
            json!({"time_ns": "1700000000123456789"}),
            json!({"time_ms": null, "time_ns": "1700000000123456789"}),
            json!({"time_ms": 1_700_000_000_i64, "time_ns": "1700000000123456789"}),
            json!({"time_ms": 1_700_003_600_123_i64, "time_ns": "1700000000123456789"}),
        ] {
            let found = read(broken.clone());
            assert_eq!(found.excluded, [0], "{broken}");
            assert_eq!(found.defects.len(), 1, "{broken}: {:?}", found.defects);
            assert_eq!(found.defects[0].field, "time");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (kind, value) in every() {
            let json = serde_json::to_value(&value).unwrap();
            let back = read(kind, &json, &pair(), Interval::M1).unwrap();
            assert_eq!(back, Decoded::clean(value), "{kind}");
        }
        assert_eq!(read(Kind::Time, &json!({}), &pair(), Interval::M1), None);
    }

    #[test]
    fn a_wrong_type_is_a_defect_of_its_record() {
        let json = json!({"symbol": 7, "rows": [
            [0, "1", "1", "1", "1", "1", null, null, null, true],
            [60_000, 1.5, "1", "1", "1", "1", null, null, null, true],
            [120_000, "1", "1"],
            "x",
        ]});
        let decoded = read(Kind::Candles, &json, &pair(), Interval::M1).unwrap();
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
