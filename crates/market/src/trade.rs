//! Executed trades.

use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::text::{self, Text};
use crate::{Symbol, Timestamp, TradeId};

/// The side of the order that took liquidity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The taker bought.
    Buy,
    /// The taker sold.
    Sell,
}

/// One executed trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trade {
    /// The exchange's name of the trade, where it has one.
    pub id: Option<TradeId>,
    /// Price, in the quote currency.
    pub price: Decimal,
    /// Amount, in the base currency.
    pub amount: Decimal,
    /// The side of the taker, where the exchange says.
    pub side: Option<Side>,
    /// When the trade happened.
    pub time: Timestamp,
}

/// A list of trades, oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trades {
    /// The pair.
    pub symbol: Symbol,
    /// The trades.
    pub rows: Vec<Trade>,
    /// Where the next page starts, in the exchange's own words (Kraken's `last`).
    pub cursor: Option<Box<str>>,
}

impl Trades {
    /// An empty list.
    #[must_use]
    pub const fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            rows: Vec::new(),
            cursor: None,
        }
    }
}

impl Serialize for Trade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("price", &Text(&self.price))?;
        map.serialize_entry("amount", &Text(&self.amount))?;
        map.serialize_entry("side", &self.side)?;
        text::time(&mut map, Some(self.time))?;
        map.end()
    }
}

impl Serialize for Trades {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("symbol", &self.symbol)?;
        map.serialize_entry("rows", &self.rows)?;
        map.end()
    }
}
