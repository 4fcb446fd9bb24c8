//! `rdm sim`: simulated exchanges for other programs.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::world::{Scratch, json, rdm, run};

#[test]
fn it_tells_its_addresses_answers_there_and_ends_in_time() {
    let said = run(&["sim", "--for", "50ms"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    for (line, exchange) in lines.iter().zip(["kraken", "binance", "kucoin", "htx"]) {
        let address = format!("{exchange} http://127.0.0.1:");
        assert!(line.starts_with(&address), "{lines:?}");
    }
    assert!(
        said.err.contains("0 requests, 0 over the limit"),
        "{}",
        said.err
    );
}

#[cfg(unix)]
#[test]
fn sigterm_ends_it_cleanly() {
    let mut child = rdm(&["sim", "--exchange", "kraken", "--for", "60s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let url = line.trim().strip_prefix("kraken ").unwrap().to_owned();
    let sample = json(&[
        "fetch",
        "ticker",
        "kraken",
        "BTC/USD",
        "--base-url",
        &url,
        "--json",
    ]);
    assert_eq!(sample["meta"]["origin"], "simulated");
    let killed = std::process::Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert!(
        err.contains("kraken: 1 requests, 0 over the limit"),
        "{err}"
    );
}

#[test]
fn a_script_of_faults_is_played() {
    let file = Scratch::file("played.toml", b"kraken = \"hang\"\n");
    let said = run(&["sim", "--for", "300ms", "--faults", file.path()]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("kraken: fault hang"), "{}", said.err);
}
