//! A harness that compares nothing passes everything: each expected value of our own cases is changed, and the change must be found.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cases::{Body, Case, Shelf};
use super::names::Names;
use super::{check, own_cases, venues};

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
            for name in ["parsedResponse", "commonCurrencies", "url", "class"] {
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
