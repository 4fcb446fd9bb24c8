//! KuCoin's and HTX's bars and trades: lists that run backwards, columns in another order, days that start elsewhere, minutes that are absent.

use robust_connectors::{Connector, Htx, KuCoin};
use robust_market::{Candle, DefectKind, Payload, Request, Timestamp, Trade};

use crate::support::{NOW_MS, candles, decode, symbol, target, trades};

fn bars(connector: &dyn Connector, request: &Request, body: &str) -> Vec<Candle> {
    let decoded = decode(connector, request, body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    match decoded.value {
        Payload::Candles(candles) => candles.rows,
        other => panic!("{other:?}"),
    }
}

fn executed(connector: &dyn Connector, request: &Request, body: &str) -> Vec<Trade> {
    let decoded = decode(connector, request, body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    match decoded.value {
        Payload::Trades(trades) => trades.rows,
        other => panic!("{other:?}"),
    }
}

#[test]
fn trap_3_kucoin_writes_the_close_before_the_high() {
    // Open equals high and close lies between: a swapped mapping still looks like a bar.
    let body = r#"{"code":"200000","data":[["1566789720","10411.5","10401.9","10411.5","10396.3","29.11357276","302889.301529914"]]}"#;
    let rows = bars(&KuCoin, &candles("BTC/USDT", "1m"), body);
    let bar = &rows[0];
    assert_eq!(bar.time.as_secs(), 1_566_789_720);
    let text = [bar.open, bar.high, bar.low, bar.close].map(|price| price.to_string());
    assert_eq!(text, ["10411.5", "10411.5", "10396.3", "10401.9"]);
    assert_eq!(bar.volume.to_string(), "29.11357276");
    assert_eq!(bar.quote_volume.unwrap().to_string(), "302889.301529914");
    assert!(bar.closed);
}

#[test]
fn trap_4_ids_of_28_digits_and_nanoseconds_survive() {
    // Without `trade-id`, as in old answers, the long one is the name.
    let body = r#"{"status":"ok","ts":1,"data":[{"id":1,"ts":1502448920106,"data":[
        {"id":1001825345262557575674324817,"ts":1502448920106,"amount":0.04,"price":1997,"direction":"buy"}]}]}"#;
    let rows = executed(&Htx, &trades("BTC/USDT"), body);
    assert_eq!(rows[0].id.as_deref(), Some("1001825345262557575674324817"));
    let body = body.replace(r#""amount""#, r#""trade-id":100045088885,"amount""#);
    let rows = executed(&Htx, &trades("BTC/USDT"), &body);
    assert_eq!(rows[0].id.as_deref(), Some("100045088885"));
    // 19 digits are beyond what a float holds: 2^53 is 9,007,199,254,740,992.
    let body = r#"{"code":"200000","data":[{"sequence":"10976028003549185","price":"67122","size":"0.000025","side":"buy","time":1729177117877123457}]}"#;
    let rows = executed(&KuCoin, &trades("BTC/USDT"), body);
    assert_eq!(rows[0].time.as_ns(), 1_729_177_117_877_123_457);
    assert_eq!(rows[0].id.as_deref(), Some("10976028003549185"));
}

/// Bars of three minutes, newest first: 04:00, 04:01 and 04:02, which is open at 04:02:28.
fn three_minutes(connector: &dyn Connector) -> String {
    let starts = [1_716_523_320, 1_716_523_260, 1_716_523_200];
    let rows = starts.map(|start| match connector.exchange().as_str() {
        "kucoin" => format!(r#"["{start}","5","6","7","4","2.5","12.5"]"#),
        _ => format!(
            r#"{{"id":{start},"open":5,"close":6,"low":4,"high":7,"amount":2.5,"vol":12.5,"count":3}}"#
        ),
    });
    match connector.exchange().as_str() {
        "kucoin" => format!(r#"{{"code":"200000","data":[{}]}}"#, rows.join(",")),
        _ => format!(
            r#"{{"ch":"market.btcusdt.kline.1min","status":"ok","ts":1716523348000,"data":[{}]}}"#,
            rows.join(",")
        ),
    }
}

#[test]
fn trap_6_bars_from_the_newest_to_the_oldest_are_turned_around() {
    for connector in [&KuCoin as &dyn Connector, &Htx] {
        let body = three_minutes(connector);
        let read = |since: Option<i64>, limit| {
            let request = Request::Candles {
                symbol: symbol("BTC/USDT"),
                interval: "1m".parse().unwrap(),
                since: since.map(|secs| Timestamp::from_secs(secs).unwrap()),
                limit,
            };
            let rows = bars(connector, &request, &body);
            let minute = |bar: &Candle| (bar.time.as_secs() - 1_716_523_200) / 60;
            rows.iter()
                .map(|bar| (minute(bar), bar.closed))
                .collect::<Vec<_>>()
        };
        let all = [(0, true), (1, true), (2, false)];
        assert_eq!(read(None, None), all, "{}", connector.exchange());
        assert_eq!(read(None, Some(2)), all[1..], "the newest");
        assert_eq!(read(Some(1_716_523_201), None), all[1..]);
        assert_eq!(
            read(Some(1_716_523_200), Some(1)),
            all[..1],
            "the first from there"
        );
    }
}

#[test]
fn a_broken_bar_has_its_position_in_the_answer_and_not_on_the_wire() {
    for connector in [&KuCoin as &dyn Connector, &Htx] {
        let body = three_minutes(connector)
            .replacen(r#""5","6""#, r#"null,"6""#, 1)
            .replacen(r#""open":5"#, r#""open":null"#, 1);
        let decoded = decode(connector, &candles("BTC/USDT", "1m"), &body).unwrap();
        // The newest is the first on the wire and the last of the answer.
        assert_eq!(decoded.excluded, [2], "{}", connector.exchange());
        assert_eq!(decoded.value.len(), 2);
        assert_eq!(decoded.defects[0].index, Some(2));
        assert_eq!(
            (&*decoded.defects[0].field, decoded.defects[0].kind),
            ("open", DefectKind::Null)
        );
    }
}

#[test]
fn trap_8_a_day_of_htx_starts_at_16_utc() {
    // 2017-07-04T16:00:00Z is 00:00 of the 5th in Singapore.
    let day = |start: i64| {
        let body = format!(
            r#"{{"ch":"market.btcusdt.kline.1day","status":"ok","ts":1,"data":[{{"id":{start},"open":1,"close":1,"low":1,"high":1,"amount":1,"vol":1,"count":1}}]}}"#
        );
        bars(&Htx, &candles("BTC/USDT", "1d"), &body).remove(0)
    };
    let first = day(1_499_184_000);
    assert_eq!(first.time.to_string(), "2017-07-04T16:00:00Z");
    assert!(first.closed);
    // At 04:02 UTC of 24 May the day that began on the 23rd at 16:00 UTC is still open, the one before it is over.
    assert!(!day(1_716_480_000).closed);
    assert!(day(1_716_480_000 - 86_400).closed);
    let month = |start: i64| {
        let body = format!(
            r#"{{"status":"ok","data":[{{"id":{start},"open":1,"close":1,"low":1,"high":1,"amount":1,"vol":1,"count":1}}]}}"#
        );
        bars(&Htx, &candles("BTC/USDT", "1M"), &body)
            .remove(0)
            .closed
    };
    // 2024-04-30T16:00:00Z and 2024-03-31T16:00:00Z: May is open, April is over.
    assert!(!month(1_714_492_800));
    assert!(month(1_711_900_800));
}

#[test]
fn trap_10_minutes_without_trades_are_absent_and_stay_so() {
    // 04:00, nothing at 04:01, 04:02.
    let body = r#"{"code":"200000","data":[["1716523320","5","6","7","4","2.5","12.5"],["1716523200","5","6","7","4","2.5","12.5"]]}"#;
    let rows = bars(&KuCoin, &candles("BTC/USDT", "1m"), body);
    let times: Vec<_> = rows.iter().map(|bar| bar.time.as_secs()).collect();
    assert_eq!(times, [1_716_523_200, 1_716_523_320]);
    assert!(rows.iter().all(|bar| !bar.volume.is_zero()));
}

#[test]
fn trades_are_oldest_first_whichever_way_their_lists_run() {
    let names = |rows: Vec<Trade>| -> Vec<String> {
        rows.into_iter()
            .map(|row| row.id.unwrap().to_string())
            .collect()
    };
    let trade = |id: u32, ts: u64| {
        format!(r#"{{"id":1,"ts":{ts},"trade-id":{id},"amount":1,"price":1,"direction":"sell"}}"#)
    };
    let entry = |trades: &[String]| format!(r#"{{"id":1,"ts":1,"data":[{}]}}"#, trades.join(","));
    let newest = [trade(14, 20), trade(13, 20)];
    let documented = [trade(13, 20), trade(14, 20)];
    let older = [trade(12, 10)];
    for newest in [&newest, &documented] {
        let body = format!(
            r#"{{"status":"ok","ch":"market.btcusdt.trade.detail","ts":1,"data":[{},{}]}}"#,
            entry(newest),
            entry(&older)
        );
        assert_eq!(
            names(executed(&Htx, &trades("BTC/USDT"), &body)),
            ["12", "13", "14"]
        );
        // Also when one of them is broken.
        let broken = body.replacen(r#"{"id":1,"ts":10"#, r#"7,{"id":1,"ts":10"#, 1);
        let decoded = decode(&Htx, &trades("BTC/USDT"), &broken).unwrap();
        assert_eq!(decoded.excluded.len(), 1);
        assert_eq!(decoded.value.len(), 3);
        let newest_two = Request::Trades {
            symbol: symbol("BTC/USDT"),
            since: None,
            limit: Some(2),
        };
        assert_eq!(names(executed(&Htx, &newest_two, &body)), ["13", "14"]);
    }
    let trade = |n: u32| {
        format!(
            r#"{{"sequence":"{n}","price":"1","size":"1","side":"buy","time":{}}}"#,
            1_729_177_117_877_000_000_u64 + u64::from(n)
        )
    };
    for order in [[1, 2, 3], [3, 2, 1]] {
        let rows: Vec<_> = order.into_iter().map(trade).collect();
        let body = format!(r#"{{"code":"200000","data":[{}]}}"#, rows.join(","));
        assert_eq!(
            names(executed(&KuCoin, &trades("BTC/USDT"), &body)),
            ["1", "2", "3"]
        );
    }
    // One broken time does not turn the list around.
    let rows = [
        trade(1),
        trade(2).replace("1729177117877000002", "1"),
        trade(3),
        trade(4),
    ];
    let body = format!(r#"{{"code":"200000","data":[{}]}}"#, rows.join(","));
    assert_eq!(
        names(executed(&KuCoin, &trades("BTC/USDT"), &body)),
        ["1", "2", "3", "4"]
    );
}

#[test]
fn what_is_no_entry_of_trades_does_not_vanish() {
    let body = r#"{"status":"ok","data":[{"id":1,"ts":1,"data":[{"trade-id":5,"ts":1,"amount":1,"price":1,"direction":"buy"}]},
        null,{"id":2,"ts":1,"data":"none"}]}"#;
    let decoded = decode(&Htx, &trades("BTC/USDT"), body).unwrap();
    assert_eq!((decoded.value.len(), decoded.excluded.len()), (1, 2));
}

#[test]
fn starts_that_htx_cannot_reach_are_refused_before_anything_is_sent() {
    let from = |back_minutes: i64| Request::Candles {
        symbol: symbol("BTC/USDT"),
        interval: "1m".parse().unwrap(),
        since: Timestamp::from_ms(NOW_MS - back_minutes * 60_000),
        limit: Some(10),
    };
    let symbols = Htx.symbols();
    assert_eq!(
        target(&Htx, &symbols, &from(30)).unwrap(),
        "/market/history/kline?symbol=btcusdt&period=1min&size=32"
    );
    let refused = target(&Htx, &symbols, &from(5_000))
        .unwrap_err()
        .to_string();
    assert!(refused.starts_with("since "), "{refused}");
}
