//! A question becomes the recorded request.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;
use robust_connectors::{Connector, Context, EncodeError, SymbolTable};
use robust_market::{Request, Symbol, Timestamp};
use serde_json::Value;

use super::super::cases::Body;
use super::super::names::Names;
use super::super::rules::{self, When};
use super::super::{Failure, ask};
use super::clock;

/// Compares path and set of parameters; the authority is the connector's base URL.
pub(super) fn check(
    venue: &dyn Connector,
    names: &Names,
    body: &Body,
) -> Result<Vec<Failure>, String> {
    let method = body.method.as_deref().ok_or("no method")?;
    let expected = body.url.as_deref().ok_or("no url")?;
    let request = ask::request(method, &body.input)?;
    let symbols: Vec<Symbol> = request.symbols().to_vec();
    let table = names.with(&symbols);
    let context = Context::new(&table, clock(body));
    let wire = match venue.encode(&request, &context) {
        Ok(wire) => wire,
        Err(error) if is_meant(venue.exchange().as_str(), method, &body.input, &error) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(error.to_string()),
    };
    let got = format!("{}{}", venue.base_url(), wire.target);
    let (expected, got) = (Url::read(expected), Url::read(&got));
    let mut failures = Vec::new();
    if expected.path != got.path {
        failures.push(Failure::new("path", &expected.path, &got.path));
    }
    if wire.method != http::Method::GET {
        failures.push(Failure::new("method", "GET", &wire.method));
    }
    let venue = venue.exchange();
    for (name, value) in &expected.parameters {
        let found = got.parameters.get(name);
        let rule = rules::find(venue.as_str(), "rest_request", &format!("{method}.{name}"));
        let when = rule.map(|rule| rule.when);
        let excused = match (when, found) {
            (Some(When::NotSent), None) => true,
            (Some(When::WithinOneBar), Some(found)) => near(&request, value, found),
            (Some(When::FinerThanSeconds), Some(found)) => {
                is_nanosecond_before(&request, value, found)
            }
            (Some(When::EachAskedOnce), Some(found)) => {
                are_the_asked(&table, &symbols, found) && are_some_of(value, found)
            }
            (Some(When::ReachesStart), Some(found)) => reaches(&request, found, clock(body)),
            _ => false,
        };
        if !excused && found != Some(value) {
            let found = found.map_or("nothing", String::as_str);
            failures.push(Failure::new(name, value, found));
        }
    }
    for (name, value) in &got.parameters {
        let rule = rules::find(venue.as_str(), "rest_request", &format!("{method}.{name}"));
        let excused = match rule.map(|rule| rule.when) {
            Some(When::OnlyAsked) => are_the_asked(&table, &symbols, value),
            Some(When::ReachesStart) => reaches(&request, value, clock(body)),
            _ => false,
        };
        if !excused && !expected.parameters.contains_key(name) {
            failures.push(Failure::new(name, "nothing", value));
        }
    }
    Ok(failures)
}

/// Whether a rule says that this refusal is meant, for what the call asks.
fn is_meant(venue: &str, method: &str, input: &[Value], error: &EncodeError) -> bool {
    let when = |argument: &str| {
        rules::find(venue, "rest_request", &format!("{method}.{argument}")).map(|rule| rule.when)
    };
    match error {
        EncodeError::OutOfRange {
            field: "limit" | "depth",
            value,
            ..
        } => match when("limit") {
            Some(When::RefusedAbove(largest)) => *value > i64::from(largest),
            _ => false,
        },
        EncodeError::OutOfRange { field: "since", .. } => when("since") == Some(When::OutOfReach),
        EncodeError::UnsupportedInterval { .. } => match when("timeframe") {
            Some(When::Refused(text)) => input.get(1).and_then(Value::as_str) == Some(text),
            _ => false,
        },
        _ => false,
    }
}

/// Whether the nanosecond before the asked time was sent, and the expectation is its second.
fn is_nanosecond_before(request: &Request, expected: &str, found: &str) -> bool {
    let Request::Trades {
        since: Some(since), ..
    } = request
    else {
        return false;
    };
    found.parse() == Ok(since.as_ns() - 1) && expected.parse() == Ok(since.as_secs())
}

/// The names in a list, written with commas or as JSON.
fn names_of(list: &str) -> Vec<&str> {
    list.trim_matches(['[', ']'])
        .split(',')
        .map(|name| name.trim_matches('"'))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Whether a list names each pair that was asked for, once, and no other.
fn are_the_asked(table: &SymbolTable, asked: &[Symbol], list: &str) -> bool {
    let ids: BTreeSet<Option<&str>> = asked
        .iter()
        .map(|symbol| table.get(symbol).map(|listing| &*listing.id))
        .collect();
    let names = names_of(list);
    names.len() == ids.len() && names.iter().all(|name| ids.contains(&Some(*name)))
}

/// Whether a list names nothing that another does not.
fn are_some_of(list: &str, all: &str) -> bool {
    let all = names_of(all);
    names_of(list).iter().all(|name| all.contains(name))
}

/// Whether a number of rows is enough to reach the start that was asked for: the bars since then, or the most trades there are.
fn reaches(request: &Request, rows: &str, now: Timestamp) -> bool {
    const MOST: u64 = 2_000;
    let Ok(rows) = rows.parse::<u64>() else {
        return false;
    };
    match request {
        Request::Candles {
            interval,
            since: Some(since),
            ..
        } => {
            let bars = now.since(*since).as_secs() / interval.duration().as_secs().max(1);
            (bars.min(MOST)..=MOST).contains(&rows)
        }
        Request::Trades { since: Some(_), .. } => rows == MOST,
        _ => false,
    }
}

/// Whether two times in seconds are at most one bar apart.
fn near(request: &Request, expected: &str, found: &str) -> bool {
    let Request::Candles { interval, .. } = request else {
        return false;
    };
    let bar = i64::try_from(interval.duration().as_secs()).unwrap_or(0);
    matches!(
        (expected.parse::<i64>(), found.parse::<i64>()),
        (Ok(expected), Ok(found)) if (expected.saturating_sub(found)).abs() <= bar
    )
}

/// A URL as path and set of parameters, decoded.
struct Url {
    /// Scheme, authority and path.
    path: String,
    parameters: BTreeMap<String, String>,
}

impl Url {
    fn read(text: &str) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let decode = |part: &str| {
            percent_decode_str(&part.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        Self {
            path: decode(path),
            parameters: query
                .split('&')
                .filter(|part| !part.is_empty())
                .map(|part| part.split_once('=').unwrap_or((part, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_meant_only_for_what_its_rule_names() {
        let kraken = robust_connectors::Kraken;
        let table = kraken.symbols();
        let context = Context::new(&table, robust_market::Timestamp::EPOCH);
        let is_meant = |input: serde_json::Value| {
            let input = input.as_array().unwrap();
            let request = ask::request("fetchOHLCV", input).unwrap();
            let error = kraken.encode(&request, &context).unwrap_err();
            is_meant("kraken", "fetchOHLCV", input, &error)
        };
        assert!(is_meant(serde_json::json!(["BTC/USD", "1h", null, 721])));
        assert!(!is_meant(serde_json::json!(["BTC/USD", "1h", null, 0])));
        assert!(is_meant(serde_json::json!(["BTC/USD", "2w"])));
        assert!(!is_meant(serde_json::json!(["BTC/USD", "2h"])));
        assert!(!is_meant(serde_json::json!(["BTC/NONE", "1h"])));
    }

    #[test]
    fn rows_reach_a_start_only_where_there_is_one() {
        let now = Timestamp::from_secs(1_700_000_000).unwrap();
        let ask = |method: &str, input: serde_json::Value, rows: &str| {
            let request = ask::request(method, input.as_array().unwrap()).unwrap();
            reaches(&request, rows, now)
        };
        let hour_ago = serde_json::json!(["BTC/USDT", "1m", 1_699_996_400_000_i64, 5]);
        assert!(ask("fetchOHLCV", hour_ago.clone(), "62"));
        assert!(!ask("fetchOHLCV", hour_ago, "59"));
        assert!(!ask(
            "fetchOHLCV",
            serde_json::json!(["BTC/USDT", "1m"]),
            "62"
        ));
        let trades = serde_json::json!(["BTC/USDT", 1_699_996_400_000_i64, 5]);
        assert!(ask("fetchTrades", trades.clone(), "2000"));
        assert!(!ask("fetchTrades", trades, "5"));
        assert!(!ask(
            "fetchTrades",
            serde_json::json!(["BTC/USDT", null, 5]),
            "2000"
        ));
    }

    #[test]
    fn lists_of_pairs_are_compared_by_what_was_asked() {
        let table = robust_connectors::Binance.symbols();
        let asked = ["BTC/USDT", "ETH/USDT"].map(|text| text.parse().unwrap());
        let are = |list| are_the_asked(&table, &asked, list);
        assert!(are(r#"["BTCUSDT","ETHUSDT"]"#) && are("ETHUSDT,BTCUSDT"));
        assert!(!are(r#"["BTCUSDT"]"#) && !are("") && !are("BTCUSDT,BTCUSDT,ETHUSDT"));
        assert!(!are("BTCUSDT,SOLUSDT"));
        assert!(are_some_of("", "A,B") && are_some_of("A,A", "A,B") && !are_some_of("C", "A,B"));
    }

    #[test]
    fn order_and_spelling_of_parameters_do_not_matter() {
        let a = Url::read("https://x.y/z?pair=A%2CB&count=5");
        let b = Url::read("https://x.y/z?count=5&pair=A,B");
        assert_eq!((&a.path, &a.parameters), (&b.path, &b.parameters));
    }
}
