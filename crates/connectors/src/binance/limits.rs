//! What Binance allows one IP, and what each call costs.
//!
//! Weights from rest-api.md (2026-07). The windows are REQUEST_WEIGHT 6,000 a minute and RAW_REQUESTS 300,000 in five minutes (changelog
//! 2026-04-02); both are counted for the IP with everything else that runs on it, and `X-MBX-USED-WEIGHT-1M` tells the sum.

use std::time::Duration;

use http::HeaderMap;
use robust_market::Request;
use serde::Deserialize;
use smallvec::smallvec;

use crate::{Charge, Charges, RateWindow, Usage, Usages};

/// Index of the window of request weight.
const WEIGHT: usize = 0;
/// Index of the window that counts every request as one.
const RAW: usize = 1;

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn windows() -> Vec<RateWindow> {
    vec![weight(6_000, MINUTE), raw(300_000, 5 * MINUTE)]
}

const fn weight(limit: u32, per: Duration) -> RateWindow {
    RateWindow {
        name: "weight",
        limit,
        per,
        keyed: false,
    }
}

const fn raw(limit: u32, per: Duration) -> RateWindow {
    RateWindow {
        name: "raw_requests",
        limit,
        per,
        keyed: false,
    }
}

pub(super) fn cost(request: &Request) -> Charges {
    let charge = |window, units| Charge {
        window,
        key: 0,
        units,
    };
    smallvec![charge(WEIGHT, weight_of(request)), charge(RAW, 1)]
}

fn weight_of(request: &Request) -> u32 {
    match request {
        Request::Ticker { .. } => 2,
        Request::Tickers { symbols } => match symbols.len() {
            1..=20 => 2,
            21..=100 => 40,
            _ => 80,
        },
        // With `symbols` as well as without; only the form with one `symbol`, which is not used, costs 2.
        Request::BidsAsks { .. } | Request::LastPrices { .. } => 4,
        Request::OrderBook { depth, .. } => match depth.unwrap_or(100) {
            0..=100 => 5,
            101..=500 => 25,
            501..=1_000 => 50,
            _ => 250,
        },
        Request::Candles { .. } => 2,
        Request::Trades { .. } => 4,
        Request::Instruments => 20,
        _ => 1,
    }
}

pub(super) fn usage(headers: &HeaderMap) -> Usages {
    ["x-mbx-used-weight-1m", "x-mbx-used-weight"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok()?.trim().parse().ok())
        .map(|used| Usage {
            window: WEIGHT,
            used,
        })
        .into_iter()
        .collect()
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct InfoWire {
    rate_limits: Vec<LimitWire>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LimitWire {
    rate_limit_type: String,
    interval: String,
    interval_num: u32,
    limit: u32,
}

/// The limits that exchangeInfo states, where it states at least that of weight.
pub(super) fn stated(body: &[u8]) -> Option<Vec<RateWindow>> {
    let info: InfoWire = serde_json::from_slice(body).ok()?;
    let find = |name: &str| {
        let limits = info.rate_limits.iter();
        let mut limits = limits.filter(|limit| limit.rate_limit_type == name);
        limits.find_map(|limit| {
            let unit = match limit.interval.as_str() {
                "SECOND" => 1,
                "MINUTE" => 60,
                "HOUR" => 3_600,
                "DAY" => 86_400,
                _ => return None,
            };
            let seconds = limit.interval_num.checked_mul(unit)?;
            let is_sane = seconds > 0 && limit.limit > 0;
            is_sane.then_some((limit.limit, Duration::from_secs(seconds.into())))
        })
    };
    let (limit, per) = find("REQUEST_WEIGHT")?;
    let weight = weight(limit, per);
    let raw = find("RAW_REQUESTS").map(|(limit, per)| raw(limit, per));
    Some([Some(weight), raw].into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use robust_market::Symbol;

    fn weight_for(request: &Request) -> u32 {
        cost(request)
            .iter()
            .find(|charge| charge.window == WEIGHT)
            .unwrap()
            .units
    }

    #[test]
    fn weights_follow_the_parameters() {
        let symbols: Vec<Symbol> = (0..=100)
            .map(|n| Symbol::new(&format!("A{n}"), "B").unwrap())
            .collect();
        let tickers = |n: usize| Request::Tickers {
            symbols: symbols[..n].to_vec(),
        };
        for (n, weight) in [(0, 80), (1, 2), (20, 2), (21, 40), (100, 40), (101, 80)] {
            assert_eq!(weight_for(&tickers(n)), weight, "{n} symbols");
        }
        let book = |depth| Request::OrderBook {
            symbol: symbols[0].clone(),
            depth,
        };
        for (depth, weight) in [
            (None, 5),
            (Some(1), 5),
            (Some(100), 5),
            (Some(101), 25),
            (Some(500), 25),
            (Some(501), 50),
            (Some(1_000), 50),
            (Some(1_001), 250),
            (Some(5_000), 250),
        ] {
            assert_eq!(weight_for(&book(depth)), weight, "depth {depth:?}");
        }
        assert_eq!(weight_for(&Request::Instruments), 20);
        assert_eq!(weight_for(&Request::ServerTime), 1);
        assert_eq!(weight_for(&Request::BidsAsks { symbols: vec![] }), 4);
    }

    #[test]
    fn used_weight_is_read_from_the_header() {
        let mut headers = HeaderMap::new();
        assert!(usage(&headers).is_empty());
        headers.insert("x-mbx-used-weight", HeaderValue::from_static("7"));
        assert_eq!(usage(&headers)[0].used, 7);
        headers.insert("X-MBX-USED-WEIGHT-1M", HeaderValue::from_static("6012"));
        assert_eq!(
            usage(&headers)[0],
            Usage {
                window: WEIGHT,
                used: 6_012
            }
        );
        headers.insert("X-MBX-USED-WEIGHT-1M", HeaderValue::from_static("many"));
        assert_eq!(usage(&headers)[0].used, 7);
    }

    #[test]
    fn the_exchange_states_its_limits_itself() {
        let body = br#"{"rateLimits":[
            {"rateLimitType":"REQUEST_WEIGHT","interval":"MINUTE","intervalNum":1,"limit":1200},
            {"rateLimitType":"ORDERS","interval":"SECOND","intervalNum":10,"limit":50},
            {"rateLimitType":"RAW_REQUESTS","interval":"MINUTE","intervalNum":5,"limit":6100}],"symbols":[]}"#;
        let windows = stated(body).unwrap();
        assert_eq!(windows[WEIGHT], weight(1_200, MINUTE));
        assert_eq!(windows[RAW], raw(6_100, 5 * MINUTE));
        assert_eq!(stated(b"{}"), None);
        assert_eq!(stated(b"<html>"), None);
    }
}
