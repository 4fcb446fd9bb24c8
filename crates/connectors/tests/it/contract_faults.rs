//! Every rule of the contract suite can fail: a sound connector with one fault breaks just that rule.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderMap;
use robust_connectors::contract::{Case, Rule, Suite};
use robust_connectors::history::Paging;
use robust_connectors::{
    Binance, Charge, Charges, Class, Connector, Context, EncodeError, RateWindow, Reply,
    SymbolTable, Usage, Usages, Verdict, WireRequest,
};
use robust_market::{Decoded, Defect, DefectKind, Exchange, Kind, Payload, Request, Symbol};

use crate::support::{candles, ticker};

/// Binance, but for one thing.
#[derive(Debug)]
struct Faulty {
    breaks: Rule,
    calls: AtomicU64,
}

impl Faulty {
    fn is(&self, rule: Rule) -> bool {
        self.breaks == rule
    }

    fn first(&self) -> bool {
        self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)
    }

    fn spoil(
        &self,
        mut decoded: Decoded<Payload>,
        body: &str,
    ) -> Result<Decoded<Payload>, Verdict> {
        let refusal = |class| Verdict::new(class, 200, None, "spoiled");
        match self.breaks {
            Rule::CaseAnswer => return Err(refusal(Class::Permanent)),
            Rule::CaseClean => {
                decoded.note(Defect::new(None, "field", DefectKind::Missing, None));
            }
            Rule::LostRecord if !decoded.excluded.is_empty() => {
                return Err(refusal(Class::Malformed));
            }
            Rule::WrongType if decoded.excluded.is_empty() => decoded.defects.clear(),
            Rule::Panic => assert!(!body.contains("text"), "what an exchange never sends"),
            _ => {}
        }
        match &mut decoded.value {
            Payload::Candles(candles) if self.is(Rule::Order) => candles.rows.reverse(),
            Payload::Candles(candles) if self.is(Rule::Closed) => {
                candles.rows.iter_mut().for_each(|row| row.closed = true);
            }
            Payload::Candles(candles) if self.is(Rule::Exact) => {
                for row in &mut candles.rows {
                    row.open = row.open.round_dp(15);
                }
            }
            _ => {}
        }
        Ok(decoded)
    }
}

impl Connector for Faulty {
    fn exchange(&self) -> Exchange {
        let name = if self.is(Rule::Name) {
            "Binance!"
        } else {
            "binance"
        };
        Exchange::from_static(name)
    }

    fn base_url(&self) -> &'static str {
        if self.is(Rule::BaseUrl) {
            "https://api.binance.com/"
        } else {
            Binance.base_url()
        }
    }

    fn supports(&self, kind: Kind) -> bool {
        Binance.supports(kind) || self.is(Rule::Support)
    }

    fn windows(&self) -> Vec<RateWindow> {
        let mut windows = Binance.windows();
        if self.is(Rule::Windows) {
            let twin = windows[0].clone();
            windows.push(twin);
        }
        windows
    }

    fn cost(&self, request: &Request) -> Charges {
        let mut charges = Binance.cost(request);
        if self.is(Rule::Costs) {
            charges.push(Charge {
                window: 99,
                key: 0,
                units: 1,
            });
        }
        charges
    }

    fn symbols(&self) -> SymbolTable {
        let mut symbols = Binance.symbols();
        if self.is(Rule::Symbols) {
            symbols.insert(&"NEW/USDT".parse().unwrap(), "", []);
        }
        symbols
    }

    fn encode(&self, request: &Request, context: &Context<'_>) -> Result<WireRequest, EncodeError> {
        if self.is(Rule::OddNumbers)
            && let Request::OrderBook {
                symbol,
                depth: Some(0),
            } = request
        {
            return Err(unknown(self, symbol));
        }
        let encoded = Binance.encode(request, context);
        match encoded {
            Err(EncodeError::UnknownSymbol { symbol, .. }) if self.is(Rule::UnlistedSymbol) => {
                Err(unknown(self, &symbol))
            }
            Ok(mut wire) => {
                let more = match self.breaks {
                    Rule::Target => "flag".to_owned(),
                    Rule::CaseTarget => "more=1".to_owned(),
                    Rule::Deterministic => {
                        format!("n={}", self.calls.fetch_add(1, Ordering::Relaxed))
                    }
                    _ => return Ok(wire),
                };
                let joint = if wire.target.query().is_some() {
                    '&'
                } else {
                    '?'
                };
                wire.target = format!("{}{joint}{more}", wire.target).parse().unwrap();
                Ok(wire)
            }
            other => other,
        }
    }

    fn paging(&self, kind: Kind) -> Option<Paging> {
        let mut paging = Binance.paging(kind)?;
        if self.is(Rule::Series) {
            paging.page = 1_000_000;
        }
        Some(paging)
    }

    fn decode(
        &self,
        request: &Request,
        context: &Context<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        let body = String::from_utf8_lossy(reply.body);
        match Binance.decode(request, context, reply) {
            Ok(decoded) => self.spoil(decoded, &body),
            Err(verdict) if self.is(Rule::RetryAfter) => Err(verdict.with_retry_after(None)),
            Err(mut verdict) if self.is(Rule::Status) && reply.status == 500 => {
                verdict.class = Class::Permanent;
                Err(verdict)
            }
            Err(mut verdict) if self.is(Rule::NoData) && body.starts_with('<') => {
                verdict.class = Class::Auth;
                Err(verdict)
            }
            Err(mut verdict) if self.is(Rule::Truncated) && body.starts_with("[[1") => {
                verdict.class = Class::Permanent;
                Err(verdict)
            }
            Err(verdict) => Err(verdict),
        }
    }

    fn usage(&self, headers: &HeaderMap) -> Usages {
        let mut usages = Binance.usage(headers);
        if self.is(Rule::Usage) && !headers.is_empty() && self.first() {
            usages.push(Usage { window: 0, used: 0 });
        }
        usages
    }
}

fn unknown(connector: &Faulty, symbol: &Symbol) -> EncodeError {
    EncodeError::UnknownSymbol {
        exchange: connector.exchange(),
        symbol: symbol.clone(),
        nearest: None,
    }
}

fn cases() -> Vec<Case> {
    vec![
        Case::new(
            "bars",
            candles("BTC/USDT", "1m"),
            r#"[[1716523140000,"5.1","6.1","4.1","5.2","2.5",1716523199999,"12.5",7,"1","5","0"],
                [1716523200000,"5.2","6.2","4.2","5.3","2.6",1716523259999,"12.6",8,"1","5","0"]]"#,
        )
        .target("/api/v3/klines?symbol=BTCUSDT&interval=1m&limit=500"),
        Case::new(
            "ticker",
            ticker("BTC/USDT"),
            r#"{"symbol":"BTCUSDT","priceChange":"-94.9","weightedAvgPrice":"0.2","lastPrice":"4.01","bidPrice":"4.1","bidQty":"100.5",
                "askPrice":"4.2","askQty":"101.5","openPrice":"99.4","highPrice":"100.6","lowPrice":"0.1","volume":"8913.3",
                "quoteVolume":"15.3","closeTime":1499869899040}"#,
        ),
    ]
}

fn broken(breaks: Rule, cases: Vec<Case>) -> Vec<Rule> {
    let faulty = Faulty {
        breaks,
        calls: AtomicU64::new(0),
    };
    let breaches = Suite::new(&faulty).cases(cases).run();
    breaches.iter().map(|breach| breach.rule).collect()
}

#[test]
fn every_rule_is_broken_by_its_own_fault() {
    for rule in Rule::ALL {
        // A case that is no case breaks that rule, whatever the connector does.
        if *rule == Rule::Case {
            continue;
        }
        let found = broken(*rule, cases());
        assert!(
            found.contains(rule),
            "{rule} is not noticed, only {found:?}"
        );
    }
}

#[test]
fn a_case_that_is_none_is_a_breach_of_its_own() {
    let unreadable = Case::new("no JSON", Request::ServerTime, r#"{"serverTime":1}"#).yields("{");
    assert_eq!(broken(Rule::Case, vec![unreadable]), [Rule::Case]);
    let status = Case::new("no status", Request::ServerTime, "{}").status(7);
    assert_eq!(broken(Rule::Case, vec![status]), [Rule::Case]);
    assert_eq!(
        broken(Rule::Case, cases()),
        [],
        "without a fault there is no breach"
    );
}
