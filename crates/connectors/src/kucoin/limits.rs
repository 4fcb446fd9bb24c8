//! What KuCoin allows one IP, and what each call costs.
//!
//! Weights from the specification of the endpoints (2025-11). Calls without a key share a pool of 2,000 in 30 seconds per IP; calls with a
//! key that belong to spot trading have one of 4,000 per account at the lowest level (client code; the page of limits itself was not at
//! hand). The pools are refilled at once when their 30 seconds are over, and every answer says how much is left and for how long.

use std::time::Duration;

use http::HeaderMap;
use robust_market::Request;
use smallvec::smallvec;

use super::encode::wants_full_book;
use crate::{Charge, Charges, Class, RateWindow, Usage, Usages};

/// Index of the pool per IP.
const PUBLIC: usize = 0;
/// Index of the pool per account.
const SPOT: usize = 1;

const PUBLIC_LIMIT: u32 = 2_000;
const SPOT_LIMIT: u32 = 4_000;
const PER: Duration = Duration::from_secs(30);

pub(super) fn windows() -> Vec<RateWindow> {
    let pool = |name, limit| RateWindow {
        name,
        limit,
        per: PER,
        keyed: false,
    };
    vec![pool("public", PUBLIC_LIMIT), pool("spot", SPOT_LIMIT)]
}

pub(super) fn cost(request: &Request) -> Charges {
    let charge = |window, units| Charge {
        window,
        key: 0,
        units,
    };
    let public = charge(PUBLIC, weight_of(request));
    if wants_full_book(request) {
        // With a key it is paid from the pool of the account, without one it becomes a public call.
        smallvec![public, charge(SPOT, 3)]
    } else {
        smallvec![public]
    }
}

fn weight_of(request: &Request) -> u32 {
    match request {
        Request::Ticker { .. } | Request::Tickers { .. } => 15,
        // Level 1 of one pair, or the list of all.
        Request::BidsAsks { symbols } | Request::LastPrices { symbols } => match symbols.len() {
            1 => 2,
            _ => 15,
        },
        Request::OrderBook { depth, .. } => match depth.unwrap_or(100) {
            0..=20 => 2,
            // The specification says 2 for both, other clients count 4 for the deeper one.
            _ => 4,
        },
        Request::Instruments => 4,
        _ => 3,
    }
}

/// What is used up of the pool that an answer speaks of: the limit less what remains.
///
/// The headers do not name the pool. Its size does: a limit above that of the public pool is one of an account.
pub(super) fn usage(headers: &HeaderMap) -> Usages {
    let (Some(limit), Some(remaining)) = (
        number(headers, "gw-ratelimit-limit"),
        number(headers, "gw-ratelimit-remaining"),
    ) else {
        return Usages::new();
    };
    let (window, ours) = if limit > u64::from(PUBLIC_LIMIT) {
        (SPOT, SPOT_LIMIT)
    } else {
        (PUBLIC, PUBLIC_LIMIT)
    };
    // Counted from our own limit: a pool that is smaller than we think is used up further than we think.
    let used = u64::from(ours).saturating_sub(remaining);
    smallvec![Usage {
        window,
        used: u32::try_from(used).unwrap_or(ours),
    }]
}

/// How long an empty pool stays empty.
pub(super) fn reset(class: Class, headers: &HeaderMap) -> Option<Duration> {
    let wait = number(headers, "gw-ratelimit-reset").map(Duration::from_millis)?;
    // A pool lives for 30 seconds; a longer wait is another unit than it should be.
    (class == Class::RateLimited && wait <= PER).then_some(wait)
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn headers(limit: &str, remaining: &str, reset: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("gw-ratelimit-limit", limit),
            ("gw-ratelimit-remaining", remaining),
            ("gw-ratelimit-reset", reset),
        ] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn used(limit: &str, remaining: &str) -> Vec<(usize, u32)> {
        let usages = usage(&headers(limit, remaining, "1"));
        usages
            .iter()
            .map(|usage| (usage.window, usage.used))
            .collect()
    }

    #[test]
    fn what_is_used_is_the_limit_less_what_remains_of_the_pool_that_is_meant() {
        assert_eq!(used("2000", "1985"), [(PUBLIC, 15)]);
        assert_eq!(used("2000", "0"), [(PUBLIC, 2_000)]);
        assert_eq!(used("4000", "3997"), [(SPOT, 3)]);
        // A smaller pool: of our 2,000 only the 400 that remain are left.
        assert_eq!(used("500", "400"), [(PUBLIC, 1_600)]);
        assert_eq!(used("many", "1"), []);
        assert!(usage(&HeaderMap::new()).is_empty());
    }

    #[test]
    fn an_empty_pool_says_when_it_is_full_again() {
        let wait = |class, text| reset(class, &headers("2000", "0", text));
        assert_eq!(
            wait(Class::RateLimited, "12345"),
            Some(Duration::from_millis(12_345))
        );
        assert_eq!(wait(Class::RateLimited, "1700000000000"), None);
        assert_eq!(wait(Class::Transient, "12345"), None);
    }

    #[test]
    fn weights_follow_the_parameters() {
        let symbol: robust_market::Symbol = "BTC/USDT".parse().unwrap();
        let book = |depth| {
            let charges = cost(&Request::OrderBook {
                symbol: symbol.clone(),
                depth,
            });
            let charges = charges.iter();
            charges
                .map(|charge| (charge.window, charge.units))
                .collect::<Vec<_>>()
        };
        assert_eq!(book(Some(20)), [(PUBLIC, 2)]);
        assert_eq!(book(Some(21)), [(PUBLIC, 4)]);
        assert_eq!(book(None), [(PUBLIC, 4)]);
        assert_eq!(book(Some(101)), [(PUBLIC, 4), (SPOT, 3)]);
        let quotes = |symbols: &[robust_market::Symbol]| {
            weight_of(&Request::BidsAsks {
                symbols: symbols.to_vec(),
            })
        };
        assert_eq!(quotes(&[]), 15);
        assert_eq!(quotes(std::slice::from_ref(&symbol)), 2);
        assert_eq!(quotes(&[symbol.clone(), symbol.clone()]), 15);
        assert_eq!(weight_of(&Request::Status), 3);
    }
}
