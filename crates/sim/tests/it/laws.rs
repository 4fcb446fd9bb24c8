//! The limits, as a client meets them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use robust_market::{Exchange, Timestamp};
use robust_sim::{Fault, Sim, VirtualClock};
use tower_service::Service;

use crate::ask::{Asker, START, header, request};
use crate::raw_tcp::get;

/// Both exchanges on tokio's paused clock, 4 s into a minute.
fn sim(exchange: Exchange) -> Sim {
    let clock = VirtualClock::starting_at(Timestamp::from_ns(START));
    Sim::builder(exchange)
        .seed(7)
        .clock(Arc::new(clock))
        .build()
        .unwrap()
}

async fn call(sim: &Sim, path: &str) -> http::Response<Bytes> {
    sim.service().call(request(path)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_limiter_is_over_the_limit_everywhere() {
    let kraken = sim(Exchange::KRAKEN);
    for _ in 0..20 {
        let _ = call(&kraken, "/0/public/Ticker?pair=XBTUSD").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(kraken.stats().requests, 20);
    assert_eq!(kraken.stats().over_limit, 19);

    let binance = sim(Exchange::BINANCE);
    for _ in 0..90 {
        let _ = call(&binance, "/api/v3/ticker/24hr").await;
    }
    let stats = binance.stats();
    assert_eq!(stats.requests, 90);
    // 75 of weight 80 fit into 6,000.
    assert_eq!(stats.over_limit, 15);
    assert_eq!((stats.refused_429, stats.refused_418), (10, 5));

    let kucoin = sim(Exchange::KUCOIN);
    for _ in 0..140 {
        let _ = call(&kucoin, "/api/v1/market/allTickers").await;
    }
    let stats = kucoin.stats();
    // 133 of weight 15 fit into 2,000.
    assert_eq!((stats.over_limit, stats.refused_429), (7, 7));
    assert_eq!(stats.max_used["public:30s"], 2_100);

    let htx = sim(Exchange::HTX);
    for _ in 0..20 {
        let _ = call(&htx, "/market/tickers").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Ten fit into the first half of a second; who goes on stays over.
    assert_eq!(htx.stats().over_limit, 10);
    assert_eq!(htx.stats().refused_429, 0);
}

#[tokio::test]
async fn the_same_holds_on_the_socket() {
    let sim = Sim::builder(Exchange::KRAKEN).build().unwrap();
    let server = sim.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    for _ in 0..5 {
        get(server.addr(), "/0/public/Time").await.unwrap();
    }
    // However slow the machine is, the five cannot all have been a second apart.
    let stats = sim.stats();
    assert_eq!(stats.requests, 5);
    assert!(stats.over_limit >= 1);
}

#[tokio::test(start_paused = true)]
async fn kraken_takes_one_request_a_second_and_says_so_with_200() {
    let sim = sim(Exchange::KRAKEN);
    for (wait, over) in [
        (0, false),
        (999, true),
        (1_000, false),
        (1_000, false),
        (0, true),
        (999, true),
        (1_000, false),
    ] {
        tokio::time::advance(Duration::from_millis(wait)).await;
        let response = call(&sim, "/0/public/Time").await;
        assert_eq!(response.status(), 200);
        let refused = response.body() == r#"{"error":["EGeneral:Too many requests"]}"#;
        assert_eq!(refused, over, "{:?}", response.body());
        assert!(response.headers().get("retry-after").is_none());
    }
    assert_eq!(sim.stats().over_limit, 3);
    assert_eq!(sim.stats().max_used["ip:1s"], 3);
}

#[tokio::test(start_paused = true)]
async fn kraken_counts_ohlc_and_trades_by_pair_as_well() {
    let sim = sim(Exchange::KRAKEN);
    for (path, over) in [
        ("OHLC?pair=XBTUSD", 0),
        // Another endpoint, another pair: the address has one second for all.
        ("Trades?pair=ETHUSD", 1),
        ("OHLC?pair=BTC/USD", 2),
    ] {
        call(&sim, &format!("/0/public/{path}")).await;
        assert_eq!(sim.stats().over_limit, over);
    }
    // The same pair by two names is one pair.
    assert_eq!(sim.stats().max_used["pair:1s"], 2);
    assert_eq!(sim.stats().by_endpoint["OHLC"], 2);
}

#[tokio::test(start_paused = true)]
async fn kraken_refuses_a_request_without_a_user_agent_and_counts_it() {
    let sim = sim(Exchange::KRAKEN);
    let bare = Request::get("/0/public/Time").body(Bytes::new()).unwrap();
    let response = sim.service().call(bare).await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(header(response.headers(), "server"), "robust-sim");
    call(&sim, "/0/public/Time").await;
    assert_eq!(sim.stats().over_limit, 1);
    // Binance does not ask for one.
    let binance = Sim::builder(Exchange::BINANCE).build().unwrap();
    let bare = Request::get("/api/v3/ping").body(Bytes::new()).unwrap();
    assert_eq!(binance.service().call(bare).await.unwrap().status(), 200);
}

#[test]
fn binance_weighs_by_endpoint_and_parameters() {
    let names = |count: usize| {
        let symbols = Sim::builder(Exchange::BINANCE).build().unwrap().symbols();
        let list: Vec<String> = symbols[..count]
            .iter()
            .map(|s| format!("%22{}{}%22", s.base(), s.quote()))
            .collect();
        format!("%5B{}%5D", list.join(","))
    };
    for (path, weight) in [
        ("ping".to_owned(), 1),
        ("time".to_owned(), 1),
        ("exchangeInfo".to_owned(), 20),
        ("exchangeInfo?symbol=BTCUSDT".to_owned(), 20),
        ("depth?symbol=BTCUSDT".to_owned(), 5),
        ("depth?symbol=BTCUSDT&limit=100".to_owned(), 5),
        ("depth?symbol=BTCUSDT&limit=101".to_owned(), 25),
        ("depth?symbol=BTCUSDT&limit=500".to_owned(), 25),
        ("depth?symbol=BTCUSDT&limit=501".to_owned(), 50),
        ("depth?symbol=BTCUSDT&limit=1000".to_owned(), 50),
        ("depth?symbol=BTCUSDT&limit=1001".to_owned(), 250),
        ("depth?symbol=BTCUSDT&limit=5000".to_owned(), 250),
        ("depth?symbol=BTCUSDT&limit=9999".to_owned(), 250),
        ("trades?symbol=BTCUSDT".to_owned(), 25),
        ("aggTrades?symbol=BTCUSDT".to_owned(), 4),
        ("klines?symbol=BTCUSDT&interval=1m".to_owned(), 2),
        ("avgPrice?symbol=BTCUSDT".to_owned(), 2),
        ("ticker/24hr?symbol=BTCUSDT".to_owned(), 2),
        (format!("ticker/24hr?symbols={}", names(20)), 2),
        (format!("ticker/24hr?symbols={}", names(21)), 40),
        (format!("ticker/24hr?symbols={}", names(100)), 40),
        (format!("ticker/24hr?symbols={}", names(101)), 80),
        ("ticker/24hr".to_owned(), 80),
        ("ticker/price?symbol=BTCUSDT".to_owned(), 2),
        ("ticker/price".to_owned(), 4),
        (format!("ticker/price?symbols={}", names(2)), 4),
        ("ticker/bookTicker?symbol=BTCUSDT".to_owned(), 2),
        ("ticker/bookTicker".to_owned(), 4),
        // What is refused has cost as well.
        ("depth?symbol=NOPE&limit=1000".to_owned(), 50),
        ("nonsense".to_owned(), 1),
    ] {
        let mut asker = Asker::new(Exchange::BINANCE, 7);
        let reply = asker.reply(&format!("/api/v3/{path}"));
        let used = header(&reply.headers, "x-mbx-used-weight-1m");
        assert_eq!(used, weight.to_string(), "{path}");
        assert_eq!(header(&reply.headers, "x-mbx-used-weight"), used);
        assert_eq!(asker.sim.stats().max_used["weight:1m"], weight);
    }
}

#[tokio::test(start_paused = true)]
async fn binance_refuses_the_weight_above_6000_until_the_aligned_minute_ends() {
    let sim = sim(Exchange::BINANCE);
    for _ in 0..24 {
        let response = call(&sim, "/api/v3/depth?symbol=BTCUSDT&limit=5000").await;
        assert_eq!(response.status(), 200);
    }
    let refused = call(&sim, "/api/v3/ping").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(header(refused.headers(), "x-mbx-used-weight-1m"), "6001");
    // The clock started 4 s into its minute.
    assert_eq!(header(refused.headers(), "retry-after"), "56");
    assert!(
        refused
            .body()
            .starts_with(b"{\"code\":-1003,\"msg\":\"Too much request weight used")
    );
    tokio::time::advance(Duration::from_secs(56)).await;
    let fresh = call(&sim, "/api/v3/ping").await;
    assert_eq!(fresh.status(), 200);
    assert_eq!(header(fresh.headers(), "x-mbx-used-weight-1m"), "1");
    assert_eq!(sim.stats().over_limit, 1);
    assert_eq!(sim.stats().early, 0);
}

#[tokio::test(start_paused = true)]
async fn binance_bans_who_goes_on_after_429_and_names_the_end() {
    let sim = sim(Exchange::BINANCE);
    for _ in 0..75 {
        call(&sim, "/api/v3/ticker/24hr").await;
    }
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(call(&sim, "/api/v3/ping").await.status().as_u16());
    }
    assert_eq!(statuses, [[429; 10].as_slice(), &[418; 2]].concat());
    let banned = call(&sim, "/api/v3/ping").await;
    assert_eq!(header(banned.headers(), "retry-after"), "120");
    let text = String::from_utf8(banned.body().to_vec()).unwrap();
    let until = START / 1_000_000 + 120_000;
    assert!(
        text.contains(&format!("IP banned until {until}.")),
        "{text}"
    );
    assert_eq!(sim.stats().early, 12);
    // A fresh minute does not lift the ban, its end does.
    tokio::time::advance(Duration::from_secs(119)).await;
    assert_eq!(call(&sim, "/api/v3/ping").await.status(), 418);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(call(&sim, "/api/v3/ping").await.status(), 200);
    assert_eq!(sim.stats().over_limit, 14);
    assert_eq!(sim.stats().refused_418, 4);
}

#[tokio::test(start_paused = true)]
async fn arrivals_are_counted_before_any_fault() {
    let paths = [
        (Exchange::KRAKEN, "/0/public/Time", 1),
        (
            Exchange::BINANCE,
            "/api/v3/trades?symbol=BTCUSDT&limit=1",
            240,
        ),
        (
            Exchange::KUCOIN,
            "/api/v1/market/stats?symbol=BTC-USDT",
            133,
        ),
        (Exchange::HTX, "/v1/common/timestamp", 10),
    ];
    for fault in [
        "reset",
        "hang",
        "latency:5s",
        "503",
        "429:5",
        "418:20",
        "truncated",
        "html",
        "garbage",
        "stale",
    ] {
        for (exchange, path, within) in paths.clone() {
            let sim = sim(exchange);
            sim.set_fault(Some(fault.parse().unwrap()));
            for _ in 0..=within {
                let mut service = sim.service();
                let answer = service.call(request(path));
                // A caller that gives up has arrived all the same.
                let _ = tokio::time::timeout(Duration::from_micros(1), answer).await;
            }
            let stats = sim.stats();
            assert_eq!(
                (stats.requests, stats.over_limit, stats.faulted),
                (within + 1, 1, within + 1),
                "{fault} {path}"
            );
        }
    }
    // Nobody listens, so nothing arrives.
    let sim = sim(Exchange::KRAKEN);
    sim.set_fault(Some(Fault::Refuse));
    assert!(sim.service().call(request("/0/public/Time")).await.is_err());
    assert_eq!(sim.stats().requests, 0);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_never_polled_never_arrives_and_clones_share_the_limit() {
    let sim = sim(Exchange::KRAKEN);
    let mut service = sim.clone().service();
    drop(service.call(request("/0/public/Time")));
    assert_eq!(sim.stats().requests, 0);
    call(&sim.clone(), "/0/public/Time").await;
    call(&sim, "/0/public/Time").await;
    assert_eq!(sim.stats().over_limit, 1);
}
