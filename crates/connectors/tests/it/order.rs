//! Lists that run one way or the other are read oldest first, by what most of their rows say.

use robust_connectors::{Connector, Htx, KuCoin};
use robust_market::{Payload, Request};

use crate::support::{book, candles, decode, trades};

/// The times, and the positions that are left out.
fn read(connector: &dyn Connector, request: &Request, body: &str) -> (Vec<i64>, Vec<usize>) {
    let decoded = decode(connector, request, body).unwrap();
    let times = match decoded.value {
        Payload::Candles(bars) => bars.rows.iter().map(|row| row.time.as_secs()).collect(),
        Payload::Trades(trades) => trades.rows.iter().map(|row| row.time.as_ms()).collect(),
        other => panic!("{other:?}"),
    };
    (times, decoded.excluded)
}

/// An answer of KuCoin's or HTX's with bars of these minutes; one without a price where the minute is negative.
fn bars(connector: &dyn Connector, minutes: &[i64]) -> String {
    let is_kucoin = connector.exchange().as_str() == "kucoin";
    let rows: Vec<String> = minutes
        .iter()
        .map(|minute| {
            let (time, open) = (60 * minute.abs(), if *minute < 0 { "x" } else { "5" });
            if is_kucoin {
                format!(r#"["{time}","{open}","6","7","4","2.5","12.5"]"#)
            } else {
                format!(
                    r#"{{"id":{time},"open":"{open}","close":6,"low":4,"high":7,"amount":2.5,"vol":12.5,"count":1}}"#
                )
            }
        })
        .collect();
    let rows = rows.join(",");
    if is_kucoin {
        format!(r#"{{"code":"200000","data":[{rows}]}}"#)
    } else {
        format!(r#"{{"status":"ok","ch":"market.btcusdt.kline.1min","ts":1,"data":[{rows}]}}"#)
    }
}

#[test]
fn bars_come_oldest_first_whichever_way_the_answer_runs() {
    for connector in [&KuCoin as &dyn Connector, &Htx] {
        let read = |minutes: &[i64]| {
            let body = bars(connector, minutes);
            let (times, excluded) = read(connector, &candles("BTC/USDT", "1m"), &body);
            let minutes: Vec<i64> = times.iter().map(|secs| secs / 60).collect();
            (minutes, excluded)
        };
        assert_eq!(read(&[4, 3, 2, 1]), (vec![1, 2, 3, 4], vec![]));
        assert_eq!(read(&[1, 2, 3, 4]), (vec![1, 2, 3, 4], vec![]));
        // What is left out keeps its position among the rows from the oldest to the newest.
        assert_eq!(read(&[4, 3, 2, -1]), (vec![2, 3, 4], vec![0]));
        assert_eq!(read(&[-1, 2, 3, 4]), (vec![2, 3, 4], vec![0]));
        assert_eq!(read(&[1, 2, -3, 4]), (vec![1, 2, 4], vec![2]));
        // One row that is out of order turns nothing around.
        assert_eq!(read(&[9, 2, 3, 4]), (vec![9, 2, 3, 4], vec![]));
        assert_eq!(read(&[4, 3, 2, 9]), (vec![9, 2, 3, 4], vec![]));
        // Without a majority: the documented order, which is newest first.
        assert_eq!(read(&[]), (vec![], vec![]));
        assert_eq!(read(&[7]), (vec![7], vec![]));
        assert_eq!(read(&[7, -7]), (vec![7], vec![0]));
        assert_eq!(read(&[1, 2, 1]), (vec![1, 2, 1], vec![]));
    }
}

#[test]
fn trades_of_kucoin_come_oldest_first_whichever_way_the_answer_runs() {
    let read = |ms: &[i64]| {
        let rows: Vec<String> = ms
            .iter()
            .map(|ms| {
                let (time, price) = (ms.abs() * 1_000_000, if *ms < 0 { "x" } else { "5" });
                format!(
                    r#"{{"sequence":"1","price":"{price}","size":"6","side":"sell","time":{time}}}"#
                )
            })
            .collect();
        let body = format!(r#"{{"code":"200000","data":[{}]}}"#, rows.join(","));
        read(&KuCoin, &trades("BTC/USDT"), &body)
    };
    assert_eq!(read(&[1, 2, 3]), (vec![1, 2, 3], vec![]));
    assert_eq!(read(&[3, 2, 1]), (vec![1, 2, 3], vec![]));
    assert_eq!(read(&[3, 2, -1]), (vec![2, 3], vec![0]));
    // Without a majority: as they came, for that is how the examples run.
    assert_eq!(read(&[5, -5]), (vec![5], vec![1]));
}

/// An answer of HTX's: entries, each with the numbers of its trades; the time of an entry is `at`.
fn entries(entries: &[(i64, &[i64])]) -> String {
    let entries: Vec<String> = entries
        .iter()
        .map(|(at, numbers)| {
            let trades: Vec<String> = numbers
                .iter()
                .map(|number| {
                    format!(
                        r#"{{"id":1001825345262557575674324817,"trade-id":{number},"ts":{at},"amount":1,"price":{number},"direction":"buy"}}"#
                    )
                })
                .collect();
            format!(r#"{{"id":1,"ts":{at},"data":[{}]}}"#, trades.join(","))
        })
        .collect();
    format!(r#"{{"status":"ok","ts":1,"data":[{}]}}"#, entries.join(","))
}

#[test]
fn trades_of_htx_come_oldest_first_whichever_way_entries_and_their_lists_run() {
    let read = |body: &str| {
        let decoded = decode(&Htx, &trades("BTC/USDT"), body).unwrap();
        let Payload::Trades(trades) = decoded.value else {
            panic!("no trades");
        };
        let ids = trades.rows.into_iter().map(|row| row.id.unwrap());
        let ids: Vec<i64> = ids.map(|id| id.parse().unwrap()).collect();
        (ids, decoded.excluded)
    };
    for body in [
        entries(&[(9, &[4, 5, 6]), (8, &[1, 2, 3])]),
        entries(&[(9, &[6, 5, 4]), (8, &[3, 2, 1])]),
        entries(&[(8, &[1, 2, 3]), (9, &[6, 5, 4])]),
    ] {
        assert_eq!(read(&body), (vec![1, 2, 3, 4, 5, 6], vec![]), "{body}");
    }
    // Entries of one time: the documented order, newest first.
    let (ids, _) = read(&entries(&[(9, &[2]), (9, &[1])]));
    assert_eq!(ids, [1, 2]);
    // A list where a trade should stand is no trade with the list's first cell for a number.
    let body = entries(&[(9, &[1, 2, 3, 4])]);
    let broken = body.replace(
        r#"{"id":1001825345262557575674324817,"trade-id":1,"ts":9,"amount":1,"price":1,"direction":"buy"}"#,
        "[4]",
    );
    assert_eq!(read(&broken), (vec![2, 3, 4], vec![0]));
}

#[test]
fn a_list_is_no_record_whatever_stands_in_it() {
    for (connector, request, body) in [
        (
            &KuCoin as &dyn Connector,
            trades("BTC/USDT"),
            r#"{"code":"200000","data":[["1","5","6","sell",1000000]]}"#,
        ),
        (
            &Htx,
            candles("BTC/USDT", "1m"),
            r#"{"status":"ok","ts":1,"data":[[60,5,6,4,7,2.5,12.5,1]]}"#,
        ),
        (
            &robust_connectors::Binance,
            trades("BTC/USDT"),
            r#"[[1,"5","6",1498793709153,true]]"#,
        ),
    ] {
        let decoded = decode(connector, &request, body).unwrap();
        assert_eq!((decoded.value.len(), &*decoded.excluded), (0, &[0][..]));
    }
    // Nor is it an envelope.
    for (connector, body) in [
        (&KuCoin as &dyn Connector, r#"["200000","",[]]"#),
        (&Htx, r#"["ok","",1,null,[]]"#),
    ] {
        assert!(decode(connector, &trades("BTC/USDT"), body).is_err());
    }
}

#[test]
fn a_book_of_htx_without_a_time_inside_has_that_of_the_answer() {
    let time = |inside: &str| {
        let body = format!(
            r#"{{"status":"ok","ts":1618678069870,"tick":{{"bids":[],"asks":[]{inside}}}}}"#
        );
        let decoded = decode(&Htx, &book("BTC/USDT"), &body).unwrap();
        let clean = decoded.is_clean();
        match decoded.value {
            Payload::OrderBook(book) => (book.time.map(|time| time.as_ms()), clean),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        time(r#","ts":1618678069708"#),
        (Some(1_618_678_069_708), true)
    );
    assert_eq!(time(""), (Some(1_618_678_069_870), true));
    // What is there and broken is noted and not replaced.
    assert_eq!(time(r#","ts":"soon""#), (None, false));
}
