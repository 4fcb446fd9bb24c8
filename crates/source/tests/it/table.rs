//! What each fault means for attempts, breaker and counters: the table of the faults, row by row, through a whole source.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use robust_breaker::State;
use robust_connectors::Binance;
use robust_http::{Error, Fetched, Kind, NewConnection, Phase};
use robust_source::{Source, SourceConfig, SourceError, SourceStats, Transport};
use tokio::time::Instant;

use crate::world::ask;

fn source(transport: Transport) -> Source {
    Source::builder(Arc::new(Binance))
        .config(SourceConfig::default())
        .build(transport)
        .unwrap()
}

/// A way to the exchange that always fails so.
fn failing(kind: Kind, sent: bool) -> Source {
    let failing = move |_| async move { Err::<Fetched, _>(Error::new(kind, sent)) };
    source(Transport::new(tower::service_fn(failing)))
}

/// An exchange that always answers so, and which of the requests wanted a connection of their own.
fn answering(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
) -> (Source, Arc<Mutex<Vec<bool>>>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let answer = tower::service_fn(move |request: http::Request<Bytes>| {
        let new = request.extensions().get::<NewConnection>().is_some();
        noted.lock().unwrap().push(new);
        async move {
            let mut answer = http::Response::new(Bytes::from_static(body.as_bytes()));
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            for (name, value) in headers {
                let (name, value) = (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                );
                answer.headers_mut().insert(name, value);
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let door = robust_source::in_memory(answer, |never| match never {});
    (source(door), asked)
}

fn open_for(source: &Source) -> Option<u64> {
    match source.breaker().state() {
        State::Open { until } => Some(until.duration_since(Instant::now()).as_secs()),
        _ => None,
    }
}

/// Each fault leaves one trace for each attempt: a count under its name where the exchange is to blame, and its words.
fn traced(stats: &SourceStats, error: &SourceError, blamed: Option<&'static str>) {
    assert_eq!((stats.calls, stats.errors, stats.ok), (1, 1, 0), "{error}");
    let counted: Vec<_> = stats.failures.iter().map(|(name, n)| (*name, *n)).collect();
    let attempts = u64::from(error.attempts);
    let expected: Vec<_> = blamed.map(|name| (name, attempts)).into_iter().collect();
    assert_eq!(counted, expected, "{error}");
    let (_, words) = stats.last_error.as_ref().expect("the last error");
    assert_eq!(*words, error.to_string());
}

#[tokio::test(start_paused = true)]
async fn every_kind_of_failure_on_the_way_has_its_attempts_its_blame_and_its_trace() {
    let (usual, once, never) = (4, 2, 1);
    let network = Some("network");
    let phase = |phase| Kind::Timeout { phase };
    let slow = |phase| Kind::TooSlow { phase };
    let table = [
        (Kind::Dns, false, usual, network),
        (Kind::Connect, false, usual, network),
        (Kind::ConnectTimeout, false, usual, network),
        (Kind::Tls, false, never, Some("tls")),
        (phase(Phase::Queue), false, never, None),
        (phase(Phase::Connect), false, usual, network),
        (phase(Phase::Headers), true, usual, network),
        (phase(Phase::Body), true, usual, network),
        (Kind::Reset, true, usual, network),
        (Kind::Closed, true, usual, network),
        (Kind::BodyTooLarge { limit: 1 }, true, never, network),
        (Kind::Decompression, true, once, network),
        (Kind::Protocol, true, usual, network),
        (Kind::HeadersTooLarge, true, never, network),
        (slow(Phase::Headers), true, usual, network),
        (slow(Phase::Body), true, usual, network),
        (Kind::Expansion { limit: 1 }, true, never, network),
        (Kind::NoLength, true, once, network),
        (Kind::Forbidden, false, never, None),
        (Kind::InvalidRequest, false, never, None),
        (Kind::PoolFull, false, never, None),
    ];
    assert_eq!(table.map(|(kind, ..)| kind), Kind::EACH);
    for (kind, sent, attempts, blamed) in table {
        let source = failing(kind, sent);
        let error = ask(&source).await.unwrap_err();
        assert_eq!(error.attempts, attempts, "{kind:?}");
        traced(&source.stats(), &error, blamed);
        // Many of them open the breaker where the exchange is to blame, and nowhere else.
        for _ in 0..10 {
            let _ = ask(&source).await;
        }
        assert_eq!(open_for(&source).is_some(), blamed.is_some(), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_does_not_hold_opens_the_breaker_at_once_and_for_long() {
    let source = failing(Kind::Tls, false);
    let error = ask(&source).await.unwrap_err();
    assert_eq!(error.attempts, 1, "it is not tried again");
    assert_eq!(open_for(&source), Some(600));
    assert_eq!(error.retry_in(), Some(Duration::from_secs(600)));
    // One probe after that, and as long again.
    tokio::time::sleep(Duration::from_secs(601)).await;
    ask(&source).await.unwrap_err();
    assert_eq!(open_for(&source), Some(600));
    assert_eq!(source.stats().failures["tls"], 2);
}

#[tokio::test(start_paused = true)]
async fn every_answer_without_data_has_its_attempts_its_blame_and_its_trace() {
    let banned = r#"{"code":-1003,"msg":"IP banned until 1000000000000."}"#;
    let unknown = r#"{"code":-1121,"msg":"Invalid symbol."}"#;
    for (status, body, attempts, blamed) in [
        (
            200,
            "<html>Just a moment...</html>",
            2,
            Some("unexpected_content"),
        ),
        (200, r#"{"code":-1001,"msg":"busy"}"#, 4, Some("transient")),
        (200, "", 2, Some("malformed")),
        (200, "null", 2, Some("malformed")),
        (200, r#"{"serverTime":1e999}"#, 2, Some("malformed")),
        (200, r#"{"serverTime":"#, 2, Some("malformed")),
        (302, "", 1, Some("redirect")),
        (400, unknown, 1, None),
        (403, "", 4, Some("rate_limited")),
        (418, banned, 1, Some("banned")),
        (429, "", 4, Some("rate_limited")),
        (500, "", 4, Some("transient")),
        (503, "", 4, Some("transient")),
    ] {
        let (source, asked) = answering(status, &[], body);
        let error = ask(&source).await.unwrap_err();
        assert_eq!(error.attempts, attempts, "{status} {body}: {error}");
        assert_eq!(asked.lock().unwrap().len() as u32, attempts);
        traced(&source.stats(), &error, blamed);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_for_people_is_asked_again_after_a_long_pause() {
    let (source, asked) = answering(200, &[], "<html>maintenance</html>");
    let began = Instant::now();
    let error = ask(&source).await.unwrap_err();
    assert!(began.elapsed() >= Duration::from_secs(15));
    assert_eq!(*asked.lock().unwrap(), [false, false]);
    assert_eq!(error.retry_in(), Some(Duration::from_secs(15)));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_asked_once_more_over_a_new_connection() {
    // Deep without an end, and wide.
    let deep: &'static str = Box::leak("[".repeat(100_000).into_boxed_str());
    let wide: &'static str = Box::leak(format!("[{}1]", "1,".repeat(100_000)).into_boxed_str());
    for body in ["garbage", r#"{"serverTime":"#, "{}", "[NaN]", deep, wide] {
        let (source, asked) = answering(200, &[], body);
        ask(&source).await.unwrap_err();
        assert_eq!(*asked.lock().unwrap(), [false, true], "{:.20}", body);
    }
    // The usual retry takes any connection.
    let (source, asked) = answering(503, &[], "");
    ask(&source).await.unwrap_err();
    assert_eq!(*asked.lock().unwrap(), [false; 4]);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_named_refused_and_not_asked_again() {
    for location in [
        "http://169.254.169.254/latest/meta-data?key=canary",
        "https://elsewhere.example/canary",
        "/canary",
    ] {
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("location", location)]));
        for status in [301, 302, 303, 307, 308] {
            let (source, asked) = answering(status, headers, "");
            let error = ask(&source).await.unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with("redirect: unexpected redirect"), "{text}");
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
            assert_eq!(asked.lock().unwrap().len(), 1, "{status} {location}");
        }
    }
}
