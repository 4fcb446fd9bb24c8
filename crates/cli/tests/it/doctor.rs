//! `rdm doctor` against simulators, healthy and not.

use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Clock, SystemClock, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use crate::world::{run, simulated, simulated_at};

fn place(exchange: &str, url: &str) -> String {
    format!("{exchange}={url}")
}

#[test]
fn healthy_exchanges_pass_every_check() {
    let sims =
        ["kraken", "binance", "kucoin", "htx"].map(|exchange| (exchange, simulated(exchange)));
    let places: Vec<String> = sims
        .iter()
        .map(|(exchange, sim)| place(exchange, &sim.url))
        .collect();
    let mut words = vec!["doctor", "--json"];
    for place in &places {
        words.extend(["--base-url", place]);
    }
    let said = run(&words);
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(0), ""),
        "{}",
        said.out
    );
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let checks = found["checks"].as_array().unwrap();
    for (exchange, sim) in &sims {
        for check in ["dns", "reach", "tls", "clock", "limits"] {
            let state = checks
                .iter()
                .find(|line| line["exchange"] == *exchange && line["check"] == check)
                .map(|line| &line["state"]);
            assert_eq!(state, Some(&Value::from("ok")), "{exchange} {check}");
        }
        assert_eq!(sim.sim.stats().requests, 1, "{exchange}");
    }
}

#[test]
fn every_endpoint_is_asked_once_with_live() {
    let sim = simulated("binance");
    let place = place("binance", &sim.url);
    let said = run(&["doctor", "--live", "--base-url", &place]);
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(0), ""),
        "{}",
        said.out
    );
    for check in [
        "time",
        "status",
        "instruments",
        "ticker",
        "tickers",
        "bids_asks",
        "last_prices",
        "book",
        "candles",
        "trades",
    ] {
        let line = format!("ok    binance  {check:<11} ");
        assert!(said.out.contains(&line), "{check}: {}", said.out);
    }
    assert_eq!(sim.sim.stats().requests, 10);
}

#[test]
fn what_is_wrong_is_told_with_a_remedy_and_code_1() {
    for (fault, part) in [
        ("refuse", "check the network connection"),
        ("html", "see the exchange's status page"),
        ("418:60", "wait as long as it says"),
        ("hang", "check the network connection"),
    ] {
        let sim = simulated("kucoin");
        sim.misbehave(fault);
        let place = place("kucoin", &sim.url);
        let begun = Instant::now();
        let said = run(&["doctor", "--base-url", &place]);
        assert_eq!(said.code, Some(1), "{fault}: {said:?}");
        assert!(
            said.out.contains("FAIL  kucoin   reach"),
            "{fault}: {}",
            said.out
        );
        assert!(said.out.contains(part), "{fault}: {}", said.out);
        assert!(
            said.err.contains("1 of 2 checks failed"),
            "{fault}: {}",
            said.err
        );
        assert!(begun.elapsed() < Duration::from_secs(10), "{fault}");
    }
}

/// A clock that is behind by so much.
#[derive(Debug)]
struct Behind(Duration);

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_sub(self.0)
    }
}

#[test]
fn a_clock_that_is_wrong_is_told_and_how_wrong() {
    for (seconds, state, code) in [(20, "FAIL", 1), (4, "warn", 0)] {
        let behind = Arc::new(Behind(Duration::from_secs(seconds)));
        let sim = simulated_at("binance", behind);
        let place = place("binance", &sim.url);
        let said = run(&["doctor", "--base-url", &place]);
        assert_eq!(said.code, Some(code), "{said:?}");
        let line = said.out.lines().find(|line| line.contains(" clock "));
        let line = line.unwrap();
        assert!(line.starts_with(state), "{line}");
        assert!(line.contains("set this machine's clock"), "{line}");
    }
}

#[test]
fn a_place_that_is_none_is_refused() {
    for (place, part) in [
        ("kraken", "write EXCHANGE=URL"),
        ("KRAKEN=http://127.0.0.1:1", "lower-case"),
        ("kraken=nowhere", "has no scheme"),
        ("kraaken=http://127.0.0.1:1", "did you mean kraken?"),
    ] {
        let said = run(&["doctor", "--base-url", place]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(part), "{place}: {}", said.err);
    }
}
