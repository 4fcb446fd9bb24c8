//! What Kraken allows callers without a key.
//!
//! support.kraken.com 206548367: public calls are counted "by IP address and currency pair" for trades and OHLC, "by IP address only"
//! for the rest; "calling the public endpoints at a frequency of 1 per second or less would remain within the rate limits". How the
//! two counters add up is not said, and no header tells what is used. The conservative reading is built here: every call
//! pays the window of the IP, and OHLC and trades pay one for their endpoint and pair on top of it.

use std::time::Duration;

use robust_market::Request;
use smallvec::smallvec;

use crate::{Charge, Charges, RateWindow};

/// Index of the window that every call pays.
const PUBLIC: usize = 0;
/// Index of the window per endpoint and pair.
const PAIR: usize = 1;

pub(super) fn windows() -> Vec<RateWindow> {
    let per = Duration::from_secs(1);
    vec![
        RateWindow {
            name: "public",
            limit: 1,
            per,
            keyed: false,
        },
        RateWindow {
            name: "pair",
            limit: 1,
            per,
            keyed: true,
        },
    ]
}

pub(super) fn cost(request: &Request) -> Charges {
    let public = Charge {
        window: PUBLIC,
        key: 0,
        units: 1,
    };
    let endpoint = match request {
        Request::Candles { .. } => "OHLC",
        Request::Trades { .. } => "Trades",
        _ => return smallvec![public],
    };
    let pair = request.symbol().map_or("", |symbol| symbol.as_str());
    smallvec![
        public,
        Charge {
            window: PAIR,
            key: key(endpoint, pair),
            units: 1,
        }
    ]
}

/// FNV-1a over endpoint and pair: the same in every process, so that several can share one count.
fn key(endpoint: &str, pair: &str) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    endpoint
        .bytes()
        .chain(std::iter::once(0))
        .chain(pair.bytes())
        .fold(OFFSET, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(PRIME)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use robust_market::Interval;

    #[test]
    fn ohlc_and_trades_also_pay_for_their_pair() {
        let candles = |symbol: &str| Request::Candles {
            symbol: symbol.parse().unwrap(),
            interval: Interval::M1,
            since: None,
            limit: None,
        };
        let trades = Request::Trades {
            symbol: "BTC/USD".parse().unwrap(),
            since: None,
            limit: None,
        };
        let keyed = |request: &Request| cost(request).get(1).map(|charge| charge.key).unwrap();
        assert_eq!(cost(&Request::ServerTime).len(), 1);
        assert_eq!(keyed(&candles("BTC/USD")), keyed(&candles("BTC/USD")));
        assert_ne!(keyed(&candles("BTC/USD")), keyed(&candles("ETH/USD")));
        assert_ne!(keyed(&candles("BTC/USD")), keyed(&trades));
    }

    #[test]
    fn the_key_is_the_published_fnv_1a() {
        // The reference vector of the empty text, one step further for the separating zero byte.
        assert_eq!(key("", ""), 0xaf63_bd4c_8601_b7df);
        assert_eq!(key("a", ""), key("a", ""));
    }
}
