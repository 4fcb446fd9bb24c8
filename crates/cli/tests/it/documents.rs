//! The pages under `docs` say what the program does: their examples are read here.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::world::{Scratch, run, simulated};

fn page(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// The fenced blocks of one language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    page.split(&fence)
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .map(str::to_owned)
        .collect()
}

/// Same keys, same types; a null stands for any type, and rows are like the first row.
fn alike(at: &str, written: &Value, real: &Value) {
    match (written, real) {
        (Value::Null, _) | (_, Value::Null) => {}
        (Value::Object(written), Value::Object(real)) => {
            // Times that are exact to the millisecond have no `time_ns`.
            let keys = |map: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                map.keys()
                    .filter(|key| *key != "time_ns")
                    .cloned()
                    .collect()
            };
            assert_eq!(keys(written), keys(real), "{at}");
            for (key, value) in written {
                if let Some(real) = real.get(key) {
                    alike(&format!("{at}.{key}"), value, real);
                }
            }
        }
        (Value::Array(written), Value::Array(real)) => {
            let row = |rows: &[Value]| rows.first().is_some_and(Value::is_array);
            let fixed = !row(written) && !written.iter().any(Value::is_object) && written.len() > 2;
            if fixed {
                assert_eq!(written.len(), real.len(), "{at}");
                for (at_row, (written, real)) in written.iter().zip(real).enumerate() {
                    alike(&format!("{at}[{at_row}]"), written, real);
                }
            } else if let (Some(written), Some(real)) = (written.first(), real.first()) {
                alike(&format!("{at}[0]"), written, real);
            }
        }
        (written, real) => assert_eq!(
            std::mem::discriminant(written),
            std::mem::discriminant(real),
            "{at}: {written} is documented, {real} is printed"
        ),
    }
}

#[test]
fn the_examples_of_the_format_have_the_shape_that_fetch_prints() {
    let examples = blocks(&page("formats.md"), "json");
    let mut seen = BTreeSet::new();
    for example in &examples {
        let example: Value = serde_json::from_str(example).unwrap();
        let kind = example["kind"].as_str().unwrap().to_owned();
        for (exchange, symbol) in [("kraken", "BTC/USD"), ("binance", "BTC/USDT")] {
            let mut words = vec![kind.as_str(), exchange];
            if kind != "instruments" {
                words.push(symbol);
            }
            let printed = simulated(exchange).fetch_json(&words);
            alike(&format!("{exchange} {kind}"), &example, &printed);
            let order = |value: &Value| -> Vec<String> {
                value.as_object().unwrap().keys().cloned().collect()
            };
            assert_eq!(order(&example), order(&printed));
        }
        seen.insert(kind);
    }
    let all = ["book", "candles", "instruments", "ticker", "trades"];
    assert_eq!(seen, all.map(str::to_owned).into());
}

#[test]
fn every_member_that_fetch_prints_stands_in_the_page() {
    let page = page("formats.md");
    let mut members = BTreeSet::new();
    for (what, symbol) in [
        ("ticker", Some("BTC/USD")),
        ("book", Some("BTC/USD")),
        ("candles", Some("BTC/USD")),
        ("trades", Some("BTC/USD")),
        ("instruments", None),
    ] {
        let words: Vec<_> = [what, "kraken"].into_iter().chain(symbol).collect();
        collect(&simulated("kraken").fetch_json(&words), &mut members);
    }
    let long = [
        "candles", "kraken", "BTC/USD", "--since", "20h ago", "--limit", "1300",
    ];
    let long = simulated("kraken").fetch_json(&long);
    assert!(long["meta"]["coverage"].is_object());
    collect(&long["meta"], &mut members);
    for member in members {
        assert!(
            page.contains(&format!("| `{member}` |")),
            "{member} is not documented"
        );
    }
}

fn collect(value: &Value, members: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                members.insert(key.clone());
                collect(value, members);
            }
        }
        Value::Array(rows) => rows.iter().for_each(|row| collect(row, members)),
        _ => {}
    }
}

#[test]
fn the_scripts_of_the_faults_page_are_accepted() {
    let page = page("faults.md");
    let scripts = blocks(&page, "toml");
    assert!(!scripts.is_empty());
    for script in scripts {
        let file = Scratch::file("documented.toml", script.as_bytes());
        let said = run(&["sim", "--for", "1ms", "--faults", file.path()]);
        assert_eq!(said.code, Some(0), "{script}: {}", said.err);
    }
    // Every fault of the table, in its short form.
    let faults: Vec<_> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert!(faults.len() >= 11, "{faults:?}");
    for fault in faults {
        let said = run(&[
            "sim",
            "--for",
            "1ms",
            "--faults",
            &format!("kraken={fault}"),
        ]);
        assert_eq!(said.code, Some(0), "{fault}: {}", said.err);
    }
}

#[test]
fn the_jobs_on_their_page_can_be_run_and_every_key_is_there() {
    let page = page("jobs.md");
    let examples = blocks(&page, "toml");
    assert!(!examples.is_empty());
    for text in examples {
        let file = Scratch::file("jobs-page.toml", text.as_bytes());
        for words in [["config", "check"], ["jobs", "--config"]] {
            let said = run(&[words[0], words[1], file.path()]);
            assert_eq!(said.code, Some(0), "{said:?}");
        }
    }
    let job = "[exchanges.kraken]\n[[jobs]]\nid = \"x\"\nkind = \"ticker\"\nevery = \"5s\"";
    let config = robust_data_manager::Config::from_toml(&format!(
        "{job}\nexchange = \"kraken\"\nsymbol = \"BTC/USD\""
    ));
    let job = serde_json::to_value(&config.unwrap().jobs[0]).unwrap();
    for key in job.as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{key}")), "{key}");
    }
}
