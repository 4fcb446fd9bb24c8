//! Nothing that is sent, and no time, makes the simulator fall over.

use bytes::Bytes;
use http::{Method, Request, Uri};
use proptest::prelude::*;
use robust_market::{Exchange, Timestamp};
use robust_sim::{Now, Sim};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::raw_tcp::get;

fn path() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "/0/public/Time",
        "/0/public/Assets",
        "/0/public/AssetPairs",
        "/0/public/Ticker",
        "/0/public/OHLC",
        "/0/public/Depth",
        "/0/public/Trades",
        "/api/v3/exchangeInfo",
        "/api/v3/depth",
        "/api/v3/trades",
        "/api/v3/aggTrades",
        "/api/v3/klines",
        "/api/v3/ticker/24hr",
        "/api/v3/ticker/price",
        "/api/v3/ticker/bookTicker",
        "/api/v3/avgPrice",
        "/api/v2/symbols",
        "/api/v2/symbols/BTC-USDT",
        "/api/v1/market/orderbook/level1",
        "/api/v1/market/orderbook/level2_20",
        "/api/v1/market/orderbook/level2_100",
        "/api/v3/market/orderbook/level2",
        "/api/v1/market/allTickers",
        "/api/v1/market/stats",
        "/api/v1/market/histories",
        "/api/v1/market/candles",
        "/api/v3/currencies",
        "/api/v1/prices",
        "/v1/common/symbols",
        "/v2/settings/common/symbols",
        "/v1/settings/common/market-symbols",
        "/v2/reference/currencies",
        "/market/detail/merged",
        "/market/tickers",
        "/market/depth",
        "/market/history/kline",
        "/market/trade",
        "/market/history/trade",
        "/market/detail",
    ])
    .prop_map(str::to_owned);
    prop_oneof![4 => known, 1 => "/[!-~&&[^?#\"<>\\\\^`{|}]]{0,40}"]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::sample::select(vec![
            "XBTUSD", "XXBTZUSD", "BTCUSDT", "XBTUSD,ETHUSD", "%5B%22BTCUSDT%22%5D", "%5B%5D", "1m", "1M", "1d", "1440",
            "BTC-USDT", "ETH-BTC", "btcusdt", "pepeusdt", "1min", "1hour", "60min", "1mon", "1month", "1week", "1year",
            "step0", "step1", "step5", "USDS", "USD", "BTC,ETH", "true", "FULL", "MINI", "currency", "TRADING", "",
        ]).prop_map(str::to_owned),
        2 => any::<i64>().prop_map(|number| number.to_string()),
        2 => (0_i64..1_100).prop_map(|number| number.to_string()),
        1 => "[0-9]{1,40}",
        1 => "(%[0-9a-fA-F]{2}|[!$-~&&[^&#\"<>\\\\^`{|}]]){0,30}",
    ]
}

fn query() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        6 => prop::sample::select(vec![
            "pair", "interval", "since", "count", "asset", "aclass", "info", "symbol", "symbols", "limit", "fromId",
            "startTime", "endTime", "startAt", "endAt", "period", "size", "depth", "market", "base", "currencies", "ts",
            "type", "timeZone", "symbolStatus", "showPermissionSets",
        ]).prop_map(str::to_owned),
        1 => "[a-zA-Z%]{0,8}",
    ];
    prop::collection::vec((name, value()), 0..5).prop_map(|pairs| {
        let pairs: Vec<String> = pairs.into_iter().map(|(k, v)| format!("{k}={v}")).collect();
        pairs.join("&")
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_path_query_and_time_gets_an_answer(
        path in path(),
        query in query(),
        wall in prop_oneof![
            6 => 1_600_000_000_000_000_000_i64..1_900_000_000_000_000_000,
            1 => any::<i64>(),
            1 => prop::sample::select(vec![i64::MIN, -1, 0, 1, i64::MAX]),
        ],
        post in any::<bool>(),
    ) {
        let Ok(uri) = format!("{path}?{query}").parse::<Uri>() else {
            return Ok(());
        };
        for exchange in [Exchange::KRAKEN, Exchange::BINANCE, Exchange::KUCOIN, Exchange::HTX] {
            let sim = Sim::builder(exchange).seed(1).build().unwrap();
            let request = Request::builder()
                .method(if post { Method::POST } else { Method::GET })
                .uri(uri.clone())
                .header("user-agent", "p")
                .body(Bytes::new())
                .unwrap();
            let now = Now { wall: Timestamp::from_ns(wall), mono: Instant::now() };
            let reply = sim.handle(&request, now);
            prop_assert_eq!(&reply.headers["server"], "robust-sim");
            prop_assert!(!reply.body.is_empty());
            let json = reply.headers["content-type"].to_str().unwrap().contains("json");
            if json {
                prop_assert!(serde_json::from_slice::<serde_json::Value>(&reply.body).is_ok());
            }
            prop_assert!(reply.status.as_u16() < 500);
            prop_assert_eq!(sim.stats().requests, 1);
        }
    }
}

#[tokio::test]
async fn nonsense_on_the_socket_ends_its_own_connection_only() {
    let sim = Sim::builder(Exchange::BINANCE).build().unwrap();
    let server = sim.listen("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let oversized = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(600_000));
    let large_body = "POST /api/v3/ping HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n"
        .to_owned()
        + &"y".repeat(200_000);
    for nonsense in [
        "\0\0\0\0\r\n\r\n",
        "GET\r\n\r\n",
        "\u{16}\u{3}\u{1}hello\r\n\r\n",
        &oversized,
        &large_body,
    ] {
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        // The server may close while this is still being written.
        let _ = stream.write_all(nonsense.as_bytes()).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!rest.starts_with(b"HTTP/1.1 200"));
    }
    assert_eq!(
        get(server.addr(), "/api/v3/ping").await.unwrap().status(),
        200
    );
}
