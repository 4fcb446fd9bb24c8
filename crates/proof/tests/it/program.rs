//! Arguments, exit codes, and folders that are not as they should be.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

fn proof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_proof"))
        .arg("conformance")
        .args(arguments)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A fresh folder with these files in it.
fn folder(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    for (path, content) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    root
}

fn one_line_of(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    let line = text(&output.stderr);
    assert_eq!(line.trim_end().lines().count(), 1, "{line}");
    line
}

#[test]
fn bad_usage_is_one_line_and_exit_code_2() {
    let line = one_line_of(&proof(&["--exchange", "binanse"]));
    assert!(
        line.contains("\"binanse\"") && line.contains("use binance"),
        "{line}"
    );
    let line = one_line_of(&proof(&["/no/such/folder"]));
    assert!(line.contains("/no/such/folder"), "{line}");
    let empty = folder("empty", &[]);
    let line = one_line_of(&proof(&[empty.to_str().unwrap()]));
    assert!(line.contains("holds no case"), "{line}");
    let other = folder("other", &[("kraken/error/a/a.json", "{}")]);
    let line = one_line_of(&proof(&[
        other.to_str().unwrap(),
        "--exchange",
        "kraken,binance",
    ]));
    assert!(line.contains("no case of binance"), "{line}");
    let line = one_line_of(
        &proof(&[
            "--json",
            "/no/such/folder/report.json",
            "--exchange",
            "kraken",
        ])
        .without_table(),
    );
    assert!(line.contains("cannot be written"), "{line}");
}

trait WithoutTable {
    fn without_table(self) -> Self;
}

impl WithoutTable for Output {
    /// The cases were run before the report could not be written.
    fn without_table(mut self) -> Self {
        self.stdout.clear();
        self
    }
}

#[test]
fn the_report_has_one_row_for_each_exchange_and_family() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report.json");
    let output = proof(&["--exchange", "kraken", "--json", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let report: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(report["command"], "conformance");
    let rows = report["rows"].as_array().unwrap();
    let ids: Vec<&str> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
    assert_eq!(
        ids,
        [
            "conformance.kraken.rest_response",
            "conformance.kraken.rest_request",
            "conformance.kraken.error",
            "conformance.kraken.symbols",
            "conformance.kraken.markets",
            "conformance.kraken.signing",
        ]
    );
    for row in rows {
        assert_eq!(
            (&row["value"], &row["goal"], &row["unit"]),
            (&1.0.into(), &1.0.into(), &"share".into())
        );
        assert_eq!(row["holds"], true);
    }
}

#[test]
fn a_case_that_cannot_be_run_fails_with_its_reason_and_the_others_go_on() {
    let dir = folder(
        "odd",
        &[
            (
                "kraken/rest_response/time/good.json",
                r#"{"method":"fetchTime","input":[],"httpStatus":200,"httpResponse":{"error":[],"result":{"unixtime":1}},"parsedResponse":1000}"#,
            ),
            (
                "kraken/rest_response/time/wrong.json",
                r#"{"method":"fetchTime","input":[],"httpStatus":200,"httpResponse":{"error":[],"result":{"unixtime":1}},"parsedResponse":2000}"#,
            ),
            (
                "kraken/rest_response/x/method.json",
                r#"{"method":"fetchFuture","input":[],"httpResponse":{}}"#,
            ),
            ("kraken/rest_response/x/broken.json", "{"),
            ("kraken/rest_response/x/list.json", "[]"),
            ("kraken/rest_response/x/empty.json", "{}"),
            ("kraken/rest_response/x/types.json", r#"{"method":7}"#),
            (
                "kraken/rest_request/x/symbol.json",
                r#"{"method":"fetchTicker","input":["nonsense"],"url":"x"}"#,
            ),
            (
                "kraken/error/new_class/a.json",
                r#"{"class":"weather","body":"{}","httpStatus":200}"#,
            ),
            (
                "kraken/error/new_class/status.json",
                r#"{"class":"auth","body":"{}","httpStatus":9}"#,
            ),
            ("kraken/symbols/new/a.json", "{}"),
            ("kraken/symbols/table/a.json", r#"{"rows":[["A"],[null]]}"#),
            (
                "kraken/markets/new/a.json",
                r#"{"httpResponse":{"rows":7}}"#,
            ),
            ("kraken/markets/rate_limits/a.json", r#"{"rateLimits":[]}"#),
            ("kraken/ws_stream/book/a.json", "{}"),
            ("kraken/tomorrow/a.json", "{}"),
            ("okx/error/a/a.json", "{}"),
        ],
    );
    let output = proof(&[dir.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let shown = text(&output.stdout);
    for expected in [
        "wrong.json: time: expected 2000, got 1000",
        "the method fetchFuture is not known",
        "the class weather is not known",
        "kraken     rest_response        1/7",
        "not covered: kraken/tomorrow, kraken/ws_stream, okx",
    ] {
        assert!(shown.contains(expected), "{expected}:\n{shown}");
    }
    // One line for each failure.
    let failures = shown
        .lines()
        .filter(|line| line.contains(".json: "))
        .count();
    assert_eq!(failures, 13, "{shown}");
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn what_says_nothing_about_a_case_does_not_matter() {
    let good = r#"{"method":"fetchTime","input":[],"httpStatus":200,"httpResponse":{"error":[],"result":{"unixtime":1}},"parsedResponse":1000}"#;
    let marked = format!("\u{feff}{good}");
    let dir = folder(
        "tolerant",
        &[
            ("kraken/rest_response/time/marked.json", &marked),
            ("kraken/rest_response/time/.hidden.json", "not a case"),
            ("kraken/rest_response/time/notes.txt", "not a case"),
            ("kraken/rest_response/flat.json", good),
            (
                "kraken/rest_response/time/nulls.json",
                r#"{"method":"fetchTime","input":null,"headers":null,"request":7,"httpStatus":null,"url":null,"new":{"a":[]},
                    "httpResponse":{"error":[],"result":{"unixtime":1}},"parsedResponse":null}"#,
            ),
            (
                "kraken/error/auth/json.json",
                r#"{"httpStatus":200,"headers":null,"body":{"error":["EAPI:Invalid key"]},"class":"auth"}"#,
            ),
            ("INDEX.md", "not a case"),
        ],
    );
    #[cfg(unix)]
    {
        let time = dir.join("kraken/rest_response/time");
        std::os::unix::fs::symlink(dir.join("kraken"), time.join("round")).unwrap();
        std::os::unix::fs::symlink(time.join("nulls.json"), time.join("linked.json")).unwrap();
    }
    let output = proof(&[dir.to_str().unwrap()]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{shown}");
    let passed = if cfg!(unix) { "4/4" } else { "3/3" };
    assert!(
        shown.contains(&format!("rest_response        {passed}")),
        "{shown}"
    );
}
