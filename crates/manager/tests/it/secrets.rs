//! Planted canaries: of a key, a secret and a passphrase nothing is ever seen, whatever an exchange answers.

use std::convert::Infallible;
use std::fmt::{Debug, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use bytes::Bytes;
use http::{Request, Response};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use robust_data_manager::market::{self, Exchange, RequestId, Timestamp};
use robust_data_manager::{Config, DataManager, Priority};
use robust_sim::{Sim, TestKey, VirtualClock};
use robust_source::{Call, Transport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::world::{door, fault};

/// Each begins with the same word, so that any piece of one from its start on is found by it.
const KEY: &str = "CANARYkey0a1b2c3d4e5f6";
const SECRET: &str = "CANARYsecret-5f4e/3d2c+1b0a";
const PASSPHRASE: &str = "CANARYphrase=9f8e&7d";

fn hex(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// What must not be seen, in small letters: each canary and each value that was made of them, in each form.
fn forms(sent: &[String]) -> Vec<String> {
    let word = "CANARY";
    let own = [word, KEY, SECRET, PASSPHRASE].map(str::to_owned);
    own.iter()
        .chain(sent)
        .flat_map(|text| {
            [
                text.clone(),
                STANDARD.encode(text),
                URL_SAFE.encode(text),
                hex(text),
                utf8_percent_encode(text, NON_ALPHANUMERIC).to_string(),
            ]
        })
        .map(|form| form.trim_end_matches('=').to_ascii_lowercase())
        .collect()
}

/// The first place where one of them is seen.
fn seen(text: &str, sent: &[String]) -> Option<String> {
    let text = text.to_ascii_lowercase();
    let at = forms(sent).iter().find_map(|form| text.find(form))?;
    let around: String = text.chars().skip(at.saturating_sub(80)).take(160).collect();
    Some(around)
}

/// A file that holds one of them, for nobody else to read.
fn kept(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = path.join(format!("planted-{name}"));
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, format!("{text}\n")).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let owner = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(&path, owner).unwrap();
    }
    path
}

fn config(name: &str, more: &str) -> Config {
    let [key, secret, passphrase] = [("key", KEY), ("secret", SECRET), ("pass", PASSPHRASE)]
        .map(|(part, text)| kept(&format!("{name}-{part}"), text));
    let text = format!(
        "environment = \"simulated\"\n[exchanges.kucoin]\nbackoff_base = \"10ms\"\n{more}\n\
         [exchanges.kucoin.credentials]\nkey_file = {key:?}\nsecret_file = {secret:?}\npassphrase_file = {passphrase:?}"
    );
    Config::from_toml(&text).unwrap()
}

/// Everything that can be printed of a manager that was asked for signed and public data.
struct Shown(String);

impl Shown {
    fn add(&mut self, what: &str, value: &dyn Debug) {
        let _ = writeln!(self.0, "{what}: {value:?}\n{value:#?}");
    }

    fn add_text(&mut self, what: &str, text: &str) {
        let _ = writeln!(self.0, "{what}: {text}");
    }

    async fn of(config: Config, transport: Option<Transport>) -> Self {
        let mut shown = Self(String::new());
        shown.add("config", &config);
        shown.add_text("config", &toml::to_string(&config).unwrap());
        shown.add_text("config", &serde_json::to_string(&config).unwrap());
        let clock = VirtualClock::starting_at(Timestamp::from_ns(1_750_000_000_000_000_000));
        let mut builder = DataManager::builder().config(config).clock(Arc::new(clock));
        if let Some(transport) = transport {
            builder = builder.transport(Exchange::KUCOIN, transport);
        }
        shown.add("builder", &builder);
        let manager = builder.start().unwrap();
        let mut events = manager.events();
        for depth in [500, 501, 50] {
            let read = manager.order_book("kucoin", "BTC/USDT").depth(depth);
            match read.timeout(Duration::from_secs(90)).await {
                Ok(sample) => {
                    shown.add("sample", &sample);
                    shown.add("meta", &sample.meta);
                    shown.add_text("sample", &serde_json::to_string(&sample).unwrap());
                    let report = serde_json::to_string(&sample.quality.as_deref()).unwrap();
                    shown.add_text("report", &report);
                }
                Err(error) => {
                    shown.add("error", &error);
                    shown.add_text("error", &error.to_string());
                    let mut source = std::error::Error::source(&error);
                    while let Some(error) = source {
                        shown.add("source", &error);
                        shown.add_text("source", &error.to_string());
                        source = error.source();
                    }
                }
            }
        }
        let request = market::Request::OrderBook {
            symbol: "BTC/USDT".parse().unwrap(),
            depth: Some(502),
        };
        let ends = Instant::now() + Duration::from_secs(5);
        let call = Call::new(Arc::new(request), Priority::High, ends, RequestId(7));
        shown.add("call", &call);
        let source = manager.source("kucoin").unwrap();
        shown.add("answer", &source.call(call).await);
        shown.add("source", &source);
        shown.add("stats", &source.stats());
        shown.add("breaker", &source.breaker().snapshot());
        shown.add("limiter", &source.limiter().snapshot());
        let status = manager.status();
        shown.add("status", &status);
        shown.add_text("status", &serde_json::to_string_pretty(&status).unwrap());
        shown.add("manager", &manager);
        manager.shutdown(Duration::from_secs(1)).await;
        drop(manager);
        drop(source);
        while let Ok(Some(event)) =
            tokio::time::timeout(Duration::from_millis(50), events.next()).await
        {
            shown.add("event", &event);
        }
        shown
    }
}

fn kucoin(key: TestKey) -> Sim {
    let clock = VirtualClock::starting_at(Timestamp::from_ns(1_750_000_000_000_000_000));
    let builder = Sim::builder(Exchange::KUCOIN).clock(Arc::new(clock));
    builder.test_key(key).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn no_canary_is_seen_whatever_fails() {
    let own = TestKey::new(KEY, SECRET, PASSPHRASE);
    let other = TestKey::new(KEY, "another", PASSPHRASE);
    for (name, key, fails) in [
        ("success", own, None),
        ("auth", other, None),
        ("refuse", own, fault("refuse")),
        ("reset", own, fault("reset")),
        ("hang", own, fault("hang")),
        ("503", own, fault("503")),
        ("429", own, fault("429:5")),
        ("418", own, fault("418:20")),
        ("truncated", own, fault("truncated")),
        ("html", own, fault("html")),
        ("garbage", own, fault("garbage")),
    ] {
        let sim = kucoin(key);
        sim.set_fault(fails);
        let shown = Shown::of(config(name, ""), Some(door(&sim))).await;
        assert_eq!(seen(&shown.0, &[]), None, "{name}");
        // What is told is not nothing.
        assert!(shown.0.contains("event: "), "{name}");
        match name {
            "success" => {
                assert!(sim.stats().by_endpoint["level2"] > 1 && !shown.0.contains("\nerror: "))
            }
            "auth" => assert!(shown.0.contains("auth 400004")),
            _ => assert!(shown.0.contains("\nerror: "), "{name}"),
        }
    }
}

/// What a server says that repeats all it was sent, in the words of an error, in a page, in the fields of a book.
fn echo(round: usize, request: &Request<Bytes>) -> (u16, String) {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| (name, value.to_str().unwrap()));
    let all: Vec<String> = headers
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    let of = |name: &str| {
        let value = request
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_default()
    };
    let (key, sign, phrase) = (of("kc-api-key"), of("kc-api-sign"), of("kc-api-passphrase"));
    let say = |code: &str, text: &str| format!("{{\"code\":{code:?},\"msg\":{text:?}}}");
    match round {
        0 => (
            401,
            say(
                "400005",
                &format!("Signature error {} {}", request.uri(), all.join("; ")),
            ),
        ),
        1 => (400, say(&key, &sign)),
        2 => (
            200,
            say(
                "400003",
                &format!("{} {}", STANDARD.encode(&key), hex(&phrase)),
            ),
        ),
        3 => (500, all.join("\n")),
        4 => (200, format!("<html>{}</html>", all.join("<br>"))),
        5 => (
            200,
            format!(
                "{{\"code\":\"200000\",\"data\":{{\"time\":{key:?},\"sequence\":{sign:?},\"bids\":[[{key:?},{phrase:?}],[\"1\",\"2\"]],\"asks\":[[\"3\",{sign:?}]]}}}}"
            ),
        ),
        6 => (429, say("429000", &format!("Too many requests of {key}"))),
        7 => (418, say("1015", &key)),
        8 => (
            200,
            say(
                "400100",
                &format!("{SECRET} {}", utf8_percent_encode(SECRET, NON_ALPHANUMERIC)),
            ),
        ),
        // Cut off in the middle of a key, where the message ends.
        9 => (
            400,
            say("400003", &format!("{}{key}{sign}", "x".repeat(185))),
        ),
        10 => (200, key),
        _ => (
            200,
            say("400004", &format!("{} {sign}", PASSPHRASE.to_uppercase())),
        ),
    }
}

#[tokio::test(start_paused = true)]
async fn no_canary_is_seen_of_a_server_that_repeats_what_it_was_sent() {
    for round in 0..12 {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&sent);
        let server = tower::service_fn(move |request: Request<Bytes>| {
            for name in ["kc-api-sign", "kc-api-passphrase"] {
                if let Some(value) = request.headers().get(name) {
                    notes
                        .lock()
                        .unwrap()
                        .push(value.to_str().unwrap().to_owned());
                }
            }
            let (status, body) = echo(round, &request);
            let mut response = Response::new(Bytes::from(body));
            *response.status_mut() = status.try_into().unwrap();
            async move { Ok::<_, Infallible>(response) }
        });
        let transport = robust_source::in_memory(server, |never: Infallible| match never {});
        let shown = Shown::of(config(&format!("echo{round}"), ""), Some(transport)).await;
        let sent = sent.lock().unwrap();
        assert!(
            sent.len() >= 2,
            "round {round}: signed requests were made, {}",
            sent.len()
        );
        assert_eq!(seen(&shown.0, &sent), None, "round {round}");
        assert!(
            shown.0.contains("[REDACTED]"),
            "round {round}: it was hidden, {}",
            shown.0
        );
    }
}

/// Sockets: the client's own errors are made of a connection and not of a door.
#[tokio::test]
async fn no_canary_is_seen_of_broken_connections() {
    for (name, answer) in [
        ("closed", None),
        ("no http", Some("")),
        ("bad head", Some("HTTP/1.1 200 ")),
        (
            "cut",
            Some("HTTP/1.1 200 OK\r\ncontent-length: 99999\r\n\r\n"),
        ),
        (
            "error",
            Some("HTTP/1.1 401 Unauthorized\r\nconnection: close\r\n\r\n"),
        ),
    ] {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut request = vec![0; 8_192];
                let read = socket.read(&mut request).await.unwrap_or(0);
                let Some(head) = answer else { continue };
                // The head, then all that came: as a body, or in place of a head.
                let _ = socket.write_all(head.as_bytes()).await;
                let _ = socket.write_all(&request[..read]).await;
            }
        });
        let more = format!(
            "base_url = \"http://{address}\"\ntimeout = \"500ms\"\nretries = 1\nbreaker_failures = 100"
        );
        let shown = Shown::of(config(&name.replace(' ', "-"), &more), None).await;
        server.abort();
        assert_eq!(seen(&shown.0, &[]), None, "{name}");
        assert!(shown.0.contains("\nerror: "), "{name}");
    }
}

#[test]
fn the_search_for_canaries_finds_them() {
    let sign = ["sIgn+ature/1=".to_owned()];
    for text in [
        KEY.to_lowercase(),
        format!("x{}", STANDARD.encode(SECRET)),
        hex(PASSPHRASE).to_uppercase(),
        utf8_percent_encode(SECRET, NON_ALPHANUMERIC).to_string(),
        "canary".to_owned(),
        "?s=sIgn+ature/1".to_owned(),
    ] {
        assert!(seen(&text, &sign).is_some(), "{text}");
    }
    assert_eq!(seen("KC-API-KEY not exists", &sign), None);
}
