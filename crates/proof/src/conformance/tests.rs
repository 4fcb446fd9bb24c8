//! A harness that compares nothing passes everything: each expected value of our own cases is changed, and the change must be found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cases::{Body, Case, Shelf};
use super::names::Names;
use super::{Family, check, own_cases, venues};

/// Every other spelling of a value that could be mistaken for it.
fn changed(value: &Value) -> Value {
    match value {
        Value::Null => json!("1"),
        Value::Bool(flag) => json!(!flag),
        Value::Number(number) => json!(number.as_f64().map(|n| n * 1.001 + 1.0)),
        Value::String(text) => match robust_market::decimal::parse(text) {
            Ok(number) => json!((number + rust_decimal::Decimal::new(1, 12)).to_string()),
            Err(_) => json!(format!("{text}X")),
        },
        other => other.clone(),
    }
}

/// The paths of all values that hold no other.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                leaves(member, &format!("{path}/{name}"), found);
            }
        }
        Value::Array(rows) => {
            for (index, row) in rows.iter().enumerate() {
                leaves(row, &format!("{path}/{index}"), found);
            }
        }
        _ => found.push(path.to_owned()),
    }
}

/// The case with another expectation; the wire keeps its digits.
fn with_expectation(text: &str, name: &str, expected: &Value) -> Body {
    let mut members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
    let raw = RawValue::from_string(expected.to_string()).unwrap();
    members.insert(name.to_owned(), raw);
    serde_json::from_str(&serde_json::to_string(&members).unwrap()).unwrap()
}

/// What an exchange's answer does not hold, and our cases state all the same, is excused by a rule.
const EXCUSED: &[&str] = &[
    "binance taker",
    "binance maker",
    "kraken active", // only in the row without a state
    "kucoin change", // null on the wire
    "kucoin ",       // a case that only has to be read
];

/// The members of a case that say what is expected.
const CHANGED: [&str; 7] = [
    "parsedResponse",
    "commonCurrencies",
    "url",
    "class",
    "signature",
    "encrypted",
    "requests",
];

#[test]
fn every_expected_value_is_compared() {
    let venues = venues::chosen(&[]).unwrap();
    let shelf = Shelf::open(&own_cases(), &venues, false).unwrap();
    let mut unnoticed = BTreeSet::new();
    let mut tried = 0;
    for venue in &venues {
        let exchange = venue.exchange().to_string();
        let names = Names::new(venue.as_ref(), &shelf);
        for case in shelf.cases_of(&exchange) {
            let text = std::fs::read_to_string(own_cases().join(&case.file)).unwrap();
            let whole: Value = serde_json::from_str(&text).unwrap();
            for name in CHANGED {
                let Some(expected) = whole.get(name) else {
                    continue;
                };
                let mut paths = Vec::new();
                leaves(expected, "", &mut paths);
                for path in paths {
                    let mut other = expected.clone();
                    let leaf = other.pointer_mut(&path).unwrap();
                    *leaf = changed(leaf);
                    let case = Case {
                        exchange: case.exchange.clone(),
                        family: case.family,
                        file: case.file.clone(),
                        body: Ok(with_expectation(&text, name, &other)),
                    };
                    tried += 1;
                    if check::case(venue.as_ref(), &names, &case).is_empty() {
                        let last = path.rsplit('/').next().unwrap_or_default();
                        unnoticed.insert(format!("{exchange} {last}"));
                    }
                }
            }
        }
    }
    assert!(tried > 500, "{tried}");
    let excused: BTreeSet<String> = EXCUSED.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(unnoticed, excused);
}

/// The number of differences of one case, written as JSON.
fn differences(exchange: &str, family: Family, body: &Value) -> usize {
    let venues = venues::chosen(&[exchange.to_owned()]).unwrap();
    let names = Names::new(venues[0].as_ref(), &Shelf::default());
    let case = Case {
        exchange: exchange.to_owned(),
        family,
        file: "case.json".to_owned(),
        body: Ok(serde_json::from_str(&body.to_string()).unwrap()),
    };
    check::case(venues[0].as_ref(), &names, &case).len()
}

#[test]
fn a_price_of_zero_is_excused_only_where_the_expectation_has_none() {
    let case = |bid: Value, open: Value| {
        let body = json!({
            "method": "fetchTicker", "input": ["BTC/USDT"],
            "httpResponse": {"symbol": "BTCUSDT", "priceChange": "-1.0", "lastPrice": "5.0", "openPrice": "0.0", "bidPrice": "0.0",
                "bidQty": "0", "askPrice": "5", "askQty": "1", "highPrice": "5", "lowPrice": "5", "volume": "1", "quoteVolume": "1",
                "weightedAvgPrice": "1", "closeTime": 1},
            "parsedResponse": {"symbol": "BTC/USDT", "last": 5.0, "change": -1.0, "bid": bid, "ask": 5.0, "open": open},
        });
        differences("binance", Family::RestResponse, &body)
    };
    assert_eq!(case(Value::Null, json!(6.0)), 0);
    assert_eq!(case(json!(0.0), json!(0.0)), 0);
    assert_eq!(case(json!(4.0), json!(6.0)), 1);
    assert_eq!(case(Value::Null, json!(5.5)), 1);
}

#[test]
fn an_unlisted_pair_is_excused_only_where_the_connector_notes_it() {
    let case = |shown: &str| {
        let quotes = |id: &str| json!({"symbol": id, "bidPrice": "1", "bidQty": "1", "askPrice": "2", "askQty": "1"});
        let expected = json!({
            "BTC/USDT": {"symbol": "BTC/USDT", "bid": 1.0},
            shown: {"symbol": shown, "bid": 1.0},
        });
        let body = json!({
            "method": "fetchBidsAsks", "input": [],
            "httpResponse": [quotes("BTCUSDT"), quotes("NOSUCHPAIR")],
            "parsedResponse": expected,
        });
        differences("binance", Family::RestResponse, &body)
    };
    assert_eq!(case("NOSUCHPAIR"), 0);
    assert_ne!(case("OTHERPAIR"), 0);
}

#[test]
fn an_old_row_is_excused_by_what_it_lacks_itself() {
    let case = |second: Value| {
        let row = |status: Value| {
            let mut row = json!({"altname": "A", "base": "XXBT", "quote": "ZUSD", "pair_decimals": 1, "lot_decimals": 8});
            if let (Some(members), false) = (row.as_object_mut(), status.is_null()) {
                members.insert("status".to_owned(), status);
            }
            row
        };
        let listed = |id: &str| json!({"id": id, "symbol": "BTC/USD", "active": false});
        let body = json!({
            "method": "fetchMarkets", "input": [],
            "httpResponse": {"error": [], "result": {"OLD": row(Value::Null), "NEW": row(second)}},
            "parsedResponse": [listed("OLD"), listed("NEW")],
        });
        differences("kraken", Family::RestResponse, &body)
    };
    assert_eq!(case(json!("cancel_only")), 0);
    assert_eq!(case(json!("online")), 1);
}

#[test]
fn requests_differ_only_as_their_rules_say() {
    let case = |exchange: &str, method: &str, input: Value, url: &str| {
        let body = json!({"method": method, "input": input, "url": url});
        differences(exchange, Family::RestRequest, &body)
    };
    let kraken = |method, input, query: &str| {
        let path = format!("https://api.kraken.com/0/public/{query}");
        case("kraken", method, input, &path)
    };
    let pairs = json!([["BTC/USD", "ETH/USD"]]);
    for (query, found) in [
        ("Ticker?pair=XXBTZUSD%2CXETHZUSD", 0),
        ("Ticker?pair=XETHZUSD", 0),
        ("Ticker?pair=", 0),
        ("Ticker?pair=XLTCZUSD", 1),
        ("Ticker", 1),
    ] {
        assert_eq!(
            kraken("fetchTickers", pairs.clone(), query),
            found,
            "{query}"
        );
    }
    let since = json!(["BTC/USD", 1_716_523_348_500_i64]);
    let trades = |second: &str| {
        let query = format!("Trades?pair=XXBTZUSD&since={second}");
        kraken("fetchTrades", since.clone(), &query)
    };
    assert_eq!((trades("1716523348"), trades("1716523349")), (0, 1));
    let prices = |query: &str| {
        let url = format!("https://api.binance.com/api/v3/ticker/{query}");
        case("binance", "fetchLastPrices", json!([["BTC/USDT"]]), &url)
    };
    assert_eq!((prices("price"), prices("price?type=MINI")), (0, 1));
}
