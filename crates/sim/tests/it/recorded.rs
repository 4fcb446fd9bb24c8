//! Recorded bodies are served byte by byte, to the request that they answered.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::Request;
use robust_market::{Exchange, Timestamp};
use robust_sim::{BuildError, Fault, Now, RecordedReason, Reply, Sim};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::ask::{START, header, request};
use crate::raw_tcp::get;

/// A folder that is gone with the test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn write(self, path: &str, text: &str) -> Self {
        let file = self.0.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        self
    }

    /// A case in the shape of a capture.
    fn case(self, name: &str, url: &str, body: &str) -> Self {
        let text = format!(
            "{{\"method\":\"fetch\",\"input\":[],\"request\":[{{\"method\":\"GET\",\"url\":\"{url}\",\"body\":null}}],\
             \"httpStatus\":200,\"httpResponse\":{body},\"kind\":\"made up\"}}"
        );
        self.write(&format!("rest_response/{name}.json"), &text)
    }

    fn sim(&self, exchange: Exchange) -> Sim {
        Sim::builder(exchange)
            .recorded(self.0.path())
            .unlimited()
            .build()
            .unwrap()
    }
}

fn now() -> Now {
    Now {
        wall: Timestamp::from_ns(START),
        mono: Instant::now(),
    }
}

fn ask(sim: &Sim, path: &str) -> Reply {
    sim.handle(&request(path), now())
}

fn case(reply: &Reply) -> &str {
    header(&reply.headers, "x-recorded-case")
}

#[test]
fn bodies_keep_every_byte_of_the_file() {
    let body = "{ \"price\" : 9469.190000000000000000,\"tiny\":9.68E-7,\n\"id\":100182534526255757567432481,\"é\":\"\\u00e9\" }";
    let folder = Folder::new().case("ticker/one", "https://api.huobi.pro/market/tickers", body);
    let reply = ask(&folder.sim(Exchange::HTX), "/market/tickers");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.body, body.as_bytes());
    assert_eq!(case(&reply), "ticker/one");
    assert_eq!(header(&reply.headers, "server"), "robust-sim");
    assert!(header(&reply.headers, "content-type").contains("json"));
}

#[test]
fn a_request_is_known_by_its_path_and_the_set_of_its_parameters() {
    let folder = Folder::new()
        .case(
            "a/two",
            "https://x.com/api/v3/klines?symbol=BTCUSDT&interval=1m",
            "[1]",
        )
        .case(
            "a/list",
            "https://x.com/api/v3/klines?symbols=%5B%22A%22%5D",
            "[2]",
        )
        .case("a/none", "https://x.com/api/v3/klines", "[3]");
    let sim = folder.sim(Exchange::BINANCE);
    for (query, body) in [
        ("?symbol=BTCUSDT&interval=1m", Some("[1]")),
        ("?interval=1m&symbol=BTCUSDT", Some("[1]")),
        ("?interval=1m&symbol=%42TCUSDT", Some("[1]")),
        ("?symbols=[%22A%22]", Some("[2]")),
        ("", Some("[3]")),
        ("?symbol=BTCUSDT", None),
        ("?symbol=BTCUSDT&interval=1m&limit=5", None),
        ("?symbol=BTCUSDT&interval=1M", None),
    ] {
        let reply = ask(&sim, &format!("/api/v3/klines{query}"));
        match body {
            Some(body) => assert_eq!(reply.body, body, "{query}"),
            None => assert_eq!(reply.status, 404, "{query}"),
        }
    }
    assert_eq!(ask(&sim, "/api/v3/ping").status, 404);
    let post = Request::post("/api/v3/klines").body(Bytes::new()).unwrap();
    assert_eq!(sim.handle(&post, now()).status, 404);
}

#[test]
fn several_cases_of_one_request_take_turns_and_a_stale_exchange_repeats_the_last() {
    let url = "https://api.kucoin.com/api/v1/status";
    let folder = Folder::new()
        .case("status/b", url, "\"second\"")
        .case("status/c", url, "{\"n\":3}")
        .case("status/a", url, "{\"n\":1}");
    let sim = folder.sim(Exchange::KUCOIN);
    assert_eq!(sim.cases(), ["status/a", "status/b", "status/c"]);
    let names = |count: usize| -> Vec<String> {
        (0..count)
            .map(|_| case(&ask(&sim, "/api/v1/status")).to_owned())
            .collect()
    };
    assert_eq!(names(4), ["status/a", "status/b", "status/c", "status/a"]);
    sim.set_fault(Some(Fault::Stale));
    assert_eq!(names(2), ["status/a", "status/a"]);
    sim.set_fault(None);
    assert_eq!(names(1), ["status/b"]);
    // The clone is the same exchange; the turn goes on.
    assert_eq!(case(&ask(&sim.clone(), "/api/v1/status")), "status/c");
}

#[test]
fn a_selected_case_answers_its_path_whatever_the_parameters() {
    let folder = Folder::new()
        .case(
            "ticker/a",
            "https://x.com/api/v1/market/stats?symbol=A",
            "[1]",
        )
        .case(
            "ticker/b",
            "https://x.com/api/v1/market/stats?symbol=B",
            "[2]",
        )
        .case("status/s", "https://x.com/api/v1/status", "[3]")
        .write(
            "rest_response/any/where.json",
            "{\"method\":\"fetchMore\",\"httpStatus\":503,\"httpResponse\":[4]}",
        );
    let sim = folder.sim(Exchange::KUCOIN);
    let stats = |symbol: &str| ask(&sim, &format!("/api/v1/market/stats?symbol={symbol}"));
    assert_eq!(stats("C").status, 404);
    sim.select(Some("ticker/b")).unwrap();
    for symbol in ["A", "B", "C"] {
        assert_eq!(case(&stats(symbol)), "ticker/b");
    }
    // Other paths are answered as before.
    assert_eq!(case(&ask(&sim, "/api/v1/status")), "status/s");
    // Nobody knows what this one answered, so it answers everything.
    sim.select(Some("any/where")).unwrap();
    let reply = stats("A");
    assert_eq!((reply.status.as_u16(), case(&reply)), (503, "any/where"));
    sim.select(None).unwrap();
    assert_eq!(case(&stats("A")), "ticker/a");
    let error = sim.select(Some("ticker/z")).unwrap_err();
    assert!(error.to_string().contains("ticker/z"), "{error}");
    let generated = Sim::builder(Exchange::KUCOIN).build().unwrap();
    assert!(generated.select(Some("ticker/a")).is_err());
    assert!(generated.select(None).is_ok() && generated.cases().is_empty());
}

#[test]
fn a_file_that_names_a_path_alone_answers_it_with_any_parameters() {
    let folder = Folder::new()
        .write(
            "rest_response/book/any.json",
            "{\"method\":\"GET /api/v1/market/orderbook/level1\",\"request\":[],\"httpStatus\":200,\"httpResponse\":[1]}",
        )
        .case("book/exact", "https://x.com/api/v1/market/orderbook/level1?symbol=A", "[2]");
    let sim = folder.sim(Exchange::KUCOIN);
    let level1 = |query: &str| ask(&sim, &format!("/api/v1/market/orderbook/level1{query}"));
    assert_eq!(case(&level1("?symbol=B")), "book/any");
    assert_eq!(case(&level1("")), "book/any");
    // The exact one is preferred.
    assert_eq!(case(&level1("?symbol=A")), "book/exact");
}

#[test]
fn the_body_of_a_file_answers_its_first_request_and_old_paths_are_the_same_rows() {
    let folder = Folder::new().write(
        "rest_response/markets/m.json",
        "{\"request\":[{\"url\":\"https://x.com/api/v2/symbols\"},{\"url\":\"https://x.com/api/v1/market/allTickers\"}],\
         \"httpStatus\":200,\"httpResponse\":{}}",
    );
    let sim = folder.sim(Exchange::KUCOIN);
    assert_eq!(ask(&sim, "/api/v2/symbols").status, 200);
    assert_eq!(ask(&sim, "/api/v1/market/allTickers").status, 404);
    let url = "https://api.huobi.pro/market/history/candles?period=5min&symbol=btcusdt";
    let folder = Folder::new().case("ohlcv/k", url, "[]");
    let path = "/market/history/kline?symbol=btcusdt&period=5min";
    assert_eq!(case(&ask(&folder.sim(Exchange::HTX), path)), "ohlcv/k");
}

#[test]
fn statuses_and_pages_are_served_as_they_were() {
    let folder = Folder::new().write(
        "rest_response/error/page.json",
        "{\"request\":[{\"url\":\"/0/public/Time\"}],\"httpStatus\":520,\"httpResponse\":\"<html>520</html>\"}",
    );
    let reply = ask(&folder.sim(Exchange::KRAKEN), "/0/public/Time");
    assert_eq!(reply.status, 520);
    assert_eq!(reply.body, "<html>520</html>");
    assert!(header(&reply.headers, "content-type").contains("html"));
}

#[test]
fn what_was_not_recorded_is_a_404_in_the_form_of_the_exchange() {
    for (exchange, path, start) in [
        (Exchange::KRAKEN, "/0/public/Time", "{\"error\":[\"E"),
        (Exchange::BINANCE, "/api/v3/time", "{\"code\":-"),
        (
            Exchange::KUCOIN,
            "/api/v1/timestamp",
            "{\"code\":\"404000\"",
        ),
        (Exchange::HTX, "/v1/common/timestamp", "{\"ts\":"),
    ] {
        let folder = Folder::new().case("a/b", "https://x.com/elsewhere", "{}");
        let sim = folder.sim(exchange);
        let reply = ask(&sim, path);
        assert_eq!(reply.status, 404);
        assert!(reply.body.starts_with(start.as_bytes()), "{:?}", reply.body);
        assert!(reply.headers.get("x-recorded-case").is_none());
        assert!(sim.symbols().is_empty());
    }
}

#[test]
fn limits_hold_unless_they_are_taken_off_and_the_key_is_checked() {
    let folder = Folder::new()
        .case("time/t", "https://x.com/v1/common/timestamp", "{}")
        .case(
            "book/b",
            "https://x.com/api/v3/market/orderbook/level2",
            "{}",
        );
    let limited = Sim::builder(Exchange::HTX)
        .recorded(folder.0.path())
        .build()
        .unwrap();
    let path = "/v1/common/timestamp";
    let at = now();
    let refused = (0..11)
        .map(|_| limited.handle(&request(path), at))
        .filter(|reply| reply.headers.get("x-recorded-case").is_none());
    assert_eq!(refused.count(), 1);
    assert_eq!(limited.stats().over_limit, 1);
    let free = folder.sim(Exchange::HTX);
    for _ in 0..50 {
        assert_eq!(case(&free.handle(&request(path), at)), "time/t");
    }
    let stats = free.stats();
    assert_eq!((stats.requests, stats.over_limit), (50, 0));
    assert_eq!(stats.by_endpoint["timestamp"], 50);
    assert!(stats.max_used.is_empty());
    let kucoin = folder.sim(Exchange::KUCOIN);
    let reply = ask(&kucoin, "/api/v3/market/orderbook/level2");
    assert_eq!(reply.status, 401);
    // An unlimited exchange says nothing about a pool.
    assert!(reply.headers.get("gw-ratelimit-limit").is_none());
    let bare = Request::get("/0/public/Time").body(Bytes::new()).unwrap();
    assert_eq!(
        folder.sim(Exchange::KRAKEN).handle(&bare, now()).status,
        403
    );
}

#[test]
fn faults_work_on_recorded_bodies() {
    let folder = Folder::new().case("time/t", "https://x.com/api/v3/time", "{\"serverTime\":1}");
    let sim = folder.sim(Exchange::BINANCE);
    sim.set_fault(Some("429:5".parse().unwrap()));
    assert_eq!(ask(&sim, "/api/v3/time").status, 429);
    sim.set_fault(Some("html".parse().unwrap()));
    assert!(ask(&sim, "/api/v3/time").body.starts_with(b"<!DOCTYPE"));
    sim.set_fault(Some("truncated".parse().unwrap()));
    let reply = ask(&sim, "/api/v3/time");
    assert_eq!(reply.action, robust_sim::Action::Truncate(8));
    sim.set_fault(None);
    assert_eq!(case(&ask(&sim, "/api/v3/time")), "time/t");
}

#[tokio::test]
async fn the_socket_serves_the_same_bytes() {
    let folder = Folder::new().case(
        "time/t",
        "https://x.com/v1/common/timestamp",
        "{ \"x\":1.50E-7 }",
    );
    let server = folder
        .sim(Exchange::HTX)
        .listen("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let raw = get(server.addr(), "/v1/common/timestamp").await.unwrap();
    assert_eq!(raw.body, b"{ \"x\":1.50E-7 }");
    assert_eq!(raw.header("x-recorded-case"), Some("time/t"));
}

fn refused(folder: &Path) -> (PathBuf, RecordedReason, String) {
    let error = Sim::builder(Exchange::KUCOIN)
        .recorded(folder)
        .build()
        .unwrap_err();
    let text = error.to_string();
    match error {
        BuildError::Recorded(error) => (error.file, error.reason, text),
        other => panic!("{other}"),
    }
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_the_reason() {
    for (text, part) in [
        ("", "EOF"),
        ("{\"httpStatus\":200,", "line 1"),
        ("[]", "is no recorded case"),
        ("{\"httpStatus\":200}", "httpResponse"),
        ("{\"httpResponse\":{}}", "httpStatus"),
        ("{\"httpStatus\":99,\"httpResponse\":{}}", "httpStatus 99"),
        (
            "{\"httpStatus\":\"200\",\"httpResponse\":{}}",
            "is no recorded case",
        ),
        (
            "{\"exchange\":\"htx\",\"httpStatus\":200,\"httpResponse\":{}}",
            "recorded at \"htx\"",
        ),
        (
            "{\"request\":[{\"method\":\"GET\"}],\"httpStatus\":200,\"httpResponse\":{}}",
            "url",
        ),
    ] {
        let folder = Folder::new()
            .case("a/good", "https://x.com/a", "{}")
            .write("rest_response/b/bad.json", text);
        let (file, _, message) = refused(folder.0.path());
        assert!(file.ends_with("rest_response/b/bad.json"));
        assert!(
            message.contains("bad.json") && message.contains(part),
            "{message}"
        );
    }
    let nothing = Folder::new().write("rest_response/a/read.me", "");
    for folder in [nothing.0.path().join("missing"), nothing.0.path().into()] {
        let (file, reason, _) = refused(&folder);
        assert_eq!((file, reason), (folder, RecordedReason::NoCases));
    }
}

#[test]
fn one_folder_may_hold_all_exchanges() {
    let folder = Folder::new()
        .write(
            "htx/rest_response/time/h.json",
            "{\"exchange\":\"htx\",\"request\":[{\"url\":\"/v1/common/timestamp\"}],\"httpStatus\":200,\"httpResponse\":{}}",
        )
        .write(
            "kucoin/rest_response/time/k.json",
            "{\"exchange\":\"kucoin\",\"request\":[{\"url\":\"/api/v1/timestamp\"}],\"httpStatus\":200,\"httpResponse\":{}}",
        );
    assert_eq!(folder.sim(Exchange::HTX).cases(), ["time/h"]);
    assert_eq!(folder.sim(Exchange::KUCOIN).cases(), ["time/k"]);
    let error = Sim::builder(Exchange::KRAKEN)
        .recorded(folder.0.path())
        .build();
    assert!(error.is_err());
}
