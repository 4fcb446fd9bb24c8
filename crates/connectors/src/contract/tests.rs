//! The suite finds what is wrong, and nothing in what is right.

use http::HeaderMap;
use robust_market::{Decoded, Exchange, Kind, Payload, Request, Ticker, decimal};
use rust_decimal::Decimal;

use super::{Case, Rule, Suite, breaches};
use crate::{
    Binance, Charges, Class, Connector, Context, EncodeError, Htx, Kraken, KuCoin, RateWindow,
    Reply, SymbolTable, Usages, Verdict, WireRequest,
};

#[test]
fn our_connectors_keep_the_contract() {
    assert_eq!(breaches(&Kraken), []);
    assert_eq!(breaches(&Binance), []);
    assert_eq!(breaches(&KuCoin), []);
    assert_eq!(breaches(&Htx), []);
}

/// Takes everything for data, charges nothing, supports what it cannot encode, rounds numbers and trusts its input.
#[derive(Debug)]
struct Careless;

impl Connector for Careless {
    fn exchange(&self) -> Exchange {
        Exchange::from_static("Care less")
    }
    fn base_url(&self) -> &'static str {
        "http://example.com/api"
    }
    fn supports(&self, _: Kind) -> bool {
        true
    }
    fn windows(&self) -> Vec<RateWindow> {
        Vec::new()
    }
    fn cost(&self, _: &Request) -> Charges {
        Charges::new()
    }
    fn symbols(&self) -> SymbolTable {
        Kraken.symbols()
    }
    fn encode(&self, request: &Request, _: &Context<'_>) -> Result<WireRequest, EncodeError> {
        Err(EncodeError::Unsupported {
            exchange: self.exchange(),
            kind: request.kind(),
        })
    }
    fn decode(
        &self,
        request: &Request,
        context: &Context<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        let Request::Ticker { symbol } = request else {
            return Ok(Decoded::clean(Payload::ServerTime(context.now)));
        };
        let value: serde_json::Value = serde_json::from_slice(reply.body).unwrap_or_default();
        assert_ne!(value["last"], "NaN", "nobody sends that");
        let mut ticker = Ticker::new(symbol.clone());
        // As many digits as a float keeps.
        let last = value["last"]
            .as_str()
            .and_then(|text| decimal::parse(text).ok());
        ticker.last = last.map(|last: Decimal| last.round_dp(15).normalize());
        Ok(Decoded::clean(Payload::Ticker(ticker)))
    }
    fn usage(&self, _: &HeaderMap) -> Usages {
        Usages::new()
    }
}

#[test]
fn a_careless_connector_is_found_out_with_rule_input_and_remedy() {
    let request = Request::Ticker {
        symbol: "BTC/USD".parse().unwrap(),
    };
    let case = Case::new("ticker", request, r#"{"last":"5.25"}"#).target("/ticker");
    let refused = Case::new("busy", Request::ServerTime, "{}").refused(Class::Transient);
    let found = Suite::new(&Careless).cases([case, refused]).run();
    for rule in [
        Rule::Name,
        Rule::BaseUrl,
        Rule::Windows,
        Rule::Costs,
        Rule::Support,
        Rule::UnlistedSymbol,
        Rule::OddNumbers,
        Rule::Status,
        Rule::NoData,
        Rule::Truncated,
        Rule::CaseTarget,
        Rule::CaseAnswer,
        Rule::WrongType,
        Rule::Exact,
        Rule::Panic,
    ] {
        assert!(
            found.iter().any(|breach| breach.rule == rule),
            "{rule} is not in {found:#?}"
        );
    }
    let exact = found
        .iter()
        .find(|breach| breach.rule == Rule::Exact)
        .unwrap();
    let text = exact.to_string();
    assert!(
        text.contains("/last replaced by 0.12345678901234567891"),
        "{text}"
    );
    assert!(text.contains("never as a float"), "{text}");
    let most = Rule::ALL.iter().map(|rule| {
        let of_rule = found.iter().filter(|breach| breach.rule == *rule);
        of_rule.count()
    });
    assert!(
        most.max() <= Some(8),
        "a rule that is broken everywhere does not hide the others"
    );
}
