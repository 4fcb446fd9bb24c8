//! The resting orders of one market.

use rust_decimal::Decimal;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::{Symbol, Timestamp, text};

/// What is offered at one price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// Price, in the quote currency.
    pub price: Decimal,
    /// Size, in the base currency.
    pub size: Decimal,
}

/// The resting orders of one market, levels in the order of the wire.
///
/// A healthy book has `bids` from the highest price down and `asks` from the lowest up. The order is not repaired here:
/// a book that breaks it is reported by the quality rules.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderBook {
    /// The pair.
    pub symbol: Symbol,
    /// Offers to buy.
    pub bids: Vec<Level>,
    /// Offers to sell.
    pub asks: Vec<Level>,
    /// When the exchange made this snapshot; many exchanges do not say.
    pub time: Option<Timestamp>,
    /// The exchange's own counter of changes.
    pub sequence: Option<u64>,
    /// The most levels a side that could be had, where more were asked for; a side with fewer is whole. KuCoin shows 100 to callers without
    /// credentials and the full book to those who sign. `None`: as many as were asked for.
    pub depth_limit: Option<u32>,
}

impl OrderBook {
    /// An empty book.
    #[must_use]
    pub const fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            bids: Vec::new(),
            asks: Vec::new(),
            time: None,
            sequence: None,
            depth_limit: None,
        }
    }
}

impl Serialize for Level {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_seq(Some(2))?;
        text::cell(&mut row, Some(&self.price))?;
        text::cell(&mut row, Some(&self.size))?;
        row.end()
    }
}

impl Serialize for OrderBook {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("symbol", &self.symbol)?;
        map.serialize_entry("bids", &self.bids)?;
        map.serialize_entry("asks", &self.asks)?;
        text::time(&mut map, self.time)?;
        map.serialize_entry("sequence", &self.sequence)?;
        if let Some(limit) = self.depth_limit {
            map.serialize_entry("depth_limit", &limit)?;
        }
        map.end()
    }
}
