//! The other traps of KuCoin's and HTX's formats, one test a trap. Bodies are written after the documented formats.

use http::{HeaderMap, StatusCode};
use robust_connectors::{Class, Connector, Context, Htx, KuCoin, Reply, SymbolTable};
use robust_market::{Operation, OrderBook, Payload, Request, Ticker, Timestamp};

use crate::support::{Answer, NOW_MS, book, candles, decode, symbol, target, ticker, trades};

fn resting(connector: &dyn Connector, request: &Request, body: &str) -> OrderBook {
    match decode(connector, request, body).unwrap().value {
        Payload::OrderBook(book) => book,
        other => panic!("{other:?}"),
    }
}

fn listed(connector: &dyn Connector, request: &Request, body: &str) -> Vec<Ticker> {
    match decode(connector, request, body).unwrap().value {
        Payload::Tickers(tickers) => tickers,
        other => panic!("{other:?}"),
    }
}

fn one_book(depth: u32) -> Request {
    Request::OrderBook {
        symbol: symbol("BTC/USDT"),
        depth: Some(depth),
    }
}

#[test]
fn trap_5_exponents_and_trailing_zeros_survive() {
    let body = r#"{"ch":"market.btcusdt.depth.step0","status":"ok","ts":1618678069870,"tick":{
        "bids":[[9.68E-7,4.0E7],[2.0E-4,1.9970]],"asks":[[1.1111111E7,0.10000000]],"version":181648174,"ts":1618678069708}}"#;
    let book = resting(&Htx, &book("BTC/USDT"), body);
    let text: Vec<_> = book
        .bids
        .iter()
        .chain(&book.asks)
        .map(|level| format!("{} {}", level.price, level.size))
        .collect();
    assert_eq!(
        text,
        [
            "0.000000968 40000000",
            "0.00020 1.9970",
            "11111111 0.10000000"
        ]
    );
    assert_eq!(book.sequence, Some(181_648_174));
    assert_eq!(
        book.time.unwrap().as_ms(),
        1_618_678_069_708,
        "not that of the answer"
    );
}

#[test]
fn a_volume_that_is_padded_with_zeros_is_read_exactly() {
    let body = r#"{"status":"ok","ch":"market.btcusdt.detail.merged","ts":1519635815283,"tick":{"amount":9475.108388385344151058,
        "open":9587.880000000000000000,"close":9468.9,"high":9750.0,"low":9280.04,"ask":[9469.190000000000000000,0.800000000000000000],
        "bid":[9468.9,0.204],"vol":90090730.707133525077464434840000000000000000}}"#;
    let decoded = decode(&Htx, &ticker("BTC/USDT"), body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    let Payload::Ticker(ticker) = decoded.value else {
        panic!("no ticker");
    };
    assert_eq!(
        ticker.quote_volume.unwrap().to_string(),
        "90090730.70713352507746443484"
    );
    assert_eq!(ticker.time.unwrap().as_ms(), 1_519_635_815_283);
}

#[test]
fn trap_7_kucoins_full_book_falls_back_to_a_hundred_levels_without_credentials() {
    let symbols = KuCoin.symbols();
    let now = Timestamp::from_ms(NOW_MS).unwrap();
    let public = Context::new(&symbols, now);
    let path = |depth, context: &Context<'_>| {
        let request = one_book(depth);
        let wire = KuCoin.encode(&request, context).unwrap();
        (
            wire.target.path().to_owned(),
            KuCoin.needs_signature(&request),
        )
    };
    let level2_20 = "/api/v1/market/orderbook/level2_20".to_owned();
    let level2_100 = "/api/v1/market/orderbook/level2_100".to_owned();
    let full = "/api/v3/market/orderbook/level2".to_owned();
    for context in [public, public.signing()] {
        assert_eq!(path(20, &context), (level2_20.clone(), false));
        assert_eq!(path(21, &context), (level2_100.clone(), false));
        assert_eq!(path(100, &context), (level2_100.clone(), false));
    }
    assert_eq!(path(101, &public), (level2_100, true));
    assert_eq!(path(5_000, &public.signing()), (full, true));
}

#[test]
fn trap_7_a_book_cut_off_for_want_of_credentials_says_so() {
    let symbols = KuCoin.symbols();
    let public = Context::new(&symbols, Timestamp::from_ms(NOW_MS).unwrap());
    let headers = HeaderMap::new();
    for body in [
        r#"{"code":"200000","data":{"time":1550653727731,"sequence":"3","bids":[["6500.1","0.4"]],"asks":[["6500.2","0.6"]]}}"#,
        // Read by the tolerant way.
        r#"{"code":"200000","data":{"time":1550653727731,"sequence":"3","bids":[["6500.1","0.4"],[null]],"asks":[["6500.2","0.6"]]}}"#,
    ] {
        let limit = |depth, context: &Context<'_>| {
            let reply = Reply {
                status: StatusCode::OK,
                headers: &headers,
                body: body.as_bytes(),
            };
            let decoded = KuCoin.decode(&one_book(depth), context, &reply).unwrap();
            let Payload::OrderBook(book) = decoded.value else {
                panic!("no book");
            };
            let json = serde_json::to_value(&book).unwrap();
            assert_eq!(
                json.get("depth_limit").and_then(serde_json::Value::as_u64),
                book.depth_limit.map(u64::from)
            );
            book.depth_limit
        };
        assert_eq!(limit(101, &public), Some(100));
        assert_eq!(limit(5_000, &public), Some(100));
        assert_eq!(limit(100, &public), None);
        assert_eq!(limit(5_000, &public.signing()), None);
    }
}

#[test]
fn no_more_levels_than_were_asked_for_are_read() {
    let levels = |best: u32| -> String {
        let levels: Vec<_> = (0..20)
            .map(|n| format!(r#"["{}","1"]"#, best + n))
            .collect();
        levels.join(",")
    };
    let data = format!(r#""bids":[{}],"asks":[{}]"#, levels(100), levels(200));
    for (connector, body) in [
        (
            &KuCoin as &dyn Connector,
            format!(r#"{{"code":"200000","data":{{"time":1,"sequence":"7",{data}}}}}"#),
        ),
        (
            &Htx,
            format!(r#"{{"status":"ok","tick":{{"ts":1,"version":7,{data}}}}}"#),
        ),
    ] {
        let book = resting(connector, &one_book(3), &body);
        assert_eq!((book.bids.len(), book.asks.len()), (3, 3));
        // An ask's position counts from the bids of the answer.
        let broken = body.replacen(r#"["201","1"]"#, r#"["201",null]"#, 1);
        let decoded = decode(connector, &one_book(3), &broken).unwrap();
        assert_eq!(decoded.excluded, [4], "{}", connector.exchange());
    }
}

#[test]
fn kucoin_says_success_and_null_about_a_pair_that_it_does_not_know() {
    let body = r#"{"code":"200000","data":null}"#;
    let quotes = Request::BidsAsks {
        symbols: vec![symbol("BTC/USDT")],
    };
    for request in [
        ticker("BTC/USDT"),
        book("BTC/USDT"),
        candles("BTC/USDT", "1m"),
        trades("BTC/USDT"),
        quotes,
    ] {
        let verdict = decode(&KuCoin, &request, body).unwrap_err();
        assert_eq!(verdict.class, Class::Permanent, "{request:?}");
        assert!(verdict.message.contains("BTC/USDT"), "{verdict}");
    }
    // About everything it is no answer.
    for request in [
        Request::ServerTime,
        Request::Instruments,
        Request::Tickers { symbols: vec![] },
    ] {
        let verdict = decode(&KuCoin, &request, body).unwrap_err();
        assert_eq!(verdict.class, Class::Malformed, "{request:?}");
    }
}

#[test]
fn the_best_quotes_of_one_pair_of_kucoin_are_its_level_1() {
    let one = Request::BidsAsks {
        symbols: vec![symbol("BTC/USDT")],
    };
    let two = Request::BidsAsks {
        symbols: vec![symbol("BTC/USDT"), symbol("ETH/USDT")],
    };
    let symbols = KuCoin.symbols();
    assert_eq!(
        target(&KuCoin, &symbols, &one).unwrap(),
        "/api/v1/market/orderbook/level1?symbol=BTC-USDT"
    );
    assert_eq!(
        target(&KuCoin, &symbols, &two).unwrap(),
        "/api/v1/market/allTickers"
    );
    let body = r#"{"code":"200000","data":{"sequence":"1550467636704","price":"0.03715005","size":"0.17","bestAsk":"0.03715004",
        "bestAskSize":"1.788","bestBid":"0.03710768","bestBidSize":"3.803","time":1550653727731}}"#;
    let tickers = listed(&KuCoin, &one, body);
    assert_eq!(tickers[0].bid.unwrap().to_string(), "0.03710768");
    assert_eq!(tickers[0].ask_size.unwrap().to_string(), "1.788");
    assert_eq!(tickers[0].sequence, Some(1_550_467_636_704));
    assert_eq!(tickers[0].time.unwrap().as_ms(), 1_550_653_727_731);
    // It does not name its pair, so it is no answer about two.
    assert_eq!(
        decode(&KuCoin, &two, body).unwrap_err().class,
        Class::Malformed
    );
}

#[test]
fn of_all_tickers_those_that_were_asked_for_are_read() {
    let asked = Request::Tickers {
        symbols: vec![symbol("ETH/USDT"), symbol("LTC/USDT")],
    };
    let rows = |name: &str| {
        format!(
            r#"{{"symbol":"{name}","symbolName":"{name}","buy":"1","sell":"2","bestBidSize":"3","bestAskSize":"4","last":"1.5","changePrice":"-0.1",
        "high":"3","low":"1","vol":"10","volValue":"15","averagePrice":"1.4"}}"#
        )
    };
    let body = format!(
        r#"{{"code":"200000","data":{{"time":1602832092060,"ticker":[{},{},{}]}}}}"#,
        rows("BTC-USDT"),
        rows("ETH-USDT"),
        rows("NEW-USDT")
    );
    let decoded = decode(&KuCoin, &asked, &body).unwrap();
    let noted: Vec<_> = decoded
        .defects
        .iter()
        .map(|defect| defect.text.as_deref())
        .collect();
    assert_eq!(noted, [Some("LTC/USDT")], "absent");
    let Payload::Tickers(tickers) = decoded.value else {
        panic!("no tickers");
    };
    let [eth] = tickers.as_slice() else {
        panic!("{tickers:?}");
    };
    assert_eq!(eth.symbol, symbol("ETH/USDT"));
    assert_eq!(eth.change.unwrap().to_string(), "-0.1");
    assert_eq!((eth.open, eth.vwap), (None, None), "not on the wire");
    assert_eq!(eth.time.unwrap().as_ms(), 1_602_832_092_060);
}

#[test]
fn prices_of_the_day_in_singapore_are_not_taken_for_those_of_24_hours() {
    let body = r#"{"status":"ok","ts":1629789355531,"data":[{"symbol":"btcusdt","open":1,"high":3,"low":1,"close":2,"amount":10,"vol":20,
        "count":5,"bid":1.9,"bidSize":4,"ask":2.1,"askSize":5}]}"#;
    let tickers = listed(&Htx, &Request::Tickers { symbols: vec![] }, body);
    let [ticker] = tickers.as_slice() else {
        panic!("{tickers:?}");
    };
    assert_eq!((ticker.open, ticker.high, ticker.low), (None, None, None));
    assert_eq!(ticker.last.unwrap().to_string(), "2");
    assert_eq!(ticker.quote_volume.unwrap().to_string(), "20");
    assert_eq!(ticker.time, None, "the answer's time is not the record's");
    // Of one pair everything is of 24 hours.
    let body = r#"{"status":"ok","ch":"market.btcusdt.detail.merged","ts":1519635815283,"tick":{"amount":10,"open":1,"close":2,"high":3,
        "low":1,"bid":[1.9,4],"ask":[2.1,5],"vol":20}}"#;
    let Payload::Ticker(ticker) = decode(&Htx, &crate::support::ticker("BTC/USDT"), body)
        .unwrap()
        .value
    else {
        panic!("no ticker");
    };
    assert_eq!(ticker.open.unwrap().to_string(), "1");
    assert_eq!(ticker.bid_size.unwrap().to_string(), "4");
}

#[test]
fn an_answer_about_another_pair_is_refused() {
    let body = r#"{"code":"200000","data":{"time":1,"symbol":"ETH-USDT","buy":"1","sell":"2","last":"1","high":"1","low":"1","vol":"1","volValue":"1","changePrice":"0"}}"#;
    let other = decode(&KuCoin, &ticker("BTC/USDT"), body).unwrap_err();
    assert_eq!(other.class, Class::Malformed);
    assert!(other.message.contains("ETH/USDT"), "{other}");
    for (request, payload) in [
        (
            ticker("BTC/USDT"),
            r#""tick":{"close":1,"bid":[1,1],"ask":[1,1]}"#,
        ),
        (book("BTC/USDT"), r#""tick":{"bids":[],"asks":[]}"#),
        (candles("BTC/USDT", "1m"), r#""data":[]"#),
        (trades("BTC/USDT"), r#""data":[]"#),
    ] {
        let answer = |id: &str| {
            let body = format!(r#"{{"status":"ok","ch":"market.{id}.x","ts":1,{payload}}}"#);
            decode(&Htx, &request, &body)
        };
        assert_eq!(answer("ethusdt").unwrap_err().class, Class::Malformed);
        // One that is not listed may be a name that we do not know yet.
        for id in ["btcusdt", "newusdt", ""] {
            assert!(answer(id).is_ok(), "{id}");
        }
    }
}

#[test]
fn instruments_follow_renamings_and_both_ways_of_writing() {
    let body = r#"{"code":"200000","data":[{"symbol":"WAX-BTC","name":"WAXP-BTC","baseCurrency":"WAX","quoteCurrency":"BTC","market":"ALTS",
        "baseMinSize":"1","quoteMinSize":"0.00001","baseMaxSize":"10000000000","quoteMaxSize":"99999999","baseIncrement":"0.0001",
        "quoteIncrement":"0.00000001","priceIncrement":"0.0000000001","minFunds":"0.000001","enableTrading":true}]}"#;
    let decoded = decode(&KuCoin, &Request::Instruments, body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    let Payload::Instruments(list) = decoded.value else {
        panic!("no instruments");
    };
    assert_eq!(list[0].price_tick.unwrap().to_string(), "0.0000000001");
    let table = SymbolTable::from_instruments(&list);
    for name in ["WAX-BTC", "WAXP-BTC"] {
        assert_eq!(table.by_id(name).unwrap().symbol, symbol("WAXP/BTC"));
    }
    assert_eq!(&*table.get(&symbol("WAXP/BTC")).unwrap().id, "WAX-BTC");
    // The new name of one pair does not take that name from a pair that has it for an id.
    let mut other = list[0].clone();
    (other.symbol, other.id) = (symbol("OTHER/BTC"), "WAXP-BTC".into());
    let table = SymbolTable::from_instruments(&[list[0].clone(), other]);
    assert_eq!(table.by_id("WAXP-BTC").unwrap().symbol, symbol("OTHER/BTC"));

    let long = r#"{"base-currency":"btc","quote-currency":"usdt","price-precision":2,"amount-precision":6,"symbol":"btcusdt","state":"online",
        "min-order-amt":0.0001,"max-order-amt":1000,"min-order-value":5}"#;
    let short = r#"{"symbol":"btcusdt","state":"online","bc":"btc","qc":"usdt","pp":2,"ap":6,"minoa":0.0001,"maxoa":1000,"minov":5}"#;
    let body = format!(r#"{{"status":"ok","data":[{long},{short}]}}"#);
    let decoded = decode(&Htx, &Request::Instruments, &body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    let Payload::Instruments(list) = decoded.value else {
        panic!("no instruments");
    };
    assert_eq!(list[0], list[1]);
    assert_eq!(list[0].symbol, symbol("BTC/USDT"));
    assert_eq!(list[0].amount_step.unwrap().to_string(), "0.000001");
    assert_eq!(list[0].active, Some(true));
}

#[test]
fn currencies_states_and_clocks_are_read() {
    let body = r#"{"code":"200000","data":[{"currency":"BCHSV","name":"BCHSV","precision":8,"chains":null},{"currency":"KCS","precision":"8"}]}"#;
    let Payload::Assets(assets) = decode(&KuCoin, &Request::Assets, body).unwrap().value else {
        panic!("no assets");
    };
    let seen: Vec<_> = assets
        .iter()
        .map(|asset| (&*asset.code, &*asset.id, asset.decimals))
        .collect();
    assert_eq!(seen, [("BSV", "BCHSV", Some(8)), ("KCS", "KCS", Some(8))]);
    let body = r#"{"code":200,"data":[{"currency":"btc","instStatus":"normal","chains":[]},{"currency":"gtc","instStatus":"delisted"}]}"#;
    let Payload::Assets(assets) = decode(&Htx, &Request::Assets, body).unwrap().value else {
        panic!("no assets");
    };
    let seen: Vec<_> = assets
        .iter()
        .map(|asset| (&*asset.code, asset.active))
        .collect();
    assert_eq!(seen, [("BTC", Some(true)), ("GAMECOM", Some(false))]);

    let state =
        |connector: &dyn Connector, body: &str| match decode(connector, &Request::Status, body)
            .unwrap()
            .value
        {
            Payload::Status(status) => (status.operation, status.text.into_string()),
            other => panic!("{other:?}"),
        };
    for (word, operation) in [
        ("open", Operation::Online),
        ("close", Operation::Maintenance),
        ("cancelonly", Operation::CancelOnly),
        ("resting", Operation::Other),
    ] {
        let body = format!(
            r#"{{"code":"200000","data":{{"status":"{word}","msg":"upgrade match engine"}}}}"#
        );
        assert_eq!(state(&KuCoin, &body), (operation, word.to_owned()));
    }
    for (number, operation, word) in [
        (1, Operation::Online, "normal"),
        (2, Operation::Maintenance, "halted"),
        (3, Operation::CancelOnly, "cancel-only"),
        (4, Operation::Other, "4"),
    ] {
        let body = format!(
            r#"{{"code":200,"message":"success","data":{{"marketStatus":{number},"haltReason":2}}}}"#
        );
        assert_eq!(state(&Htx, &body), (operation, word.to_owned()));
    }
    for (connector, body) in [
        (
            &KuCoin as &dyn Connector,
            r#"{"code":"200000","msg":"success","data":1546837113087}"#,
        ),
        (&Htx, r#"{"status":"ok","data":1546837113087}"#),
    ] {
        let time = decode(connector, &Request::ServerTime, body).unwrap().value;
        assert_eq!(time.exchange_time().unwrap().as_ms(), 1_546_837_113_087);
    }
}

#[test]
fn one_code_of_htx_is_permanent_or_transient_by_its_words() {
    for (words, class) in [
        ("invalid symbol", Class::Permanent),
        ("request timeout", Class::Transient),
    ] {
        let body = format!(
            r#"{{"ts":1,"status":"error","err-code":"invalid-parameter","err-msg":"{words}","data":null}}"#
        );
        for request in [
            ticker("BTC/USDT"),
            candles("BTC/USDT", "1m"),
            Request::ServerTime,
        ] {
            let verdict = decode(&Htx, &request, &body).unwrap_err();
            assert_eq!(verdict.class, class, "{words}");
            assert_eq!(verdict.code.as_deref(), Some("invalid-parameter"));
        }
    }
    // As the interfaces for contracts write it.
    let body = r#"{"status":"error","err_code":1013,"err_msg":"This contract symbol doesnt exist.","ts":1}"#;
    let verdict = decode(&Htx, &Request::ServerTime, body).unwrap_err();
    assert_eq!(
        (verdict.class, verdict.code.as_deref()),
        (Class::Permanent, Some("1013"))
    );
}

#[test]
fn an_empty_pool_of_kucoin_says_when_to_ask_again() {
    let answer = Answer {
        status: 429,
        headers: &[
            ("gw-ratelimit-limit", "2000"),
            ("gw-ratelimit-remaining", "0"),
            ("gw-ratelimit-reset", "11500"),
        ],
        body: br#"{"code":"429000","msg":"Too many requests. System-level rate limit exceeded."}"#,
    };
    let verdict = answer
        .to(&Request::ServerTime, &KuCoin, &KuCoin.symbols())
        .unwrap_err();
    assert_eq!(verdict.class, Class::RateLimited);
    assert_eq!(verdict.retry_after.unwrap().as_millis(), 11_500);
}

#[test]
fn the_way_into_kucoins_streams_is_read_and_its_token_is_not_shown() {
    let request = KuCoin.stream_request();
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", "/api/v1/bullet-public")
    );
    let access = |body: &str| {
        KuCoin.stream_access(&Reply {
            status: StatusCode::OK,
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        })
    };
    let body = r#"{"code":"200000","data":{"token":"2neAiuYvAU61ZD","instanceServers":[{"endpoint":"wss://ws-api-spot.kucoin.com/",
        "encrypt":true,"protocol":"websocket","pingInterval":18000,"pingTimeout":10000}]}}"#;
    let found = access(body).unwrap();
    assert_eq!(&*found.servers[0].endpoint, "wss://ws-api-spot.kucoin.com/");
    assert_eq!(found.servers[0].ping_interval.as_secs(), 18);
    assert!(!format!("{found:?}").contains("2neAiu"));
    let broken = access(&body.replace("18000", "null")).unwrap_err();
    assert_eq!(broken.class, Class::Malformed);
}

#[test]
fn pairs_of_the_whole_market_that_nobody_asked_for_are_no_defects_also_when_they_are_not_known_yet()
{
    let row = |id: &str| {
        format!(
            r#"{{"symbol":"{id}","symbolName":"{id}","buy":"1","bestBidSize":"1","sell":"2","bestAskSize":"1","changeRate":"0","changePrice":"0",
            "high":"2","low":"1","vol":"1","volValue":"1","last":"1"}}"#
        )
    };
    let body = format!(
        r#"{{"code":"200000","data":{{"time":1602832092060,"ticker":[{},{},{}]}}}}"#,
        row("NEWEST-USDT"),
        row("ETH-USDT"),
        row("BTC-USDT")
    );
    let of = |names: &[&str]| Request::Tickers {
        symbols: names.iter().map(|name| symbol(name)).collect(),
    };
    let two = ["BTC/USDT", "ADA/USDT"];
    for (names, found, excluded, defects) in [
        (&two[..1], 1, 0, 0),
        // One that was asked for and is not there is told.
        (&two, 1, 0, 1),
        // Who asks for all is told of a pair that cannot be named.
        (&[], 2, 1, 1),
    ] {
        let decoded = decode(&KuCoin, &of(names), &body).unwrap();
        assert_eq!(
            (
                decoded.value.len(),
                decoded.excluded.len(),
                decoded.defects.len()
            ),
            (found, excluded, defects),
            "{names:?}: {:?}",
            decoded.defects
        );
    }
    let row = |id: &str| {
        format!(
            r#"{{"symbol":"{id}","open":1,"high":2,"low":1,"close":1,"amount":1,"vol":1,"count":1,"bid":1,"bidSize":1,"ask":2,"askSize":1}}"#
        )
    };
    let body = format!(
        r#"{{"status":"ok","ts":1629792192037,"data":[{},{}]}}"#,
        row("newestusdt"),
        row("btcusdt")
    );
    let decoded = decode(&Htx, &of(&["BTC/USDT"]), &body).unwrap();
    assert!(decoded.is_clean(), "{:?}", decoded.defects);
    assert_eq!(decoded.value.len(), 1);
    let decoded = decode(&Htx, &of(&[]), &body).unwrap();
    assert_eq!((decoded.value.len(), decoded.excluded.len()), (1, 1));
}
