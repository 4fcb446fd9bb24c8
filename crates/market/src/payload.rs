//! What an exchange answered, and what was broken in it.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use crate::{Asset, Candles, Instrument, OrderBook, Status, Ticker, Timestamp, Trades};

/// What an exchange answered, in unified records.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Payload {
    /// State of one market.
    Ticker(Ticker),
    /// States, best quotes or last prices of many markets.
    Tickers(Vec<Ticker>),
    /// Resting orders.
    OrderBook(OrderBook),
    /// Price bars.
    Candles(Candles),
    /// Executed trades.
    Trades(Trades),
    /// Listed pairs.
    Instruments(Vec<Instrument>),
    /// Known currencies.
    Assets(Vec<Asset>),
    /// The exchange's clock.
    ServerTime(Timestamp),
    /// The exchange's state.
    Status(Status),
}

impl Payload {
    /// When the exchange says that the data was born; `None` where it does not say.
    ///
    /// For candles the start of the newest bar, for trades the newest trade.
    #[must_use]
    pub fn exchange_time(&self) -> Option<Timestamp> {
        match self {
            Self::Ticker(ticker) => ticker.time,
            Self::Tickers(tickers) => tickers.iter().filter_map(|ticker| ticker.time).max(),
            Self::OrderBook(book) => book.time,
            Self::Candles(candles) => candles.rows.iter().map(|row| row.time).max(),
            Self::Trades(trades) => trades.rows.iter().map(|row| row.time).max(),
            Self::ServerTime(time) => Some(*time),
            Self::Status(status) => status.time,
            Self::Instruments(_) | Self::Assets(_) => None,
        }
    }

    /// Number of records: rows, levels, pairs; one for a single record.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ticker(_) | Self::ServerTime(_) | Self::Status(_) => 1,
            Self::Tickers(rows) => rows.len(),
            Self::OrderBook(book) => book.bids.len() + book.asks.len(),
            Self::Candles(candles) => candles.rows.len(),
            Self::Trades(trades) => trades.rows.len(),
            Self::Instruments(rows) => rows.len(),
            Self::Assets(rows) => rows.len(),
        }
    }

    /// Whether the answer holds no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The `data` member of the exchange format, `docs/formats.md`.
impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Rows<'a, T> {
            rows: &'a [T],
        }
        match self {
            Self::Ticker(value) => value.serialize(serializer),
            Self::Tickers(rows) => Rows { rows }.serialize(serializer),
            Self::OrderBook(value) => value.serialize(serializer),
            Self::Candles(value) => value.serialize(serializer),
            Self::Trades(value) => value.serialize(serializer),
            Self::Instruments(rows) => Rows { rows }.serialize(serializer),
            Self::Assets(rows) => Rows { rows }.serialize(serializer),
            Self::ServerTime(time) => TimeOnly(*time).serialize(serializer),
            Self::Status(value) => value.serialize(serializer),
        }
    }
}

struct TimeOnly(Timestamp);

impl Serialize for TimeOnly {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(None)?;
        crate::text::time(&mut map, Some(self.0))?;
        map.end()
    }
}

/// What is wrong with one field of one record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DefectKind {
    /// The field is not there.
    Missing,
    /// The field is there and null.
    Null,
    /// The field holds another JSON type than it should.
    WrongType,
    /// The field spells `NaN` or an infinity.
    NotFinite,
    /// The value is beyond what is kept exactly: over 28 digits, or outside the representable years.
    OutOfRange,
    /// The text cannot be read as what it should be.
    Unparsable,
}

/// One broken field of an otherwise readable answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Defect {
    /// Which record of the wire, counted from 0 in the order of the wire; `None` for the answer as a whole.
    pub index: Option<usize>,
    /// The unified name of the field: `last`, `bids.price`, `open`, `time`.
    pub field: Cow<'static, str>,
    /// What is wrong.
    pub kind: DefectKind,
    /// The wire's text, cut to 64 characters.
    pub text: Option<Box<str>>,
}

impl Defect {
    /// The most of the wire's text that is kept, in characters.
    pub const TEXT_MAX: usize = 64;

    /// Describes one broken field; `text` is cut to [`TEXT_MAX`](Self::TEXT_MAX) characters.
    #[must_use]
    pub fn new(
        index: Option<usize>,
        field: impl Into<Cow<'static, str>>,
        kind: DefectKind,
        text: Option<&str>,
    ) -> Self {
        let cut = text.map(|text| {
            text.chars()
                .take(Self::TEXT_MAX)
                .collect::<String>()
                .into_boxed_str()
        });
        Self {
            index,
            field: field.into(),
            kind,
            text: cut,
        }
    }
}

/// A decoded answer: the records that could be read, and everything that could not.
///
/// A broken record is data too. A record whose required fields can be read is in `value`, its broken optional fields are
/// `None` and listed in `defects`. A row, level or trade whose *required* field is broken cannot be a typed record: it is left
/// out of `value`, its position on the wire stands in `excluded` and its fields in `defects`. Nothing vanishes:
/// records of the wire = records of `value` + `excluded`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded<T> {
    /// What could be read.
    pub value: T,
    /// What could not, at most [`Decoded::DEFECTS_MAX`] of them.
    pub defects: Vec<Defect>,
    /// Positions on the wire of the records that are not in `value`, ascending. In an order book, bids come first:
    /// an ask's position is the number of bids on the wire plus its own.
    pub excluded: Vec<usize>,
    /// Defects beyond the limit, counted but not kept.
    pub defects_dropped: usize,
}

impl<T> Decoded<T> {
    /// The most defects that are kept for one answer; the rest is counted.
    pub const DEFECTS_MAX: usize = 1_000;

    /// An answer without a defect.
    #[must_use]
    pub const fn clean(value: T) -> Self {
        Self {
            value,
            defects: Vec::new(),
            excluded: Vec::new(),
            defects_dropped: 0,
        }
    }

    /// Whether every field of every record could be read.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.defects.is_empty() && self.excluded.is_empty() && self.defects_dropped == 0
    }

    /// Notes a defect, within the bound.
    pub fn note(&mut self, defect: Defect) {
        if self.defects.len() < Self::DEFECTS_MAX {
            self.defects.push(defect);
        } else {
            self.defects_dropped += 1;
        }
    }

    /// Turns the value into another and keeps what was broken.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Decoded<U> {
        Decoded {
            value: f(self.value),
            defects: self.defects,
            excluded: self.excluded,
            defects_dropped: self.defects_dropped,
        }
    }
}
