//! The limits of the exchanges, counted on arrival.

mod binance;
mod htx;
mod kraken;
mod kucoin;
mod window;

use http::{HeaderValue, StatusCode, header};
use robust_market::Timestamp;

use crate::reply::{Now, Reply};
use crate::venue::Venue;

/// What a request costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    /// The name under which it is counted.
    pub(crate) endpoint: &'static str,
    /// Binance and KuCoin: its weight.
    pub(crate) weight: u64,
    /// Kraken: the pair, where the pair has a limit of its own.
    pub(crate) pair: Option<(usize, &'static str)>,
    /// KuCoin: it names the test key, whose account pays instead of the address.
    pub(crate) keyed: bool,
}

impl Demand {
    /// A request of weight one.
    pub(crate) fn named(endpoint: &'static str) -> Self {
        Self {
            endpoint,
            weight: 1,
            pair: None,
            keyed: false,
        }
    }
}

/// What the limits say about an arrival.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Whether it arrived over a limit or during a ban.
    pub(crate) over: bool,
    /// How it is refused, if it is.
    pub(crate) refused: Option<Refused>,
    /// Headers for every reply, whatever becomes of it.
    pub(crate) headers: Vec<(&'static str, u64)>,
    /// What is used of each window now.
    pub(crate) used: Vec<(&'static str, u64)>,
}

/// A refusal by the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Too many requests; `None` where the exchange does not say how long.
    Slow { retry_after: Option<u64> },
    /// Banned until then.
    Banned { until: Timestamp, retry_after: u64 },
}

impl Refused {
    /// The HTTP status; Kraken and HTX refuse with 200 and an error in the body.
    pub(crate) fn status(self, venue: Venue) -> StatusCode {
        match (self, venue) {
            (_, Venue::Kraken | Venue::Htx) => StatusCode::OK,
            (_, Venue::KuCoin) | (Self::Slow { .. }, Venue::Binance) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            (Self::Banned { .. }, Venue::Binance) => StatusCode::IM_A_TEAPOT,
        }
    }

    pub(crate) fn reply(self, venue: Venue) -> Reply {
        let (mut reply, retry_after) = match (self, venue) {
            (_, Venue::Kraken) => (crate::kraken::too_many(), None),
            (_, Venue::KuCoin) => (crate::kucoin::too_many(), None),
            (_, Venue::Htx) => (crate::htx::too_many(), None),
            (Self::Slow { retry_after }, Venue::Binance) => {
                (crate::binance::too_much(), retry_after)
            }
            (Self::Banned { until, retry_after }, Venue::Binance) => {
                (crate::binance::banned(until), Some(retry_after))
            }
        };
        if let Some(seconds) = retry_after {
            reply
                .headers
                .insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        reply
    }
}

/// The limits of one exchange for one IP address; loopback has only one.
#[derive(Debug)]
pub(crate) enum Laws {
    Kraken(kraken::Seconds),
    Binance(binance::Weights),
    KuCoin(kucoin::Pools),
    Htx(htx::Tens),
    /// Everything is let through and nothing is counted.
    None,
}

impl Laws {
    pub(crate) fn of(venue: Venue) -> Self {
        match venue {
            Venue::Kraken => Self::Kraken(kraken::Seconds::default()),
            Venue::Binance => Self::Binance(binance::Weights::default()),
            Venue::KuCoin => Self::KuCoin(kucoin::Pools::default()),
            Venue::Htx => Self::Htx(htx::Tens::default()),
        }
    }

    pub(crate) fn arrive(&mut self, demand: &Demand, now: Now) -> Verdict {
        match self {
            Self::Kraken(seconds) => seconds.arrive(demand, now.mono),
            Self::Binance(weights) => weights.arrive(demand.weight, now.wall),
            Self::KuCoin(pools) => pools.arrive(demand, now.wall),
            Self::Htx(tens) => tens.arrive(now.mono),
            Self::None => Verdict::default(),
        }
    }
}
