//! `rdm doctor` against simulators, healthy and not.

use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Clock, SystemClock, Timestamp};
use serde_json::Value;
use tokio::time::Instant;

use crate::world::{Scratch, run, simulated, simulated_at};

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
    said.assert_all_well();
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
    said.assert_all_well();
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

/// A config file with these addresses of one exchange.
fn config(exchange: &str, urls: &[&str]) -> Scratch {
    let text =
        format!("environment = \"simulated\"\n[exchanges.{exchange}]\nbase_urls = {urls:?}\n");
    Scratch::file(&format!("doctor-{exchange}.toml"), text.as_bytes())
}

#[test]
fn every_address_of_an_exchange_is_examined_by_name() {
    // Kraken takes one request a second, wherever it is asked.
    let (one, two) = (simulated("kraken"), simulated("kraken"));
    let config = config("kraken", &["http://127.0.0.1:1", &one.url, &two.url]);
    let words = ["doctor", "--live", "--config", config.path(), "--json"];
    let begun = Instant::now();
    let said = run(&words);
    assert_eq!((said.code, &*said.err), (Some(0), ""), "{}", said.out);
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let checks = found["checks"].as_array().unwrap();
    let state = |url: &str, check: &str| {
        let address = url.trim_start_matches("http://");
        let of = |line: &&Value| line["address"] == address && line["check"] == check;
        let line = checks.iter().find(of);
        line.map(|line| line["state"].as_str().unwrap().to_owned())
    };
    // Nobody listens at the first; that is no failure as long as another answers.
    assert_eq!(
        state("http://127.0.0.1:1", "reach").as_deref(),
        Some("warn")
    );
    for (url, check) in [
        (&one.url, "reach"),
        (&one.url, "clock"),
        (&two.url, "reach"),
        (&two.url, "clock"),
        (&one.url, "book"),
    ] {
        assert_eq!(state(url, check).as_deref(), Some("ok"), "{url} {check}");
    }
    assert_eq!(
        state(&two.url, "book"),
        None,
        "the first that answers is enough"
    );
    assert_eq!(two.sim.stats().requests, 1);
    // What was asked of both came as far apart as the exchange wants it.
    let asked = one.sim.stats().requests + two.sim.stats().requests;
    assert!(
        begun.elapsed() >= Duration::from_secs(asked - 1),
        "{asked} in {:?}",
        begun.elapsed()
    );

    // In words, each line names its address.
    one.misbehave("html");
    two.misbehave("html");
    let said = run(&["doctor", "--config", config.path()]);
    assert_eq!(said.code, Some(1));
    for url in [&one.url, &two.url] {
        let host = url.trim_start_matches("http://");
        let line = format!("FAIL  kraken   reach       {host}: ");
        assert!(said.out.contains(&line), "{}", said.out);
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
