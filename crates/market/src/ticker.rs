//! The state of one market in one record.

use rust_decimal::Decimal;
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::{Symbol, Timestamp, text};

/// The state of one market: last price, best quotes and the rolling 24 hours.
///
/// A field that the exchange did not send, or sent broken, is `None`; what was broken stands in
/// [`Decoded::defects`](crate::Decoded). Prices are in the quote currency, sizes and `base_volume` in the base currency.
/// `high`, `low`, `open`, the volumes and `vwap` cover the last 24 hours, and are `None` where an exchange reports
/// another span under the same name (Kraken's `o` is the price at 00:00 UTC, so `open` and `change` stay empty there).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ticker {
    /// The pair.
    pub symbol: Symbol,
    /// Price of the last trade.
    pub last: Option<Decimal>,
    /// Highest price that somebody offers to buy at.
    pub bid: Option<Decimal>,
    /// Lowest price that somebody offers to sell at.
    pub ask: Option<Decimal>,
    /// Size offered at `bid`.
    pub bid_size: Option<Decimal>,
    /// Size offered at `ask`.
    pub ask_size: Option<Decimal>,
    /// Highest trade of 24 hours.
    pub high: Option<Decimal>,
    /// Lowest trade of 24 hours.
    pub low: Option<Decimal>,
    /// First trade of 24 hours.
    pub open: Option<Decimal>,
    /// Base currency traded in 24 hours.
    pub base_volume: Option<Decimal>,
    /// Quote currency traded in 24 hours.
    pub quote_volume: Option<Decimal>,
    /// Volume-weighted average price of 24 hours.
    pub vwap: Option<Decimal>,
    /// `last` less `open`, as the exchange reports it.
    pub change: Option<Decimal>,
    /// When the exchange made this record.
    pub time: Option<Timestamp>,
    /// The exchange's own counter of changes.
    pub sequence: Option<u64>,
}

impl Ticker {
    /// A ticker that knows nothing yet but its pair.
    #[must_use]
    pub const fn new(symbol: Symbol) -> Self {
        Self {
            symbol,
            last: None,
            bid: None,
            ask: None,
            bid_size: None,
            ask_size: None,
            high: None,
            low: None,
            open: None,
            base_volume: None,
            quote_volume: None,
            vwap: None,
            change: None,
            time: None,
            sequence: None,
        }
    }
}

impl Serialize for Ticker {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("symbol", &self.symbol)?;
        for (name, value) in [
            ("last", &self.last),
            ("bid", &self.bid),
            ("ask", &self.ask),
            ("bid_size", &self.bid_size),
            ("ask_size", &self.ask_size),
            ("high", &self.high),
            ("low", &self.low),
            ("open", &self.open),
            ("base_volume", &self.base_volume),
            ("quote_volume", &self.quote_volume),
            ("vwap", &self.vwap),
            ("change", &self.change),
        ] {
            text::optional(&mut map, name, value.as_ref())?;
        }
        text::time(&mut map, self.time)?;
        map.serialize_entry("sequence", &self.sequence)?;
        map.end()
    }
}
