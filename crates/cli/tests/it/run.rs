//! `rdm run`: the jobs of a config file.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::world::{Said, Scratch, rdm, run, simulated};

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
        told[0].starts_with("rdm: jobs due ") && told[0].contains(" + failed 0 + "),
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
        said.out
            .contains("binance ticker BTC/USDT: unexpected_content: "),
        "{}",
        said.out
    );
    assert!(said.err.contains("no job brought data"), "{}", said.err);
}

/// Whoever ends a container kills it after ten seconds.
#[cfg(unix)]
#[test]
fn told_to_end_it_ends_in_time_and_names_what_it_cut_off() {
    let sim = simulated("binance");
    sim.misbehave("hang");
    let text = config(&sim.url)
        .replace("200ms", "60s")
        .replace("300ms", "60s");
    let text = text.replace("[exchanges", "[quality]\nhistory = false\n[exchanges");
    let file = Scratch::file("run-hangs.toml", text.as_bytes());
    let mut child = rdm(&["run", "--config", file.path()]);
    let child = child.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    while sim.sim.stats().requests < 2 {
        pause(Duration::from_millis(20));
    }
    let began = tokio::time::Instant::now();
    let mut kill = std::process::Command::new("kill");
    let kill = kill.arg(child.id().to_string());
    assert!(kill.status().unwrap().success());
    let said: Said = child.wait_with_output().unwrap().into();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("no job brought data"), "{}", said.err);
    for line in [
        "\ncut off by the end: bars, btc\n",
        "\njobs due 2 = done 0 + skipped 2 + failed 0 + pending 0 (cancelled 2)\n",
    ] {
        assert!(format!("\n{}", said.out).contains(line), "{}", said.out);
    }
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
            .contains(", bounds of 1 pair\nwarning: quality.state "),
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

/// A way to a server on which what goes there is written down.
fn overheard(url: &str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let to = url.trim_start_matches("http://").to_owned();
    let door = TcpListener::bind("127.0.0.1:0").unwrap();
    let here = format!("http://{}", door.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Vec::new()));
    let all = Arc::clone(&heard);
    // They end with the test's process.
    std::thread::spawn(move || {
        for from in door.incoming() {
            let (mut from, mut to) = (from.unwrap(), TcpStream::connect(&to).unwrap());
            let (mut back, mut answers) = (from.try_clone().unwrap(), to.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut answers, &mut back));
            let all = Arc::clone(&all);
            std::thread::spawn(move || {
                let mut bytes = [0; 4_096];
                while let Ok(read @ 1..) = from.read(&mut bytes) {
                    all.lock().unwrap().extend_from_slice(&bytes[..read]);
                    if to.write_all(&bytes[..read]).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (here, heard)
}

fn pause(time: Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async { tokio::time::sleep(time).await });
}

/// The moments from which trades were asked for, in order.
fn asked_from(heard: &Mutex<Vec<u8>>) -> Vec<i64> {
    let text = String::from_utf8(heard.lock().unwrap().clone()).unwrap();
    let starts = text.lines().filter_map(|line| {
        let (_, rest) = line.split_once("startTime=")?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    starts.collect()
}

#[test]
fn killed_and_started_again_it_asks_for_what_came_in_between() {
    let sim = simulated("binance");
    let (url, heard) = overheard(&sim.url);
    let journal = Scratch::file("run.journal", b"");
    let text = format!(
        r#"
environment = "simulated"
journal = {:?}
[exchanges.binance]
base_url = "{}"

[[jobs]]
id = "trades"
exchange = "binance"
kind = "trades"
symbol = "BTC/USDT"
limit = 1000
since_last = true
every = "200ms"
"#,
        journal.path(),
        url
    );
    let file = Scratch::file("run-journal.toml", text.as_bytes());
    let checked = run(&["config", "check", file.path()]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.out.contains("\njournal = "), "{}", checked.out);

    let mut first = rdm(&["run", "--config", file.path(), "--json"]);
    let first = first.stdout(Stdio::null()).stderr(Stdio::null());
    let mut first = first.spawn().unwrap();
    while sim.sim.stats().requests < 8 {
        assert!(first.try_wait().unwrap().is_none(), "it runs until killed");
        pause(Duration::from_millis(20));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let first = asked_from(&heard);
    let (began, last) = (first[0], first[first.len() - 1]);
    assert!(first.len() >= 5, "{first:?}");
    assert!(first.windows(2).all(|pair| pair[1] - pair[0] >= 200));
    pause(Duration::from_millis(1_500));

    let again = run(&["run", "--config", file.path(), "--for", "1s"]);
    assert_eq!(again.code, Some(0), "{again:?}");
    let all = asked_from(&heard);
    let again = &all[first.len()..];
    // From where the last success was, which is the run before the last or that one; and not from where this process began.
    let from = again[0];
    assert!(from >= last && from <= last + 400, "{began} {last} {from}");
    // Then as ever, after a second and a half without a process, up to the last moment that it missed.
    assert!(again[1] >= from + 1_300, "{from} {again:?}");
    assert!(again.len() >= 3, "{again:?}");

    // What is no journal is named, and left as it is.
    std::fs::write(journal.path(), text.as_bytes()).unwrap();
    for words in [
        ["config", "check"],
        ["jobs", "--config"],
        ["run", "--config"],
    ] {
        let said = run(&[words[0], words[1], file.path()]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        let part = "the file is no journal; it was left as it is; name a file";
        assert!(said.err.contains(part), "{}", said.err);
        assert!(said.err.contains(journal.path()), "{}", said.err);
    }
    assert_eq!(std::fs::read(journal.path()).unwrap(), text.as_bytes());
    // A command that has nothing to do with jobs has nothing to do with it.
    let fetched = run(&[
        "fetch",
        "ticker",
        "binance",
        "BTC/USDT",
        "--config",
        file.path(),
    ]);
    assert_eq!(fetched.code, Some(0), "{fetched:?}");
}
