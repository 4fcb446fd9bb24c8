//! What an exchange lists, and how it is.

use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Symbol, Timestamp, text};

/// One spot pair that an exchange lists, with its trading rules.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instrument {
    /// The unified name.
    pub symbol: Symbol,
    /// The exchange's own name, as requests carry it.
    pub id: Box<str>,
    /// Other names that the exchange uses for it (Kraken's `altname` and `wsname`).
    pub aliases: Vec<Box<str>>,
    /// The exchange's own code of the base currency.
    pub base_id: Box<str>,
    /// The exchange's own code of the quote currency.
    pub quote_id: Box<str>,
    /// Whether it trades now; `None` where the exchange does not say.
    pub active: Option<bool>,
    /// The exchange's own word for its state.
    pub status: Option<Box<str>>,
    /// Smallest step of a price.
    pub price_tick: Option<Decimal>,
    /// Smallest step of an amount.
    pub amount_step: Option<Decimal>,
    /// Smallest price of an order.
    pub price_min: Option<Decimal>,
    /// Largest price of an order.
    pub price_max: Option<Decimal>,
    /// Smallest amount of an order.
    pub amount_min: Option<Decimal>,
    /// Largest amount of an order.
    pub amount_max: Option<Decimal>,
    /// Smallest price times amount of an order.
    pub cost_min: Option<Decimal>,
    /// Largest price times amount of an order.
    pub cost_max: Option<Decimal>,
    /// Fee of an order that makes liquidity, as a fraction (0.001 is 0.1 %).
    pub maker_fee: Option<Decimal>,
    /// Fee of an order that takes liquidity, as a fraction.
    pub taker_fee: Option<Decimal>,
}

impl Instrument {
    /// An instrument of which only the names are known.
    #[must_use]
    pub fn new(symbol: Symbol, id: &str, base_id: &str, quote_id: &str) -> Self {
        Self {
            symbol,
            id: id.into(),
            aliases: Vec::new(),
            base_id: base_id.into(),
            quote_id: quote_id.into(),
            active: None,
            status: None,
            price_tick: None,
            amount_step: None,
            price_min: None,
            price_max: None,
            amount_min: None,
            amount_max: None,
            cost_min: None,
            cost_max: None,
            maker_fee: None,
            taker_fee: None,
        }
    }
}

impl Serialize for Instrument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("symbol", &self.symbol)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("aliases", &self.aliases)?;
        map.serialize_entry("base_id", &self.base_id)?;
        map.serialize_entry("quote_id", &self.quote_id)?;
        map.serialize_entry("active", &self.active)?;
        map.serialize_entry("status", &self.status)?;
        for (name, value) in [
            ("price_tick", &self.price_tick),
            ("amount_step", &self.amount_step),
            ("price_min", &self.price_min),
            ("price_max", &self.price_max),
            ("amount_min", &self.amount_min),
            ("amount_max", &self.amount_max),
            ("cost_min", &self.cost_min),
            ("cost_max", &self.cost_max),
            ("maker_fee", &self.maker_fee),
            ("taker_fee", &self.taker_fee),
        ] {
            text::optional(&mut map, name, value.as_ref())?;
        }
        map.end()
    }
}

/// One currency that an exchange knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Asset {
    /// The unified code, such as `BTC`.
    pub code: Box<str>,
    /// The exchange's own code, such as `XXBT`.
    pub id: Box<str>,
    /// Digits after the point that the exchange keeps.
    pub decimals: Option<u32>,
    /// Whether it can be traded, deposited and withdrawn; `None` where the exchange does not say.
    pub active: Option<bool>,
    /// The exchange's own word for its state.
    pub status: Option<Box<str>>,
}

impl Asset {
    /// An asset of which only the names are known.
    #[must_use]
    pub fn new(code: &str, id: &str) -> Self {
        Self {
            code: code.into(),
            id: id.into(),
            decimals: None,
            active: None,
            status: None,
        }
    }
}

/// How an exchange says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Operation {
    /// All is working.
    Online,
    /// Trading is stopped.
    Maintenance,
    /// Orders can only be cancelled.
    CancelOnly,
    /// Orders can only make liquidity.
    PostOnly,
    /// A word that is not known here; [`Status::text`] holds it.
    Other,
}

/// The exchange's own report of its state.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// The state.
    pub operation: Operation,
    /// The exchange's own word for it.
    pub text: Box<str>,
    /// When the exchange said so.
    pub time: Option<Timestamp>,
}

impl Status {
    /// A state in the exchange's own word.
    #[must_use]
    pub fn new(operation: Operation, text: &str) -> Self {
        Self {
            operation,
            text: text.into(),
            time: None,
        }
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("operation", &self.operation)?;
        map.serialize_entry("text", &self.text)?;
        text::time(&mut map, self.time)?;
        map.end()
    }
}
