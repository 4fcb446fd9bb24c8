//! Folders of cases as others may hand them over.

use std::fs;

use tempfile::TempDir;

use super::*;

/// A new folder with these files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for (file, text) in files {
        let path = dir.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

const SOUND: &str = r#"{"id":"a","kind":"ticker","exchange":"somewhere","symbol":"AAA/USD","now_ms":1700000000100,"recv_ms":1700000000090,"history":[],"payload":{"symbol":"AAA/USD","last":"10.5","bid":"10.4","ask":"10.6","time_ms":1700000000000},"label":"clean"}"#;

fn crossed(id: &str) -> String {
    SOUND
        .replace(r#""id":"a""#, &format!(r#""id":"{id}""#))
        .replace(r#""bid":"10.4""#, r#""bid":"10.7""#)
        .replace(
            r#""label":"clean""#,
            r#""label":"corrupt","dimension":"consistency","min_severity":"error""#,
        )
}

#[test]
fn a_line_that_is_no_case_is_named_and_the_others_are_judged() {
    let lines = [
        "\u{feff}".to_owned() + SOUND,
        String::new(),
        "{\"id\": \"cut".to_owned(),
        "[]".to_owned(),
        SOUND.replace("\"ticker\"", "\"weather\""),
        SOUND.replace("\"AAA/USD\",\"now_ms\"", "\"AAA\",\"now_ms\""),
        SOUND.replace("1700000000090", "9223372036854775807"),
        SOUND.replace("\"clean\"", "\"clean\",\"min_severity\":\"heavy\""),
        SOUND.replace("\"clean\"", "\"clean\",\"dimension\":\"smell\""),
        SOUND.replace("\"clean\"", "\"doubtful\""),
        "[".repeat(100_000),
        crossed("b"),
    ];
    let dir = folder(&[("x.jsonl", lines.join("\r\n").as_bytes())]);
    let cases = run(dir.path()).unwrap();
    let tally = &cases.tallies[&Data::Ticker];
    assert_eq!((tally.found.hits, tally.found.trials), (1, 1));
    assert_eq!(tally.dimension.hits, 1);
    assert_eq!((tally.false_alarms.hits, tally.false_alarms.trials), (0, 1));
    assert_eq!(cases.unreadable.len(), 9, "{:#?}", cases.unreadable);
    for (nth, line) in (3..=11).enumerate() {
        let place = format!("x.jsonl:{line}: ");
        let said = &cases.unreadable[nth];
        assert!(said.contains(&place), "{said}");
    }
    assert!(cases.unreadable[2].contains("kind \"weather\""));
    // The file alone is as good as its folder.
    let alone = run(&dir.path().join("x.jsonl")).unwrap();
    assert_eq!(alone.unreadable, cases.unreadable);
    assert_eq!(alone.tallies[&Data::Ticker].found.hits, 1);
    let rows = cases.rows();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (rows[2].id.as_str(), rows[2].holds),
        ("cases.unreadable", false)
    );
    assert!(cases.to_string().contains("x.jsonl:3: "));
}

#[test]
fn folders_are_read_through_and_what_is_no_case_file_is_named() {
    let dir = folder(&[
        ("README.md", b"about"),
        (".hidden.jsonl", b"{"),
        ("deep/er/one.jsonl", SOUND.as_bytes()),
        ("odd.jsonl", &[0xff, 0xfe, 0x00]),
    ]);
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path(), dir.path().join("deep/round")).unwrap();
    let cases = run(dir.path()).unwrap();
    assert_eq!(cases.sum(|tally| tally.false_alarms).trials, 1);
    assert_eq!(cases.left_out, ["README.md"]);
    assert_eq!(cases.unreadable.len(), 1);
    assert!(cases.unreadable[0].contains("odd.jsonl"));
}

#[test]
fn any_payload_is_judged_whatever_it_holds() {
    let payloads = [
        "null",
        "7",
        "[]",
        "{}",
        "\"x\"",
        "{\"rows\":7}",
        "{\"rows\":[null,[],{}]}",
        "{\"bids\":{},\"asks\":[[]]}",
        "{\"symbol\":null,\"last\":1e400,\"time_ms\":-1}",
        "{\"rows\":[[9223372036854775807,\"1\",\"1\",\"1\",\"1\",\"1\",null,null,null,true]],\"interval_s\":0}",
    ];
    let mut lines = Vec::new();
    for kind in ["ticker", "book", "candles", "trades"] {
        for payload in payloads {
            lines.push(format!(
                r#"{{"id":"{kind}","kind":"{kind}","exchange":"Binance","symbol":"AAA/USD","now_ms":0,"recv_ms":-1,"history":[{payload},{payload}],"payload":{payload},"label":"corrupt","other":1}}"#
            ));
        }
    }
    let dir = folder(&[("x.jsonl", lines.join("\n").as_bytes())]);
    let cases = run(dir.path()).unwrap();
    let judged = cases.sum(|tally| tally.found).trials as usize;
    // JSON has no number of that size: a line that is no JSON is no case.
    assert_eq!((judged, cases.unreadable.len()), (lines.len() - 4, 4));
}

#[test]
fn a_clock_that_is_a_little_ahead_is_not_held_against_what_it_told_before() {
    let past: Vec<String> = (0..40)
        .map(|nth| {
            let time = 1_700_000_001_270_i64 - 1_000 * (40 - nth);
            format!(r#"{{"symbol":"AAA/USD","last":"10.{}","bid":"10.4","ask":"10.6","time_ms":{time}}}"#, 500 + nth)
        })
        .collect();
    let line = SOUND
        .replace(
            "\"history\":[]",
            &format!("\"history\":[{}]", past.join(",")),
        )
        .replace(
            "\"time_ms\":1700000000000},\"label\"",
            "\"time_ms\":1700000001270},\"label\"",
        );
    let dir = folder(&[("x.jsonl", line.as_bytes())]);
    let cases = run(dir.path()).unwrap();
    assert_eq!(cases.wrong, [""; 0]);
}

#[test]
fn a_folder_without_cases_is_refused() {
    let error = run(Path::new("/no/such/folder")).unwrap_err();
    assert!(error.to_string().contains("cannot be read"), "{error}");
    let dir = folder(&[("notes.txt", b"none")]);
    let error = run(dir.path()).unwrap_err();
    assert!(error.to_string().contains("no *.jsonl"), "{error}");
}
