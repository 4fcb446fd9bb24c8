//! KuCoin's pools and its key, as a client meets them.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Method, Request};
use robust_market::{Exchange, Timestamp};
use robust_sim::{Sim, VirtualClock};
use sha2::Sha256;
use tower_service::Service;

use crate::ask::{Asker, START, header, request};

const BOOK: &str = "/api/v3/market/orderbook/level2?symbol=BTC-USDT";

/// On tokio's paused clock, 4 s into a window.
fn sim() -> Sim {
    let clock = VirtualClock::starting_at(Timestamp::from_ns(START));
    Sim::builder(Exchange::KUCOIN)
        .clock(Arc::new(clock))
        .build()
        .unwrap()
}

async fn call(sim: &Sim, request: Request<Bytes>) -> http::Response<Bytes> {
    sim.service().call(request).await.unwrap()
}

#[test]
fn every_reply_carries_the_pool_and_requests_weigh_by_endpoint() {
    for (path, weight) in [
        ("/api/v1/timestamp", 3),
        ("/api/v1/status", 3),
        ("/api/v1/markets", 3),
        ("/api/v2/symbols", 4),
        ("/api/v2/symbols/BTC-USDT", 4),
        ("/api/v1/market/orderbook/level1?symbol=BTC-USDT", 2),
        ("/api/v1/market/allTickers", 15),
        ("/api/v1/market/stats?symbol=BTC-USDT", 15),
        ("/api/v1/market/orderbook/level2_20?symbol=BTC-USDT", 2),
        ("/api/v1/market/orderbook/level2_100?symbol=BTC-USDT", 4),
        ("/api/v1/market/histories?symbol=BTC-USDT", 3),
        ("/api/v1/market/candles?symbol=BTC-USDT&type=1min", 3),
        ("/api/v3/currencies", 3),
        ("/api/v3/currencies/BTC", 3),
        ("/api/v1/prices", 3),
        // What is refused has cost as well.
        ("/api/v1/market/stats?symbol=NOPE", 15),
        (BOOK, 3),
        ("/api/v1/nonsense", 1),
    ] {
        let mut asker = Asker::new(Exchange::KUCOIN, 7);
        let reply = asker.reply(path);
        let of = |name: &str| header(&reply.headers, name).parse::<u64>().unwrap();
        assert_eq!(of("gw-ratelimit-limit"), 2_000, "{path}");
        assert_eq!(of("gw-ratelimit-remaining"), 2_000 - weight, "{path}");
        // 4.123 s of thirty have passed.
        assert_eq!(of("gw-ratelimit-reset"), 25_877);
        assert_eq!(asker.sim.stats().max_used["public:30s"], weight);
    }
}

#[tokio::test(start_paused = true)]
async fn the_weight_above_2000_is_refused_with_429_until_the_aligned_window_ends() {
    let sim = sim();
    let tickers = || request("/api/v1/market/allTickers");
    for _ in 0..133 {
        assert_eq!(call(&sim, tickers()).await.status(), 200);
    }
    let refused = call(&sim, tickers()).await;
    assert_eq!(refused.status(), 429);
    assert!(refused.body().starts_with(b"{\"code\":\"429000\",\"msg\":"));
    assert_eq!(header(refused.headers(), "gw-ratelimit-remaining"), "0");
    assert_eq!(header(refused.headers(), "gw-ratelimit-reset"), "26000");
    assert!(refused.headers().get("retry-after").is_none());
    tokio::time::advance(Duration::from_millis(25_999)).await;
    assert_eq!(call(&sim, tickers()).await.status(), 429);
    tokio::time::advance(Duration::from_millis(1)).await;
    let fresh = call(&sim, tickers()).await;
    assert_eq!(fresh.status(), 200);
    assert_eq!(header(fresh.headers(), "gw-ratelimit-remaining"), "1985");
    assert_eq!(header(fresh.headers(), "gw-ratelimit-reset"), "30000");
    let stats = sim.stats();
    assert_eq!((stats.over_limit, stats.refused_429), (2, 2));
}

fn hmac(text: &str) -> String {
    let secret = sim().test_key().unwrap().secret;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

/// The headers of a request that is signed right at START, with one of them changed.
fn signed(path: &str, ms: i64, change: Option<(&str, Option<&str>)>) -> Request<Bytes> {
    let key = sim().test_key().unwrap();
    let headers = [
        ("kc-api-key", key.key.to_owned()),
        ("kc-api-sign", hmac(&format!("{ms}GET{path}"))),
        ("kc-api-timestamp", ms.to_string()),
        ("kc-api-passphrase", hmac(key.passphrase)),
        ("kc-api-key-version", "3".to_owned()),
    ];
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        match change {
            Some((changed, None)) if changed == name => {}
            Some((changed, Some(other))) if changed == name => {
                request = request.header(name, other);
            }
            _ => request = request.header(name, value),
        }
    }
    request.body(Bytes::new()).unwrap()
}

const NOW_MS: i64 = START / 1_000_000;

#[tokio::test(start_paused = true)]
async fn a_signed_request_gets_the_whole_book_and_its_account_pays() {
    let sim = sim();
    for version in ["2", "3"] {
        let request = signed(BOOK, NOW_MS, Some(("kc-api-key-version", Some(version))));
        let response = call(&sim, request).await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(response.headers(), "gw-ratelimit-limit"), "4000");
        let book: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert!(book["data"]["asks"].as_array().unwrap().len() > 100);
    }
    let stats = sim.stats();
    assert_eq!(stats.max_used["spot:30s"], 6);
    assert_eq!(stats.max_used.get("public:30s"), None);
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_not_signed_exactly_is_refused_with_its_own_code() {
    let wrong = hmac("something else");
    let other_path = hmac(&format!(
        "{NOW_MS}GET/api/v3/market/orderbook/level2?symbol=ETH-USDT"
    ));
    let other_method = hmac(&format!("{NOW_MS}POST{BOOK}"));
    let no_query = hmac(&format!("{NOW_MS}GET/api/v3/market/orderbook/level2"));
    let with = |name, value| signed(BOOK, NOW_MS, Some((name, value)));
    for (what, request, status, code) in [
        ("no key", with("kc-api-key", None), 401, "400001"),
        ("no sign", with("kc-api-sign", None), 401, "400001"),
        ("empty sign", with("kc-api-sign", Some("")), 401, "400001"),
        ("no time", with("kc-api-timestamp", None), 401, "400001"),
        (
            "no passphrase",
            with("kc-api-passphrase", None),
            401,
            "400001",
        ),
        (
            "no number",
            with("kc-api-timestamp", Some("now")),
            400,
            "400002",
        ),
        (
            "too late",
            signed(BOOK, NOW_MS - 5_001, None),
            400,
            "400002",
        ),
        (
            "too early",
            signed(BOOK, NOW_MS + 5_001, None),
            400,
            "400002",
        ),
        ("seconds", signed(BOOK, NOW_MS / 1_000, None), 400, "400002"),
        (
            "other key",
            with("kc-api-key", Some("5c2db935")),
            401,
            "400003",
        ),
        (
            "old version",
            with("kc-api-key-version", Some("1")),
            401,
            "400003",
        ),
        (
            "no version",
            with("kc-api-key-version", None),
            401,
            "400003",
        ),
        (
            "plain passphrase",
            with("kc-api-passphrase", Some("simulated")),
            401,
            "400004",
        ),
        (
            "other passphrase",
            with("kc-api-passphrase", Some(&wrong)),
            401,
            "400004",
        ),
        (
            "other text",
            with("kc-api-sign", Some(&wrong)),
            401,
            "400005",
        ),
        (
            "other path",
            with("kc-api-sign", Some(&other_path)),
            401,
            "400005",
        ),
        (
            "other method",
            with("kc-api-sign", Some(&other_method)),
            401,
            "400005",
        ),
        (
            "no query",
            with("kc-api-sign", Some(&no_query)),
            401,
            "400005",
        ),
        ("no base64", with("kc-api-sign", Some("%%%")), 401, "400005"),
    ] {
        let response = call(&sim(), request).await;
        assert_eq!(response.status(), status, "{what}");
        let text = String::from_utf8(response.body().to_vec()).unwrap();
        assert!(
            text.starts_with(&format!("{{\"code\":\"{code}\"")),
            "{what}: {text}"
        );
    }
    // Five seconds apart are still together.
    for ms in [NOW_MS - 5_000, NOW_MS + 5_000] {
        assert_eq!(call(&sim(), signed(BOOK, ms, None)).await.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn the_body_is_signed_too_and_other_methods_are_refused() {
    let mut request = signed(BOOK, NOW_MS, None);
    *request.body_mut() = Bytes::from_static(b"{}");
    assert_eq!(call(&sim(), request).await.status(), 401);
    let mut request = signed(BOOK, NOW_MS, None);
    *request.method_mut() = Method::POST;
    assert_eq!(call(&sim(), request).await.status(), 405);
}

#[tokio::test(start_paused = true)]
async fn an_exchange_that_is_built_with_another_key_accepts_that_one_alone() {
    let other = robust_sim::TestKey::new("other", "secret", "phrase");
    let clock = VirtualClock::starting_at(Timestamp::from_ns(START));
    let builder = Sim::builder(Exchange::KUCOIN).clock(Arc::new(clock));
    let sim = builder.test_key(other).build().unwrap();
    assert_eq!(sim.test_key(), Some(other));
    let refused = call(&sim, signed(BOOK, NOW_MS, None)).await;
    assert!(refused.body().starts_with(b"{\"code\":\"400003\""));
}

#[test]
fn only_kucoin_has_a_test_key_that_is_simulated() {
    assert_eq!(
        Sim::builder(Exchange::KRAKEN).build().unwrap().test_key(),
        None
    );
    let key = sim().test_key().unwrap();
    assert!(!key.key.is_empty() && !key.secret.is_empty() && !key.passphrase.is_empty());
}
