//! `rdm sim`: simulated exchanges for other programs.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;

use crate::world::{Scratch, first_line, json, rdm, rest_of_stderr, run};

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
    let line = first_line(&mut child);
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
    let err = rest_of_stderr(&mut child);
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

/// A folder of recorded answers that goes away with the value.
struct Captures(TempDir);

impl Captures {
    fn with(exchange: &str, text: &str) -> Self {
        let root = TempDir::new().unwrap();
        let folder = root.path().join(exchange).join("rest_response/time");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("one.json"), text).unwrap();
        Self(root)
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// Head and body as they come over the wire.
fn get(url: &str, path: &str) -> (String, String) {
    let address = url.strip_prefix("http://").unwrap();
    let mut wire = TcpStream::connect(address).unwrap();
    write!(
        wire,
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nuser-agent: test\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    wire.read_to_string(&mut reply).unwrap();
    let (head, body) = reply.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[test]
fn recorded_answers_are_served_byte_by_byte() {
    // Spaces, an escape and digits that no generated market writes like this.
    let body = r#"{ "serverTime":1.60e12,  "of":["Sun\u002c 13 Sep 20" ] }"#;
    let url = "https://api.binance.com/api/v3/time";
    let text = format!(
        r#"{{"request":[{{"method":"GET","url":"{url}"}}],"httpStatus":203,"httpResponse":{body}}}"#
    );
    let captures = Captures::with("binance", &text);
    let mut child = rdm(&["sim", "--exchange", "binance", "--for", "60s"])
        .args(["--recorded", captures.path()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let line = first_line(&mut child);
    let url = line.trim().strip_prefix("binance ").unwrap();
    let (head, sent) = get(url, "/api/v3/time");
    let (missing, _) = get(url, "/api/v3/time?other=1");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(head.starts_with("http/1.1 203 "), "{head}");
    assert!(head.contains("x-recorded-case: time/one"), "{head}");
    assert_eq!(sent, body);
    assert!(missing.starts_with("http/1.1 404 "), "{missing}");
}

#[test]
fn a_folder_without_usable_recordings_is_refused_with_a_remedy() {
    let other = Captures::with(
        "kraken",
        r#"{"exchange":"htx","httpStatus":200,"httpResponse":{}}"#,
    );
    let broken = Captures::with("kraken", "{");
    let nowhere = Path::new(other.path()).join("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    for (exchange, folder, parts) in [
        (
            "kraken",
            nowhere,
            [
                "nowhere is no folder; ",
                "name one that holds kraken/rest_response/TYPE/NAME.json",
            ],
        ),
        (
            "binance",
            broken.path(),
            [
                "holds no recorded answers of binance; ",
                "leave binance away with --exchange",
            ],
        ),
        (
            "kraken",
            broken.path(),
            ["one.json is no recorded case (EOF", "mend it, or take it"],
        ),
        (
            "kraken",
            other.path(),
            ["was recorded at \"htx\"; ", "mend it, or take it"],
        ),
    ] {
        let said = run(&["sim", "--exchange", exchange, "--recorded", folder]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
        assert!(said.err.starts_with("rdm: --recorded: "), "{said:?}");
        for part in parts {
            assert!(said.err.contains(part), "{part}: {said:?}");
        }
    }
}
