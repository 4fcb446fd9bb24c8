//! The traps of each exchange's format, one test a trap. Bodies are written after the documented formats.

use robust_connectors::{Binance, Class, Connector, Kraken};
use robust_market::{DefectKind, Operation, Payload, Request, Side, Timestamp};

use crate::support::{NOW_MS, book, candles, decode, symbol, target, ticker, trades};

const KRAKEN_TICKER: &str = r#"{"error":[],"result":{"XXBTZUSD":{"a":["3537.50000","1","1.000"],"b":["3537.40000","16","16.250"],
    "c":["3537.50000","0.25"],"v":["2945.4","4009.69918350"],"p":["3537.4","3535.79747"],"t":[5773,6815],
    "l":["3504.1","3504.20000"],"h":["3565.1","3565.00000"],"o":"3530.60000"}}}"#;

fn bars(body: &str, connector: &dyn Connector) -> Vec<robust_market::Candle> {
    let name = match connector.exchange().as_str() {
        "kraken" => "BTC/USD",
        _ => "BTC/USDT",
    };
    match decode(connector, &candles(name, "1m"), body).unwrap().value {
        Payload::Candles(candles) => candles.rows,
        other => panic!("{other:?}"),
    }
}

#[test]
fn trap_1_kraken_answers_under_its_canonical_id_and_keeps_last_beside_it() {
    let row = r#"["3535.5","0.003",1548111751.5556,"b","m",""]"#;
    for (asked, key) in [
        ("BTC/USD", "XXBTZUSD"),
        ("BTC/USD", "XBTUSD"),
        ("BTC/USD", "XBT/USD"),
        ("BTC/USDT", "XBTUSDT"),
        ("DOGE/BTC", "XXDGXXBT"),
    ] {
        for body in [
            format!(r#"{{"error":[],"result":{{"{key}":[{row}],"last":"1548121745957099006"}}}}"#),
            format!(r#"{{"error":[],"result":{{"last":1548121745957099006,"{key}":[{row}]}}}}"#),
        ] {
            let Payload::Trades(trades) = decode(&Kraken, &trades(asked), &body).unwrap().value
            else {
                panic!("no trades");
            };
            assert_eq!(trades.symbol, symbol(asked));
            assert_eq!(trades.rows.len(), 1, "{body}");
            assert_eq!(trades.cursor.as_deref(), Some("1548121745957099006"));
        }
    }
}

#[test]
fn an_answer_about_another_pair_is_refused() {
    let other = decode(&Kraken, &ticker("ETH/USD"), KRAKEN_TICKER).unwrap_err();
    assert_eq!(other.class, Class::Malformed);
    assert!(other.message.contains("XXBTZUSD"), "{other}");
    let body = r#"{"symbol":"ETHUSDT","lastPrice":"1","bidPrice":"1","bidQty":"1"}"#;
    let other = decode(&Binance, &ticker("BTC/USDT"), body).unwrap_err();
    assert_eq!(other.class, Class::Malformed);
}

#[test]
fn kraken_of_several_pairs_the_one_that_was_asked_for_is_taken() {
    let body = r#"{"error":[],"result":{"XETHZUSD":{"asks":[],"bids":[]},"XXBTZUSD":{"asks":[["2","1",3]],"bids":[]}}}"#;
    let Payload::OrderBook(book) = decode(&Kraken, &book("BTC/USD"), body).unwrap().value else {
        panic!("no book");
    };
    assert_eq!(book.asks.len(), 1);
}

#[test]
fn trap_2_kraken_errors_come_with_200_and_warnings_are_no_failures() {
    let error = r#"{"error":["EQuery:Unknown asset pair"]}"#;
    let verdict = decode(&Kraken, &ticker("BTC/USD"), error).unwrap_err();
    assert_eq!(verdict.class, Class::Permanent);
    assert_eq!(verdict.code.as_deref(), Some("EQuery:Unknown asset pair"));
    assert_eq!(verdict.status, 200);
    let warning = KRAKEN_TICKER.replace(r#""error":[]"#, r#""error":["WGeneral:Deprecated"]"#);
    assert!(
        decode(&Kraken, &ticker("BTC/USD"), &warning)
            .unwrap()
            .is_clean()
    );
    let both = warning.replace(
        "WGeneral:Deprecated",
        r#"WGeneral:Deprecated","EService:Busy"#,
    );
    let verdict = decode(&Kraken, &ticker("BTC/USD"), &both).unwrap_err();
    assert_eq!(verdict.class, Class::Transient);
}

#[test]
fn krakens_day_is_the_second_number_and_its_open_is_none() {
    let decoded = decode(&Kraken, &ticker("BTC/USD"), KRAKEN_TICKER).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    let Payload::Ticker(ticker) = decoded.value else {
        panic!("no ticker");
    };
    let text = |value: Option<rust_decimal::Decimal>| value.map(|value| value.to_string());
    assert_eq!(text(ticker.base_volume).as_deref(), Some("4009.69918350"));
    assert_eq!(text(ticker.vwap).as_deref(), Some("3535.79747"));
    assert_eq!(text(ticker.low).as_deref(), Some("3504.20000"));
    assert_eq!(text(ticker.high).as_deref(), Some("3565.00000"));
    assert_eq!(text(ticker.bid_size).as_deref(), Some("16.250"));
    assert_eq!(
        (ticker.open, ticker.change, ticker.time),
        (None, None, None)
    );
}

#[test]
fn trap_10_krakens_last_bar_is_open_and_bars_without_trades_are_rows() {
    let body = r#"{"error":[],"result":{"XXBTZUSD":[
        [1716523140,"5","6","4","5","5.1","2.5",7],
        [1716523200,"5","5","5","5","0.0","0.00000000",0],
        [1716523260,"5","7","5","6","5.5","1.0",3]],"last":1716523200}}"#;
    let rows = bars(body, &Kraken);
    let closed: Vec<_> = rows.iter().map(|row| row.closed).collect();
    assert_eq!(closed, [true, true, false]);
    assert!(rows[1].volume.is_zero());
    assert_eq!((rows[1].vwap, rows[1].count), (None, Some(0)));
    assert_eq!(rows[0].vwap.unwrap().to_string(), "5.1");
    // Without `last` the newest row is the open one, whatever our clock says.
    let closed: Vec<_> = bars(&body.replace(r#","last":1716523200"#, ""), &Kraken)
        .iter()
        .map(|row| row.closed)
        .collect();
    assert_eq!(closed, [true, true, false]);
    assert_eq!(
        bars(&body.replace("1716523200}", "\"1716523200\"}"), &Kraken),
        rows
    );
}

#[test]
fn binances_bar_is_open_till_its_last_millisecond_is_over() {
    let bar = |close_time: i64| {
        let body = format!(
            r#"[[{},"5","6","4","5","2.5",{close_time},"12.5",7,"1","5","0"]]"#,
            close_time - 59_999
        );
        bars(&body, &Binance)[0].clone()
    };
    assert!(bar(NOW_MS - 1).closed);
    assert!(!bar(NOW_MS).closed);
    assert!(!bar(NOW_MS + 1).closed);
    assert_eq!(bar(NOW_MS).quote_volume.unwrap().to_string(), "12.5");
    assert_eq!(bar(NOW_MS).count, Some(7));
}

#[test]
fn krakens_rows_before_since_are_dropped_and_a_limit_keeps_the_newest() {
    let rows: Vec<_> = (0..5)
        .map(|n| {
            format!(
                r#"[{},"5","6","4","5","5.1","2.5",{n}]"#,
                1_716_523_200 + n * 60
            )
        })
        .collect();
    let body = format!(
        r#"{{"error":[],"result":{{"XXBTZUSD":[{}],"last":1}}}}"#,
        rows.join(",")
    );
    let counts = |since: Option<i64>, limit| {
        let request = Request::Candles {
            symbol: symbol("BTC/USD"),
            interval: "1m".parse().unwrap(),
            since: since.map(|secs| Timestamp::from_secs(secs).unwrap()),
            limit,
        };
        match decode(&Kraken, &request, &body).unwrap() {
            decoded if !decoded.is_clean() => panic!("{:?}", decoded.defects),
            decoded => match decoded.value {
                Payload::Candles(candles) => candles
                    .rows
                    .iter()
                    .map(|row| row.count.unwrap())
                    .collect::<Vec<_>>(),
                other => panic!("{other:?}"),
            },
        }
    };
    assert_eq!(counts(None, None), [0, 1, 2, 3, 4]);
    assert_eq!(counts(None, Some(2)), [3, 4]);
    assert_eq!(counts(Some(1_716_523_260), None), [1, 2, 3, 4]);
    assert_eq!(counts(Some(1_716_523_201), Some(2)), [1, 2]);
}

#[test]
fn trap_9_a_partial_book_of_binance_names_no_pair_and_is_about_the_one_that_was_asked_for() {
    let body = r#"{"lastUpdateId":160,"bids":[["0.0024","10"]],"asks":[["0.0026","100"]]}"#;
    for asked in ["BTC/USDT", "ETH/USDT"] {
        match decode(&Binance, &book(asked), body).unwrap().value {
            Payload::OrderBook(book) => {
                assert_eq!((book.symbol, book.sequence), (symbol(asked), Some(160)));
            }
            other => panic!("{other:?}"),
        }
        // In a combined stream the name stands around the book; that is no answer to a question about a book.
        let framed = format!(r#"{{"stream":"ethusdt@depth20","data":{body}}}"#);
        let refused = decode(&Binance, &book(asked), &framed).unwrap_err();
        assert_eq!(refused.class, Class::Malformed);
    }
}

#[test]
fn krakens_trades_of_six_seven_and_eight_cells_are_read() {
    let body = r#"{"error":[],"result":{"XXBTZUSD":[
        ["3535.5","0.003",1548111751.5556,"b","m",""],
        ["3535.4","0.09",1548111757.2558,"s","l","",6324366],
        ["3535.4","0.09",1548111757.2558,"s","l","",6324367,"1710327959173746878"]],"last":"1"}}"#;
    let decoded = decode(&Kraken, &trades("BTC/USD"), body).unwrap();
    assert!(decoded.is_clean());
    let Payload::Trades(trades) = decoded.value else {
        panic!("no trades");
    };
    let ids: Vec<_> = trades.rows.iter().map(|row| row.id.as_deref()).collect();
    assert_eq!(ids, [None, Some("6324366"), Some("6324367")]);
    let sides: Vec<_> = trades.rows.iter().map(|row| row.side).collect();
    assert_eq!(sides, [Some(Side::Buy), Some(Side::Sell), Some(Side::Sell)]);
}

#[test]
fn binances_aggregate_and_single_trades_are_read() {
    let body = r#"[
        {"a":26129,"p":"0.01633102","q":"4.70443515","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true},
        {"id":28457,"price":"4.00000100","qty":"12.0","quoteQty":"48.0","time":1499865549590,"isBuyerMaker":false,"isBestMatch":true}]"#;
    let decoded = decode(&Binance, &trades("BTC/USDT"), body).unwrap();
    assert!(decoded.is_clean());
    let Payload::Trades(trades) = decoded.value else {
        panic!("no trades");
    };
    assert_eq!(trades.rows[0].id.as_deref(), Some("26129"));
    assert_eq!(trades.rows[0].side, Some(Side::Sell));
    assert_eq!(trades.rows[1].id.as_deref(), Some("28457"));
    assert_eq!(trades.rows[1].side, Some(Side::Buy));
    assert_eq!(trades.rows[1].time.as_ms(), 1_499_865_549_590);
}

#[test]
fn asked_pairs_that_are_not_answered_and_answered_pairs_that_are_not_listed_are_noted() {
    let asked = Request::LastPrices {
        symbols: vec![symbol("BTC/USDT"), symbol("ETH/USDT")],
    };
    let body = r#"[{"symbol":"BTCUSDT","price":"4.00"},{"symbol":"NEWUSDT","price":"1"}]"#;
    let decoded = decode(&Binance, &asked, body).unwrap();
    assert_eq!(decoded.value.len(), 1);
    assert_eq!(decoded.excluded, [1]);
    let noted: Vec<_> = decoded
        .defects
        .iter()
        .map(|defect| (defect.index, defect.kind, defect.text.as_deref()))
        .collect();
    assert_eq!(
        noted,
        [
            (Some(1), DefectKind::Unparsable, Some("NEWUSDT")),
            (None, DefectKind::Missing, Some("ETH/USDT"))
        ]
    );
}

#[test]
fn records_that_were_not_asked_for_are_no_part_of_the_answer() {
    let two = r#"{"symbol":"LTCUSDT","price":null},{"symbol":"BTCUSDT","price":"4.00"}"#;
    let asked = |names: &[&str]| Request::LastPrices {
        symbols: names.iter().map(|name| symbol(name)).collect(),
    };
    let decoded = decode(&Binance, &asked(&["BTC/USDT"]), &format!("[{two}]")).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    assert_eq!(decoded.value.len(), 1);
    // The position of a record is the one among those that were asked for.
    let body = format!("[{two},7]");
    let decoded = decode(&Binance, &asked(&["BTC/USDT"]), &body).unwrap();
    assert_eq!((decoded.value.len(), &*decoded.excluded), (1, &[1][..]));
    let decoded = decode(&Binance, &asked(&[]), &body).unwrap();
    assert_eq!((decoded.value.len(), &*decoded.excluded), (2, &[2][..]));

    let pair = r#"{"a":["2","1","1"],"b":["1","1","1"],"c":["1","1"],"v":["1","1"],"p":["1","1"],"l":["1","1"],"h":["1","1"]}"#;
    let body = format!(r#"{{"error":[],"result":{{"XETHZUSD":{pair},"XXBTZUSD":{pair}}}}}"#);
    let request = Request::Tickers {
        symbols: vec![symbol("BTC/USD")],
    };
    let decoded = decode(&Kraken, &request, &body).unwrap();
    assert!(decoded.is_clean() && decoded.value.len() == 1);
}

#[test]
fn binances_bars_are_the_five_hundred_that_are_asked_for_by_default() {
    let bars: Vec<String> = (0..502)
        .map(|n| {
            let start = n * 60_000;
            format!(
                r#"[{start},"1","1","1","1","1",{},"1",1,"1","1","0"]"#,
                start + 59_999
            )
        })
        .collect();
    let body = format!("[{}]", bars.join(","));
    let Payload::Candles(newest) = decode(&Binance, &candles("BTC/USDT", "1m"), &body)
        .unwrap()
        .value
    else {
        panic!("no bars");
    };
    let starts = newest.rows.iter().map(|row| row.time.as_ms());
    assert!(starts.eq((2..502).map(|n| n * 60_000)));
}

#[test]
fn positions_count_from_the_first_row_that_was_asked_for() {
    let body = r#"{"error":[],"result":{"XXBTZUSD":[
        [60,"1","1","1","1","1","1",1],
        [120,"1","1","1",null,"1","1",1],
        [180,"1","1","1","1","1","1",1],
        [240,"1","1","1","NaN","1","1",1],
        [300,"1","1","1","1","1","1",1]],"last":240}}"#;
    let excluded = |since: Option<i64>, limit| {
        let request = Request::Candles {
            symbol: symbol("BTC/USD"),
            interval: "1m".parse().unwrap(),
            since: since.and_then(Timestamp::from_secs),
            limit,
        };
        let decoded = decode(&Kraken, &request, body).unwrap();
        let noted: Vec<_> = decoded.defects.iter().map(|defect| defect.index).collect();
        let wanted: Vec<_> = decoded.excluded.iter().copied().map(Some).collect();
        assert_eq!(noted, wanted);
        (decoded.value.len(), decoded.excluded)
    };
    assert_eq!(excluded(None, None), (3, vec![1, 3]));
    assert_eq!(excluded(None, Some(3)), (2, vec![1]));
    assert_eq!(excluded(Some(180), None), (2, vec![1]));
    assert_eq!(excluded(Some(120), Some(2)), (1, vec![0]));
}

#[test]
fn states_and_clocks_are_read() {
    for (word, operation) in [
        ("online", Operation::Online),
        ("maintenance", Operation::Maintenance),
        ("cancel_only", Operation::CancelOnly),
        ("post_only", Operation::PostOnly),
        ("limit_only", Operation::Other),
    ] {
        let body = format!(
            r#"{{"error":[],"result":{{"status":"{word}","timestamp":"2025-11-11T00:17:10Z"}}}}"#
        );
        let Payload::Status(status) = decode(&Kraken, &Request::Status, &body).unwrap().value
        else {
            panic!("no status");
        };
        assert_eq!((status.operation, &*status.text), (operation, word));
        assert_eq!(status.time.unwrap().as_secs(), 1_762_820_230);
    }
    let body = r#"{"error":[],"result":{"unixtime":1762820224,"rfc1123":"Tue, 11 Nov 25 00:17:04 +0000"}}"#;
    let time = decode(&Kraken, &Request::ServerTime, body).unwrap().value;
    assert_eq!(time.exchange_time().unwrap().as_secs(), 1_762_820_224);
    let time = decode(
        &Binance,
        &Request::ServerTime,
        r#"{"serverTime":1633998511098}"#,
    )
    .unwrap();
    assert_eq!(
        time.value.exchange_time().unwrap().as_ms(),
        1_633_998_511_098
    );
    let body = r#"{"status":1,"msg":"system_maintenance"}"#;
    let Payload::Status(status) = decode(&Binance, &Request::Status, body).unwrap().value else {
        panic!("no status");
    };
    assert_eq!(status.operation, Operation::Maintenance);
}

#[test]
fn krakens_currencies_have_unified_codes() {
    let body = r#"{"error":[],"result":{"XXBT":{"aclass":"currency","altname":"XBT","decimals":10,"status":"enabled"},
        "ZKRW":{"altname":"KRW","decimals":2,"status":"deposit_only"},"XTZ":{"altname":"XTZ","decimals":8}}}"#;
    let Payload::Assets(assets) = decode(&Kraken, &Request::Assets, body).unwrap().value else {
        panic!("no assets");
    };
    let seen: Vec<_> = assets
        .iter()
        .map(|asset| (&*asset.code, asset.active))
        .collect();
    assert_eq!(
        seen,
        [("BTC", Some(true)), ("KRW", Some(false)), ("XTZ", None)]
    );
}

#[test]
fn a_pair_that_trades_keeps_its_name_from_one_that_does_not() {
    let pair = |id: &str, base: &str, status: &str| {
        format!(
            r#"{{"symbol":"{id}","status":"{status}","baseAsset":"{base}","quoteAsset":"USDT","filters":[]}}"#
        )
    };
    let body = format!(
        r#"{{"symbols":[{},{},{}]}}"#,
        pair("BCHSVUSDT", "BCHSV", "BREAK"),
        pair("BSVUSDT", "BSV", "TRADING"),
        pair("币安人生USDT", "币安人生", "TRADING"),
    );
    let Payload::Instruments(instruments) = decode(&Binance, &Request::Instruments, &body)
        .unwrap()
        .value
    else {
        panic!("no instruments");
    };
    let table = robust_connectors::SymbolTable::from_instruments(&instruments);
    assert_eq!(&*table.get(&symbol("BSV/USDT")).unwrap().id, "BSVUSDT");
    assert_eq!(table.by_id("BCHSVUSDT").unwrap().symbol, symbol("BSV/USDT"));
    let encoded = target(&Binance, &table, &ticker("币安人生/USDT")).unwrap();
    assert_eq!(
        encoded,
        "/api/v3/ticker/24hr?symbol=%E5%B8%81%E5%AE%89%E4%BA%BA%E7%94%9FUSDT"
    );
}

#[test]
fn kraken_names_and_fees_come_from_its_own_list() {
    let body = r#"{"error":[],"result":{"XXBTZUSD":{"altname":"XBTUSD","wsname":"XBT/USD","base":"XXBT","quote":"ZUSD","pair_decimals":1,
        "lot_decimals":8,"fees":[[0,0.4],[10000,0.35]],"fees_maker":[[0,"0.25"]],"ordermin":"0.00005","costmin":"0.5","tick_size":"0.1","status":"online"},
        "AAPLxUSD":{"altname":"AAPLxUSD","wsname":"AAPLx/USD","base":"AAPLx","quote":"ZUSD","pair_decimals":2,"lot_decimals":8,"status":"limit_only"},
        "OLDKRW":{"altname":"OLDKRW","wsname":"OLD/KRW","base":"OLD","quote":"ZKRW","pair_decimals":7}}}"#;
    let decoded = decode(&Kraken, &Request::Instruments, body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    let Payload::Instruments(list) = decoded.value else {
        panic!("no instruments");
    };
    let bitcoin = &list[0];
    assert_eq!(bitcoin.symbol, symbol("BTC/USD"));
    assert_eq!(bitcoin.taker_fee.unwrap().to_string(), "0.004");
    assert_eq!(bitcoin.maker_fee.unwrap().to_string(), "0.0025");
    assert_eq!(bitcoin.price_tick.unwrap().to_string(), "0.1");
    assert_eq!(bitcoin.amount_step.unwrap().to_string(), "0.00000001");
    assert_eq!(bitcoin.active, Some(true));
    assert_eq!(list[1].symbol, symbol("AAPLx/USD"));
    assert_eq!(list[1].active, Some(false));
    assert_eq!(list[2].symbol, symbol("OLD/KRW"));
    assert_eq!((list[2].active, list[2].maker_fee), (None, None));
    let table = robust_connectors::SymbolTable::from_instruments(&list);
    for name in ["XXBTZUSD", "XBTUSD", "XBT/USD"] {
        assert_eq!(table.by_id(name).unwrap().symbol, symbol("BTC/USD"));
    }
}
