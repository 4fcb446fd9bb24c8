//! The lists of documented paths against our own cases, against recorded answers where they are at hand, and against anything.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use robust_connectors::Context;
use robust_connectors::schema::{self, Drift, Known, Mark, Shape};
use robust_market::{Exchange, Interval, Kind, Request, Symbol, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::CONNECTORS;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    exchange: String,
    http_response: Box<RawValue>,
}

/// Differences between a case and its list that are no change of the exchange: case, what differs, why.
const EXPLAINED: &[(&str, &str, &str)] = &[
    (
        "kraken/rest_response/ohlcv/null_close_is_left_out",
        "result.*[][4]: string became null",
        "the case is about a broken record",
    ),
    (
        "kraken/rest_response/ohlcv/exponent",
        "",
        "the case is about numbers that are no texts",
    ),
    (
        "kraken/rest_response/trades/ccxtstatic_trade_1",
        "result.*[][7]",
        "another program has put its own cell behind the row",
    ),
    (
        "binance/rest_response/ticker/exponent",
        "lastPrice: string became number",
        "the case is about numbers that are no texts",
    ),
    (
        "binance/rest_response/ohlcv/not_a_number_is_left_out",
        "[][",
        "the case has a row that is cut off",
    ),
    (
        "binance/rest_response/trades/gct_aggTrades_03",
        "[].",
        "whoever recorded it has lost the name of m",
    ),
    (
        "binance/rest_response/tickers/docs_tradingDay_list",
        "",
        "the answer of another endpoint, tradingDay, which has no quotes",
    ),
    (
        "kucoin/rest_response/ticker/exponents",
        "",
        "the case is about numbers that are no texts",
    ),
    (
        "htx/rest_response/ticker/ccxtstatic_ticker_1",
        "",
        "another program has turned the numbers into texts",
    ),
    (
        "htx/rest_response/ticker/in_data",
        "",
        "the case is about the document, which prints data where the wire says tick",
    ),
    (
        "htx/rest_response/ticker/no_quote",
        "tick.bid: array became null",
        "the case is about a pair without a quote",
    ),
    (
        "htx/rest_response/ohlcv/broken_row",
        "data[].close: number became null",
        "the case is about a broken record",
    ),
];

fn folders() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../proof/cases");
    let own = own.is_dir().then_some(own);
    own.into_iter().chain(robust_recordings::folder()).collect()
}

/// Name, type of data, exchange and body of every recorded answer.
fn answers() -> Vec<(String, String, Exchange, String)> {
    let mut answers = Vec::new();
    for root in folders() {
        for (connector, _) in CONNECTORS {
            let exchange = connector.exchange();
            let family = root.join(exchange.as_str()).join("rest_response");
            for folder in entries(&family) {
                for file in entries(&folder) {
                    let text = std::fs::read_to_string(&file).unwrap();
                    let case: Case = serde_json::from_str(&text).unwrap();
                    assert_eq!(case.exchange, exchange.as_str());
                    let name = file.strip_prefix(&root).unwrap().with_extension("");
                    let data = folder.file_name().unwrap().to_str().unwrap().to_owned();
                    let body = case.http_response.get().to_owned();
                    answers.push((name.display().to_string(), data, exchange.clone(), body));
                }
            }
        }
    }
    answers
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The lists that an answer of this type may belong to.
fn lists_for(exchange: &Exchange, data: &str) -> Vec<&'static Known> {
    let kind = match data {
        "orderbook" => Kind::Book,
        "ohlcv" => Kind::Candles,
        "markets" => Kind::Instruments,
        "currencies" => Kind::Assets,
        "book_ticker" => Kind::BidsAsks,
        "price_ticker" => Kind::LastPrices,
        "ws_token" => {
            let token = schema::lists().find(|(_, name, _)| *name == "ws_token");
            return token.map(|(_, _, known)| known).into_iter().collect();
        }
        other => other.parse().unwrap(),
    };
    schema::lists()
        .filter(|(whose, _, known)| *whose == exchange && known.kinds().contains(&kind))
        .map(|(_, _, known)| known)
        .collect()
}

/// Every line of a difference.
fn lines(drift: &Drift) -> Vec<String> {
    let missing = drift.missing.iter().map(ToString::to_string);
    let retyped = drift.retyped.iter().map(ToString::to_string);
    let unknown = drift.unknown.iter().map(ToString::to_string);
    missing.chain(retyped).chain(unknown).collect()
}

#[test]
fn no_recorded_answer_differs_from_its_list_but_for_a_reason() {
    let mut unexplained = Vec::new();
    let mut used = BTreeSet::new();
    let answers = answers();
    for (name, data, exchange, body) in &answers {
        let lists = lists_for(exchange, data);
        let drifts = lists
            .iter()
            .map(|known| known.compare(body.as_bytes()).unwrap());
        // An exchange with several endpoints for one type of data: the nearest.
        let drift = drifts.min_by_key(|drift| lines(drift).len());
        let drift = drift.unwrap_or_else(|| panic!("{name}: no list"));
        assert!(!drift.cut, "{name}");
        for line in lines(&drift) {
            let reason = EXPLAINED
                .iter()
                .position(|(case, part, _)| case == name && line.starts_with(part));
            match reason {
                Some(at) => drop(used.insert(at)),
                None => unexplained.push(format!("{name}: {line}")),
            }
        }
    }
    assert!(unexplained.is_empty(), "{}", unexplained.join("\n"));
    // An explanation of nothing is a lie; those of recorded answers can only be tried where they are at hand.
    for (at, (case, part, _)) in EXPLAINED.iter().enumerate() {
        let there = answers.iter().any(|(name, ..)| name == case);
        assert_eq!(used.contains(&at), there, "{case} {part}");
    }
    println!("{} answers compared", answers.len());
}

/// Every kind of question, as it is put when nothing else is known.
fn questions(symbol: &Symbol) -> Vec<Request> {
    let symbols = vec![symbol.clone()];
    let symbol = symbol.clone();
    vec![
        Request::Ticker {
            symbol: symbol.clone(),
        },
        Request::Tickers {
            symbols: symbols.clone(),
        },
        Request::BidsAsks {
            symbols: symbols.clone(),
        },
        Request::LastPrices { symbols },
        Request::BidsAsks {
            symbols: Vec::new(),
        },
        Request::OrderBook {
            symbol: symbol.clone(),
            depth: Some(5),
        },
        Request::OrderBook {
            symbol: symbol.clone(),
            depth: None,
        },
        Request::Candles {
            symbol: symbol.clone(),
            interval: Interval::M1,
            since: None,
            limit: None,
        },
        Request::Trades {
            symbol,
            since: None,
            limit: None,
        },
        Request::Instruments,
        Request::Assets,
        Request::ServerTime,
        Request::Status,
    ]
}

#[test]
fn every_question_that_a_connector_can_put_has_a_list() {
    for (connector, _) in CONNECTORS {
        let symbols = connector.symbols();
        let context = Context::new(&symbols, Timestamp::from_secs(1_760_000_000).unwrap());
        let mut asked = 0;
        for request in questions(&"ETH/BTC".parse().unwrap()) {
            let Ok(wire) = connector.encode(&request, &context) else {
                assert!(!connector.supports(request.kind()), "{request:?}");
                continue;
            };
            let (exchange, path) = (connector.exchange(), wire.target.path());
            let known = schema::known(&exchange, path, request.kind());
            assert!(known.is_some(), "{exchange} {path} {}", request.kind());
            asked += 1;
        }
        assert!(asked >= 12, "{}", connector.exchange());
    }
}

#[test]
fn every_file_is_one_list() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema");
    let files: BTreeSet<(String, String)> = entries(&folder)
        .iter()
        .flat_map(|exchange| entries(exchange))
        .map(|file| {
            let text = std::fs::read_to_string(&file).unwrap();
            Known::parse(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            let exchange = file.parent().unwrap().file_name().unwrap();
            (
                exchange.to_str().unwrap().to_owned(),
                file.file_stem().unwrap().to_str().unwrap().to_owned(),
            )
        })
        .collect();
    let lists = schema::lists().map(|(exchange, name, _)| (exchange.to_string(), name.to_owned()));
    assert_eq!(lists.collect::<BTreeSet<_>>(), files);
}

const BOOK: &str = "path /book\nkinds book\n\
    required . object\nrequired data object\nrequired data.bids array\nrequired data.bids[] array\n\
    required data.bids[][0] string\nrequired data.bids[][1] string\nignored data.bids[][2] number\n\
    optional data.time number\nignored data.extra object\n\
    optional data.fees object\nrequired data.fees.* object\nrequired data.fees.*.maker string|null\n";

fn drift(body: &Value) -> Vec<String> {
    let known = Known::parse(BOOK).unwrap();
    lines(&known.compare(body.to_string().as_bytes()).unwrap())
}

#[test]
fn each_difference_is_named_by_its_path_and_counted() {
    let sound = json!({"data": {"bids": [["1", "2", 3], ["4", "5"]], "extra": {"x": 1}, "fees": {"BTC": {"maker": null}}}});
    assert_eq!(drift(&sound), [""; 0]);
    for (body, lines) in [
        // A record without a field, beside one that has it.
        (
            json!({"data": {"bids": [["1", "2"], ["4"]]}}),
            vec!["data.bids[][1]: string is missing in 1 of 2"],
        ),
        // What is below a missing path is not named.
        (
            json!({"data": {}}),
            vec!["data.bids: array is missing in 1 of 1"],
        ),
        (json!({}), vec!["data: object is missing in 1 of 1"]),
        // Another type, and nothing of what would be below.
        (json!({"data": [1]}), vec!["data: object became array"]),
        (
            json!({"data": {"bids": {"a": 1}}}),
            vec!["data.bids: array became object"],
        ),
        (
            json!({"data": {"bids": [], "time": "1"}}),
            vec!["data.time: number became string"],
        ),
        (json!([]), vec![".: object became array"]),
        (json!(null), vec![".: object became null"]),
        // A new object is one difference, whatever is in it.
        (
            json!({"data": {"bids": [], "new": {"a": {"b": 1}}}}),
            vec!["data.new: object is new, 1 times"],
        ),
        (
            json!({"data": {"bids": [["1", "2", 3, 4]]}, "a.b": 1}),
            vec![
                "data.bids[][3]: number is new, 1 times",
                "\"a.b\": number is new, 1 times",
            ],
        ),
        // Keys that are data are one path, and one is enough.
        (
            json!({"data": {"bids": [], "fees": {"BTC": {"maker": 1}, "ETH": {}}}}),
            vec![
                "data.fees.*.maker: string|null is missing in 1 of 2",
                "data.fees.*.maker: string|null became number",
            ],
        ),
        (
            json!({"data": {"bids": [], "fees": {}}}),
            vec!["data.fees.*: object is missing in 1 of 1"],
        ),
        // What is ignored may be anything.
        (json!({"data": {"bids": [], "extra": [["x"]]}}), vec![]),
    ] {
        assert_eq!(drift(&body), lines, "{body}");
    }
}

#[test]
fn a_field_of_some_records_is_missing_when_no_record_has_it() {
    let list = "required . array\nrequired [] object\nsomewhere [].tick string";
    let known = Known::parse(list).unwrap();
    let drift = |body: &str| lines(&known.compare(body.as_bytes()).unwrap());
    assert_eq!(drift(r#"[{}, {"tick": "1"}]"#), [""; 0]);
    assert_eq!(drift("[]"), [""; 0]);
    assert_eq!(drift("[{}, {}]"), ["[].tick: string is missing in 2 of 2"]);
}

#[test]
fn a_list_that_is_none_is_refused_by_its_line() {
    for (text, line, reason) in [
        ("required", 1, "MARK PATH TYPES"),
        ("needed . object", 1, "the mark is one of"),
        ("# a list\nrequired . thing", 2, "the types are such as"),
        (
            "required . object\nrequired a..b string",
            2,
            "the path is such as",
        ),
        (
            "required . object\nrequired a.b string",
            2,
            "the path above this one",
        ),
        (
            "required . array\nrequired [1] string",
            2,
            "a cell is left out",
        ),
        (
            "required . object\nrequired . object",
            2,
            "stands there twice",
        ),
        ("kinds tickers tick", 1, "a kind that is none"),
    ] {
        let error = Known::parse(text).unwrap_err();
        assert_eq!(error.line, line, "{text}");
        assert!(error.to_string().contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_renewed_list_holds_what_was_new_and_can_be_read_again() {
    let known = Known::parse(&format!("# of a book\n{BOOK}")).unwrap();
    let body = br#"{"data":{"bids":[["1",2,3,"x"]],"new":{"a":1},"a b":true}}"#;
    let text = known.renewed(body).unwrap();
    assert!(text.starts_with("# of a book\npath /book\nkinds book\n\nrequired  . object\n"));
    for line in [
        "required  data.bids[][1] string|number",
        "ignored   data.bids[][3] string",
        "ignored   data.new object",
        "# new: data.\"a b\" bool",
        "optional  data.time number",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    let drift = Known::parse(&text).unwrap().compare(body).unwrap();
    assert_eq!(lines(&drift), ["data.\"a b\": bool is new, 1 times"]);
    for mark in [Mark::Required, Mark::Optional, Mark::Ignored] {
        assert!(text.contains(mark.as_str()));
    }
}

#[test]
fn a_body_that_is_no_json_is_refused_without_a_word_of_it() {
    let known = Known::parse(BOOK).unwrap();
    for (body, reason) in [
        ("", "cut off"),
        ("<html>secret</html>", "a mistake"),
        ("{\"secret\": ", "cut off"),
        ("{} secret", "a mistake"),
        ("{\"data\": {\"bids\": [01]}}", "a mistake"),
        ("{\"\\ud800\": 1}", "a mistake"),
    ] {
        let error = known.compare(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(reason), "{body}: {error}");
        assert!(!error.contains("secret"), "{error}");
    }
    assert!(known.compare("[".repeat(100_000).as_bytes()).is_err());
    let error = known.compare(b"{\n \"\xff\": 1}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "no JSON: no UTF-8 text at line 2, column 3"
    );
}

#[test]
fn a_body_of_a_million_names_leaves_a_bounded_shape() {
    let open = Known::parse("required . object").unwrap();
    let keys = (0..20_000).map(|key| (key.to_string(), json!({"a": 1})));
    let wide = Value::Object(keys.collect()).to_string();
    let shape = Shape::read(wide.as_bytes(), &open).unwrap();
    assert!(shape.is_cut());
    assert!(shape.paths().len() <= 2_048);
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let shape = Shape::read(deep.as_bytes(), &open).unwrap();
    assert!(shape.is_cut());
    assert!(shape.paths().len() <= 25);
    assert!(open.compare(wide.as_bytes()).unwrap().cut);
}

/// Any JSON, with plain keys.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-e]{1,2}", inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for (_, _, known) in schema::lists() {
            let _ = known.compare(&bytes);
        }
        let _ = Known::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_json_differs_from_no_list_that_was_renewed_with_it(value in any_json()) {
        let body = value.to_string();
        for start in ["required . object", "required . array\nrequired [] object", BOOK] {
            let mut known = Known::parse(start).unwrap();
            // New paths are ignored ones, so that one round is enough for what is new; what is missing stays missing.
            known = Known::parse(&known.renewed(body.as_bytes()).unwrap()).unwrap();
            let drift = known.compare(body.as_bytes()).unwrap();
            prop_assert!(drift.unknown.is_empty() && drift.retyped.is_empty(), "{:?}", drift);
        }
    }
}
