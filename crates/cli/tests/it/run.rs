//! `rdm run`: the jobs of a config file.

use serde_json::Value;

use crate::world::{Scratch, run, simulated};

fn config(url: &str) -> String {
    format!(
        r#"
environment = "simulated"
[exchanges.binance]
base_url = "{url}"
retries = 0

[[jobs]]
id = "btc"
exchange = "binance"
kind = "ticker"
symbol = "BTC/USDT"
every = "200ms"
at_start = true

[[jobs]]
id = "bars"
exchange = "binance"
kind = "candles"
symbol = "ETH/USDT"
interval = "1m"
every = "300ms"
at_start = true
"#
    )
}

#[test]
fn samples_come_one_a_line_in_the_exchange_format_and_the_ledger_closes() {
    let sim = simulated("binance");
    let file = Scratch::file("run.toml", config(&sim.url).as_bytes());
    let said = run(&["run", "--config", file.path(), "--for", "1500ms", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let mut kinds = std::collections::BTreeMap::new();
    for line in said.out.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        assert_eq!(sample["v"], 1);
        assert_eq!(sample["meta"]["origin"], "simulated");
        *kinds
            .entry(sample["kind"].as_str().unwrap().to_owned())
            .or_insert(0) += 1;
    }
    assert!(kinds["ticker"] >= 2 && kinds["candles"] >= 2, "{kinds:?}");
    // Beside the account of the jobs only a word on the health of the exchange, as soon as enough attempts have told of it.
    let told: Vec<&str> = said
        .err
        .lines()
        .filter(|line| !line.starts_with("rdm: health: binance: unknown, now healthy"))
        .collect();
    assert_eq!(told.len(), 1, "{}", said.err);
    assert!(
        told[0].starts_with("rdm: jobs due ") && told[0].contains("; 0 failed"),
        "{}",
        said.err
    );
    let shown: u64 = kinds.values().sum();
    // Beside the jobs the quality rules have asked for the last minutes of the pair, once, which is not shown.
    assert!(
        !said
            .out
            .contains("\"kind\":\"candles\",\"exchange\":\"binance\",\"symbol\":\"BTC/USDT\"")
    );
    assert_eq!(sim.sim.stats().requests, shown + 1);
}

#[test]
fn people_get_plain_lines_and_typed_errors() {
    let sim = simulated("binance");
    let file = Scratch::file("run-plain.toml", config(&sim.url).as_bytes());
    let said = run(&["run", "--config", file.path(), "--for", "500ms"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(
        said.out.contains(" binance  ticker   BTC/USDT "),
        "{}",
        said.out
    );
    assert!(said.out.contains("simulated, accept 100"), "{}", said.out);

    sim.misbehave("html");
    let said = run(&["run", "--config", file.path(), "--for", "500ms"]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.out.contains("binance ticker BTC/USDT: malformed: "),
        "{}",
        said.out
    );
    assert!(said.err.contains("no job brought data"), "{}", said.err);
}

#[test]
fn config_check_prints_the_jobs_and_run_refuses_what_it_refuses() {
    let text = config("http://127.0.0.1:9");
    let file = Scratch::file("run-check.toml", text.as_bytes());
    let said = run(&["config", "check", file.path()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let line = "[[jobs]] bars: Candles of ETH/USDT on binance every 300ms, priority 3";
    assert!(said.out.contains(line), "{}", said.out);

    let wrong = text.replace("ETH/USDT", "ETHUSDT");
    let file = Scratch::file("run-wrong.toml", wrong.as_bytes());
    for words in [["config", "check"], ["run", "--config"]] {
        let said = run(&[words[0], words[1], file.path()]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains("jobs.bars.symbol"), "{}", said.err);
    }
}

#[test]
fn a_file_without_jobs_is_refused() {
    let file = Scratch::file("no-jobs.toml", b"[exchanges.kraken]\n");
    let said = run(&["run", "--config", file.path()]);
    assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
    assert!(said.err.contains("add a [[jobs]]"), "{}", said.err);
}

#[test]
fn changes_of_quality_and_warnings_are_told_beside_the_samples() {
    let sim = simulated("binance");
    let state = Scratch::file("run.state", b"not a state");
    let head = format!(
        "[quality]\nhistory = false\nstate = {:?}\nbounds.\"BTC/USDT\" = [\"1\", \"2\"]\n[exchanges.binance]",
        state.path()
    );
    let text = config(&sim.url).replace("[exchanges.binance]", &head);
    let file = Scratch::file("quality.toml", text.as_bytes());
    let said = run(&["config", "check", file.path()]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let settings = "quality.on_quarantine = deliver, min_quality = none, history = false, state = ";
    assert!(said.out.contains(settings), "{}", said.out);
    assert!(
        said.out
            .contains(", bounds of 1 pairs\nwarning: quality.state "),
        "{}",
        said.out
    );
    let said = run(&["run", "--config", file.path(), "--for", "1s", "--json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let lines: Vec<&str> = said.err.lines().collect();
    assert!(
        lines[0].starts_with("rdm: warning: quality.state "),
        "{lines:?}"
    );
    assert!(lines[0].contains("not a saved memory"), "{lines:?}");
    let quality = "rdm: binance ticker BTC/USDT: quality ";
    let told = lines.iter().find(|line| line.starts_with(quality)).unwrap();
    assert!(
        told.contains("accept, now ") && told.contains("V.bounds"),
        "{told}"
    );
    let saved = std::fs::read_to_string(state.path()).unwrap();
    assert!(saved.starts_with("{\"quality_state\":1}\n"), "{saved:.60}");
}
