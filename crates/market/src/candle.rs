//! Price bars and their interval.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use rust_decimal::Decimal;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::error::{InvalidName, quote};
use crate::{Symbol, Timestamp, text};

/// The length of a price bar.
///
/// Written as `1s`, `1m`, `5m`, `1h`, `1d`, `1w` or `1M` (a calendar month). Which lengths exist is the exchange's matter.
///
/// ```
/// use robust_market::Interval;
///
/// let interval: Interval = "5m".parse()?;
/// assert_eq!(interval.duration().as_secs(), 300);
/// # Ok::<(), robust_market::InvalidName>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Interval {
    unit: Unit,
    count: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

impl Unit {
    const ALL: [Self; 6] = [
        Self::Second,
        Self::Minute,
        Self::Hour,
        Self::Day,
        Self::Week,
        Self::Month,
    ];

    const fn letter(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "m",
            Self::Hour => "h",
            Self::Day => "d",
            Self::Week => "w",
            Self::Month => "M",
        }
    }

    const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3_600,
            Self::Day => 86_400,
            Self::Week => 604_800,
            Self::Month => 2_592_000,
        }
    }
}

impl Interval {
    /// One minute.
    pub const M1: Self = Self {
        unit: Unit::Minute,
        count: 1,
    };
    /// Five minutes.
    pub const M5: Self = Self {
        unit: Unit::Minute,
        count: 5,
    };
    /// One hour.
    pub const H1: Self = Self {
        unit: Unit::Hour,
        count: 1,
    };
    /// One day.
    pub const D1: Self = Self {
        unit: Unit::Day,
        count: 1,
    };

    /// The length in time. A calendar month counts as 30 days; see [`is_calendar_month`](Self::is_calendar_month).
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.unit.seconds() * self.count as u64)
    }

    /// Whether bars of this length follow the calendar and so differ in length.
    #[must_use]
    pub const fn is_calendar_month(self) -> bool {
        matches!(self.unit, Unit::Month)
    }
}

impl FromStr for Interval {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Unit::ALL
            .into_iter()
            .find_map(|unit| {
                let digits = text.strip_suffix(unit.letter())?;
                let plain = digits.bytes().all(|b| b.is_ascii_digit()) && !digits.starts_with('0');
                let count = digits.parse::<u16>().ok().filter(|_| plain)?;
                Some(Self { unit, count })
            })
            .ok_or_else(|| InvalidName {
                field: "interval",
                value: quote(text),
                remedy: Cow::Borrowed(
                    "write a number and a unit, such as 1m, 5m, 1h, 1d, 1w or 1M",
                ),
            })
    }
}

impl TryFrom<&str> for Interval {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<&Interval> for Interval {
    type Error = InvalidName;

    fn try_from(value: &Interval) -> Result<Self, Self::Error> {
        Ok(*value)
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}{}", self.count, self.unit.letter()))
    }
}

/// One price bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candle {
    /// Start of the bar.
    pub time: Timestamp,
    /// First trade.
    pub open: Decimal,
    /// Highest trade.
    pub high: Decimal,
    /// Lowest trade.
    pub low: Decimal,
    /// Last trade.
    pub close: Decimal,
    /// Base currency traded.
    pub volume: Decimal,
    /// Quote currency traded.
    pub quote_volume: Option<Decimal>,
    /// Volume-weighted average price.
    pub vwap: Option<Decimal>,
    /// Number of trades.
    pub count: Option<u64>,
    /// Whether the bar is finished: its end had passed when the exchange answered. An open bar still changes.
    pub closed: bool,
}

/// A series of price bars, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Candles {
    /// The pair.
    pub symbol: Symbol,
    /// The length of each bar.
    pub interval: Interval,
    /// The bars.
    pub rows: Vec<Candle>,
}

impl Candles {
    /// An empty series.
    #[must_use]
    pub const fn new(symbol: Symbol, interval: Interval) -> Self {
        Self {
            symbol,
            interval,
            rows: Vec::new(),
        }
    }
}

impl Serialize for Candle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(Some(10))?;
        row.serialize_element(&self.time.as_ms())?;
        for value in [&self.open, &self.high, &self.low, &self.close, &self.volume] {
            text::cell(&mut row, Some(value))?;
        }
        text::cell(&mut row, self.quote_volume.as_ref())?;
        text::cell(&mut row, self.vwap.as_ref())?;
        row.serialize_element(&self.count)?;
        row.serialize_element(&self.closed)?;
        row.end()
    }
}

impl Serialize for Candles {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("symbol", &self.symbol)?;
        map.serialize_entry("interval_s", &self.interval.duration().as_secs())?;
        map.serialize_entry("rows", &self.rows)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_and_months_are_told_apart() {
        assert_eq!("1m".parse::<Interval>().unwrap().duration().as_secs(), 60);
        assert!("1M".parse::<Interval>().unwrap().is_calendar_month());
        assert_eq!("12h".parse::<Interval>().unwrap().to_string(), "12h");
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        for bad in [
            "", "m", "0m", "01m", "-1m", "1x", "1 m", "70000m", "1mm", "m1",
        ] {
            let error = bad.parse::<Interval>().unwrap_err().to_string();
            assert!(error.starts_with("interval "), "{error}");
        }
    }
}
