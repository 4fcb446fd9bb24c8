//! `rdm validate`: the verdict on captured data, and what is said of what cannot be judged.

use std::io::Write;
use std::process::Stdio;

use serde_json::Value;

use crate::world::{Said, Scratch, rdm, run, simulated};

/// The words of a part of a command line.
fn words_of(line: &str) -> Vec<&str> {
    line.split(' ').collect()
}

/// Runs `rdm validate` on this file.
fn validate(file: &str, words: &[&str]) -> Said {
    run(&[&["validate", file], words].concat())
}

/// Runs `rdm validate` on this text.
pub(crate) fn judged(name: &str, text: &str, words: &[&str]) -> Said {
    let file = Scratch::file(name, text.as_bytes());
    let mut said = validate(file.path(), words);
    said.err = said.err.replace(file.path(), "FILE");
    said.out = said.out.replace(file.path(), "FILE");
    said
}

fn piped(text: &str, words: &[&str]) -> Said {
    let line: Vec<_> = ["validate", "-"].iter().chain(words).copied().collect();
    let mut child = rdm(&line)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap().into()
}

pub(crate) const TICKER: &str = r#"{"v":1,"kind":"ticker","exchange":"kraken","symbol":"BTC/USD","data":{
"symbol":"BTC/USD","last":"36500.1","bid":"36500.2","ask":"36500.0","bid_size":"1","ask_size":"1","high":"37000","low":"36000","open":null,
"base_volume":"12","quote_volume":null,"vwap":"36400","change":null,"time_ms":null,"sequence":null},
"meta":{"received_ms":1762795434000},"quality":null}"#;

#[test]
fn a_ticker_with_its_quotes_crossed_is_quarantined_and_named() {
    let said = judged(
        "t.json",
        TICKER,
        &words_of("--kind ticker --exchange kraken"),
    );
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(
        said.out,
        "\
BTC/USD ticker of kraken: 79.0 of 100, quarantine

records      1, received 2025-11-10T17:23:54Z
completeness 100.0
validity     100.0
accuracy     not judged
consistency   75.0
timeliness   not judged
uniqueness   not judged
acceptance   quarantine
error    K.crossed record bid: bid 36500.2 above ask 36500.0
"
    );
}

#[test]
fn a_book_as_kraken_sent_it_is_rejected_when_its_sides_cross() {
    let body = r#"{"error":[],"result":{"XXBTZUSD":{"bids":[["105433.6","0.1",1762795433]],"asks":[["105433.5","0.2",1762795433]]}}}"#;
    let words =
        words_of("--kind book --exchange kraken --symbol BTC/USD --at 2025-11-10T17:23:54Z");
    let said = judged("b.json", body, &words);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.out
            .starts_with("BTC/USD book of kraken: 49.0 of 100, reject\n"),
        "{}",
        said.out
    );
    assert!(
        said.out.contains(
            "\ncritical K.crossed bids: highest bid 105433.6 above lowest ask 105433.5\n"
        ),
        "{}",
        said.out
    );
    assert_eq!(said.err, "rdm: file \"FILE\": rejected\n");
}

const BARS: &str = "\
Time,Open,High,Low,Close,Volume,Note
2025-11-10 00:00:00,100,101,99,100.5,3,a
2025-11-10 00:01:00,100.5,100.4,100,100.2,3,b
2025-11-10 00:02:00,100.2,NaN,100,100.3,3,c
2025-11-10 00:03:00,100.3,100.9,100.1,,3,d
2025-11-10 00:04:00,100.3,100.9,100.1,100.4,-1,e
2025-11-10 00:04:00,100.3,100.9,100.1,100.4,1,f
2025-11-10 00:05:00,100.4,100.9
2025-11-10 00:06:00,100.4,100.9,100.1,100.6,2,h
2025-11-10 00:07:00,100.6,100.9,100.1,100.7,4,i
2025-11-10 00:08:00,100.7,100.9,100.1,100.8,5,j
2025-11-10 00:09:00,100.8,100.9,100.1,100.5,6,k
2025-11-10 00:10:00,100.5,100.9,100.1,100.4,7,l
2025-11-10 00:11:00,100.4,100.9,100.1,100.3,8,m
";

#[test]
fn broken_bars_of_a_csv_are_named_by_their_lines() {
    let said = judged(
        "bars.csv",
        BARS,
        &words_of("--kind candles --exchange binance"),
    );
    assert_eq!(said.code, Some(0), "{said:?}");
    let out = said.out;
    assert!(out.starts_with("candles of binance: "), "{out}");
    assert!(
        out.contains("\nrecords      13, received 2025-11-10T00:12:00Z\n"),
        "{out}"
    );
    assert!(
        out.contains("\nleave away   line 3, line 4, line 5, line 6, line 8\n"),
        "{out}"
    );
    for issue in [
        "\nerror    K.high line 3 high: high 100.4 below open 100.5, ",
        "\nerror    V.finite line 4 high: high is not a finite number: \"NaN\"\n",
        "\nerror    C.row line 5 close: ",
        "\nerror    V.size line 6 volume: -1 is negative\n",
        "\nerror    C.row line 8 low: low is missing\n",
    ] {
        assert!(out.contains(issue), "{issue:?} is not in {out}");
    }
    assert!(
        out.contains("\nnote        columns that are not read: \"Note\"\n"),
        "{out}"
    );
    assert!(
        out.contains("\nnote        a bar is 1m by the usual step of the rows"),
        "{out}"
    );
}

#[test]
fn trades_that_are_there_twice_are_named_by_their_rows() {
    let trades = r#"{"symbol":"BTC/USD","rows":[
        {"id":"1","price":"100","amount":"1","side":"buy","time_ms":1762795430000},
        {"id":"2","price":"100.1","amount":"0","side":"sell","time_ms":1762795431000},
        {"id":"1","price":"100","amount":"1","side":"buy","time_ms":1762795430000},
        {"id":"3","price":101,"amount":"1","side":null,"time_ms":1762795432000}]}"#;
    let said = judged(
        "r.json",
        trades,
        &words_of("--kind trades --exchange kraken"),
    );
    let out = &said.out;
    assert!(
        out.contains("\nleave away   row 1, row 2, row 3\n"),
        "{out}"
    );
    assert!(out.contains("error    V.type row 3 price: "), "{out}");
    assert!(out.contains("error    V.size row 1 amount: "), "{out}");
    assert!(out.contains("error    U.dup_exact row 2"), "{out}");
    assert_eq!(said.code, Some(1), "more than half is broken: {said:?}");
}

#[test]
fn all_forms_of_the_same_bars_get_the_same_verdict() {
    let rows = (0..60_i64).map(|nth| {
        let (time, price) = (1_762_732_800_000 + nth * 60_000, 100 + nth % 7);
        let top = if nth == 30 { price - 1 } else { price + 2 };
        [time, price, top, price - 2, price + 1, 10 + nth]
    });
    let rows: Vec<[i64; 6]> = rows.collect();
    let line = |sign: &str| -> String {
        let cells = |row: &[i64; 6]| row.map(|cell| cell.to_string()).join(sign);
        rows.iter().map(cells).collect::<Vec<_>>().join("\n")
    };
    let unified: Vec<Value> = rows
        .iter()
        .map(|row| {
            let text = |place: usize| row[place].to_string();
            serde_json::json!([
                row[0],
                text(1),
                text(2),
                text(3),
                text(4),
                text(5),
                null,
                null,
                null,
                true
            ])
        })
        .collect();
    let unified = serde_json::json!({"symbol": "BTC/USDT", "interval_s": 60, "rows": unified});
    let binance: Vec<Value> = rows
        .iter()
        .map(|row| {
            let text = |place: usize| format!("{}", row[place]);
            let end = row[0] + 59_999;
            let quote = (row[5] * (row[1] - 1)).to_string();
            serde_json::json!([
                row[0],
                text(1),
                text(2),
                text(3),
                text(4),
                text(5),
                end,
                quote,
                5,
                "1",
                "1",
                "0"
            ])
        })
        .collect();
    let verdict = |name: &str, text: &str, more: &[&str]| {
        let mut words = words_of(
            "--kind candles --exchange binance --symbol BTC/USDT --json --interval 1m --at 2025-11-10T01:00:01Z",
        );
        words.extend(more);
        let said = judged(name, text, &words);
        assert_eq!(said.code, Some(0), "{said:?}");
        let json: Value = serde_json::from_str(&said.out).unwrap();
        (json["form"].clone(), json["answers"][0]["quality"].clone())
    };
    let (form, first) = verdict("same.csv", &line(","), &[]);
    assert_eq!(form, "csv");
    let rules: Vec<_> = first["issues"]
        .as_array()
        .unwrap()
        .iter()
        .map(|issue| &issue["rule"])
        .collect();
    assert_eq!(rules, ["K.high"]);
    assert_eq!(first["exclusions"], serde_json::json!([30]));
    for (name, text, more, wanted) in [
        ("semicolons.csv", line(";"), &[][..], "csv"),
        ("tabs.csv", line("\t"), &["--format", "csv"], "csv"),
        (
            "seconds.csv",
            line(",").replace("000,", ","),
            &["--time-unit", "s"],
            "csv",
        ),
        ("unified.json", unified.to_string(), &[], "unified"),
        (
            "binance.json",
            serde_json::to_string(&binance).unwrap(),
            &[],
            "exchange",
        ),
    ] {
        let (form, verdict) = verdict(name, &text, more);
        assert_eq!((form.as_str(), &verdict), (Some(wanted), &first), "{name}");
    }
}

#[test]
fn a_sample_gets_the_verdict_that_it_came_with() {
    let sim = simulated("binance");
    for (kind, more) in [
        ("ticker", &[][..]),
        ("book", &["--limit", "20"]),
        ("candles", &["--interval", "5m", "--limit", "200"]),
        ("trades", &["--limit", "100"]),
    ] {
        let words: Vec<_> = [kind, "binance", "BTC/USDT"]
            .iter()
            .chain(more)
            .copied()
            .collect();
        let sample = sim.fetch_json(&words);
        let words = ["--kind", kind, "--exchange", "binance", "--json"];
        let said = judged(
            "sample.json",
            &sample.to_string(),
            &[&words[..], more].concat(),
        );
        assert_eq!(said.code, Some(0), "{said:?}");
        let json: Value = serde_json::from_str(&said.out).unwrap();
        let (ours, theirs) = (&json["answers"][0]["quality"], &sample["quality"]);
        assert_eq!(ours["acceptance"], theirs["acceptance"], "{kind}");
        assert_eq!(ours["issues"], theirs["issues"], "{kind}");
        // The wire has nanoseconds, the sample milliseconds: nothing but the timeliness may feel that.
        for place in [0, 1, 2, 3, 5] {
            let of = |report: &Value| report["dimensions"][place].clone();
            assert_eq!(of(ours), of(theirs), "{kind} {place}");
        }
    }
}

/// Tickers a second apart whose last price moves; one is ten times too high, one has no price, two are about something else.
fn log() -> String {
    let one = TICKER.replace('\n', "").replace("36500.2", "36499.9");
    let at = |second: i64, change: &dyn Fn(String) -> String| {
        let (time, last) = (1_762_795_434 + second, second * 7 % 9);
        change(
            one.replace("1762795434000", &format!("{time}000"))
                .replace("36500.1", &format!("36500.{last}")),
        )
    };
    let sound = |line: String| line;
    let tenfold = |line: String| {
        ["365", "364", "360", "370"]
            .iter()
            .fold(line, |line, digits| {
                line.replace(&format!(":\"{digits}"), &format!(":\"{digits}0"))
            })
    };
    let headless = |line: String| {
        let (head, tail) = line.split_once("\"last\":").unwrap();
        let (_, rest) = tail.split_once(",\"bid\"").unwrap();
        format!("{head}\"last\":null,\"bid\"{rest}")
    };
    let mut lines: Vec<String> = (0..45).map(|second| at(second, &sound)).collect();
    lines.push(at(45, &tenfold));
    lines.extend((46..50).map(|second| at(second, &sound)));
    lines.push(at(50, &headless));
    lines.push(at(51, &|line| {
        line.replace("\"kind\":\"ticker\"", "\"kind\":\"book\"")
    }));
    lines.push(at(52, &|line| line.replace("BTC/USD", "ETH/USD")));
    lines.join("\n")
}

#[test]
fn a_log_is_judged_in_its_order_and_what_it_holds_besides_is_counted() {
    let words = words_of("--kind ticker --exchange kraken --symbol BTC/USD");
    let said = judged("log.jsonl", &log(), &words);
    let out = &said.out;
    assert!(out.starts_with("51 answers, ticker of kraken: "), "{out}");
    assert!(out.contains("at worst reject\n"), "{out}");
    assert!(
        out.contains(
            "\naccept                  49\nquarantine              1\nreject                  1\n"
        ),
        "{out}"
    );
    assert!(
        out.contains("\nline 46, 2025-11-10T17:24:39Z: quarantine 79.0 A.outlier\n"),
        "{out}"
    );
    assert!(
        out.contains("\nline 51, 2025-11-10T17:24:44Z: reject "),
        "{out}"
    );
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "rdm: file \"FILE\": 2 samples of other kinds, exchanges or pairs were left out\n\
         rdm: file \"FILE\": 1 of 51 answers rejected\n"
    );
}

#[test]
fn the_picture_shows_the_lanes_and_every_heavy_issue() {
    let picture = Scratch::file("picture.svg", b"");
    let words = [
        &words_of("--kind ticker --exchange kraken --symbol BTC/USD --svg")[..],
        &[picture.path()],
    ]
    .concat();
    judged("drawn.jsonl", &log(), &words);
    let svg = std::fs::read_to_string(picture.path()).unwrap();
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for text in [
        "51 answers, ticker of kraken",
        "score of each of 51 answers",
        "completeness",
        "uniqueness",
        "critical",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    // Dots of critical issues: one in the lanes, one in the scores, one in the legend.
    assert_eq!(svg.matches("fill=\"#7B1F4B\"").count(), 3, "{svg}");
    // A single record and a single bar have a picture too.
    for (name, text, kind) in [
        ("one.json", TICKER, "ticker"),
        ("one.csv", "1762732800000,1,1,1,1,1\n", "candles"),
    ] {
        let words = [
            "--kind",
            kind,
            "--exchange",
            "kraken",
            "--interval",
            "1m",
            "--svg",
            picture.path(),
        ];
        assert_eq!(judged(name, text, &words).code, Some(0));
        let svg = std::fs::read_to_string(picture.path()).unwrap();
        assert!(svg.contains("<circle") && !svg.contains("NaN"), "{svg}");
    }
    let nowhere = words_of("--kind ticker --exchange kraken --svg /no/such/folder/x.svg");
    let said = judged("nowhere.json", TICKER, &nowhere);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err
            .contains("--svg: file \"/no/such/folder/x.svg\" cannot be written"),
        "{}",
        said.err
    );
}

#[test]
fn what_cannot_be_judged_is_named_with_file_line_value_and_remedy() {
    let candles = "--kind candles --exchange binance";
    let kraken = "--kind ticker --exchange kraken";
    let long = "x".repeat(5_000);
    let table: Vec<(&str, String, &str, &[&str])> = vec![
        (
            "empty",
            String::new(),
            candles,
            &["is empty", "bars as CSV"],
        ),
        ("blank", " \n\t\n".into(), candles, &["is empty"]),
        (
            "words",
            "hello world".into(),
            candles,
            &["line 1", "\"hello world\"", "neither JSON nor CSV"],
        ),
        (
            "control",
            "\u{1b}[31mred".into(),
            candles,
            &["\\u{1b}[31mred"],
        ),
        ("long", long, candles, &["xxx…"]),
        (
            "header",
            "time,open,high,low,volume\n1,1,1,1,1\n".into(),
            candles,
            &["line 1", "column close is missing", "\"volume\""],
        ),
        (
            "twice",
            "time,open,high,low,close,volume,vol\n".into(),
            candles,
            &["line 1", "\"vol\" is a second volume"],
        ),
        (
            "bare",
            "time,open,high,low,close,volume\n".into(),
            candles,
            &["no bar"],
        ),
        (
            "few",
            "1,2,3\n4,5,6\n".into(),
            candles,
            &["line 1", "3 columns and no header"],
        ),
        (
            "step",
            "1762732800000,1,1,1,1,1\n".into(),
            candles,
            &["length of a bar", "--interval"],
        ),
        ("kind", "a,b\n".into(), kraken, &["CSV", "--kind candles"]),
        (
            "cut",
            "{\"v\":1,\n\"data\":".into(),
            kraken,
            &["line 2", "EOF", "one value, or one a line"],
        ),
        (
            "lines",
            format!("{}\n{{oops\n", TICKER.replace('\n', "")),
            kraken,
            &["line 2", "\"{oops\""],
        ),
        (
            "version",
            TICKER.replace("\"v\":1", "\"v\":2"),
            kraken,
            &["v is \"2\"", "version 1"],
        ),
        (
            "other",
            TICKER.replace("\"kraken\"", "\"htx\""),
            kraken,
            &["exchange is \"htx\"", "--exchange htx"],
        ),
        (
            "pair",
            TICKER.replace("BTC/USD", "BTCUSD").replace("\"v\":1,", ""),
            "--kind ticker --exchange kraken --format unified",
            &["symbol", "--symbol BASE/QUOTE"],
        ),
        (
            "unnamed",
            "{\"error\":[],\"result\":{}}".into(),
            kraken,
            &["an answer of an exchange", "--symbol"],
        ),
        (
            "bars",
            "[[1,\"1\"]]".into(),
            "--kind candles --exchange binance --symbol BTC/USDT",
            &["--interval"],
        ),
        (
            "shape",
            "{\"a\":1}".into(),
            "--kind ticker --exchange kraken --symbol BTC/USD",
            &[
                "is no answer of kraken about ticker",
                "check --exchange and --kind",
            ],
        ),
        (
            "listed",
            "{}".into(),
            "--kind ticker --exchange kraken --symbol QQQ/USD",
            &["QQQ/USD", "--id"],
        ),
        (
            "venue",
            "{}".into(),
            "--kind ticker --exchange krakn --symbol BTC/USD",
            &["krakn", "did you mean kraken?"],
        ),
        (
            "future",
            TICKER.into(),
            "--kind ticker --exchange kraken --at 2200-01-01",
            &["--at", "future"],
        ),
    ];
    for (name, text, line, parts) in table {
        let said = judged(name, &text, &words_of(line));
        assert_eq!(said.code, Some(2), "{name}: {said:?}");
        assert_eq!(
            (said.out.as_str(), said.err.lines().count()),
            ("", 1),
            "{name}: {said:?}"
        );
        assert!(said.err.chars().count() < 520, "{name}: {}", said.err);
        for part in parts {
            assert!(said.err.contains(part), "{name}: {} lacks {part}", said.err);
        }
        if !matches!(name, "future") {
            assert!(
                said.err.starts_with("rdm: file \"FILE\""),
                "{name}: {}",
                said.err
            );
        }
    }
    let said = validate("no/such/file", &words_of("--kind book --exchange htx"));
    assert!(
        said.err
            .contains("\"no/such/file\" does not exist; check its name"),
        "{}",
        said.err
    );
    let said = validate(".", &words_of("--kind book --exchange htx"));
    assert!(said.err.contains("is a directory"), "{}", said.err);
    let said = validate("x", &words_of("--kind tick --exchange htx"));
    assert!(
        said.err.contains("--kind") && said.err.contains("ticker"),
        "{}",
        said.err
    );
}

#[test]
fn an_error_of_the_exchange_is_no_data() {
    let words = words_of("--kind ticker --exchange kraken --symbol BTC/USD");
    let said = judged(
        "refusal.json",
        r#"{"error":["EGeneral:Too many requests"]}"#,
        &words,
    );
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("kraken refused the question"),
        "{}",
        said.err
    );
}

#[test]
fn standard_input_is_read_and_an_empty_one_refused() {
    let words = words_of("--kind ticker --exchange kraken");
    let said = piped(TICKER, &words);
    assert!(
        said.out.starts_with("BTC/USD ticker of kraken: 79.0"),
        "{said:?}"
    );
    let said = piped("", &words);
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.starts_with("rdm: standard input is empty; "),
        "{}",
        said.err
    );
    // The mark that some editors put before UTF-8 is no part of the text; what is not UTF-8 is named by its line.
    let said = piped(&format!("\u{feff}{TICKER}"), &words);
    assert_eq!(said.code, Some(0), "{said:?}");
    let file = Scratch::file("latin.csv", b"time,open\n1,\xe4\n");
    let said = validate(file.path(), &words_of("--kind candles --exchange htx"));
    assert!(
        said.err.contains("line 2: is no UTF-8 text"),
        "{}",
        said.err
    );
}

#[test]
fn a_huge_file_is_refused_and_not_read_to_its_end() {
    let file = Scratch::file("huge.json", b"");
    let huge = std::fs::File::options()
        .write(true)
        .open(file.path())
        .unwrap();
    huge.set_len(1 << 40).unwrap();
    let said = validate(file.path(), &words_of("--kind book --exchange htx"));
    assert_eq!(said.code, Some(2));
    assert!(
        said.err.contains("is larger than 64 MiB; divide it"),
        "{}",
        said.err
    );
}

#[test]
fn every_member_of_the_verdict_stands_in_the_page() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats.md");
    let page = std::fs::read_to_string(page).unwrap();
    let said = judged(
        "member.csv",
        BARS,
        &words_of("--kind candles --exchange binance --json"),
    );
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let answer = json["answers"][0].as_object().unwrap();
    for member in json.as_object().unwrap().keys().chain(answer.keys()) {
        assert!(
            page.contains(&format!("| `{member}` |")),
            "{member} is not documented"
        );
    }
    for column in [
        "time",
        "open",
        "high",
        "low",
        "close",
        "volume",
        "quote_volume",
        "vwap",
        "count",
        "closed",
    ] {
        assert!(
            page.contains(&format!("| `{column}` |")),
            "{column} is not documented"
        );
    }
}
