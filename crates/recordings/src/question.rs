//! Recorded calls as unified requests.

use std::fmt::Display;

use robust_market::{Request, Symbol, Timestamp};
use serde_json::Value;

use crate::Case;

/// Why a recorded call stands for no request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoQuestion(String);

impl Display for NoQuestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NoQuestion {}

fn none(why: impl Display) -> NoQuestion {
    NoQuestion(why.to_string())
}

impl Case {
    /// The unified request that the recorded call stands for.
    ///
    /// # Errors
    /// When the method is not known, or an argument cannot be what it has to be.
    pub fn question(&self) -> Result<Request, NoQuestion> {
        Ok(match self.method.as_str() {
            "fetchTicker" => Request::Ticker {
                symbol: self.pair()?,
            },
            // The best quotes of one pair, which no call of the oracle asks for.
            "GET /api/v1/market/orderbook/level1" => Request::BidsAsks {
                symbols: vec!["BTC/USDT".parse().map_err(none)?],
            },
            "fetchTickers" => Request::Tickers {
                symbols: self.pairs()?,
            },
            "fetchBidsAsks" => Request::BidsAsks {
                symbols: self.pairs()?,
            },
            "fetchLastPrices" => Request::LastPrices {
                symbols: self.pairs()?,
            },
            "fetchOrderBook" => Request::OrderBook {
                symbol: self.pair()?,
                depth: self.number(1)?,
            },
            "fetchOHLCV" => Request::Candles {
                symbol: self.pair()?,
                interval: self.text(1).unwrap_or("1m").parse().map_err(none)?,
                since: self.since(2)?,
                limit: self.number(3)?,
            },
            "fetchTrades" => Request::Trades {
                symbol: self.pair()?,
                since: self.since(1)?,
                limit: self.number(2)?,
            },
            "fetchMarkets" => Request::Instruments,
            "fetchCurrencies" => Request::Assets,
            "fetchTime" => Request::ServerTime,
            "fetchStatus" | "GET /v2/market-status" => Request::Status,
            other => return Err(none(format_args!("unknown method {other}"))),
        })
    }

    fn text(&self, index: usize) -> Option<&str> {
        self.input.get(index).and_then(Value::as_str)
    }

    fn pair(&self) -> Result<Symbol, NoQuestion> {
        let text = self.text(0).ok_or_else(|| none("it names no pair"))?;
        text.parse().map_err(none)
    }

    fn pairs(&self) -> Result<Vec<Symbol>, NoQuestion> {
        let list = self.input.first().and_then(Value::as_array);
        let names = list.into_iter().flatten().filter_map(Value::as_str);
        names.map(|name| name.parse().map_err(none)).collect()
    }

    fn number(&self, index: usize) -> Result<Option<u32>, NoQuestion> {
        let number = self.input.get(index).and_then(Value::as_u64);
        number.map(u32::try_from).transpose().map_err(none)
    }

    fn since(&self, index: usize) -> Result<Option<Timestamp>, NoQuestion> {
        let Some(ms) = self.input.get(index).and_then(Value::as_i64) else {
            return Ok(None);
        };
        let time = Timestamp::from_ms(ms);
        time.map(Some)
            .ok_or_else(|| none(format_args!("{ms} is no time in milliseconds")))
    }
}

#[cfg(test)]
mod tests {
    use robust_market::{Interval, Request, Timestamp};
    use serde_json::{Value, json};

    use crate::Case;

    fn case(method: &str, input: Value) -> Case {
        let Value::Array(input) = input else {
            panic!("{input} is no list of arguments")
        };
        Case {
            method: method.to_owned(),
            input,
            ..Case::default()
        }
    }

    #[test]
    fn calls_become_requests_with_the_defaults_of_the_oracle() {
        let symbol = || "BTC/USDT".parse().unwrap();
        let ask = |method, input| case(method, input).question().unwrap();
        assert_eq!(
            ask("fetchOHLCV", json!(["BTC/USDT", null, 60_000, 5])),
            Request::Candles {
                symbol: symbol(),
                interval: Interval::M1,
                since: Timestamp::from_ms(60_000),
                limit: Some(5),
            }
        );
        assert_eq!(
            ask("fetchTrades", json!(["BTC/USDT"])),
            Request::Trades {
                symbol: symbol(),
                since: None,
                limit: None,
            }
        );
        let all = Request::Tickers {
            symbols: Vec::new(),
        };
        assert_eq!(ask("fetchTickers", json!([])), all);
    }

    #[test]
    fn what_is_not_understood_is_no_request() {
        for (method, input, why) in [
            ("fetchMood", json!([]), "unknown method fetchMood"),
            ("", json!([]), "unknown method "),
            ("fetchTicker", json!([]), "it names no pair"),
        ] {
            let error = case(method, input).question().unwrap_err();
            assert_eq!(error.to_string(), why);
        }
        for (method, input) in [
            ("fetchTicker", json!(["no pair"])),
            ("fetchTickers", json!([["BTC/USDT", "none"]])),
            ("fetchOrderBook", json!(["BTC/USDT", 5_000_000_000_u64])),
            ("fetchOHLCV", json!(["BTC/USDT", "1 moon"])),
            ("fetchTrades", json!(["BTC/USDT", i64::MAX])),
        ] {
            assert!(case(method, input).question().is_err(), "{method}");
        }
        assert!(case("publicPostBulletPublic", json!([])).is_stream_access());
    }
}
