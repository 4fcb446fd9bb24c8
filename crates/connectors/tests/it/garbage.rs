//! Whatever a server sends: no panic, and no sound record lost because of a broken one.

use proptest::prelude::*;
use robust_connectors::{Binance, Connector, Htx, Kraken, KuCoin};
use robust_market::{Decoded, Payload, Request};

use crate::support::{
    Answer, CONNECTORS, book, both_ways_agree, built_in, candles, decode, symbol, ticker, trades,
};

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

/// How many [`lists`] there are.
const LISTS: usize = 17;

/// A list answer: what stands before the records, each record, what stands after them.
struct List {
    connector: &'static dyn Connector,
    request: Request,
    head: &'static str,
    record: fn(usize) -> String,
    tail: &'static str,
}

impl List {
    /// Where a record of the wire stands in the answer: KuCoin's and HTX's bars run backwards.
    fn position(&self, wire: usize, of: usize) -> usize {
        let backwards = ["kucoin", "htx"].contains(&self.connector.exchange().as_str());
        match self.request {
            Request::Candles { .. } if backwards => of - 1 - wire,
            _ => wire,
        }
    }

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
        List {
            connector: &KuCoin,
            request: candles("BTC/USDT", "1m"),
            head: r#"{"code":"200000","data":["#,
            record: |n| {
                format!(
                    r#"["{}","5","6","7","4","2.5","12.5"]"#,
                    1_716_523_200 - 60 * n
                )
            },
            tail: "]}",
        },
        List {
            connector: &KuCoin,
            request: trades("BTC/USDT"),
            head: r#"{"code":"200000","data":["#,
            record: |n| {
                format!(
                    r#"{{"sequence":"{n}","price":"5.{n}","size":"6","side":"sell","time":171652320000000000{n}}}"#
                )
            },
            tail: "]}",
        },
        List {
            connector: &KuCoin,
            request: book("BTC/USDT"),
            head: r#"{"code":"200000","data":{"time":1,"sequence":"7","bids":["#,
            record: |n| format!(r#"["5.{n}","6"]"#),
            tail: r#"],"asks":[]}}"#,
        },
        List {
            connector: &KuCoin,
            request: Request::LastPrices { symbols: vec![] },
            head: r#"{"code":"200000","data":{"time":1,"ticker":["#,
            record: |n| format!(r#"{{"symbol":"BTC-USDT","last":"4.{n}"}}"#),
            tail: "]}}",
        },
        List {
            connector: &KuCoin,
            request: Request::Instruments,
            head: r#"{"code":"200000","data":["#,
            record: |n| {
                format!(
                    r#"{{"symbol":"A{n}-B","name":"A{n}-B","baseCurrency":"A{n}","quoteCurrency":"B","enableTrading":true}}"#
                )
            },
            tail: "]}",
        },
        List {
            connector: &Htx,
            request: candles("BTC/USDT", "1m"),
            head: r#"{"status":"ok","ch":"market.btcusdt.kline.1min","ts":1,"data":["#,
            record: |n| {
                format!(
                    r#"{{"id":{},"open":5,"close":6,"low":4,"high":7,"amount":2.5,"vol":12.5,"count":{n}}}"#,
                    1_716_523_200 - 60 * n
                )
            },
            tail: "]}",
        },
        List {
            connector: &Htx,
            request: trades("BTC/USDT"),
            head: r#"{"status":"ok","ts":1,"data":[{"id":1,"ts":1,"data":["#,
            record: |n| {
                format!(
                    r#"{{"id":1001825345262557575674324817,"trade-id":{n},"ts":1,"amount":1.{n},"price":1,"direction":"buy"}}"#
                )
            },
            tail: "]}]}",
        },
        List {
            connector: &Htx,
            request: book("BTC/USDT"),
            head: r#"{"status":"ok","ts":1,"tick":{"version":7,"ts":1,"asks":[],"bids":["#,
            record: |n| format!("[5.{n},6]"),
            tail: "]}}",
        },
        List {
            connector: &Htx,
            request: Request::BidsAsks { symbols: vec![] },
            head: r#"{"status":"ok","ts":1,"data":["#,
            record: |n| {
                format!(
                    r#"{{"symbol":"btcusdt","bid":1.{n},"bidSize":1,"ask":2,"askSize":1,"close":1}}"#
                )
            },
            tail: "]}",
        },
    ]
}

#[test]
fn every_list_is_drawn() {
    assert_eq!(lists().len(), LISTS);
}

/// Tickers of one pair, which are no lists.
fn tickers() -> Vec<(&'static dyn Connector, Request, String)> {
    let wire: [(&'static dyn Connector, _, _); 4] = [
        (
            &Kraken,
            "BTC/USD",
            r#"{"error":[],"result":{"XXBTZUSD":{"a":["5","1","1"],"b":["4","1","1"],"c":["5","1"],"v":["1","2"],"p":["5","5"],"l":["4","4"],"h":["6","6"]}}}"#,
        ),
        (
            &Binance,
            "BTC/USDT",
            r#"{"symbol":"BTCUSDT","priceChange":"-1","weightedAvgPrice":"5","lastPrice":"5","bidPrice":"4","bidQty":"1","askPrice":"5","askQty":"1","openPrice":"6","highPrice":"6","lowPrice":"4","volume":"2","quoteVolume":"10","closeTime":1716523200000}"#,
        ),
        (
            &KuCoin,
            "BTC/USDT",
            r#"{"code":"200000","data":{"time":1716523200000,"symbol":"BTC-USDT","buy":"4","sell":"5","changePrice":"-1","high":"6","low":"4","vol":"2","volValue":"10","last":"5"}}"#,
        ),
        (
            &Htx,
            "BTC/USDT",
            r#"{"status":"ok","ch":"market.btcusdt.detail.merged","ts":1716523200000,"tick":{"open":6,"close":5,"low":4,"high":6,"amount":2,"vol":10,"bid":[4,1],"ask":[5,1]}}"#,
        ),
    ];
    let wire = wire.into_iter();
    wire.map(|(connector, pair, body)| (connector, ticker(pair), body.to_owned()))
        .collect()
}

/// The names of the members of a body.
fn names(body: &str) -> impl Iterator<Item = &str> {
    let ends = body.match_indices("\":").map(|(end, _)| end);
    ends.filter_map(|end| body.get(..end)?.rsplit('"').next())
}

/// A member that only the tolerant way reads counts as well: where it stands twice, nobody knows which one is meant.
#[test]
fn a_member_that_stands_once_more_is_read_alike_by_both_ways() {
    /// Names that are read and that sound answers of these kinds do not have.
    const ELSEWHERE: [&str; 24] = [
        "error",
        "result",
        "last",
        "msg",
        "message",
        "code",
        "err-code",
        "err-msg",
        "err_code",
        "err_msg",
        "tick",
        "data",
        "ts",
        "ch",
        "id",
        "price",
        "qty",
        "time",
        "isBuyerMaker",
        "bestBidSize",
        "bestAskSize",
        "sequence",
        "version",
        "unknown",
    ];
    let mut answers = tickers();
    for list in lists() {
        let records: Vec<_> = (0..2).map(list.record).collect();
        answers.push((list.connector, list.request.clone(), list.body(&records)));
    }
    for (connector, request, body) in &answers {
        assert!(decode(*connector, request, body).is_ok(), "{body}");
        let names: std::collections::BTreeSet<_> = names(body).chain(ELSEWHERE).collect();
        for (brace, _) in body.match_indices('{') {
            let (before, after) = body.split_at(brace + 1);
            for name in &names {
                for value in ["1", r#""1""#, "null"] {
                    let member = format!(r#""{name}":{value},"#);
                    for times in [1, 2] {
                        let changed = format!("{before}{}{after}", member.repeat(times));
                        assert!(both_ways_agree(*connector, request, &changed), "{changed}");
                    }
                }
            }
        }
    }
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
        for (connector, pair) in CONNECTORS {
            for request in requests(pair) {
                let answer = Answer { status, headers: &[], body: &body };
                let _ = answer.to(&request, connector, built_in(connector));
            }
        }
    }

    #[test]
    fn arbitrary_json_never_panics(json in any_json()) {
        for (connector, pair) in CONNECTORS {
            for request in requests(pair) {
                let _ = decode(connector, &request, &json);
                let wrapped = format!(r#"{{"error":[],"result":{json}}}"#);
                let _ = decode(connector, &request, &wrapped);
                let keyed = format!(r#"{{"error":[],"result":{{"XXBTZUSD":{json},"last":{json}}}}}"#);
                let _ = decode(connector, &request, &keyed);
                let listed = format!(r#"{{"code":"200000","data":{{"time":1,"ticker":{json},"bids":{json},"sequence":{json}}}}}"#);
                let _ = decode(connector, &request, &listed);
                for wrapped in [
                    format!(r#"{{"code":"200000","data":{json}}}"#),
                    format!(r#"{{"code":{json},"msg":{json},"data":[]}}"#),
                    format!(r#"{{"status":"ok","ts":{json},"ch":{json},"tick":{json}}}"#),
                    format!(r#"{{"status":"ok","data":[{{"id":1,"data":{json}}}]}}"#),
                    format!(r#"{{"status":{json},"err-code":{json},"err-msg":{json}}}"#),
                ] {
                    let _ = decode(connector, &request, &wrapped);
                }
            }
        }
    }

    #[test]
    fn flipped_and_cut_bytes_never_panic(list in 0usize..LISTS, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>()) {
        let lists = lists();
        let list = &lists[list];
        let good: Vec<_> = (0..4).map(list.record).collect();
        let mut body = list.body(&good).into_bytes();
        let at = at.index(body.len());
        if cut { body.truncate(at) } else { body[at] = byte }
        let answer = Answer { status: 200, headers: &[], body: &body };
        let _ = answer.to(&list.request, list.connector, built_in(list.connector));
    }

    #[test]
    fn a_record_replaced_by_anything_leaves_the_others(list in 0usize..LISTS, broken in 0usize..4, json in any_json()) {
        let lists = lists();
        let list = &lists[list];
        let mut wire: Vec<_> = (0..4).map(list.record).collect();
        let sound = records(&decode(list.connector, &list.request, &list.body(&wire)).unwrap());
        prop_assert_eq!(sound.len(), 4);
        wire[broken] = json;
        let decoded = decode(list.connector, &list.request, &list.body(&wire)).unwrap();
        prop_assert!(both_ways_agree(list.connector, &list.request, &list.body(&wire)));
        let left = records(&decoded);
        prop_assert_eq!(left.len() + decoded.excluded.len(), 4, "nothing vanishes");
        let broken = list.position(broken, 4);
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
            prop_assert!(both_ways_agree(list.connector, &list.request, &list.body(&wire)));
            let left = records(&decoded);
            prop_assert_eq!(left.len() + decoded.excluded.len(), 3);
            let broken = list.position(broken, 3);
            for (index, record) in sound.iter().enumerate().filter(|(index, _)| *index != broken) {
                prop_assert!(left.contains(record), "record {} is lost", index);
            }
        }
    }
}
