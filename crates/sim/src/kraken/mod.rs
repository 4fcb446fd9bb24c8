//! Kraken's wire format.

mod candles;
mod error;
mod listing;
mod pairs;
mod ticker;
mod trades;

use bytes::Bytes;
use chrono::DateTime;
use http::{Method, StatusCode, header};

pub(crate) use error::{not_recorded, slow_down, too_many, unreachable};
pub(crate) use listing::market;

use crate::law::Demand;
use crate::market::{Depth, Market};
use crate::query::Query;
use crate::reply::Reply;
use crate::sim::{Route, Times};
use error::Refusal;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Time,
    SystemStatus,
    Assets,
    AssetPairs,
    Ticker,
    Ohlc,
    Depth,
    Trades,
    /// A public method that does not exist, or is not simulated.
    UnknownMethod,
    /// Anything that needs a key.
    Private,
    NoUserAgent,
    NotFound,
    WrongHttpMethod,
}

impl Ask {
    fn of(path: &str) -> Self {
        match path.strip_prefix("/0/public/") {
            Some("Time") => Self::Time,
            Some("SystemStatus") => Self::SystemStatus,
            Some("Assets") => Self::Assets,
            Some("AssetPairs") => Self::AssetPairs,
            Some("Ticker") => Self::Ticker,
            Some("OHLC") => Self::Ohlc,
            Some("Depth") => Self::Depth,
            Some("Trades") => Self::Trades,
            Some(_) => Self::UnknownMethod,
            None if path.starts_with("/0/private/") => Self::Private,
            None => Self::NotFound,
        }
    }

    fn endpoint(self) -> &'static str {
        match self {
            Self::Time => "Time",
            Self::SystemStatus => "SystemStatus",
            Self::Assets => "Assets",
            Self::AssetPairs => "AssetPairs",
            Self::Ticker => "Ticker",
            Self::Ohlc => "OHLC",
            Self::Depth => "Depth",
            Self::Trades => "Trades",
            _ => "unknown",
        }
    }

    /// Whether the answer is a refusal whatever the market is.
    pub(crate) fn is_refused(self) -> bool {
        self == Self::NoUserAgent
    }
}

/// Finds out what a request asks for and what it costs.
pub(crate) fn route(request: &http::Request<Bytes>, query: &Query, market: &Market) -> Route<Ask> {
    let ask = Ask::of(request.uri().path());
    let endpoint = ask.endpoint();
    let pair = match ask {
        Ask::Ohlc | Ask::Trades => query.get("pair").and_then(|name| market.find(name)),
        _ => None,
    };
    let agent = request.headers().get(header::USER_AGENT);
    let ask = if agent.is_none_or(|agent| agent.as_bytes().trim_ascii().is_empty()) {
        Ask::NoUserAgent
    } else if request.method() != Method::GET && ask != Ask::Private {
        Ask::WrongHttpMethod
    } else {
        ask
    };
    Route {
        ask,
        demand: Demand {
            pair: pair.map(|pair| (pair, endpoint)),
            ..Demand::named(endpoint)
        },
    }
}

/// Answers a request that the limits let through.
pub(crate) fn answer(ask: Ask, query: &Query, market: &Market, times: Times) -> Reply {
    let at = times.market.as_ns();
    let result = match ask {
        Ask::Time => Ok(time(times)),
        Ask::SystemStatus => Ok(status(times)),
        Ask::Assets => pairs::assets(query, market),
        Ask::AssetPairs => pairs::asset_pairs(query, market),
        Ask::Ticker => ticker::ticker(query, market, at),
        Ask::Ohlc => candles::ohlc(query, market, at),
        Ask::Depth => ticker::depth(query, market, at),
        Ask::Trades => trades::trades(query, market, at),
        Ask::UnknownMethod => Err(Refusal::UnknownMethod),
        Ask::Private => Err(Refusal::InvalidKey),
        Ask::NoUserAgent => return error::no_user_agent(),
        Ask::NotFound => {
            return Reply::html(
                StatusCode::NOT_FOUND,
                "<html><head><title>404 Not Found</title></head></html>\n",
            );
        }
        Ask::WrongHttpMethod => {
            return Reply::html(
                StatusCode::METHOD_NOT_ALLOWED,
                "<html><head><title>405 Not Allowed</title></head></html>\n",
            );
        }
    };
    match result {
        Ok(result) => Reply::new(
            StatusCode::OK,
            "application/json",
            format!("{{\"error\":[],\"result\":{result}}}"),
        ),
        Err(refusal) => refusal.reply(),
    }
}

/// Amounts of the book have three decimals, of lots that have eight.
const BOOK_STEP: u64 = 100_000;

fn shown(levels: usize) -> Depth {
    Depth {
        levels,
        step: BOOK_STEP,
    }
}

/// Ticker, Depth and Trades print prices with five decimals, or more where the pair has more; OHLC with the pair's own.
fn wide(price_places: u32) -> u32 {
    price_places.max(5)
}

fn time(times: Times) -> String {
    let seconds = times.now.as_secs();
    // The day is padded with a space, as in "Wed,  9 Jan 19 01:50:54 +0000".
    let text = DateTime::from_timestamp(seconds, 0)
        .map(|time| time.format("%a, %e %b %y %H:%M:%S +0000").to_string())
        .unwrap_or_default();
    format!("{{\"unixtime\":{seconds},\"rfc1123\":\"{text}\"}}")
}

fn status(times: Times) -> String {
    let text = DateTime::from_timestamp(times.now.as_secs(), 0)
        .map(|time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string())
        .unwrap_or_default();
    format!("{{\"status\":\"online\",\"timestamp\":\"{text}\"}}")
}
