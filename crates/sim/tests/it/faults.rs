//! Every fault, through both doors.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use robust_market::Exchange;
use robust_sim::{Action, DoorError, Fault, Server, Sim};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tower_service::Service;

use crate::ask::{Asker, SECOND, header, request};
use crate::raw_tcp::{self, get};

const ALL: [(Exchange, &str); 4] = [
    (Exchange::KRAKEN, "/0/public/Ticker?pair=XBTUSD"),
    (Exchange::BINANCE, "/api/v3/ticker/24hr?symbol=BTCUSDT"),
    (Exchange::KUCOIN, "/api/v1/market/stats?symbol=BTC-USDT"),
    (Exchange::HTX, "/market/detail/merged?symbol=btcusdt"),
];

fn sim(exchange: &Exchange, fault: &str) -> Sim {
    let sim = Sim::builder(exchange.clone()).seed(7).build().unwrap();
    sim.set_fault(Some(fault.parse().unwrap()));
    sim
}

async fn call(sim: &Sim, path: &str) -> Result<http::Response<Bytes>, DoorError> {
    sim.service().call(request(path)).await
}

async fn open(sim: &Sim) -> Server {
    let addr: SocketAddr = "127.0.0.1:0".parse().unwrap();
    sim.listen(addr).await.unwrap()
}

/// Status, `Retry-After` and the start of the body of the faults that answer, on each exchange.
const ANSWERS: [(&str, u16, Option<&str>, [&str; 4]); 7] = [
    (
        "500",
        500,
        None,
        [
            "<!DOCTYPE",
            "{\"code\":-1001",
            "{\"code\":\"500000\"",
            "<html>",
        ],
    ),
    (
        "502",
        502,
        None,
        ["<!DOCTYPE", "{\"code\":-1001", "<html>", "<html>"],
    ),
    (
        "503",
        503,
        None,
        [
            "<!DOCTYPE",
            "{\"code\":-1008",
            "{\"code\":\"503000\"",
            "<html>",
        ],
    ),
    (
        "504",
        504,
        None,
        ["<!DOCTYPE", "{\"code\":-1007", "<html>", "<html>"],
    ),
    (
        "429:5",
        429,
        Some("5"),
        [
            "{\"error\":[\"EGeneral:",
            "{\"code\":-1003",
            "{\"code\":\"429000\"",
            "{\"status\":\"error\",\"err-code\":\"rate-too-many-requests\"",
        ],
    ),
    (
        "418:20",
        418,
        Some("20"),
        [
            "{\"error\":[\"EGeneral:",
            "{\"code\":-1003",
            "{\"code\":\"1015\"",
            "{\"status\":\"error\",\"err-code\":\"rate-too-many-requests\"",
        ],
    ),
    ("html", 200, None, ["<!DOCTYPE"; 4]),
];

#[tokio::test(start_paused = true)]
async fn faults_that_answer_answer_in_memory() {
    for (fault, status, retry_after, bodies) in ANSWERS {
        for ((exchange, path), start) in ALL.iter().zip(bodies) {
            let response = call(&sim(exchange, fault), path).await.unwrap();
            assert_eq!(response.status(), status, "{fault}");
            let found = response.headers().get("retry-after");
            assert_eq!(found.map(|value| value.to_str().unwrap()), retry_after);
            assert!(
                response.body().starts_with(start.as_bytes()),
                "{response:?}"
            );
            assert_eq!(header(response.headers(), "server"), "robust-sim");
        }
    }
}

#[tokio::test]
async fn faults_that_answer_answer_on_the_socket() {
    for (fault, status, retry_after, bodies) in ANSWERS {
        for ((exchange, path), start) in ALL.iter().zip(bodies) {
            let server = open(&sim(exchange, fault)).await;
            let raw = get(server.addr(), path).await.unwrap();
            assert_eq!(raw.status(), status, "{fault}");
            assert_eq!(raw.header("retry-after"), retry_after);
            assert!(raw.body.starts_with(start.as_bytes()));
            assert_eq!(raw.header("server"), Some("robust-sim"));
            assert_eq!(raw.body.len(), raw.length());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ban_names_its_end_in_the_text() {
    let asker = Asker::new(Exchange::BINANCE, 7);
    asker.sim.set_fault(Some("418:20".parse().unwrap()));
    let reply = asker.send("/api/v3/ping");
    let until = asker.wall / 1_000_000 + 20_000;
    let text = String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(
        text.contains(&format!("IP banned until {until}.")),
        "{text}"
    );
    // The used weight stands on this reply as well, and an injected ban is not the limit's.
    assert_eq!(header(&reply.headers, "x-mbx-used-weight-1m"), "1");
    assert_eq!(asker.sim.stats().refused_418, 0);
    assert_eq!(asker.sim.stats().faulted, 1);
    asker.send("/api/v3/ping");
    assert_eq!(asker.sim.stats().early, 1);
}

#[tokio::test]
async fn garbage_is_json_by_its_header_and_noise_by_its_bytes() {
    for (exchange, path) in &ALL {
        let response = call(&sim(exchange, "garbage"), path).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(header(response.headers(), "content-type").contains("json"));
        assert!(std::str::from_utf8(response.body()).is_err());
        let server = open(&sim(exchange, "garbage")).await;
        let raw = get(server.addr(), path).await.unwrap();
        assert!(std::str::from_utf8(&raw.body).is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn latency_is_the_right_answer_that_much_later() {
    for (exchange, path) in &ALL {
        let sim = sim(exchange, "latency:2s");
        let start = Instant::now();
        let response = call(&sim, path).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        assert!(serde_json::from_slice::<serde_json::Value>(response.body()).is_ok());
    }
}

#[tokio::test]
async fn latency_delays_the_first_byte_on_the_socket() {
    let (exchange, path) = &ALL[1];
    let server = open(&sim(exchange, "latency:80ms")).await;
    let start = Instant::now();
    let raw = get(server.addr(), path).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(80));
    assert_eq!(raw.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn hang_is_pending_for_ever_in_memory() {
    for (exchange, path) in &ALL {
        let sim = sim(exchange, "hang");
        let hour = Duration::from_secs(3_600);
        assert!(tokio::time::timeout(hour, call(&sim, path)).await.is_err());
        assert_eq!(sim.stats().requests, 1);
    }
}

#[tokio::test]
async fn hang_keeps_the_connection_without_a_byte() {
    for (exchange, path) in &ALL {
        let sim = sim(exchange, "hang");
        let server = open(&sim).await;
        let mut stream = TcpStream::connect(server.addr()).await.unwrap();
        raw_tcp::write(&mut stream, path, "").await.unwrap();
        let read = tokio::time::timeout(Duration::from_millis(60), stream.read_u8()).await;
        assert!(read.is_err(), "{read:?}");
        assert_eq!(sim.stats().requests, 1);
        // Stopping does not wait for those who hang.
        server.shutdown().await;
    }
}

#[tokio::test(start_paused = true)]
async fn truncated_reset_and_refused_are_told_apart_in_memory() {
    for (exchange, path) in &ALL {
        let error = call(&sim(exchange, "truncated"), path).await.unwrap_err();
        let DoorError::Truncated { received, promised } = error else {
            panic!("{error}");
        };
        assert!(received > 0 && received < promised);
        let error = call(&sim(exchange, "reset"), path).await.unwrap_err();
        assert_eq!(error, DoorError::Reset);
        let error = call(&sim(exchange, "refuse"), path).await.unwrap_err();
        assert_eq!(error, DoorError::Refused);
    }
}

#[tokio::test]
async fn truncated_promises_more_than_it_sends_on_the_socket() {
    for (exchange, path) in &ALL {
        let server = open(&sim(exchange, "truncated")).await;
        let raw = get(server.addr(), path).await.unwrap();
        assert_eq!(raw.status(), 200);
        assert!(
            !raw.body.is_empty() && raw.body.len() < raw.length(),
            "{raw:?}"
        );
    }
}

#[tokio::test]
async fn reset_closes_without_a_byte_on_the_socket() {
    for (exchange, path) in &ALL {
        let sim = sim(exchange, "reset");
        let server = open(&sim).await;
        assert!(get(server.addr(), path).await.is_err());
        assert_eq!(sim.stats().requests, 1);
    }
}

/// Tries until the port is open or refuses; the server learns of a fault a moment after it is set, and a connection
/// that falls into that moment is reset instead.
async fn until(addr: SocketAddr, open: bool) {
    for _ in 0..2_000 {
        let refused = match TcpStream::connect(addr).await {
            Ok(_) => false,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => true,
            Err(_) => open,
        };
        if refused != open {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("the port never became open = {open}");
}

#[tokio::test]
async fn refuse_is_a_refused_connection_and_the_port_comes_back() {
    let (exchange, path) = &ALL[1];
    let sim = Sim::builder(exchange.clone()).build().unwrap();
    let server = open(&sim).await;
    let mut kept = TcpStream::connect(server.addr()).await.unwrap();
    raw_tcp::write(&mut kept, path, "").await.unwrap();
    kept.read_u8().await.unwrap();
    for _ in 0..3 {
        sim.set_fault(Some(Fault::Refuse));
        until(server.addr(), false).await;
        sim.set_fault(None);
        until(server.addr(), true).await;
        assert_eq!(get(server.addr(), path).await.unwrap().status(), 200);
    }
    // The connection of before was closed with the port.
    let mut rest = Vec::new();
    let _ = tokio::time::timeout(Duration::from_secs(10), kept.read_to_end(&mut rest))
        .await
        .expect("closed");
}

#[tokio::test]
async fn a_server_that_starts_refusing_refuses_and_stops_at_once() {
    let sim = sim(&Exchange::KRAKEN, "refuse");
    let server = open(&sim).await;
    until(server.addr(), false).await;
    assert!(get(server.addr(), "/0/public/Time").await.is_err());
    assert_eq!(sim.stats().requests, 0);
    server.shutdown().await;
}

#[test]
fn stale_repeats_the_last_snapshot_with_its_old_times_while_the_clock_goes_on() {
    for (exchange, path, clock) in [
        (
            Exchange::KRAKEN,
            "/0/public/OHLC?pair=XBTUSD",
            "/0/public/Time",
        ),
        (
            Exchange::BINANCE,
            "/api/v3/ticker/24hr?symbol=BTCUSDT",
            "/api/v3/time",
        ),
        (
            Exchange::KUCOIN,
            "/api/v1/market/stats?symbol=BTC-USDT",
            "/api/v1/timestamp",
        ),
        (
            Exchange::HTX,
            "/market/detail/merged?symbol=btcusdt",
            "/v1/common/timestamp",
        ),
    ] {
        let mut asker = Asker::new(exchange, 7);
        let fresh = asker.reply(path).body;
        asker.sim.set_fault(Some(Fault::Stale));
        for _ in 0..3 {
            asker.wait(Duration::from_secs(90));
            asker.sim.set_fault(Some(Fault::Stale));
            assert_eq!(asker.reply(path).body, fresh);
        }
        let time = asker.json(clock);
        let seconds = time["result"]["unixtime"]
            .as_i64()
            .or_else(|| time["serverTime"].as_i64().map(|ms| ms / 1_000))
            .or_else(|| time["data"].as_i64().map(|ms| ms / 1_000));
        assert_eq!(seconds, Some(asker.wall / SECOND));
        asker.sim.set_fault(None);
        assert_ne!(asker.reply(path).body, fresh);
    }
}

#[test]
fn clones_share_the_fault_and_none_behaves_again() {
    let asker = Asker::new(Exchange::BINANCE, 7);
    let other = asker.sim.clone();
    other.set_fault(Some(Fault::Hang));
    assert_eq!(asker.sim.fault(), Some(Fault::Hang));
    assert_eq!(asker.send("/api/v3/ping").action, Action::Hang);
    other.set_fault(None);
    assert_eq!(asker.send("/api/v3/ping").action, Action::Answer);
}
