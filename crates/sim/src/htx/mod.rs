//! HTX's wire format.

mod candles;
mod depth;
mod error;
mod listing;
mod number;
mod symbols;
mod ticker;
mod trades;

use bytes::Bytes;
use http::{Method, StatusCode};

pub(crate) use error::{not_recorded, slow_down, too_many, unavailable};
pub(crate) use listing::market;

use crate::law::Demand;
use crate::market::Market;
use crate::query::Query;
use crate::reply::Reply;
use crate::sim::{Route, Times};
use error::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Timestamp,
    MarketStatus,
    Symbols,
    SettingsSymbols,
    MarketSymbols,
    Currencies,
    Merged,
    Tickers,
    Depth,
    Kline,
    Trade,
    HistoryTrade,
    Detail,
    /// Anything that needs a key.
    Private,
    /// An unknown path of the second version, which has an error of its own.
    UnknownUrl,
    NotFound,
    WrongHttpMethod,
}

/// Paths under which everything needs a key.
const PRIVATE: [&str; 5] = [
    "/v1/account",
    "/v1/order",
    "/v2/account",
    "/v2/user",
    "/v2/algo-orders",
];

impl Ask {
    fn of(path: &str) -> Self {
        match path {
            "/v1/common/timestamp" => Self::Timestamp,
            "/v2/market-status" => Self::MarketStatus,
            "/v1/common/symbols" => Self::Symbols,
            "/v2/settings/common/symbols" => Self::SettingsSymbols,
            "/v1/settings/common/market-symbols" => Self::MarketSymbols,
            "/v2/reference/currencies" => Self::Currencies,
            "/market/detail/merged" => Self::Merged,
            "/market/tickers" => Self::Tickers,
            "/market/depth" => Self::Depth,
            "/market/history/kline" => Self::Kline,
            "/market/trade" => Self::Trade,
            "/market/history/trade" => Self::HistoryTrade,
            "/market/detail" => Self::Detail,
            _ if PRIVATE.iter().any(|prefix| path.starts_with(prefix)) => Self::Private,
            _ if path.starts_with("/v2/") => Self::UnknownUrl,
            _ => Self::NotFound,
        }
    }

    fn endpoint(self) -> &'static str {
        match self {
            Self::Timestamp => "timestamp",
            Self::MarketStatus => "market-status",
            Self::Symbols => "common/symbols",
            Self::SettingsSymbols => "settings/common/symbols",
            Self::MarketSymbols => "settings/common/market-symbols",
            Self::Currencies => "reference/currencies",
            Self::Merged => "detail/merged",
            Self::Tickers => "tickers",
            Self::Depth => "depth",
            Self::Kline => "history/kline",
            Self::Trade => "trade",
            Self::HistoryTrade => "history/trade",
            Self::Detail => "detail",
            Self::Private | Self::UnknownUrl | Self::NotFound | Self::WrongHttpMethod => "unknown",
        }
    }
}

/// Finds out what a request asks for; every request costs the same.
pub(crate) fn route(request: &http::Request<Bytes>) -> Route<Ask> {
    let ask = Ask::of(request.uri().path());
    Route {
        demand: Demand::named(ask.endpoint()),
        ask: if request.method() == Method::GET || ask == Ask::Private {
            ask
        } else {
            Ask::WrongHttpMethod
        },
    }
}

/// Answers a request that the limits let through.
pub(crate) fn answer(ask: Ask, query: &Query, market: &Market, times: Times) -> Reply {
    let at = times.market.as_ns();
    let body = match ask {
        Ask::Timestamp => Ok(format!(
            "{{\"status\":\"ok\",\"data\":{}}}",
            times.now.as_ms()
        )),
        Ask::MarketStatus => {
            Ok("{\"code\":200,\"message\":\"success\",\"data\":{\"marketStatus\":1}}".to_owned())
        }
        Ask::Symbols => symbols::common(market),
        Ask::SettingsSymbols => symbols::settings(query, market, times),
        Ask::MarketSymbols => symbols::rules(query, market, times),
        Ask::Currencies => symbols::currencies(query, market),
        Ask::Merged => ticker::merged(query, market, at),
        Ask::Tickers => ticker::tickers(market, at),
        Ask::Depth => depth::depth(query, market, at),
        Ask::Kline => candles::kline(query, market, at),
        Ask::Trade => trades::last(query, market, at),
        Ask::HistoryTrade => trades::history(query, market, at),
        Ask::Detail => ticker::detail(query, market, at),
        Ask::Private => Err(Refusal::Signature),
        Ask::UnknownUrl => Err(Refusal::Url),
        Ask::NotFound => return error::page(StatusCode::NOT_FOUND),
        Ask::WrongHttpMethod => return error::page(StatusCode::METHOD_NOT_ALLOWED),
    };
    match body {
        Ok(body) => Reply::new(StatusCode::OK, "application/json;charset=utf-8", body),
        Err(refusal) => refusal.reply(times.now),
    }
}

const MS: i64 = 1_000_000;
const SYMBOL: Refusal = Refusal::Parameter("invalid symbol");

/// The pair that `symbol` must name.
fn pair(query: &Query, market: &Market) -> Result<usize, Refusal> {
    query
        .get("symbol")
        .and_then(|name| market.find(name))
        .ok_or(SYMBOL)
}

/// `size`: what is left out is `left_out`, what is outside 1 to 2,000 is refused.
fn size(query: &Query, left_out: usize) -> Result<usize, Refusal> {
    match query.get("size") {
        None => Ok(left_out),
        Some(text) => text
            .parse()
            .ok()
            .filter(|size| (1..=2_000).contains(size))
            .ok_or(Refusal::Parameter("invalid size, valid range: [1,2000]")),
    }
}

/// The envelope of market data: the channel, then `tick` or `data`.
fn channel(id: &str, topic: &str, at: i64, payload: &str) -> String {
    format!(
        "{{\"ch\":\"market.{id}.{topic}\",\"status\":\"ok\",\"ts\":{},{payload}}}",
        at.div_euclid(MS)
    )
}
