//! A caller of the core that keeps its distance from the limits.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request};
use robust_market::{Exchange, Timestamp};
use robust_sim::{Action, Now, Reply, Sim};
use rust_decimal::Decimal;
use serde_json::Value;
use tokio::time::Instant;

/// 2025-11-11T00:17:04Z.
pub(crate) const START: i64 = 1_762_820_224_000_000_000;
pub(crate) const SECOND: i64 = 1_000_000_000;

pub(crate) fn request(path: &str) -> Request<Bytes> {
    Request::get(path)
        .header("user-agent", "robust-sim-tests")
        .body(Bytes::new())
        .unwrap()
}

/// A simulator and two clocks that the test moves by hand.
pub(crate) struct Asker {
    pub(crate) sim: Sim,
    pub(crate) wall: i64,
    mono: Instant,
}

impl Asker {
    pub(crate) fn new(exchange: Exchange, seed: u64) -> Self {
        Self {
            sim: Sim::builder(exchange).seed(seed).build().unwrap(),
            wall: START + 123_456_789,
            mono: Instant::now(),
        }
    }

    /// Sends a request without moving a clock.
    pub(crate) fn send(&self, path: &str) -> Reply {
        let now = Now {
            wall: Timestamp::from_ns(self.wall),
            mono: self.mono,
        };
        self.sim.handle(&request(path), now)
    }

    /// Moves both clocks.
    pub(crate) fn wait(&mut self, by: Duration) {
        self.wall += i64::try_from(by.as_nanos()).unwrap();
        self.mono += by;
    }

    /// Sends a request a second after the last one, at the same time of day.
    pub(crate) fn reply(&mut self, path: &str) -> Reply {
        self.mono += Duration::from_secs(1);
        self.send(path)
    }

    pub(crate) fn json(&mut self, path: &str) -> Value {
        let reply = self.reply(path);
        assert_eq!(reply.status, 200, "{path}: {:?}", reply.body);
        assert_eq!(reply.action, Action::Answer);
        serde_json::from_slice(&reply.body).unwrap()
    }

    /// The `result` of a Kraken answer.
    pub(crate) fn result(&mut self, path: &str) -> Value {
        let mut json = self.json(path);
        assert_eq!(json["error"], serde_json::json!([]), "{path}");
        json["result"].take()
    }

    /// The `data` of a KuCoin answer.
    pub(crate) fn data(&mut self, path: &str) -> Value {
        let mut json = self.json(path);
        assert_eq!(json["code"], "200000", "{path}: {json}");
        json["data"].take()
    }

    /// The status and the error of an answer.
    pub(crate) fn error(&mut self, path: &str) -> (u16, String) {
        let reply = self.reply(path);
        let json: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        let error = match json.get("error").and_then(|list| list.get(0)) {
            Some(error) => error.as_str().unwrap().to_owned(),
            None => match (&json["err-code"], &json["code"]) {
                (Value::String(code), _) => {
                    format!("{code}: {}", json["err-msg"].as_str().unwrap())
                }
                (_, Value::String(code)) => code.clone(),
                (_, code) => code.to_string(),
            },
        };
        (reply.status.as_u16(), error)
    }
}

pub(crate) fn decimal(value: &Value) -> Decimal {
    let text = value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"));
    Decimal::from_str_exact(text).unwrap()
}

pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .unwrap_or_else(|| panic!("no {name} in {headers:?}"))
        .to_str()
        .unwrap()
}
