//! `rdm doctor --live` against exchanges whose answers have changed.

use std::path::Path;
use std::sync::Arc;

use robust_data_manager::market::{Exchange, SystemClock};
use robust_sim::{Server, Sim};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{Said, Scratch, rdm, run, simulated};

/// An exchange whose answers have been edited.
struct Edited {
    place: String,
    _server: Server,
    _runtime: tokio::runtime::Runtime,
    _folder: TempDir,
}

/// What an exchange answers.
fn answer(exchange: &Exchange, target: &str) -> Value {
    let sim = Sim::builder(exchange.clone()).seed(7).unlimited();
    let sim = sim.clock(Arc::new(SystemClock)).build().unwrap();
    let request = http::Request::get(target).header("user-agent", "test");
    let reply = sim.handle(&request.body(Default::default()).unwrap(), sim.now());
    serde_json::from_slice(&reply.body).unwrap()
}

/// The time as it is, and the answer at `target` after `edit`.
fn edited(exchange: &str, time: &str, target: &str, edit: impl Fn(&mut Value)) -> Edited {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    // The clock of a simulator counts from a runtime's.
    let inside = runtime.enter();
    let exchange: Exchange = exchange.parse().unwrap();
    let folder = TempDir::new().unwrap();
    let mut changed = answer(&exchange, target);
    edit(&mut changed);
    for (name, target, body) in [
        ("time", time, answer(&exchange, time)),
        ("changed", target, changed),
    ] {
        let path = target.split('?').next().unwrap();
        let case = json!({
            "exchange": exchange, "method": format!("GET {path}"), "httpStatus": 200, "httpResponse": body,
        });
        let file = folder.path().join("rest_response").join(name);
        std::fs::create_dir_all(&file).unwrap();
        std::fs::write(file.join("case.json"), case.to_string()).unwrap();
    }
    let sim = Sim::builder(exchange.clone())
        .recorded(folder.path())
        .unlimited();
    let sim = sim.build().unwrap();
    let server = runtime
        .block_on(sim.listen(([127, 0, 0, 1], 0).into()))
        .unwrap();
    drop(inside);
    Edited {
        place: format!("{exchange}={}", server.base_url()),
        _server: server,
        _runtime: runtime,
        _folder: folder,
    }
}

impl Edited {
    fn doctor(&self, kind: &str, more: &[&str]) -> Said {
        let mut words = vec![
            "doctor",
            "--live",
            "--kind",
            kind,
            "--base-url",
            &self.place,
        ];
        words.extend(more);
        run(&words)
    }
}

fn paths(endpoint: &Value, what: &str) -> Vec<String> {
    let list = endpoint[what].as_array().unwrap();
    let path = |entry: &Value| entry["path"].as_str().unwrap().to_owned();
    list.iter().map(path).collect()
}

/// Takes a field away, gives one that is new, and another type to a third.
fn spoil(record: &mut Value, gone: &str, new: &str, retyped: &str) {
    let record = record.as_object_mut().unwrap();
    assert!(record.remove(gone).is_some(), "{gone}");
    assert!(
        record
            .insert(new.to_owned(), json!({"a": "hunter2"}))
            .is_none()
    );
    let value = record.get_mut(retyped).unwrap();
    *value = match &*value {
        Value::String(text) => serde_json::from_str(text).unwrap(),
        other => Value::from(other.to_string()),
    };
}

#[test]
fn a_field_that_is_new_gone_or_of_another_type_is_named_by_its_path() {
    type Edit = fn(&mut Value);
    type Case = ([&'static str; 4], Edit, [&'static str; 3]);
    let cases: [Case; 4] = [
        (
            [
                "kraken",
                "/0/public/Time",
                "/0/public/Ticker?pair=XXBTZUSD",
                "ticker",
            ],
            |body| {
                let ticker = &mut body["result"]["XXBTZUSD"];
                spoil(ticker, "c", "z", "o");
                let price = ticker["b"][0].as_str().unwrap().parse::<f64>().unwrap();
                ticker["b"][0] = json!(price);
            },
            ["result.*.z", "result.*.c", "result.*.b[0]"],
        ),
        (
            [
                "binance",
                "/api/v3/time",
                "/api/v3/ticker/24hr?symbol=BTCUSDT",
                "ticker",
            ],
            |body| spoil(body, "lastPrice", "mood", "bidPrice"),
            ["mood", "lastPrice", "bidPrice"],
        ),
        (
            [
                "kucoin",
                "/api/v1/timestamp",
                "/api/v1/market/allTickers",
                "tickers",
            ],
            |body| {
                let tickers = body["data"]["ticker"].as_array_mut().unwrap();
                for ticker in tickers {
                    spoil(ticker, "buy", "moon-phase", "vol");
                }
            },
            [
                "data.ticker[].moon-phase",
                "data.ticker[].buy",
                "data.ticker[].vol",
            ],
        ),
        (
            [
                "htx",
                "/v1/common/timestamp",
                "/market/depth?symbol=btcusdt&type=step0",
                "book",
            ],
            |body| spoil(&mut body["tick"], "version", "a.b", "ts"),
            ["tick.\"a.b\"", "tick.version", "tick.ts"],
        ),
    ];
    for ([exchange, time, target, kind], edit, [unknown, missing, retyped]) in cases {
        let edited = edited(exchange, time, target, edit);
        let report = Scratch::file(&format!("drift-{exchange}.json"), b"");
        let said = edited.doctor(kind, &["--json", report.path()]);
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("1 of "), "{}", said.err);
        let text = std::fs::read_to_string(report.path()).unwrap();
        let found: Value = serde_json::from_str(&text).unwrap();
        let endpoint = &found["endpoints"][0];
        assert_eq!(endpoint["exchange"], exchange);
        assert_eq!(endpoint["kind"], kind);
        assert_eq!(endpoint["ok"], false);
        assert_eq!(endpoint["http"], 200);
        assert!(endpoint["latency_ms"].is_f64(), "{endpoint}");
        assert_eq!(paths(endpoint, "unknown"), [unknown]);
        assert_eq!(paths(endpoint, "missing"), [missing]);
        assert_eq!(paths(endpoint, "retyped"), [retyped]);
        assert_eq!(
            endpoint["missing"][0]["count"],
            endpoint["missing"][0]["of"]
        );
        for (word, path) in [
            ("unknown", unknown),
            ("missing", missing),
            ("retyped", retyped),
        ] {
            let line = format!("{word}  {path}: ");
            assert!(said.out.contains(&line), "{line}: {}", said.out);
        }
        // Paths and types, and nothing of what the answer holds.
        assert!(!said.out.contains("hunter2") && !text.contains("hunter2"));
    }
}

#[test]
fn a_field_that_is_only_new_is_a_warning() {
    let edited = edited(
        "binance",
        "/api/v3/time",
        "/api/v3/ticker/24hr?symbol=BTCUSDT",
        |body| {
            body["mood"] = json!([1, 2]);
        },
    );
    let said = edited.doctor("ticker", &[]);
    said.assert_all_well();
    let line = said
        .out
        .lines()
        .find(|line| line.contains(" ticker "))
        .unwrap();
    assert!(line.starts_with("warn  binance  ticker"), "{line}");
    assert!(line.ends_with("1 unknown"), "{line}");
    assert!(
        said.out.contains("unknown  mood: array is new, 1 times"),
        "{}",
        said.out
    );
}

#[test]
fn what_is_new_can_be_written_as_a_list_for_review() {
    let edited = edited(
        "binance",
        "/api/v3/time",
        "/api/v3/ticker/24hr?symbol=BTCUSDT",
        |body| {
            body["mood"] = json!("good");
        },
    );
    let folder = TempDir::new().unwrap();
    let place = folder.path().to_str().unwrap();
    let said = edited.doctor("ticker", &["--write-schema", place]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("review each new line"), "{}", said.err);
    let list = std::fs::read_to_string(folder.path().join("binance/ticker.txt")).unwrap();
    assert!(list.contains("\nignored   mood string\n"), "{list}");
    let ours =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../connectors/schema/binance/ticker.txt");
    let ours = std::fs::read_to_string(ours).unwrap();
    assert!(ours.lines().all(|line| list.contains(line)), "{list}");
}

#[test]
fn an_exchange_out_of_reach_is_one_clear_line_and_the_others_are_asked() {
    let sim = simulated("htx");
    let there = format!("htx={}", sim.url);
    // A port that nobody listens on any more.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nowhere = format!("kraken=http://{}", gone.local_addr().unwrap());
    drop(gone);
    let words = [
        "doctor",
        "--live",
        "--kind",
        "ticker,time",
        "--base-url",
        &there,
        "--base-url",
        &nowhere,
    ];
    let said = run(&words);
    assert_eq!(said.code, Some(1), "{said:?}");
    let lines = |exchange: &str| {
        let of = |line: &&str| line.contains(&format!(" {exchange} "));
        said.out.lines().filter(of).collect::<Vec<_>>()
    };
    let kraken = lines("kraken");
    assert_eq!(kraken.len(), 2, "{kraken:?}");
    assert!(kraken[1].starts_with("FAIL  kraken   reach "), "{kraken:?}");
    assert!(
        kraken[1].contains("check the network connection"),
        "{kraken:?}"
    );
    for kind in ["ticker", "time"] {
        let line = format!("ok    htx      {kind} ");
        assert!(said.out.contains(&line), "{}", said.out);
    }
    let said = run(&[&words[..], &["--json"]].concat());
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let endpoints = found["endpoints"].as_array().unwrap();
    let kraken = endpoints.iter().filter(|one| one["exchange"] == "kraken");
    for endpoint in kraken.clone() {
        assert_eq!(
            (&endpoint["ok"], &endpoint["http"]),
            (&json!(false), &Value::Null)
        );
        assert!(
            endpoint["error"]
                .as_str()
                .unwrap()
                .starts_with("not asked: ")
        );
    }
    assert_eq!((kraken.count(), endpoints.len()), (2, 4));
}

#[test]
fn all_four_can_be_examined_without_a_network_and_without_a_difference() {
    let said = run(&[
        "doctor",
        "--live",
        "--sim",
        "--kind",
        "time,instruments,ticker",
        "--json",
    ]);
    said.assert_all_well();
    let found: Value = serde_json::from_str(&said.out).unwrap();
    let endpoints = found["endpoints"].as_array().unwrap();
    assert_eq!(endpoints.len(), 12);
    for endpoint in endpoints {
        assert_eq!(endpoint["ok"], true, "{endpoint}");
        for list in ["unknown", "missing", "retyped"] {
            assert_eq!(endpoint[list], json!([]), "{endpoint}");
        }
    }
    assert!(found["at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn no_secret_of_a_config_file_is_printed() {
    let sim = simulated("kucoin");
    let text = format!(
        "environment = \"simulated\"\n[exchanges.kucoin]\nbase_url = {:?}\n\
         [exchanges.kucoin.credentials]\nkey_env = \"DRIFT_KEY\"\nsecret_env = \"DRIFT_SECRET\"\npassphrase_env = \"DRIFT_WORD\"\n",
        sim.url
    );
    let file = Scratch::file("drift-credentials.toml", text.as_bytes());
    let words = [
        "doctor",
        "--live",
        "--kind",
        "book",
        "--json",
        "--config",
        file.path(),
    ];
    let output = rdm(&words)
        .env("DRIFT_KEY", "hunter2-key")
        .env("DRIFT_SECRET", "hunter2-secret")
        .env("DRIFT_WORD", "hunter2-word")
        .output();
    let said: Said = output.unwrap().into();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!format!("{said:?}").contains("hunter2"));
}

#[test]
fn a_report_that_cannot_be_written_is_told_with_field_and_remedy() {
    let sim = simulated("htx");
    let place = format!("htx={}", sim.url);
    let said = run(&[
        "doctor",
        "--base-url",
        &place,
        "--json",
        "/no/such/place/x.json",
    ]);
    assert_eq!(said.code, Some(2), "{said:?}");
    let start = "rdm: --json: \"/no/such/place/x.json\" cannot be written";
    assert!(said.err.starts_with(start), "{}", said.err);
    assert!(said.err.contains("name a place"), "{}", said.err);
}
