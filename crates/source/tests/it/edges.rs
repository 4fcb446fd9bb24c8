//! What happens at the edges: no patience, no slot, no sense in a server's word or in a setting.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use robust_connectors::Binance;
use robust_limiter::{Charge, Class, Rejected};
use robust_market::{Exchange, RequestId};
use robust_source::{Call, Cause, Source, SourceConfig, Transport};
use tokio::time::Instant;

use crate::world::World;

/// On the real clock, for a paused one hides it: a grant that must be there by this very instant is always a little late.
#[tokio::test]
async fn who_has_less_patience_than_usual_may_try_while_the_budget_is_free() {
    let world = World::kraken();
    let patience = Instant::now() + Duration::from_millis(80);
    let call = world.call(world.ticker(), Class::Medium).admit_by(patience);
    world.source.call(call).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_a_slot_ends_at_the_deadline_too() {
    let mut config = SourceConfig::default();
    config.concurrency = 1;
    let world = World::of(&Exchange::BINANCE, config);
    world.sim.set_fault(Some("hang".parse().unwrap()));
    let holder = tokio::spawn({
        let (source, call) = (world.source.clone(), world.call(world.ticker(), Class::Low));
        async move { source.call(call).await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let began = Instant::now();
    let deadline = began + Duration::from_secs(1);
    let call = Call::new(world.ticker(), Class::Critical, deadline, RequestId(2));
    let error = world.source.call(call).await.unwrap_err();
    assert!(
        matches!(error.cause, Cause::Limited(Rejected::Busy { .. })),
        "{error}"
    );
    assert!(error.retry_in().is_some(), "{error}");
    let waited = began.elapsed();
    assert!(
        (Duration::from_millis(890)..Duration::from_secs(1)).contains(&waited),
        "{waited:?}: as long as an answer could still be there in time"
    );
    let budget = world.source.limiter().snapshot();
    assert_eq!((budget.in_flight, budget.max_in_flight), (1, Some(1)));
    holder.abort();
    let _ = holder.await;
    let budget = world.source.limiter().snapshot();
    assert_eq!(
        (budget.committed, budget.held(), budget.in_flight),
        (1, 0, 0),
        "what was not sent was not charged"
    );
}

#[tokio::test(start_paused = true)]
async fn the_engines_own_clients_wait_for_no_slot() {
    let mut config = SourceConfig::default();
    config.concurrency = 1;
    let world = World::of(&Exchange::BINANCE, config);
    world.sim.set_fault(Some("hang".parse().unwrap()));
    let reading = world.source.call(world.call(world.ticker(), Class::Low));
    let read = tokio::time::timeout(Duration::from_secs(1), reading);
    let order = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let limiter = world.source.limiter();
        assert_eq!(limiter.snapshot().in_flight, 1);
        limiter
            .try_acquire(&Charge::new(0, 1).into(), Class::Critical)
            .unwrap()
            .commit();
    };
    let (read, ()) = tokio::join!(read, order);
    assert!(read.is_err(), "it hangs");
    assert_eq!(world.source.limiter().snapshot().in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn who_is_overtaken_until_its_patience_ends_is_told_why() {
    let world = World::kraken();
    // From here on the exchange is known to answer within no time.
    world.ask().await.unwrap();
    let urgent = async {
        loop {
            let call = world.call(world.ticker(), Class::High);
            let source = world.source.clone();
            tokio::spawn(async move { source.call(call).await });
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let low = async {
        let patience = Instant::now() + Duration::from_secs(5);
        let call = world.call(world.ticker(), Class::Low).admit_by(patience);
        tokio::time::timeout_at(patience, world.source.call(call)).await
    };
    let outcome = tokio::select! {
        outcome = low => outcome,
        () = urgent => unreachable!("it has no end"),
    };
    let error = outcome.expect("told before the patience ends").unwrap_err();
    let Cause::Limited(Rejected::TooLate { retry_in, .. }) = error.cause else {
        panic!("{error}")
    };
    assert!(retry_in > Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_here_still_says_how_many_requests_were_sent() {
    let mut config = SourceConfig::default();
    config.breaker_failures = 2;
    config.retries = 5;
    let world = World::of(&Exchange::BINANCE, config);
    world.sim.set_fault(Some("503".parse().unwrap()));
    let error = world.ask().await.unwrap_err();
    // The third attempt was refused: the error is that of the second.
    assert!(matches!(error.cause, Cause::Refused(_)), "{error}");
    assert_eq!(error.attempts, 2);
    assert!(
        error
            .retry_in()
            .is_some_and(|wait| wait > Duration::from_secs(50))
    );
}

/// Always the same answer.
fn answering(status: u16, retry_after: &'static str, body: &'static str) -> Transport {
    let answer = tower::service_fn(move |_| async move {
        let mut answer = http::Response::new(Bytes::from_static(body.as_bytes()));
        *answer.status_mut() = http::StatusCode::from_u16(status).unwrap();
        let value = http::HeaderValue::from_static(retry_after);
        answer.headers_mut().insert("retry-after", value);
        Ok::<_, Infallible>(answer)
    });
    robust_source::in_memory(answer, |never| match never {})
}

#[tokio::test(start_paused = true)]
async fn a_stay_that_is_over_already_is_none() {
    for (status, retry_after, body, least) in [
        (429, "0", "", 1),
        (429, "-7", "", 1),
        (418, "0", "", 120),
        (418, "soon", "", 120),
        // Over by our clock, which may be ahead of theirs.
        (
            418,
            "0",
            r#"{"code":-1003,"msg":"IP banned until 1000000000000."}"#,
            120,
        ),
    ] {
        let source = Source::builder(Arc::new(Binance))
            .build(answering(status, retry_after, body))
            .unwrap();
        let symbol = "BTC/USDT".parse().unwrap();
        let request = Arc::new(robust_market::Request::Ticker { symbol });
        let deadline = Instant::now() + Duration::from_secs(2);
        let call = Call::new(request, Class::Medium, deadline, RequestId(1)).retries(0);
        let error = source.call(call).await.unwrap_err();
        let least = Duration::from_secs(least);
        assert_eq!(error.retry_in(), Some(least), "{status} {retry_after}");
        let paused = source.limiter().paused_until().expect("it stays away");
        assert_eq!(paused.saturating_duration_since(Instant::now()), least);
    }
}

#[test]
fn absurd_times_are_refused_and_absurd_numbers_bounded() {
    let build = |change: fn(&mut SourceConfig)| {
        let mut config = SourceConfig::default();
        change(&mut config);
        Source::builder(Arc::new(Binance))
            .config(config)
            .build(answering(200, "0", ""))
    };
    for (change, field) in [
        (
            (|config| config.timeout = Duration::MAX) as fn(&mut SourceConfig),
            "timeout",
        ),
        (|config| config.timeout = Duration::ZERO, "timeout"),
        (|config| config.max_timeout = Duration::MAX, "max_timeout"),
        (|config| config.breaker_open = Duration::MAX, "breaker_open"),
    ] {
        let error = build(change).unwrap_err();
        assert_eq!(error.field, field);
        assert!(error.to_string().contains("use "), "{error}");
    }
    assert!(build(|config| config.concurrency = usize::MAX).is_ok());
}

#[test]
fn an_address_with_a_password_or_a_key_is_refused_without_telling_it() {
    for url in [
        "http://me:hunter2@127.0.0.1:1",
        "https://me:hunter2@example.com/x",
        "https://me:hunter2@example.com:99999",
        "https://example.com/hunter2",
        "https://example.com/?key=hunter2",
        "https://example.com?key=hunter2",
        "example.com?key=hunter2",
    ] {
        let error = Source::builder(Arc::new(Binance))
            .base_url(url)
            .build(answering(200, "0", ""))
            .unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

/// A call whose retry is refused here still fails with what the exchange did, and with the time to come back.
#[tokio::test(start_paused = true)]
async fn a_refused_retry_does_not_hide_what_the_attempt_came_to() {
    let mut config = SourceConfig::default();
    config.breaker_failures = 1;
    let world = World::of(&Exchange::BINANCE, config);
    world.sim.set_fault(Some("hang".parse().unwrap()));
    let error = world.ask().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Timeout { .. }), "{error}");
    assert_eq!(error.attempts, 1);
    assert!(
        error
            .retry_in()
            .is_some_and(|wait| wait > Duration::from_secs(50)),
        "{:?}",
        error.retry_in()
    );
    let next = world.ask().await.unwrap_err();
    assert!(matches!(next.cause, Cause::Open(_)), "{next}");
}
