//! One recorded case, of whichever family.

use std::collections::BTreeMap;

use robust_market::{Exchange, Request, Symbol};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// One recorded case. What its family does not have is empty. Bodies are as they came, digit by digit.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[non_exhaustive]
pub struct Case {
    /// When the question was put, in milliseconds since 1970.
    #[serde(rename = "clock_ms")]
    pub clock_ms: Option<i64>,
    /// The unified call of the oracle, such as `fetchTicker`, or the endpoint.
    pub method: String,
    /// The arguments of the call.
    pub input: Vec<Value>,
    /// The URL that the call became, where the case is about the question.
    pub url: String,
    /// The requests that were sent, where the case is about the answer.
    pub request: Vec<Sent>,
    /// The status of the answer.
    pub http_status: u16,
    /// The body of the answer.
    pub http_response: Option<Box<RawValue>>,
    /// What the oracle read in it.
    pub parsed_response: Value,
    /// The headers of a refusal.
    pub headers: BTreeMap<String, String>,
    /// The body of a refusal, which need not be JSON.
    pub body: String,
    /// The class of a refusal.
    pub class: String,
    /// A table of names: id, unified symbol, base, quote, name in the streams.
    pub rows: Vec<Vec<Option<String>>>,
    /// Codes of currencies: the exchange's own, and the unified one.
    pub common_currencies: BTreeMap<String, String>,
    /// The limits that an exchange states about itself.
    pub rate_limits: Value,
}

/// A request that was sent.
#[derive(Debug, Deserialize)]
#[non_exhaustive]
pub struct Sent {
    /// Where to, with all parameters.
    pub url: String,
}

impl Case {
    /// The body of the answer as text; empty where none was recorded.
    #[must_use]
    pub fn answer(&self) -> &str {
        self.http_response.as_ref().map_or("", |body| body.get())
    }

    /// Is it the way into KuCoin's streams, which is about no market data?
    #[must_use]
    pub fn is_stream_access(&self) -> bool {
        self.method == "publicPostBulletPublic"
    }

    /// The pairs that the sent URLs name, and where an id is made of base and quote those of the parsed answer and of the request, each
    /// as the exchange writes it.
    #[must_use]
    pub fn ids(&self, exchange: &Exchange, request: &Request) -> Vec<(Symbol, String)> {
        let mut ids = Vec::new();
        for sent in &self.request {
            let query = sent.url.split_once('?').map_or("", |(_, query)| query);
            for parameter in query.split('&') {
                if let (Some(("pair" | "symbol", id)), [only]) =
                    (parameter.split_once('='), request.symbols())
                {
                    ids.push((only.clone(), id.to_owned()));
                }
            }
        }
        let written: fn(&Symbol) -> String = match exchange.as_str() {
            "binance" => |symbol| format!("{}{}", symbol.base(), symbol.quote()),
            "kucoin" => |symbol| format!("{}-{}", symbol.base(), symbol.quote()),
            "htx" => |symbol| format!("{}{}", symbol.base(), symbol.quote()).to_ascii_lowercase(),
            _ => return ids,
        };
        let named = self.parsed_response.as_object().into_iter().flatten();
        let named = named.filter_map(|(name, _)| name.parse::<Symbol>().ok());
        for symbol in named.chain(request.symbols().iter().cloned()) {
            let id = written(&symbol);
            ids.push((symbol, id));
        }
        ids
    }
}

#[cfg(test)]
mod tests {
    use robust_market::Exchange;

    use super::Case;

    #[test]
    fn a_pair_has_the_id_of_the_url_and_then_that_of_its_names() {
        let case: Case = serde_json::from_str(
            r#"{"method": "fetchOrderBook", "input": ["AVAX/USDC"], "httpStatus": 200, "httpResponse": {"a": 1.50},
                "request": [{"url": "https://api.kraken.com/0/public/Depth?pair=AVAXUSDC&count=5"}],
                "parsedResponse": {"SOL/USDT": {}, "no pair": {}}}"#,
        )
        .unwrap();
        assert_eq!(case.answer(), r#"{"a": 1.50}"#);
        let request = case.question().unwrap();
        let ids = |exchange| {
            let ids = case.ids(&exchange, &request).into_iter();
            ids.map(|(symbol, id)| format!("{symbol} {id}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(ids(Exchange::KRAKEN), ["AVAX/USDC AVAXUSDC"]);
        assert_eq!(
            ids(Exchange::HTX),
            [
                "AVAX/USDC AVAXUSDC",
                "SOL/USDT solusdt",
                "AVAX/USDC avaxusdc"
            ]
        );
    }
}
