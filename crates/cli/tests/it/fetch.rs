//! `rdm fetch` of all kinds from all exchanges.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use crate::world::{Said, Scratch, rdm, run, simulated};

const VENUES: [(&str, &str); 4] = [
    ("kraken", "BTC/USD"),
    ("binance", "BTC/USDT"),
    ("kucoin", "BTC/USDT"),
    ("htx", "BTC/USDT"),
];

fn decimal(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite))
}

fn positive(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.parse::<f64>().is_ok_and(|value| value > 0.0))
}

/// What every sample says of itself, whatever its kind.
fn labelled(sample: &Value, kind: &str, exchange: &str, symbol: Option<&str>) {
    assert_eq!(sample["v"], 1);
    assert_eq!(sample["kind"], kind);
    assert_eq!(sample["exchange"], exchange);
    assert_eq!(sample["symbol"], json!(symbol));
    let meta = &sample["meta"];
    assert_eq!(
        meta["origin"], "simulated",
        "{exchange}: the label must say what it is"
    );
    assert_eq!(
        (&meta["freshness"], &meta["tier"]),
        (&json!("live"), &Value::Null)
    );
    assert_eq!(meta["attempts"], 1);
    assert!(meta["received_ms"].as_i64().unwrap() > 1_600_000_000_000);
}

#[test]
fn a_ticker_is_printed_in_the_exchange_format() {
    for (exchange, symbol) in VENUES {
        let sample = simulated(exchange).fetch_json(&["ticker", exchange, symbol]);
        labelled(&sample, "ticker", exchange, Some(symbol));
        let data = &sample["data"];
        for field in ["last", "bid", "ask", "high", "low", "base_volume"] {
            assert!(decimal(&data[field]), "{exchange} {field}: {}", data[field]);
        }
        assert_eq!(sample["quality"]["acceptance"], "accept");
    }
}

#[test]
fn a_book_is_printed_in_the_exchange_format_and_keeps_to_its_limit() {
    for (exchange, symbol) in VENUES {
        let sample = simulated(exchange).fetch_json(&["book", exchange, symbol, "--limit", "5"]);
        labelled(&sample, "book", exchange, Some(symbol));
        for side in ["bids", "asks"] {
            let levels = sample["data"][side].as_array().unwrap();
            assert_eq!(levels.len(), 5, "{exchange} {side}");
            for level in levels {
                let level = level.as_array().unwrap();
                assert_eq!(level.len(), 2);
                assert!(level.iter().all(positive), "{exchange} {side}: {level:?}");
            }
        }
    }
}

#[test]
fn candles_are_rows_of_ten_and_only_the_last_may_be_open() {
    for (exchange, symbol) in VENUES {
        let sample =
            simulated(exchange).fetch_json(&["candles", exchange, symbol, "--interval", "5m"]);
        labelled(&sample, "candles", exchange, Some(symbol));
        assert_eq!(sample["data"]["interval_s"], 300);
        let rows = sample["data"]["rows"].as_array().unwrap();
        assert!(rows.len() > 100, "{exchange}: {}", rows.len());
        let received = sample["meta"]["received_ms"].as_i64().unwrap();
        for (at, row) in rows.iter().enumerate() {
            let row = row.as_array().unwrap();
            assert_eq!(row.len(), 10);
            assert_eq!(row[0].as_i64().unwrap() % 300_000, 0, "{exchange}");
            assert!(row[1..6].iter().all(decimal), "{exchange}: {row:?}");
            let closed = row[9].as_bool().unwrap();
            // KuCoin and HTX have no bar yet where nobody has traded since its start, so the last may have ended.
            let ended = row[0].as_i64().unwrap() + 300_000 <= received;
            let last = at + 1 == rows.len();
            assert!(closed || last, "{exchange}: {row:?}");
            assert!(ended || !closed, "{exchange}: {row:?}");
        }
    }
}

#[test]
fn trades_are_printed_in_the_exchange_format_and_keep_to_their_limit() {
    for (exchange, symbol) in VENUES {
        let sample = simulated(exchange).fetch_json(&["trades", exchange, symbol, "--limit", "7"]);
        labelled(&sample, "trades", exchange, Some(symbol));
        let rows = sample["data"]["rows"].as_array().unwrap();
        assert_eq!(rows.len(), 7, "{exchange}");
        for row in rows {
            assert!(positive(&row["price"]) && positive(&row["amount"]), "{row}");
            assert!(
                ["buy", "sell"].contains(&row["side"].as_str().unwrap()),
                "{row}"
            );
            let ms = row["time_ms"].as_i64().unwrap();
            if let Some(ns) = row["time_ns"].as_str() {
                assert_eq!(ns.parse::<i64>().unwrap() / 1_000_000, ms, "{row}");
            }
        }
    }
}

#[test]
fn instruments_are_printed_in_the_exchange_format_and_not_judged() {
    for (exchange, symbol) in VENUES {
        let sample = simulated(exchange).fetch_json(&["instruments", exchange]);
        labelled(&sample, "instruments", exchange, None);
        assert_eq!(sample["quality"], Value::Null);
        let rows = sample["data"]["rows"].as_array().unwrap();
        assert!(rows.iter().any(|row| row["symbol"] == symbol), "{exchange}");
    }
}

#[test]
fn people_get_the_value_with_its_provenance_and_quality() {
    for (exchange, symbol) in VENUES {
        for what in ["ticker", "book", "candles", "trades"] {
            let said = simulated(exchange).fetch(&[what, exchange, symbol]);
            assert_eq!(
                (said.code, said.err.as_str()),
                (Some(0), ""),
                "{exchange} {what}"
            );
            for part in [
                "origin   simulated, live, 1 request",
                "received ",
                "quality  ",
                "accept",
            ] {
                assert!(said.out.contains(part), "{exchange} {what}: {}", said.out);
            }
        }
        let said = simulated(exchange).fetch(&["instruments", exchange]);
        assert!(said.out.contains("not judged"), "{}", said.out);
    }
}

#[test]
fn an_unlisted_symbol_is_a_data_error_that_names_the_nearest_listed_one() {
    let said = simulated("binance").fetch(&["ticker", "binance", "BTC/USD"]);
    assert_eq!(said.code, Some(1));
    assert_eq!(
        said.err,
        "rdm: symbol \"BTC/USD\" is not listed on binance; did you mean BTC/USDT?\n"
    );
    assert_eq!(said.out, "");
}

#[test]
fn a_quote_alias_is_told() {
    let binance = simulated("binance");
    let file = Scratch::file(
        "alias.toml",
        b"[exchanges.binance]\nquote_alias = { USD = \"USDT\" }",
    );
    let words = [
        "ticker",
        "binance",
        "BTC/USD",
        "--json",
        "--config",
        file.path(),
    ];
    let said = binance.fetch(&words);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let sample: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(sample["symbol"], "BTC/USDT");
    assert!(
        said.err.contains("BTC/USD is answered with BTC/USDT"),
        "{}",
        said.err
    );
}

#[test]
fn faults_end_as_short_typed_errors_with_code_1() {
    for (fault, part) in [
        ("html", "unexpected_content"),
        ("garbage", "malformed"),
        ("418:60", "banned"),
        ("503", "transient"),
        ("hang", "no answer within"),
        ("truncated", "closed before the response was complete"),
    ] {
        let kraken = simulated("kraken");
        kraken.misbehave(fault);
        let said = kraken.fetch(&["ticker", "kraken", "BTC/USD", "--timeout", "1500ms"]);
        assert_eq!(
            (said.code, said.out.as_str()),
            (Some(1), ""),
            "{fault}: {said:?}"
        );
        assert_eq!(said.err.lines().count(), 1, "{fault}: {}", said.err);
        assert!(
            said.err.starts_with("rdm: kraken: "),
            "{fault}: {}",
            said.err
        );
        assert!(
            said.err.contains(part) || said.err.contains("within"),
            "{fault}: {}",
            said.err
        );
    }
}

#[test]
fn an_exchange_that_nobody_can_reach_is_told_soon() {
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let url = format!("http://127.0.0.1:{port}");
    let begun = Instant::now();
    let said = run(&["fetch", "ticker", "kraken", "BTC/USD", "--base-url", &url]);
    assert_eq!((said.code, said.out.as_str()), (Some(1), ""), "{said:?}");
    assert!(
        said.err.contains("no connection could be made"),
        "{}",
        said.err
    );
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    // Two attempts and a delay of a quarter second, with room for a slow machine; the default of a program is 7 s.
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
}

#[test]
fn a_long_series_comes_page_by_page_with_its_coverage() {
    let words = [
        "candles", "binance", "BTC/USDT", "--since", "60h ago", "--limit", "2500",
    ];
    let said = simulated("binance").fetch(&words);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(
        said.out.contains("coverage 2500 of 2500 rows from "),
        "{}",
        said.out
    );
    assert!(said.out.contains("in 3 requests"), "{}", said.out);

    let sample = simulated("binance").fetch_json(&words);
    let coverage = &sample["meta"]["coverage"];
    assert_eq!(
        (&coverage["asked"], &coverage["got"]),
        (&json!(2_500), &json!(2_500))
    );
    assert_eq!(
        (&coverage["pages"], &coverage["missing"]),
        (&json!(3), &json!([]))
    );
    assert_eq!(sample["data"]["rows"].as_array().unwrap().len(), 2_500);
}

#[test]
fn a_series_that_is_not_complete_ends_well_and_says_so() {
    let words = [
        "candles", "kraken", "BTC/USD", "--since", "20h ago", "--limit", "1200",
    ];
    let kraken = simulated("kraken");
    let said = kraken.fetch(&words);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(
        said.err.starts_with("rdm: the series is not complete: 7")
            && said.err.contains("the exchange does not serve so far back"),
        "{}",
        said.err
    );
    assert!(
        said.out.contains("720 rows before the newest ("),
        "{}",
        said.out
    );
}

#[test]
fn why_a_later_page_could_not_be_had_is_told_in_text_and_in_json() {
    // Requests to Kraken are 1.25 s apart: time enough to begin to fail between the first and the second.
    let words = [
        "trades", "kraken", "BTC/USD", "--since", "20h ago", "--limit", "3000",
    ];
    let cut = |words: &[&str]| {
        let kraken = simulated("kraken");
        std::thread::scope(|threads| {
            threads.spawn(|| {
                // What is counted has its answer already.
                while kraken.sim.stats().requests == 0 {
                    std::thread::park_timeout(Duration::from_millis(5));
                }
                kraken.misbehave("html");
            });
            kraken.fetch(words)
        })
    };
    let said = cut(&words);
    assert_eq!(said.code, Some(0), "{said:?}");
    let (complaint, why) = (
        "rdm: the series is not complete: 1000 of 3000 rows; a page could not be had: kraken: ",
        "ended there: kraken: ",
    );
    assert!(said.err.starts_with(complaint), "{}", said.err);
    assert!(said.out.contains(why), "{}", said.out);

    let said = cut(&[&words[..], &["--json"]].concat());
    let sample: Value = serde_json::from_str(&said.out).unwrap();
    let stopped = &sample["meta"]["coverage"]["stopped"];
    assert_eq!(
        (&stopped["why"], &stopped["category"], &stopped["name"]),
        (
            &json!("failed"),
            &json!("api"),
            &json!("unexpected_content")
        )
    );
    let members: Vec<_> = stopped.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["category", "message", "name", "retry_in_ms", "why"]
    );
}

#[test]
fn a_beginning_that_makes_no_sense_is_refused_before_anything_is_sent() {
    let kraken = simulated("kraken");
    for (what, since, part) in [
        (
            "candles",
            "2099-01-01",
            "--since: 2099-01-01T00:00:00Z lies in the future",
        ),
        (
            "trades",
            "soon",
            "--since: \"soon\" is not valid; write 2026-11-01T00:00:00Z",
        ),
        (
            "ticker",
            "3h ago",
            "--since: 3h ago has no meaning for ticker",
        ),
        ("book", "3h ago", "--since: 3h ago has no meaning for book"),
        (
            "candles",
            "60years ago",
            "--since: 60years ago lies before 1970; use a later time",
        ),
    ] {
        let said = kraken.fetch(&[what, "kraken", "BTC/USD", "--since", since]);
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        assert!(said.err.contains(part), "{}", said.err);
    }
    assert_eq!(kraken.sim.stats().requests, 0);
}

#[test]
fn more_bars_than_there_can_be_are_refused_by_the_argument_that_asks_for_them() {
    for (exchange, interval, most) in [("kraken", "1m", 60), ("binance", "1M", 30 * 86_400)] {
        let venue = simulated(exchange);
        let symbol = if exchange == "kraken" {
            "BTC/USD"
        } else {
            "BTC/USDT"
        };
        let ask = |limit: &str| {
            venue.fetch(&[
                "candles",
                exchange,
                symbol,
                "--interval",
                interval,
                "--limit",
                limit,
            ])
        };
        let said = ask("4294967295");
        assert_eq!((said.code, said.out.as_str()), (Some(2), ""), "{said:?}");
        let complaint = format!(
            "rdm: --limit: 4294967295 bars of {interval} would begin before 1970; use at most "
        );
        let rest = said.err.strip_prefix(&complaint).unwrap_or(&said.err);
        let (advised, rest) = rest.split_once(", ").unwrap();
        assert_eq!(rest, "or a longer --interval\n", "{said:?}");
        let advised: u64 = advised.parse().unwrap();
        // All whole bars since 1970 but the spare one.
        let since_1970 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
        assert!(
            (1..=2).contains(&(since_1970.as_secs() / most - advised)),
            "{advised}"
        );
        assert_eq!(venue.sim.stats().requests, 0);
    }
}

#[test]
fn what_needs_a_key_is_signed_with_the_credentials_of_the_environment_or_of_a_config_file() {
    let sim = simulated("kucoin");
    let key = sim.sim.test_key().unwrap();
    let words = [
        "fetch", "book", "kucoin", "BTC/USDT", "--limit", "300", "--json",
    ];
    let words: Vec<&str> = words.into_iter().chain(["--base-url", &*sim.url]).collect();
    let bids = |said: &Said| {
        assert_eq!(said.code, Some(0), "{said:?}");
        let sample: Value = serde_json::from_str(&said.out).unwrap();
        sample["data"]["bids"].as_array().unwrap().len()
    };
    assert_eq!(bids(&run(&words)), 100, "without a key");
    let with = |words: &[&str], [a, b, c]: [&str; 3]| -> Said {
        let mut command = rdm(words);
        command
            .env(a, key.key)
            .env(b, key.secret)
            .env(c, key.passphrase);
        command.output().unwrap().into()
    };
    let own = [
        "RDM_KUCOIN_KEY",
        "RDM_KUCOIN_SECRET",
        "RDM_KUCOIN_PASSPHRASE",
    ];
    assert!(bids(&with(&words, own)) > 100);
    let text = "[exchanges.kucoin.credentials]\nkey_env = \"K1\"\nsecret_env = \"K2\"\npassphrase_env = \"K3\"\n";
    let file = Scratch::file("keys.toml", text.as_bytes());
    let named: Vec<&str> = words
        .iter()
        .copied()
        .chain(["--config", file.path()])
        .collect();
    assert!(bids(&with(&named, ["K1", "K2", "K3"])) > 100);

    // A key without its secret is an error that shows neither.
    let said: Said = rdm(&words)
        .env("RDM_KUCOIN_KEY", "canary-51")
        .output()
        .unwrap()
        .into();
    assert_eq!(said.code, Some(2), "{said:?}");
    assert!(
        said.err.contains("RDM_KUCOIN_SECRET") && !said.err.contains("canary"),
        "{said:?}"
    );
    // A refused key is told as the exchange's refusal.
    let wrong = rdm(&words)
        .env(own[0], key.key)
        .env(own[1], "canary-52")
        .env(own[2], key.passphrase)
        .output();
    let said: Said = wrong.unwrap().into();
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(
        said.err.contains("auth") && !said.err.contains("canary"),
        "{said:?}"
    );
}
