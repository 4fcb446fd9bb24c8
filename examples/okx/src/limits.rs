//! What the documentation allows each IP, one window for each endpoint.

use std::time::Duration;

use robust_connectors::{Charge, Charges, RateWindow};
use robust_market::Request;
use smallvec::smallvec;

/// Name, requests and seconds of each endpoint's window, as the page of the endpoint says (docs-v5, 2026-07).
const WINDOWS: &[(&str, u32, u64)] = &[
    ("ticker", 20, 2),
    ("tickers", 20, 2),
    ("books", 40, 2),
    ("candles", 40, 2),
    ("trades", 100, 2),
    ("instruments", 20, 2),
    ("time", 10, 2),
    ("status", 1, 5),
];

pub(crate) fn windows() -> Vec<RateWindow> {
    let window = |(name, limit, seconds): &(&'static str, u32, u64)| RateWindow {
        name,
        limit: *limit,
        per: Duration::from_secs(*seconds),
        keyed: false,
    };
    WINDOWS.iter().map(window).collect()
}

pub(crate) fn cost(request: &Request) -> Charges {
    let window = match request {
        Request::Ticker { .. } => 0,
        Request::Tickers { .. } | Request::BidsAsks { .. } | Request::LastPrices { .. } => 1,
        Request::OrderBook { .. } => 2,
        Request::Candles { .. } => 3,
        Request::Trades { .. } => 4,
        Request::Instruments => 5,
        Request::Status => 7,
        _ => 6,
    };
    smallvec![Charge {
        window,
        key: 0,
        units: 1,
    }]
}
