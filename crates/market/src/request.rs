//! What can be asked of an exchange.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::error::{InvalidName, quote};
use crate::{Interval, Symbol, Timestamp};

/// The kinds of public data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Kind {
    /// State of one market.
    Ticker,
    /// State of many markets.
    Tickers,
    /// Best bid and ask of many markets.
    BidsAsks,
    /// Last price of many markets.
    LastPrices,
    /// Resting orders.
    Book,
    /// Price bars.
    Candles,
    /// Executed trades.
    Trades,
    /// Listed pairs.
    Instruments,
    /// Known currencies.
    Assets,
    /// The exchange's clock.
    Time,
    /// The exchange's state.
    Status,
}

impl Kind {
    /// Every kind, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::Ticker,
        Self::Tickers,
        Self::BidsAsks,
        Self::LastPrices,
        Self::Book,
        Self::Candles,
        Self::Trades,
        Self::Instruments,
        Self::Assets,
        Self::Time,
        Self::Status,
    ];

    /// The kind's name, as reports and the exchange format write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ticker => "ticker",
            Self::Tickers => "tickers",
            Self::BidsAsks => "bids_asks",
            Self::LastPrices => "last_prices",
            Self::Book => "book",
            Self::Candles => "candles",
            Self::Trades => "trades",
            Self::Instruments => "instruments",
            Self::Assets => "assets",
            Self::Time => "time",
            Self::Status => "status",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| InvalidName {
                field: "kind",
                value: quote(text),
                remedy: format!("use one of {}", Self::ALL.map(Self::as_str).join(", ")).into(),
            })
    }
}

/// One question to an exchange, in unified terms.
///
/// Two equal requests have the same answer, so a request is also the key of a cached value and of a shared flight: it holds
/// nothing about deadline, priority or freshness.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Request {
    /// State of one market.
    Ticker {
        /// The pair.
        symbol: Symbol,
    },
    /// State of many markets.
    Tickers {
        /// The pairs; none means all.
        symbols: Vec<Symbol>,
    },
    /// Best bid and ask of many markets.
    BidsAsks {
        /// The pairs; none means all.
        symbols: Vec<Symbol>,
    },
    /// Last price of many markets.
    LastPrices {
        /// The pairs; none means all.
        symbols: Vec<Symbol>,
    },
    /// Resting orders.
    OrderBook {
        /// The pair.
        symbol: Symbol,
        /// Levels a side; `None` is the exchange's own default.
        depth: Option<u32>,
    },
    /// Price bars.
    Candles {
        /// The pair.
        symbol: Symbol,
        /// Length of a bar.
        interval: Interval,
        /// Start of the first bar wanted.
        since: Option<Timestamp>,
        /// Bars wanted; `None` is the exchange's own default.
        limit: Option<u32>,
    },
    /// Executed trades.
    Trades {
        /// The pair.
        symbol: Symbol,
        /// Time of the first trade wanted.
        since: Option<Timestamp>,
        /// Trades wanted; `None` is the exchange's own default.
        limit: Option<u32>,
    },
    /// Listed pairs.
    Instruments,
    /// Known currencies.
    Assets,
    /// The exchange's clock.
    ServerTime,
    /// The exchange's state.
    Status,
}

impl Request {
    /// The kind of data asked for.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Ticker { .. } => Kind::Ticker,
            Self::Tickers { .. } => Kind::Tickers,
            Self::BidsAsks { .. } => Kind::BidsAsks,
            Self::LastPrices { .. } => Kind::LastPrices,
            Self::OrderBook { .. } => Kind::Book,
            Self::Candles { .. } => Kind::Candles,
            Self::Trades { .. } => Kind::Trades,
            Self::Instruments => Kind::Instruments,
            Self::Assets => Kind::Assets,
            Self::ServerTime => Kind::Time,
            Self::Status => Kind::Status,
        }
    }

    /// The one pair that is asked for, if it is one.
    #[must_use]
    pub const fn symbol(&self) -> Option<&Symbol> {
        match self {
            Self::Ticker { symbol }
            | Self::OrderBook { symbol, .. }
            | Self::Candles { symbol, .. }
            | Self::Trades { symbol, .. } => Some(symbol),
            _ => None,
        }
    }

    /// The pairs that are asked for by name; none for a request about all pairs or about no pair.
    #[must_use]
    pub fn symbols(&self) -> &[Symbol] {
        match self {
            Self::Tickers { symbols }
            | Self::BidsAsks { symbols }
            | Self::LastPrices { symbols } => symbols,
            _ => self.symbol().map_or(&[], std::slice::from_ref),
        }
    }

    /// Whether it is about every pair that the exchange lists: of several pairs, and none is named.
    #[must_use]
    pub fn is_whole_market(&self) -> bool {
        match self {
            Self::Tickers { symbols }
            | Self::BidsAsks { symbols }
            | Self::LastPrices { symbols } => symbols.is_empty(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_from_its_name() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse::<Kind>().unwrap(), kind);
        }
        assert!(
            "tick"
                .parse::<Kind>()
                .unwrap_err()
                .to_string()
                .contains("last_prices")
        );
    }

    #[test]
    fn the_pairs_of_a_request_are_listed() {
        let symbol: Symbol = "BTC/USD".parse().unwrap();
        let ticker = Request::Ticker {
            symbol: symbol.clone(),
        };
        let tickers = Request::Tickers {
            symbols: vec![symbol.clone()],
        };
        assert_eq!(ticker.symbols(), tickers.symbols());
        assert_eq!(ticker.symbols().first(), Some(&symbol));
        assert!(Request::Instruments.symbols().is_empty());
    }
}
