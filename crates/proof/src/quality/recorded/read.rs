//! Recorded series and messages from files: CSV and JSON, plain or gzipped.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::read::GzDecoder;
use robust_market::{Candle, Timestamp, decimal};
use rust_decimal::Decimal;

/// The text of a file, unpacked where its name ends in `.gz`.
///
/// # Errors
///
/// When it cannot be read, or is no UTF-8.
pub(super) fn text(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("{}: cannot be read", path.display()))?;
    let mut text = String::new();
    let read = if path.extension().is_some_and(|ext| ext == "gz") {
        GzDecoder::new(file).read_to_string(&mut text)
    } else {
        let mut file = file;
        file.read_to_string(&mut text)
    };
    read.with_context(|| format!("{}: is no text", path.display()))?;
    Ok(text)
}

/// The files of a folder and those below it, sorted by name.
///
/// # Errors
///
/// When the folder cannot be read.
pub(super) fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(dir).with_context(|| format!("{}: cannot be read", dir.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Rows of `t_ms,open,high,low,close,volume` with a header; a first column that is a date is the end of a calendar month.
pub(super) fn candles(text: &str, divide_by: u32) -> Vec<Candle> {
    text.lines()
        .skip(1)
        .filter_map(|line| candle(line, divide_by))
        .collect()
}

fn candle(line: &str, divide_by: u32) -> Option<Candle> {
    let mut cells = line.split(',');
    let first = cells.next()?;
    let time = match first.parse::<i64>() {
        Ok(ms) => Timestamp::from_ms(ms)?,
        Err(_) => month_start(first)?,
    };
    let mut next = || number(cells.next()?);
    let (open, high, low, close, volume) = (next()?, next()?, next()?, next()?, next()?);
    let price = |value: Decimal| value.checked_div(Decimal::from(divide_by));
    Some(Candle {
        time,
        open: price(open)?,
        high: price(high)?,
        low: price(low)?,
        close: price(close)?,
        volume: volume.checked_mul(Decimal::from(divide_by))?,
        quote_volume: None,
        vwap: None,
        count: None,
        closed: true,
    })
}

/// A number of a file, without zeros at its end.
pub(in crate::quality) fn number(text: &str) -> Option<Decimal> {
    decimal::parse(text.trim())
        .ok()
        .map(|value| value.normalize())
}

/// The first moment of the month of a date `YYYY-MM-DD` (days from civil, Hinnant).
fn month_start(date: &str) -> Option<Timestamp> {
    let mut parts = date.split('-');
    let year: i64 = parts.next()?.parse().ok()?;
    let month: i64 = parts.next()?.parse().ok()?;
    Timestamp::from_secs(days(year, month, 1) * 86_400)
}

/// Days since 1970 of a date.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    era * 146_097 + day_of_era - 719_468
}

/// A time such as `2025-10-10T21:20:37.689043Z` or `2021-01-08 00:00:00.278+00:00`.
pub(super) fn date_time(text: &str) -> Option<Timestamp> {
    let (date, clock) = text.trim().split_once(['T', ' '])?;
    let clock = clock.trim_end_matches('Z').trim_end_matches("+00:00");
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (
        parts.next()?.ok()?,
        parts.next()?.ok()?,
        parts.next()?.ok()?,
    );
    let mut parts = clock.split(':');
    let (hour, minute): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let (whole, fraction) = parts.next()?.split_once('.').unwrap_or((clock, "0"));
    let whole: i64 = whole.get(whole.len().checked_sub(2)?..)?.parse().ok()?;
    let ns: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + whole;
    Some(Timestamp::from_ns(
        seconds.checked_mul(1_000_000_000)?.checked_add(ns)?,
    ))
}

/// Seconds with a fraction, such as `1633998512.320639`.
pub(super) fn seconds(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let ns: i64 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let whole: i64 = whole.parse().ok()?;
    Some(Timestamp::from_ns(
        whole.checked_mul(1_000_000_000)?.checked_add(ns)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_every_spelling_are_read() {
        let at = |text: &str| date_time(text).unwrap().to_string();
        assert_eq!(
            at("2025-10-10T21:20:37.689043Z"),
            "2025-10-10T21:20:37.689043Z"
        );
        assert_eq!(
            at("2021-01-08 00:00:00.278+00:00"),
            "2021-01-08T00:00:00.278Z"
        );
        assert_eq!(at("2023-02-02 09:20:00+00:00"), "2023-02-02T09:20:00Z");
        assert_eq!(
            seconds("1633998512.320639").unwrap().as_ms(),
            1_633_998_512_320
        );
        assert_eq!(
            month_start("2012-02-29").unwrap().to_string(),
            "2012-02-01T00:00:00Z"
        );
    }

    #[test]
    fn a_row_of_a_thousandfold_contract_is_divided() {
        let rows = candles(
            "h\n1683302400000,0.0039485,0.0044583,0.0038148,0.0042176,10.0\n",
            1_000,
        );
        assert_eq!(rows[0].open.to_string(), "0.0000039485");
        assert_eq!(rows[0].volume.to_string(), "10000");
    }
}
