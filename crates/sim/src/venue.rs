//! Whose wire format is spoken.

use http::StatusCode;
use robust_market::{Exchange, Timestamp};

use crate::market::Market;
use crate::reply::Reply;
use crate::{binance, htx, kraken, kucoin};

/// An exchange that the simulator was taught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Venue {
    Kraken,
    Binance,
    KuCoin,
    Htx,
}

impl Venue {
    pub(crate) fn of(exchange: &Exchange) -> Option<Self> {
        [
            (Exchange::KRAKEN, Self::Kraken),
            (Exchange::BINANCE, Self::Binance),
            (Exchange::KUCOIN, Self::KuCoin),
            (Exchange::HTX, Self::Htx),
        ]
        .into_iter()
        .find(|(known, _)| known == exchange)
        .map(|(_, venue)| venue)
    }

    /// What the exchange lists, with its generators.
    pub(crate) fn market(self, seed: u64) -> Market {
        match self {
            Self::Kraken => kraken::market(seed),
            Self::Binance => binance::market(seed),
            Self::KuCoin => kucoin::market(seed),
            Self::Htx => htx::market(seed),
        }
    }

    /// An injected 5xx.
    pub(crate) fn unavailable(self, status: StatusCode) -> Reply {
        match self {
            Self::Kraken => kraken::unreachable(status),
            Self::Binance => binance::unavailable(status),
            Self::KuCoin => kucoin::unavailable(status),
            Self::Htx => htx::unavailable(status),
        }
    }

    /// An injected 429.
    pub(crate) fn slow_down(self) -> Reply {
        match self {
            Self::Kraken => kraken::slow_down(false),
            Self::Binance => binance::too_much(),
            Self::KuCoin => kucoin::too_many(),
            Self::Htx => htx::slow_down(StatusCode::TOO_MANY_REQUESTS),
        }
    }

    /// An injected 418.
    pub(crate) fn banned(self, until: Timestamp) -> Reply {
        match self {
            Self::Kraken => kraken::slow_down(true),
            Self::Binance => binance::banned(until),
            Self::KuCoin => kucoin::banned(),
            Self::Htx => htx::slow_down(StatusCode::IM_A_TEAPOT),
        }
    }

    /// What is asked for was not recorded.
    pub(crate) fn not_recorded(self, now: Timestamp) -> Reply {
        match self {
            Self::Kraken => kraken::not_recorded(),
            Self::Binance => binance::not_recorded(),
            Self::KuCoin => kucoin::not_found(),
            Self::Htx => htx::not_recorded(now),
        }
    }
}
