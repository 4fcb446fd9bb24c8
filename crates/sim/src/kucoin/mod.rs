//! KuCoin's wire format.

mod access;
mod candles;
mod error;
mod listing;
mod symbols;
mod ticker;
mod trades;

use bytes::Bytes;
use http::{Method, StatusCode};
use robust_market::Timestamp;

pub(crate) use access::TEST_KEY;
pub use access::TestKey;
pub(crate) use error::{banned, not_found, too_many, unavailable};
pub(crate) use listing::market;

use crate::law::Demand;
use crate::market::Market;
use crate::query::Query;
use crate::reply::Reply;
use crate::sim::{Route, Times};
use error::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ask {
    Timestamp,
    Status,
    Markets,
    Symbols,
    Symbol(String),
    Level1,
    AllTickers,
    Stats,
    /// The public book, with so many levels.
    Book(usize),
    /// The whole book, if the request is signed.
    FullBook,
    Histories,
    Candles,
    Currencies,
    Currency(String),
    Prices,
    NotFound,
    WrongHttpMethod,
    Refused(Refusal),
}

impl Ask {
    fn of(path: &str) -> Self {
        match path {
            "/api/v1/timestamp" => Self::Timestamp,
            "/api/v1/status" => Self::Status,
            "/api/v1/markets" => Self::Markets,
            "/api/v2/symbols" => Self::Symbols,
            "/api/v1/market/orderbook/level1" => Self::Level1,
            "/api/v1/market/allTickers" => Self::AllTickers,
            "/api/v1/market/stats" => Self::Stats,
            "/api/v1/market/orderbook/level2_20" => Self::Book(20),
            "/api/v1/market/orderbook/level2_100" => Self::Book(100),
            "/api/v3/market/orderbook/level2" => Self::FullBook,
            "/api/v1/market/histories" => Self::Histories,
            "/api/v1/market/candles" => Self::Candles,
            "/api/v3/currencies" => Self::Currencies,
            "/api/v1/prices" => Self::Prices,
            _ => {
                let below = |prefix: &str| {
                    let rest = path.strip_prefix(prefix)?;
                    (!rest.is_empty() && !rest.contains('/')).then(|| rest.to_owned())
                };
                below("/api/v2/symbols/")
                    .map(Self::Symbol)
                    .or_else(|| below("/api/v3/currencies/").map(Self::Currency))
                    .unwrap_or(Self::NotFound)
            }
        }
    }

    fn endpoint(&self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::Status => "status",
            Self::Markets => "markets",
            Self::Symbols | Self::Symbol(_) => "symbols",
            Self::Level1 => "level1",
            Self::AllTickers => "allTickers",
            Self::Stats => "stats",
            Self::Book(20) => "level2_20",
            Self::Book(_) => "level2_100",
            Self::FullBook => "level2",
            Self::Histories => "histories",
            Self::Candles => "candles",
            Self::Currencies | Self::Currency(_) => "currencies",
            Self::Prices => "prices",
            Self::NotFound | Self::WrongHttpMethod | Self::Refused(_) => "unknown",
        }
    }

    /// The weight of a request (kucoin-universal-sdk, openapi-spot-market.json); one that will be refused costs it too.
    fn weight(&self) -> u64 {
        match self {
            Self::AllTickers | Self::Stats => 15,
            // The specification says 2 for 100 levels as well, other clients count 4: the stricter one.
            Self::Symbols | Self::Symbol(_) | Self::Book(100) => 4,
            Self::Level1 | Self::Book(_) => 2,
            Self::NotFound | Self::WrongHttpMethod | Self::Refused(_) => 1,
            _ => 3,
        }
    }

    /// Whether the answer is a refusal whatever the market is.
    pub(crate) fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }
}

/// Finds out what a request asks for and what it costs.
pub(crate) fn route(request: &http::Request<Bytes>, own: &TestKey, now: Timestamp) -> Route<Ask> {
    let ask = Ask::of(request.uri().path());
    let demand = Demand {
        weight: ask.weight(),
        keyed: ask == Ask::FullBook && access::names_key(request, own),
        ..Demand::named(ask.endpoint())
    };
    let ask = match ask {
        _ if request.method() != Method::GET => Ask::WrongHttpMethod,
        Ask::FullBook => match access::check(request, own, now) {
            Ok(()) => Ask::FullBook,
            Err(denied) => Ask::Refused(Refusal::Denied(denied)),
        },
        ask => ask,
    };
    Route { ask, demand }
}

/// Answers a request that the limits let through.
pub(crate) fn answer(ask: Ask, query: &Query, market: &Market, times: Times) -> Reply {
    let at = times.market.as_ns();
    let result = match ask {
        Ask::Timestamp => Ok(times.now.as_ms().to_string()),
        Ask::Status => Ok("{\"status\":\"open\",\"msg\":\"\"}".to_owned()),
        Ask::Markets => Ok("[\"USDS\",\"BTC\"]".to_owned()),
        Ask::Symbols => symbols::all(query, market),
        Ask::Symbol(name) => symbols::one(&name, market),
        Ask::Level1 => ticker::level1(query, market, at),
        Ask::AllTickers => ticker::all(market, at),
        Ask::Stats => ticker::stats(query, market, at),
        Ask::Book(levels) => ticker::book(query, market, at, levels),
        Ask::FullBook => ticker::book(query, market, at, ticker::WHOLE),
        Ask::Histories => trades::histories(query, market, at),
        Ask::Candles => candles::candles(query, market, at),
        Ask::Currencies => symbols::currencies(market),
        Ask::Currency(code) => symbols::currency(&code, market),
        Ask::Prices => symbols::prices(query, market, at),
        Ask::Refused(refusal) => Err(refusal),
        Ask::NotFound => return not_found(),
        Ask::WrongHttpMethod => return error::wrong_method(),
    };
    match result {
        Ok(data) => Reply::new(
            StatusCode::OK,
            "application/json",
            format!("{{\"code\":\"200000\",\"data\":{data}}}"),
        ),
        Err(refusal) => refusal.reply(),
    }
}

/// The pair that `symbol` must name; `None` when there is no such pair.
fn pair(query: &Query, market: &Market) -> Result<Option<usize>, Refusal> {
    let name = query.get("symbol").ok_or(Refusal::Missing("symbol"))?;
    Ok(market.find(name))
}
