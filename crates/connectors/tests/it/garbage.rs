//! Whatever a server sends: no panic, and no sound record lost because of a broken one.

use proptest::prelude::*;
use robust_connectors::{Binance, Connector, Kraken};
use robust_market::{Decoded, Payload, Request};

use crate::support::{Answer, book, candles, decode, symbol, ticker, trades};

fn requests(pair: &str) -> Vec<Request> {
    let mut requests = vec![ticker(pair), book(pair), candles(pair, "1m"), trades(pair)];
    requests.extend([Request::Instruments, Request::Assets, Request::ServerTime]);
    requests.push(Request::Status);
    requests.push(Request::Tickers { symbols: vec![] });
    requests.push(Request::BidsAsks {
        symbols: vec![symbol(pair)],
    });
    requests
}

/// A list answer: what stands before the records, each record, what stands after them.
struct List {
    connector: &'static dyn Connector,
    request: Request,
    head: &'static str,
    record: fn(usize) -> String,
    tail: &'static str,
}

impl List {
    fn body(&self, records: &[String]) -> String {
        format!("{}{}{}", self.head, records.join(","), self.tail)
    }
}

fn lists() -> Vec<List> {
    vec![
        List {
            connector: &Kraken,
            request: candles("BTC/USD", "1m"),
            head: r#"{"error":[],"result":{"XXBTZUSD":["#,
            record: |n| {
                format!(
                    r#"[{},"5.0","6","4","5","5.1","2.5",7]"#,
                    1_716_523_140 + 60 * n
                )
            },
            tail: r#"],"last":1716523200}}"#,
        },
        List {
            connector: &Kraken,
            request: trades("BTC/USD"),
            head: r#"{"error":[],"result":{"XXBTZUSD":["#,
            record: |n| format!(r#"["5.{n}","6",1716523140.{n},"b","m","",{n}]"#),
            tail: r#"],"last":"1716523200"}}"#,
        },
        List {
            connector: &Kraken,
            request: book("BTC/USD"),
            head: r#"{"error":[],"result":{"XXBTZUSD":{"bids":[],"asks":["#,
            record: |n| format!(r#"["5.{n}","6",1716523140]"#),
            tail: "]}}}",
        },
        List {
            connector: &Binance,
            request: candles("BTC/USDT", "1m"),
            head: "[",
            record: |n| {
                format!(
                    r#"[{},"5","6","4","5","2.5",1716523199999,"12.5",{n},"1","5","0"]"#,
                    60_000 * n
                )
            },
            tail: "]",
        },
        List {
            connector: &Binance,
            request: trades("BTC/USDT"),
            head: "[",
            record: |n| {
                format!(
                    r#"{{"a":{n},"p":"0.0163","q":"4.7","f":1,"l":2,"T":1498793709153,"m":true,"M":true}}"#
                )
            },
            tail: "]",
        },
        List {
            connector: &Binance,
            request: book("BTC/USDT"),
            head: r#"{"lastUpdateId":7,"bids":["#,
            record: |n| format!(r#"["5.{n}","6"]"#),
            tail: r#"],"asks":[]}"#,
        },
        List {
            connector: &Binance,
            request: Request::LastPrices { symbols: vec![] },
            head: "[",
            record: |n| format!(r#"{{"symbol":"BTCUSDT","price":"4.{n}"}}"#),
            tail: "]",
        },
        List {
            connector: &Binance,
            request: Request::Instruments,
            head: r#"{"timezone":"UTC","symbols":["#,
            record: |n| {
                format!(
                    r#"{{"symbol":"A{n}B","status":"TRADING","baseAsset":"A{n}","quoteAsset":"B","filters":[{{"filterType":"LOT_SIZE","minQty":"1","maxQty":"2","stepSize":"1"}}]}}"#
                )
            },
            tail: "]}",
        },
    ]
}

/// JSON of any type, also such that no parser of numbers takes.
fn any_json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1e999".to_owned()),
        Just("-0".to_owned()),
        Just("123456789012345678901234567890123".to_owned()),
        Just(r#""\ud800""#.to_owned()),
        Just(r#""1\u0032.50""#.to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| serde_json::json!(number).to_string()),
        ".{0,20}".prop_map(|text| serde_json::Value::from(text).to_string()),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(("[a-zA-Z]{0,8}", inner), 0..4).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(key, value)| format!("\"{key}\":{value}"));
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

/// Everything that stands in the answer, one text a record.
fn records(decoded: &Decoded<Payload>) -> Vec<String> {
    match &decoded.value {
        Payload::Candles(candles) => candles.rows.iter().map(|row| format!("{row:?}")).collect(),
        Payload::Trades(trades) => trades.rows.iter().map(|row| format!("{row:?}")).collect(),
        Payload::OrderBook(book) => {
            let levels = book.bids.iter().chain(&book.asks);
            levels.map(|level| format!("{level:?}")).collect()
        }
        Payload::Tickers(tickers) => tickers.iter().map(|row| format!("{row:?}")).collect(),
        Payload::Instruments(rows) => rows.iter().map(|row| format!("{row:?}")).collect(),
        other => vec![format!("{other:?}")],
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..300), status in 100u16..600) {
        for (connector, pair) in [(&Kraken as &dyn Connector, "BTC/USD"), (&Binance, "BTC/USDT")] {
            for request in requests(pair) {
                let answer = Answer { status, headers: &[], body: &body };
                let _ = answer.to(&request, connector, &connector.symbols());
            }
        }
    }

    #[test]
    fn arbitrary_json_never_panics(json in any_json()) {
        for (connector, pair) in [(&Kraken as &dyn Connector, "BTC/USD"), (&Binance, "BTC/USDT")] {
            for request in requests(pair) {
                let _ = decode(connector, &request, &json);
                let wrapped = format!(r#"{{"error":[],"result":{json}}}"#);
                let _ = decode(connector, &request, &wrapped);
                let keyed = format!(r#"{{"error":[],"result":{{"XXBTZUSD":{json},"last":{json}}}}}"#);
                let _ = decode(connector, &request, &keyed);
            }
        }
    }

    #[test]
    fn flipped_and_cut_bytes_never_panic(list in 0usize..8, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let lists = lists();
        let list = &lists[list];
        let good: Vec<_> = (0..4).map(list.record).collect();
        let mut body = list.body(&good).into_bytes();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        let answer = Answer { status: 200, headers: &[], body: &body };
        let _ = answer.to(&list.request, list.connector, &list.connector.symbols());
    }

    #[test]
    fn a_record_replaced_by_anything_leaves_the_others(list in 0usize..8, broken in 0usize..4, json in any_json()) {
        let lists = lists();
        let list = &lists[list];
        let mut wire: Vec<_> = (0..4).map(list.record).collect();
        let sound = records(&decode(list.connector, &list.request, &list.body(&wire)).unwrap());
        prop_assert_eq!(sound.len(), 4);
        wire[broken] = json;
        let decoded = decode(list.connector, &list.request, &list.body(&wire)).unwrap();
        let left = records(&decoded);
        prop_assert_eq!(left.len() + decoded.excluded.len(), 4, "nothing vanishes");
        for (index, record) in sound.iter().enumerate().filter(|(index, _)| *index != broken) {
            // The newest bar of a list is open; which one is the newest does not depend on the broken one.
            prop_assert!(left.contains(record), "record {} is lost", index);
        }
        if left.len() < 4 {
            prop_assert_eq!(decoded.excluded, vec![broken]);
            prop_assert!(!decoded.defects.is_empty());
        }
    }

    #[test]
    fn a_cell_replaced_by_anything_leaves_the_other_records(broken in 0usize..3, cell in 0usize..12, json in any_json()) {
        for list in lists().iter().filter(|list| (list.record)(0).starts_with('[')) {
            let mut wire: Vec<_> = (0..3).map(list.record).collect();
            let sound = records(&decode(list.connector, &list.request, &list.body(&wire)).unwrap());
            let cells = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(&wire[broken]).unwrap();
            let cells: Vec<_> = cells.iter().enumerate()
                .map(|(index, raw)| if index == cell { json.as_str() } else { raw.get() })
                .collect();
            wire[broken] = format!("[{}]", cells.join(","));
            let decoded = decode(list.connector, &list.request, &list.body(&wire)).unwrap();
            let left = records(&decoded);
            prop_assert_eq!(left.len() + decoded.excluded.len(), 3);
            for (index, record) in sound.iter().enumerate().filter(|(index, _)| *index != broken) {
                prop_assert!(left.contains(record), "record {} is lost", index);
            }
        }
    }
}
