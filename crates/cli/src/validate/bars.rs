//! Bars as CSV.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use csv::{ReaderBuilder, StringRecord};
use robust_data_manager::market::decimal::{self, DecimalError};
use robust_data_manager::market::{
    Candle, Candles, Decoded, Defect, DefectKind, Interval, Payload, Symbol, Timestamp, quote,
    unified,
};
use rust_decimal::Decimal;

use crate::args::TimeUnit;

/// The columns, and the names that stand for each, in lower case and without spaces.
const COLUMNS: [(&str, &[&str]); 10] = [
    (
        "time",
        &[
            "time",
            "t",
            "t_ms",
            "time_ms",
            "timestamp",
            "date",
            "datetime",
            "open_time",
            "start",
            "unix",
        ],
    ),
    ("open", &["open", "o"]),
    ("high", &["high", "h"]),
    ("low", &["low", "l"]),
    ("close", &["close", "c"]),
    ("volume", &["volume", "v", "vol", "base_volume"]),
    (
        "quote_volume",
        &["quote_volume", "qv", "quote_asset_volume", "turnover"],
    ),
    ("vwap", &["vwap"]),
    (
        "count",
        &["count", "trades", "number_of_trades", "num_trades"],
    ),
    ("closed", &["closed", "is_closed"]),
];
/// How many of them every file has.
const REQUIRED: usize = 6;
/// Where the columns stand in the files that Binance publishes, which have twelve and no header.
const BINANCE: [usize; 9] = [0, 1, 2, 3, 4, 5, 7, usize::MAX, 8];
/// The most bars that are read.
const ROWS_MAX: usize = 2_000_000;

/// What a file of bars holds.
#[derive(Debug)]
pub(crate) struct Bars {
    pub(crate) interval: Interval,
    rows: Vec<Candle>,
    defects: Vec<Defect>,
    excluded: Vec<usize>,
    /// The line of each row, broken ones counted.
    pub(crate) lines: Vec<u64>,
    pub(crate) notes: Vec<String>,
}

/// Why a text is no file of bars.
#[derive(Debug)]
pub(crate) struct NoBars {
    line: u64,
    why: String,
}

impl fmt::Display for NoBars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

/// Reads bars; `now` says which of them are over where the file does not.
///
/// A cell that cannot be read is a defect of its row, for the rules to weigh; a file without the columns is no file of bars.
pub(crate) fn read(
    text: &str,
    unit: TimeUnit,
    interval: Option<Interval>,
    now: Timestamp,
) -> Result<Bars, NoBars> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|mark| first.bytes().filter(|byte| byte == mark).count())
        .unwrap_or(b',');
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(csv::Trim::All)
        .from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| NoBars {
            line: error.position().map_or(0, csv::Position::line),
            why: format!("{error}; write one bar a line"),
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        // One quote that is not closed would swallow bar after bar.
        if record.iter().any(|cell| cell.contains(['\n', '\r'])) {
            let why = "a cell goes on in the next line; close its quote".to_owned();
            return Err(NoBars { line, why });
        }
        if records.len() > ROWS_MAX {
            let why = format!("there are more than {ROWS_MAX} rows; divide the file");
            return Err(NoBars { line, why });
        }
        records.push((line, record));
    }
    let mut records = records.into_iter().peekable();
    let head = records.peek().map(|(line, record)| (*line, record.clone()));
    let (line, head) = head.unwrap_or_default();
    let places = if Places::is_header(&head) {
        records.next();
        Places::named(line, &head)?
    } else {
        Places::by_number(line, &head)?
    };
    let mut rows = Rows {
        places: &places,
        unit,
        defects: Vec::new(),
    };
    let mut lines = Vec::new();
    let mut read = Vec::new();
    for (nth, (line, record)) in records.enumerate() {
        lines.push(line);
        read.push((nth, rows.row(nth, &record)));
    }
    if read.is_empty() {
        let why = "there is a header and no bar; write one bar a line".to_owned();
        return Err(NoBars { line, why });
    }
    let times = read
        .iter()
        .filter_map(|(_, row)| row.as_ref().map(|row| row.time));
    let usual = usual_step(&times.collect::<Vec<_>>());
    let defects = rows.defects;
    let mut notes = places.notes;
    let interval = match (interval, usual) {
        (Some(interval), _) => interval,
        (None, Some(interval)) => {
            notes.push(format!(
                "a bar is {interval} by the usual step of the rows; --interval says otherwise"
            ));
            interval
        }
        (None, None) => {
            let why = "the length of a bar cannot be told from the rows; use --interval, such as --interval 5m";
            return Err(NoBars {
                line,
                why: why.to_owned(),
            });
        }
    };
    let excluded = read
        .iter()
        .filter(|(_, row)| row.is_none())
        .map(|(nth, _)| *nth);
    let is_over = |time: Timestamp| time.saturating_add(interval.duration()) <= now;
    Ok(Bars {
        interval,
        excluded: excluded.collect(),
        rows: read
            .into_iter()
            .filter_map(|(_, row)| row)
            .map(|row| row.bar(is_over))
            .collect(),
        defects,
        lines,
        notes,
    })
}

impl Bars {
    pub(crate) fn decoded(self, symbol: Symbol) -> Decoded<Payload> {
        let mut series = Candles::new(symbol, self.interval);
        series.rows = self.rows;
        let mut decoded = Decoded::clean(Payload::Candles(series));
        for defect in self.defects {
            decoded.note(defect);
        }
        decoded.excluded = self.excluded;
        decoded
    }
}

/// The step between bars that comes most often.
fn usual_step(times: &[Timestamp]) -> Option<Interval> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for pair in times.windows(2) {
        if let [before, after] = pair {
            *counts.entry(after.since(*before).as_secs()).or_default() += 1;
        }
    }
    let (step, _) = counts
        .into_iter()
        .filter(|(step, _)| *step > 0)
        .max_by_key(|(step, count)| (*count, std::cmp::Reverse(*step)))?;
    unified::interval_of(step)
}

/// Where each column stands.
struct Places {
    columns: [Option<usize>; COLUMNS.len()],
    width: usize,
    notes: Vec<String>,
}

impl Places {
    /// Whether a row names columns: no number stands in it.
    fn is_header(row: &StringRecord) -> bool {
        let numeric = |cell: &str| cell.starts_with(|c: char| c.is_ascii_digit());
        !row.iter().any(numeric)
    }

    fn named(line: u64, row: &StringRecord) -> Result<Self, NoBars> {
        let plain = |cell: &str| cell.to_lowercase().replace([' ', '-'], "_");
        let names: Vec<String> = row.iter().map(plain).collect();
        let mut columns = [None; COLUMNS.len()];
        for ((column, known), slot) in COLUMNS.iter().zip(&mut columns) {
            let mut found = (0..)
                .zip(&names)
                .filter(|(_, name)| known.contains(&name.as_str()));
            *slot = found.next().map(|(place, _)| place);
            if let Some((_, twice)) = found.next() {
                let shown = quote(twice);
                let why = format!("column {shown} is a second {column}; leave one of them away");
                return Err(NoBars { line, why });
            }
        }
        let lacking = COLUMNS.iter().zip(columns).take(REQUIRED);
        if let Some(((column, _), _)) = lacking.into_iter().find(|(_, place)| place.is_none()) {
            let found: Vec<String> = row.iter().take(12).map(quote).collect();
            let why = format!(
                "column {column} is missing among {}; name the columns time, open, high, low, close, volume",
                found.join(", ")
            );
            return Err(NoBars { line, why });
        }
        let known = |place: usize| columns.contains(&Some(place));
        let other: Vec<String> = (0..)
            .zip(row.iter())
            .filter(|(place, _)| !known(*place))
            .map(|(_, name)| quote(name))
            .collect();
        let ignored = format!("columns that are not read: {}", other.join(", "));
        Ok(Self {
            columns,
            width: names.len(),
            notes: if other.is_empty() {
                Vec::new()
            } else {
                vec![ignored]
            },
        })
    }

    fn by_number(line: u64, row: &StringRecord) -> Result<Self, NoBars> {
        let mut columns = [None; COLUMNS.len()];
        match row.len() {
            12 => {
                for (slot, place) in columns.iter_mut().zip(BINANCE) {
                    *slot = (place < 12).then_some(place);
                }
            }
            width @ 6..=10 => {
                for (place, slot) in columns.iter_mut().enumerate() {
                    *slot = (place < width).then_some(place);
                }
            }
            width => {
                let why = format!(
                    "there are {width} columns and no header; write time, open, high, low, close, volume and at most quote_volume, vwap, count, closed, or a header"
                );
                return Err(NoBars { line, why });
            }
        }
        Ok(Self {
            columns,
            width: row.len(),
            notes: Vec::new(),
        })
    }
}

/// A bar that may be over or not.
struct Row {
    time: Timestamp,
    bar: Candle,
    said: Option<bool>,
}

impl Row {
    fn bar(mut self, is_over: impl Fn(Timestamp) -> bool) -> Candle {
        self.bar.closed = self.said.unwrap_or_else(|| is_over(self.time));
        self.bar
    }
}

struct Rows<'a> {
    places: &'a Places,
    unit: TimeUnit,
    defects: Vec<Defect>,
}

impl Rows<'_> {
    fn row(&mut self, nth: usize, record: &StringRecord) -> Option<Row> {
        if record.len() > self.places.width {
            let text = record
                .iter()
                .skip(self.places.width)
                .collect::<Vec<_>>()
                .join(",");
            self.defect(nth, "row", DefectKind::WrongType, Some(&text));
            return None;
        }
        let unit = self.unit;
        let time = self.need(nth, record, 0, |text| time(text, unit));
        let open = self.need(nth, record, 1, number);
        let high = self.need(nth, record, 2, number);
        let low = self.need(nth, record, 3, number);
        let close = self.need(nth, record, 4, number);
        let volume = self.need(nth, record, 5, number);
        let quote_volume = self.may(nth, record, 6, number);
        let vwap = self.may(nth, record, 7, number);
        let count = self.may(nth, record, 8, |text| {
            text.parse().map_err(|_| DefectKind::Unparsable)
        });
        let said = self.may(nth, record, 9, flag);
        Some(Row {
            time: time?,
            bar: Candle {
                time: time?,
                open: open?,
                high: high?,
                low: low?,
                close: close?,
                volume: volume?,
                quote_volume,
                vwap,
                count,
                closed: true,
            },
            said,
        })
    }

    fn defect(&mut self, nth: usize, field: &'static str, kind: DefectKind, text: Option<&str>) {
        self.defects.push(Defect::new(Some(nth), field, kind, text));
    }

    fn may<T>(
        &mut self,
        nth: usize,
        record: &StringRecord,
        column: usize,
        read: impl Fn(&str) -> Result<T, DefectKind>,
    ) -> Option<T> {
        let cell = self.cell(record, column)?;
        let field = COLUMNS.get(column).map_or("row", |(name, _)| *name);
        read(cell)
            .map_err(|kind| self.defect(nth, field, kind, Some(cell)))
            .ok()
    }

    fn need<T>(
        &mut self,
        nth: usize,
        record: &StringRecord,
        column: usize,
        read: impl Fn(&str) -> Result<T, DefectKind>,
    ) -> Option<T> {
        if self.cell(record, column).is_none() {
            let field = COLUMNS.get(column).map_or("row", |(name, _)| *name);
            let place = self.places.columns.get(column).copied().flatten();
            let there = place.is_some_and(|place| place < record.len());
            let kind = if there {
                DefectKind::Null
            } else {
                DefectKind::Missing
            };
            self.defect(nth, field, kind, None);
            return None;
        }
        self.may(nth, record, column, read)
    }

    /// What stands in a column; nothing and `null` are nothing.
    fn cell<'r>(&self, record: &'r StringRecord, column: usize) -> Option<&'r str> {
        let place = self.places.columns.get(column).copied().flatten()?;
        let cell = record.get(place)?;
        (!cell.is_empty() && !cell.eq_ignore_ascii_case("null")).then_some(cell)
    }
}

fn number(text: &str) -> Result<Decimal, DefectKind> {
    decimal::parse(text).map_err(|error| match error {
        DecimalError::NotFinite => DefectKind::NotFinite,
        DecimalError::OutOfRange => DefectKind::OutOfRange,
        DecimalError::Unparsable => DefectKind::Unparsable,
    })
}

/// A whole number of the unit since 1970, or a date with or without a time, in UTC.
fn time(text: &str, unit: TimeUnit) -> Result<Timestamp, DefectKind> {
    if let Ok(number) = text.parse::<i64>() {
        let time = match unit {
            TimeUnit::S => Timestamp::from_secs(number),
            TimeUnit::Ms => Timestamp::from_ms(number),
            TimeUnit::Us => number.checked_mul(1_000).map(Timestamp::from_ns),
            TimeUnit::Ns => Some(Timestamp::from_ns(number)),
        };
        return time.ok_or(DefectKind::OutOfRange);
    }
    let utc = DateTime::parse_from_rfc3339(text)
        .map(|time| time.to_utc())
        .or_else(|_| {
            let forms = [
                "%Y-%m-%d %H:%M:%S%.f",
                "%Y-%m-%dT%H:%M:%S%.f",
                "%Y-%m-%d %H:%M",
            ];
            let read = |form: &&str| NaiveDateTime::parse_from_str(text, form).ok();
            forms
                .iter()
                .find_map(read)
                .map(|time| time.and_utc())
                .ok_or(())
        })
        .or_else(|()| {
            let day =
                NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| DefectKind::Unparsable);
            day.map(|day| day.and_time(chrono::NaiveTime::MIN).and_utc())
        })?;
    utc.timestamp_nanos_opt()
        .map(Timestamp::from_ns)
        .ok_or(DefectKind::OutOfRange)
}

fn flag(text: &str) -> Result<bool, DefectKind> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(DefectKind::Unparsable),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_secs(1_800_000_000).unwrap()
    }

    fn read_ms(text: &str) -> Result<Bars, NoBars> {
        read(text, TimeUnit::Ms, None, now())
    }

    #[test]
    fn columns_are_found_by_their_names_in_any_order_and_by_number_without() {
        let named = "Volume;CLOSE;low;High;Open;Open Time;Number of Trades\n3;2;1;4;2.5;2026-11-01 00:05:00;7\n3;2;1;4;2.5;2026-11-01T00:10:00Z;\n";
        let bars = read_ms(named).unwrap();
        let row = &bars.rows[0];
        let shown =
            [row.open, row.high, row.low, row.close, row.volume].map(|cell| cell.to_string());
        assert_eq!(shown, ["2.5", "4", "1", "2", "3"]);
        assert_eq!((row.count, bars.rows[1].count), (Some(7), None));
        assert_eq!(bars.interval.to_string(), "5m");
        assert_eq!(bars.lines, [2, 3]);
        // The files of Binance.
        let twelve = "1793491200000,1,4,0.5,2,10,1793491259999,20,3,5,10,0\n1793491260000,2,4,1,3,10,1793491319999,20,3,5,10,0\n";
        let bars = read_ms(twelve).unwrap();
        let row = &bars.rows[0];
        assert_eq!(
            (
                row.quote_volume.map(|cell| cell.to_string()).as_deref(),
                row.count
            ),
            (Some("20"), Some(3))
        );
        assert_eq!((row.vwap, row.closed), (None, true));
    }

    #[test]
    fn a_bar_is_over_when_the_file_says_so_else_when_its_end_has_passed() {
        let last = now().as_ms() - 30_000;
        let text = |said: &str| {
            format!(
                "{},1,1,1,1,1,,,,{said}\n{last},1,1,1,1,1,,,,\n",
                last - 60_000
            )
        };
        for (said, closed) in [
            ("", [true, false]),
            ("false", [false, false]),
            ("1", [true, false]),
        ] {
            let bars = read_ms(&text(said)).unwrap();
            assert_eq!([bars.rows[0].closed, bars.rows[1].closed], closed, "{said}");
        }
        let bars = read_ms(&text("perhaps")).unwrap();
        assert_eq!(
            (&*bars.defects[0].field, bars.defects[0].kind),
            ("closed", DefectKind::Unparsable)
        );
    }

    #[test]
    fn a_quote_that_is_not_closed_swallows_no_bar() {
        let bars = |cell: &str| {
            let mut text = "time,open,high,low,close,volume\n".to_owned();
            for minute in 0..9_i64 {
                let open = if minute == 4 { cell } else { "1" };
                text.push_str(&format!("{},{open},1,1,1,1\n", minute * 60_000));
            }
            read_ms(&text)
        };
        assert_eq!(bars("\"1\"").unwrap().rows.len(), 9);
        let broken = bars("\"1").unwrap_err();
        assert_eq!(broken.line, 6, "{broken}");
    }

    #[test]
    fn no_unit_is_guessed() {
        let seconds = "1793491200,1,1,1,1,1\n1793491260,1,1,1,1,1\n";
        let bars = read(seconds, TimeUnit::S, None, now()).unwrap();
        assert_eq!(bars.interval, Interval::M1);
        assert_eq!(bars.rows[0].time.as_secs(), 1_793_491_200);
        let read = read(seconds, TimeUnit::Ms, Some(Interval::M1), now()).unwrap();
        assert_eq!(read.rows[0].time.as_ms(), 1_793_491_200);
    }

    proptest! {
        #[test]
        fn any_text_is_bars_or_a_complaint_and_no_panic(text in ".{0,400}") {
            let _ = read_ms(&text);
        }

        #[test]
        fn every_row_of_any_table_is_a_bar_or_is_left_out(
            cells in prop::collection::vec(
                prop::collection::vec("(-?[0-9]{1,14}(\\.[0-9]{0,9})?)?|[0-9]{30}|NaN|x|\"|null|1e99", 0..9),
                1..12,
            ),
            interval in prop::bool::ANY,
        ) {
            let lines: Vec<String> = cells.iter().map(|row| row.join(",")).collect();
            let text = format!("time,open,high,low,close,volume\n{}\n", lines.join("\n"));
            let interval = interval.then_some(Interval::M1);
            if let Ok(bars) = read(&text, TimeUnit::Ms, interval, now()) {
                prop_assert_eq!(bars.rows.len() + bars.excluded.len(), bars.lines.len());
                for place in &bars.excluded {
                    prop_assert!(bars.defects.iter().any(|defect| defect.index == Some(*place)));
                }
            }
        }
    }
}
