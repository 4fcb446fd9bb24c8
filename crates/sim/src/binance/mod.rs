//! Binance's wire format.

mod candles;
mod error;
mod info;
mod listing;
mod params;
mod ticker;
mod trades;

use bytes::Bytes;
use http::{Method, StatusCode};

pub(crate) use error::{banned, not_recorded, too_much, unavailable};
pub(crate) use listing::market;

use crate::law::Demand;
use crate::market::{Depth, Market};
use crate::query::Query;
use crate::reply::Reply;
use crate::sim::{Route, Times};
use params::{Chosen, chosen};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Ping,
    Time,
    ExchangeInfo,
    Depth,
    Trades,
    AggTrades,
    Klines,
    Day,
    Price,
    BookTicker,
    AvgPrice,
    SystemStatus,
    NotFound,
    WrongHttpMethod,
}

impl Ask {
    fn of(path: &str) -> Self {
        match path {
            "/api/v3/ping" => Self::Ping,
            "/api/v3/time" => Self::Time,
            "/api/v3/exchangeInfo" => Self::ExchangeInfo,
            "/api/v3/depth" => Self::Depth,
            "/api/v3/trades" => Self::Trades,
            "/api/v3/aggTrades" => Self::AggTrades,
            "/api/v3/klines" => Self::Klines,
            "/api/v3/ticker/24hr" => Self::Day,
            "/api/v3/ticker/price" => Self::Price,
            "/api/v3/ticker/bookTicker" => Self::BookTicker,
            "/api/v3/avgPrice" => Self::AvgPrice,
            "/sapi/v1/system/status" => Self::SystemStatus,
            _ => Self::NotFound,
        }
    }

    fn endpoint(self) -> &'static str {
        match self {
            Self::Ping => "ping",
            Self::Time => "time",
            Self::ExchangeInfo => "exchangeInfo",
            Self::Depth => "depth",
            Self::Trades => "trades",
            Self::AggTrades => "aggTrades",
            Self::Klines => "klines",
            Self::Day => "ticker/24hr",
            Self::Price => "ticker/price",
            Self::BookTicker => "ticker/bookTicker",
            Self::AvgPrice => "avgPrice",
            Self::SystemStatus => "system/status",
            Self::NotFound | Self::WrongHttpMethod => "unknown",
        }
    }

    /// The parameters that the endpoint reads.
    fn reads(self) -> &'static [&'static str] {
        match self {
            Self::ExchangeInfo => &[
                "symbol",
                "symbols",
                "permissions",
                "showPermissionSets",
                "symbolStatus",
            ],
            Self::Depth => &["symbol", "limit", "symbolStatus"],
            Self::Trades => &["symbol", "limit"],
            Self::AggTrades => &["symbol", "fromId", "startTime", "endTime", "limit"],
            Self::Klines => &[
                "symbol",
                "interval",
                "startTime",
                "endTime",
                "timeZone",
                "limit",
            ],
            Self::Day => &["symbol", "symbols", "type", "symbolStatus"],
            Self::Price | Self::BookTicker => &["symbol", "symbols", "symbolStatus"],
            Self::AvgPrice => &["symbol"],
            _ => &[],
        }
    }

    /// The weight of a request (rest-api.md of binance-spot-api-docs); a request that will be refused costs it too.
    fn weight(self, query: &Query) -> u64 {
        match self {
            Self::ExchangeInfo => 20,
            Self::Trades => 25,
            Self::AggTrades => 4,
            Self::Klines | Self::AvgPrice => 2,
            Self::Depth => match query.get("limit").and_then(|limit| limit.parse().ok()) {
                None | Some(0..=100_u64) => 5,
                Some(101..=500) => 25,
                Some(501..=1_000) => 50,
                Some(_) => 250,
            },
            Self::Day => match chosen(query) {
                Ok(Chosen::One(_)) => 2,
                Ok(Chosen::Many(names)) => match names.len() {
                    0..=20 => 2,
                    21..=100 => 40,
                    _ => 80,
                },
                Ok(Chosen::All) => 80,
                Err(_) => 2,
            },
            Self::Price | Self::BookTicker => match chosen(query) {
                Ok(Chosen::One(_)) => 2,
                _ => 4,
            },
            _ => 1,
        }
    }
}

/// Finds out what a request asks for and what it costs.
pub(crate) fn route(request: &http::Request<Bytes>, query: &Query) -> Route<Ask> {
    let ask = Ask::of(request.uri().path());
    Route {
        demand: Demand {
            weight: ask.weight(query),
            ..Demand::named(ask.endpoint())
        },
        ask: if request.method() == Method::GET {
            ask
        } else {
            Ask::WrongHttpMethod
        },
    }
}

/// Answers a request that the limits let through.
pub(crate) fn answer(ask: Ask, query: &Query, market: &Market, times: Times) -> Reply {
    let at = times.market.as_ns();
    let known = params::only_known(query, ask.reads());
    let result = known.and_then(|()| match ask {
        Ask::Ping => Ok("{}".to_owned()),
        Ask::Time => Ok(format!("{{\"serverTime\":{}}}", times.now.as_ms())),
        Ask::SystemStatus => Ok("{\"status\":0,\"msg\":\"normal\"}".to_owned()),
        Ask::ExchangeInfo => info::exchange_info(query, market, times),
        Ask::Depth => ticker::depth(query, market, at),
        Ask::Trades => trades::trades(query, market, at),
        Ask::AggTrades => trades::agg_trades(query, market, at),
        Ask::Klines => candles::klines(query, market, at),
        Ask::Day => ticker::day(query, market, at),
        Ask::Price => ticker::price(query, market, at),
        Ask::BookTicker => ticker::book_ticker(query, market, at),
        Ask::AvgPrice => ticker::avg_price(query, market, at),
        Ask::NotFound | Ask::WrongHttpMethod => Ok(String::new()),
    });
    match (ask, result) {
        (Ask::NotFound, _) => page(StatusCode::NOT_FOUND),
        (Ask::WrongHttpMethod, _) => page(StatusCode::METHOD_NOT_ALLOWED),
        (_, Ok(body)) => Reply::json(StatusCode::OK, body),
        (_, Err(refusal)) => refusal.reply(),
    }
}

fn page(status: StatusCode) -> Reply {
    Reply::html(
        status,
        format!("<html><head><title>{status}</title></head></html>\n"),
    )
}

/// Amounts of the book are whole lots.
fn shown(levels: usize) -> Depth {
    Depth { levels, step: 1 }
}
