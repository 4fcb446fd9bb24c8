//! An answer from a file gets the verdict that it got when it came.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_data_manager::market::{Acceptance, Exchange, Interval, Request, Symbol, Timestamp};
use robust_data_manager::{DecodeError, QualitySettings, Query, Tap, Validator};

use crate::twisted::{Twist, world};

#[tokio::test(start_paused = true)]
async fn the_same_bytes_get_the_same_verdict_as_in_the_manager() {
    let bodies = Arc::new(Mutex::new(Vec::<Vec<u8>>::new()));
    let keep = Arc::clone(&bodies);
    let tap = Tap::new(move |seen| keep.lock().unwrap().push(seen.body.to_vec()));
    let (world, hand) = world([Exchange::BINANCE], |builder| builder.tap(tap));
    let validator = Validator::new(Exchange::BINANCE, &QualitySettings::default()).unwrap();
    let symbol: Symbol = "BTC/USDT".parse().unwrap();
    let requests = [
        Request::Ticker {
            symbol: symbol.clone(),
        },
        Request::OrderBook {
            symbol: symbol.clone(),
            depth: Some(20),
        },
        Request::Candles {
            symbol: symbol.clone(),
            interval: Interval::M1,
            since: None,
            limit: Some(100),
        },
        Request::Trades {
            symbol,
            since: None,
            limit: Some(100),
        },
    ];
    let mut quarantined = 0;
    for round in 0..44 {
        hand.set(
            Exchange::BINANCE,
            match round {
                40 => Twist::Scaled(300),
                42 => Twist::Headless,
                _ => Twist::None,
            },
        );
        for request in &requests {
            let query = Query::new(Exchange::BINANCE, request.clone()).refresh();
            let sample = world.manager.get(query).await.unwrap();
            let theirs = sample.quality.unwrap();
            let body = bodies.lock().unwrap().pop().unwrap();
            let at = sample.meta.received;
            let decoded = validator.decode(request, &body, at).unwrap();
            let ours = validator.judge(request, &decoded, at, at).unwrap();
            assert_eq!(ours, theirs, "round {round}: {request:?}");
            quarantined += usize::from(ours.acceptance <= Acceptance::Quarantine);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(quarantined, 2, "the test has something to compare");
}

#[test]
fn what_is_no_answer_is_refused_with_a_type() {
    let now = Timestamp::from_ns(1_750_000_000_000_000_000);
    let request = |name: &str| Request::Ticker {
        symbol: name.parse().unwrap(),
    };
    let settings = QualitySettings::default();
    let mut kraken = Validator::new(Exchange::KRAKEN, &settings).unwrap();
    let error = kraken
        .decode(&request("BTC/USD"), b"<html>", now)
        .unwrap_err();
    assert!(error.is_malformed(), "{error}");
    let refusal = br#"{"error":["EQuery:Unknown asset pair"]}"#;
    let error = kraken
        .decode(&request("BTC/USD"), refusal, now)
        .unwrap_err();
    assert!(!error.is_malformed());
    assert!(error.to_string().contains("Unknown asset pair"), "{error}");
    let odd = request("QQQ/USD");
    let error = kraken.decode(&odd, b"{}", now).unwrap_err();
    assert!(matches!(error, DecodeError::Unlisted(_)), "{error}");
    kraken.listed(&"QQQ/USD".parse().unwrap(), "QQQUSD");
    let answer = br#"{"error":[],"result":{"QQQUSD":{"a":["2","1","1"],"b":["1","1","1"],"c":["1.5","1"],"v":["1","1"],"p":["1","1"],"t":[1,1],"l":["1","1"],"h":["2","2"],"o":"1"}}}"#;
    kraken.decode(&odd, answer, now).expect("it is known now");
    let other = Validator::new("krakn".parse().unwrap(), &settings).unwrap();
    let error = other.decode(&odd, b"{}", now).unwrap_err();
    assert!(
        error.to_string().contains("did you mean kraken?"),
        "{error}"
    );
}
