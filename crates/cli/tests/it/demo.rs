//! `rdm demo`: what the summary promises, with and without faults.

use serde_json::Value;

use crate::world::{json, run};

const ALL: [&str; 4] = ["kraken", "binance", "kucoin", "htx"];

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no count"))
}

/// What must hold whatever the faults are.
fn sound(summary: &Value) {
    for key in [
        "due",
        "ran",
        "superseded",
        "skipped",
        "pending",
        "reads",
        "late_calls",
        "requests",
        "retries",
        "rejected",
    ] {
        number(&summary[key]);
    }
    assert_eq!(
        number(&summary["due"]),
        number(&summary["ran"])
            + number(&summary["superseded"])
            + number(&summary["skipped"])
            + number(&summary["pending"])
    );
    assert_eq!(summary["late_calls"], 0);
    for plan in ["default", "seed-http"] {
        let ledger = &summary["plans"][plan];
        assert!(number(&ledger["due"]) > 0, "{plan}: {ledger}");
        assert_eq!(
            number(&ledger["due"]),
            number(&ledger["done"])
                + number(&ledger["skipped"])
                + number(&ledger["failed"])
                + number(&ledger["pending"]),
            "{plan}"
        );
        let reasons = ledger["skipped_by_reason"].as_object().unwrap();
        let skipped: u64 = reasons.values().map(number).sum();
        assert_eq!(number(&ledger["skipped"]), skipped, "{plan}: {ledger}");
    }
    assert_eq!(number(&summary["over_limit_aside"]), 0);
    let aside = &summary["reads_aside"];
    assert!(
        number(&aside["total"]) > 0,
        "the second plan reads too: {aside}"
    );
    assert_eq!(number(&aside["late"]), 0, "{aside}");
    // Who has counted runs, values and requests has done so without the others.
    assert_eq!(number(&summary["events_missed"]), 0);
    let aside = &summary["proofs_aside"]["kraken"];
    let proofs = ALL.map(|exchange| &summary["proofs"][exchange]);
    for proof in proofs.into_iter().chain([aside]) {
        let [done, values, requests, lists, fruitless] =
            ["done", "values", "requests", "lists", "fruitless"].map(|key| number(&proof[key]));
        assert!(done <= values && values + lists <= requests, "{proof}");
        assert!(requests <= values + lists + fruitless, "{proof}");
    }
    for exchange in ALL {
        let source = &summary["by_source"][exchange];
        assert!(number(&source["ran"]) > 0, "{source}");
        let by_name = source["errors_by_name"].as_object().unwrap();
        assert_eq!(
            by_name.values().map(number).sum::<u64>(),
            number(&source["errors"]),
            "{source}"
        );
        assert!(source["p99_ms"].is_number() || source["p99_ms"].is_null());
        let server = &summary["server"][exchange];
        assert!(number(&server["requests"]) > 0, "{server}");
        assert_eq!(server["over_limit"], 0, "{exchange}");
        assert!(number(&server["requests_while_open"]) <= 10, "{server}");
    }
}

fn untouched(source: &Value) {
    assert_eq!(
        (&source["errors"], &source["superseded"]),
        (&Value::from(0), &Value::from(0)),
        "{source}"
    );
    assert_eq!(source["breaker"]["state"], "closed");
    assert_eq!(source["last_opened"], Value::Null);
}

/// An opening with its end stands in the summary, and the typed error beside it.
fn opened(source: &Value, error: &str) {
    assert!(number(&source["errors"]) > 0, "{source}");
    assert!(number(&source["breaker"]["opened"]) > 0, "{source}");
    let last = &source["last_opened"];
    assert!(
        last["until_s"].as_f64().unwrap() > last["at_s"].as_f64().unwrap(),
        "{source}"
    );
    assert!(!last["cause"].as_str().unwrap().is_empty());
    assert!(
        source["last_error"].as_str().unwrap().contains(error),
        "{source}"
    );
    let names: Vec<_> = source["errors_by_name"]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    for name in &names {
        assert!(
            [
                "circuit_open",
                "timeout",
                "banned",
                "unexpected_content",
                "limited"
            ]
            .contains(&name.as_str()),
            "{names:?}"
        );
    }
}

#[test]
fn without_faults_every_read_brings_data() {
    let summary = json(&[
        "demo", "--for", "6s", "--seed", "7", "--faults", "none", "--json",
    ]);
    sound(&summary);
    for exchange in ALL {
        untouched(&summary["by_source"][exchange]);
        assert_eq!(summary["server"][exchange]["requests_while_open"], 0);
        // Each request has brought a value, or the list of the pairs.
        let proof = &summary["proofs"][exchange];
        assert_eq!(number(&proof["fruitless"]), 0, "{proof}");
        assert!(number(&proof["done"]) > 0, "{proof}");
    }
    for plan in ["default", "seed-http"] {
        assert_eq!(summary["plans"][plan]["failed"], 0);
    }
    assert_eq!(summary["rejected"], 0);
    assert_eq!(summary["retries"], 0);
}

#[test]
fn a_kraken_that_is_down_does_not_touch_the_others_and_says_why_and_till_when() {
    let table = [
        // Three attempts that end after 2 s each, one a second: the breaker opens after about 4.5 s.
        ("hang", "6s", "no answer within 2s"),
        ("html", "5s", "HTML"),
        ("418:20", "3s", "banned"),
    ];
    std::thread::scope(|scope| {
        for (fault, lasting, error) in table {
            scope.spawn(move || {
                let faults = format!("kraken={fault}");
                let summary = json(&[
                    "demo", "--for", lasting, "--seed", "7", "--faults", &faults, "--json",
                ]);
                sound(&summary);
                for healthy in ["binance", "kucoin", "htx"] {
                    untouched(&summary["by_source"][healthy]);
                }
                opened(&summary["by_source"]["kraken"], error);
            });
        }
    });
}

#[test]
fn with_three_of_four_exchanges_down_the_fourth_brings_everything() {
    let faults = "kraken=hang,binance=418:20,kucoin=html";
    let summary = json(&[
        "demo", "--for", "7s", "--seed", "7", "--faults", faults, "--json",
    ]);
    sound(&summary);
    let source = |exchange: &str| &summary["by_source"][exchange];
    untouched(source("htx"));
    opened(source("kraken"), "no answer within 2s");
    opened(source("binance"), "banned");
    opened(source("kucoin"), "HTML");
    // Only what was on its way when the ban was told arrived after it: the three jobs of the start.
    assert!(number(&summary["server"]["binance"]["requests"]) <= 3);
    assert_eq!(source("binance")["breaker"]["state"], "open");
}

#[test]
fn a_ban_opens_the_breaker_till_its_own_end_and_nothing_is_asked_before() {
    let faults = "kraken=418:17";
    let summary = json(&[
        "demo", "--for", "3s", "--seed", "7", "--faults", faults, "--json",
    ]);
    sound(&summary);
    let last = &summary["by_source"]["kraken"]["last_opened"];
    let lasting = last["until_s"].as_f64().unwrap() - last["at_s"].as_f64().unwrap();
    assert!((lasting - 17.0).abs() < 0.5, "{last}");
    assert_eq!(summary["server"]["kraken"]["requests"], 1);
    assert_eq!(
        summary["by_source"]["kraken"]["errors_by_name"]["banned"],
        1
    );
}

#[test]
fn random_faults_break_no_promise() {
    sound(&json(&[
        "demo", "--for", "6s", "--seed", "7", "--faults", "random", "--json",
    ]));
}

#[test]
fn plain_lines_say_ages_faults_and_sums_without_a_control_character() {
    let said = run(&[
        "demo",
        "--for",
        "6s",
        "--seed",
        "7",
        "--faults",
        "kraken=503",
    ]);
    said.assert_all_well();
    for part in [
        "kraken: fault 503 begins",
        "kraken: breaker closed → open",
        "binance  ticker   BTC/USDT",
        "quality=accept:100",
        "health=",
        " values heard, ",
        "late=0",
        "the server counted",
        "plan      default: due ",
        "plan      seed-http: due ",
        "0 over its limit",
    ] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(
        !said.out.chars().any(|c| c.is_control() && c != '\n'),
        "{}",
        said.out
    );
}
