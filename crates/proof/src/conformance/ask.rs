//! Unified calls of the cases as requests.

use robust_market::{Interval, Request, Symbol, Timestamp};
use serde_json::Value;

use super::compare::whole;

/// The request that a call stands for.
///
/// A call that cannot be understood is the reason for its case to fail.
pub(super) fn request(method: &str, input: &[Value]) -> Result<Request, String> {
    let argument = |index: usize| input.get(index).unwrap_or(&Value::Null);
    let arguments = match method {
        "fetchTicker" | "fetchTickers" | "fetchBidsAsks" | "fetchLastPrices" => 1,
        "fetchOrderBook" => 2,
        "fetchTrades" => 3,
        "fetchOHLCV" => 4,
        _ => 0,
    };
    if let Some(extra) = input
        .iter()
        .skip(arguments)
        .find(|value| !is_nothing(value))
    {
        return Err(format!(
            "the argument {extra} of {method} is not understood"
        ));
    }
    Ok(match method {
        "fetchTicker" => Request::Ticker {
            symbol: symbol(argument(0))?,
        },
        "fetchTickers" => Request::Tickers {
            symbols: symbols(argument(0))?,
        },
        "fetchBidsAsks" => Request::BidsAsks {
            symbols: symbols(argument(0))?,
        },
        "fetchLastPrices" => Request::LastPrices {
            symbols: symbols(argument(0))?,
        },
        "fetchOrderBook" => Request::OrderBook {
            symbol: symbol(argument(0))?,
            depth: limit(argument(1))?,
        },
        "fetchOHLCV" => Request::Candles {
            symbol: symbol(argument(0))?,
            interval: interval(argument(1))?,
            since: since(argument(2))?,
            limit: limit(argument(3))?,
        },
        "fetchTrades" => Request::Trades {
            symbol: symbol(argument(0))?,
            since: since(argument(1))?,
            limit: limit(argument(2))?,
        },
        "fetchMarkets" => Request::Instruments,
        "fetchCurrencies" => Request::Assets,
        "fetchTime" => Request::ServerTime,
        "fetchStatus" => Request::Status,
        other => return Err(format!("the method {other} is not known")),
    })
}

/// The request that an answer belongs to: a unified call, or an endpoint that no unified call asks for, about the pair of the
/// expectation.
pub(super) fn answered(method: &str, input: &[Value], parsed: &Value) -> Result<Request, String> {
    let Some(path) = method.strip_prefix("GET ") else {
        return request(method, input);
    };
    let one = || {
        let named = input.first().or_else(|| parsed.get("symbol"));
        let by_name = || parsed.as_object()?.keys().find(|name| name.contains('/'));
        match named
            .and_then(Value::as_str)
            .or_else(|| by_name().map(String::as_str))
        {
            Some(text) => symbol(&Value::from(text)),
            None => symbol(&Value::from("BTC/USDT")),
        }
    };
    Ok(match path {
        "/api/v1/market/orderbook/level1" => Request::BidsAsks {
            symbols: vec![one()?],
        },
        "/api/v1/market/stats" | "/market/detail/merged" => Request::Ticker { symbol: one()? },
        "/api/v1/market/allTickers" | "/market/tickers" => Request::Tickers {
            symbols: Vec::new(),
        },
        "/api/v1/status" | "/v2/market-status" => Request::Status,
        "/api/v1/timestamp" | "/v1/common/timestamp" => Request::ServerTime,
        other => return Err(format!("the endpoint {other} is not known")),
    })
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn symbol(value: &Value) -> Result<Symbol, String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("{value} is no symbol"))?;
    text.parse()
        .map_err(|error: robust_market::InvalidName| error.to_string())
}

fn symbols(value: &Value) -> Result<Vec<Symbol>, String> {
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(symbols) => symbols.iter().map(symbol).collect(),
        other => Err(format!("{other} is no list of symbols")),
    }
}

fn interval(value: &Value) -> Result<Interval, String> {
    match value {
        // The unified call's own default.
        Value::Null => Ok(Interval::M1),
        // A year is twelve months here.
        Value::String(text) if text == "1y" => interval(&Value::from("12M")),
        Value::String(text) => text
            .parse()
            .map_err(|error: robust_market::InvalidName| error.to_string()),
        other => Err(format!("{other} is no interval")),
    }
}

fn since(value: &Value) -> Result<Option<Timestamp>, String> {
    if value.is_null() {
        return Ok(None);
    }
    whole(value)
        .and_then(Timestamp::from_ms)
        .map(Some)
        .ok_or_else(|| format!("{value} is no time in milliseconds"))
}

fn limit(value: &Value) -> Result<Option<u32>, String> {
    if value.is_null() {
        return Ok(None);
    }
    whole(value)
        .and_then(|limit| u32::try_from(limit).ok())
        .map(Some)
        .ok_or_else(|| format!("{value} is no limit"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn ask(method: &str, input: &Value) -> Result<Request, String> {
        request(method, input.as_array().unwrap())
    }

    #[test]
    fn calls_are_understood_with_their_defaults() {
        let Ok(Request::Candles {
            interval,
            since,
            limit,
            ..
        }) = ask(
            "fetchOHLCV",
            &json!(["BTC/USD", null, 1_716_523_348_000_i64, 3.0, {}]),
        )
        else {
            panic!("not understood")
        };
        assert_eq!(interval, Interval::M1);
        assert_eq!(since, Timestamp::from_ms(1_716_523_348_000));
        assert_eq!(limit, Some(3));
        assert_eq!(
            ask("fetchTickers", &json!([])),
            Ok(Request::Tickers { symbols: vec![] })
        );
    }

    #[test]
    fn what_is_not_understood_is_a_reason_and_no_crash() {
        for (method, input) in [
            ("fetchNothing", json!([])),
            ("fetchTicker", json!([])),
            ("fetchTicker", json!([7])),
            ("fetchTicker", json!(["BTCUSD"])),
            ("fetchOHLCV", json!(["BTC/USD", "1x"])),
            ("fetchTrades", json!(["BTC/USD", "yesterday"])),
            ("fetchTrades", json!(["BTC/USD", null, -1])),
            ("fetchTime", json!([{"x": 1}])),
        ] {
            assert!(ask(method, &input).is_err(), "{method}");
        }
    }
}
