//! The exchange's own word on when to come back holds for everyone, whatever its status.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderValue, StatusCode};
use robust_breaker::State;
use robust_connectors::Binance;
use robust_market::{Clock, Exchange, Timestamp};
use robust_sim::VirtualClock;
use robust_source::{Cause, Source, SourceConfig};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::world::{World, ask};

/// Status and `Retry-After`.
type Says = (u16, Option<&'static str>);

/// What is answered, and when each request came.
#[derive(Debug, Clone, Default)]
struct Desk {
    /// Data when there is none.
    says: Arc<Mutex<Option<Says>>>,
    arrived: Arc<Mutex<Vec<Instant>>>,
}

impl Desk {
    fn say(&self, status: u16, retry_after: Option<&'static str>) {
        *self.says.lock().unwrap() = Some((status, retry_after));
    }

    fn answer_well(&self) {
        *self.says.lock().unwrap() = None;
    }

    fn arrivals(&self) -> Vec<Instant> {
        self.arrived.lock().unwrap().clone()
    }

    fn source(&self, config: SourceConfig) -> Source {
        let desk = self.clone();
        let answer = tower::service_fn(move |_| {
            desk.arrived.lock().unwrap().push(Instant::now());
            let says = *desk.says.lock().unwrap();
            async move {
                sleep(Duration::from_millis(20)).await;
                let data = Bytes::from_static(br#"{"serverTime":1750000000000}"#);
                let mut answer = http::Response::new(data);
                if let Some((status, retry_after)) = says {
                    *answer.body_mut() = Bytes::new();
                    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
                    if let Some(wait) = retry_after {
                        let wait = HeaderValue::from_static(wait);
                        answer.headers_mut().insert("retry-after", wait);
                    }
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let door = robust_source::in_memory(answer, |never| match never {});
        Source::builder(Arc::new(Binance))
            .config(config)
            .build(door)
            .unwrap()
    }
}

fn single() -> SourceConfig {
    let mut config = SourceConfig::default();
    config.retries = 0;
    config
}

/// The scenario of `cargo xtask bench behaviour`, row `sent_during_retry_after_5s`, around a whole source.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_while_the_server_wants_to_be_left_alone_whatever_its_status() {
    for status in [503, 502, 500, 429, 403, 418, 200, 302] {
        let desk = Desk::default();
        let source = desk.source(SourceConfig::default());
        desk.say(status, Some("5"));
        let mut callers = JoinSet::new();
        for n in 0..11 {
            let source = source.clone();
            callers.spawn(async move { ask(&source).await.is_ok() });
            sleep(Duration::from_millis(if n < 10 { 500 } else { 0 })).await;
            desk.answer_well();
        }
        let ended: Vec<bool> = callers.join_all().await;
        let arrived = desk.arrivals();
        let early = |at: &&Instant| **at < arrived[0] + Duration::from_secs(5);
        assert_eq!(arrived.iter().filter(early).count(), 1, "{status}");
        // Those who waited were served; a ban refuses them at once.
        let served = ended.iter().filter(|ok| **ok).count();
        assert_eq!(served >= 10, status != 418, "{status}: {served}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_word_is_believed_for_a_day_and_a_ban_for_three() {
    let day = Duration::from_secs(24 * 3_600);
    for (status, longest) in [(503, day), (429, day), (403, day), (418, day * 3)] {
        let desk = Desk::default();
        desk.say(status, Some("9999999"));
        let source = desk.source(single());
        let error = ask(&source).await.unwrap_err();
        assert_eq!(error.retry_in(), Some(longest), "{status}");
        let paused = source.limiter().paused_until().expect("it is paused");
        assert_eq!(paused.duration_since(Instant::now()), longest, "{status}");
        ask(&source).await.unwrap_err();
        assert_eq!(desk.arrivals().len(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_time_the_cooldown_doubles_from_a_second_until_a_good_answer() {
    for status in [429, 403] {
        let desk = Desk::default();
        let source = desk.source(single());
        let stays = async || {
            let mut stays = Vec::new();
            desk.say(status, None);
            for _ in 0..7 {
                let error = ask(&source).await.unwrap_err();
                let stay = error.retry_in().expect("a time");
                let paused = source.limiter().paused_until().expect("it is paused");
                assert_eq!(paused.duration_since(Instant::now()), stay);
                stays.push(stay.as_secs());
                sleep(stay).await;
            }
            desk.answer_well();
            ask(&source).await.unwrap();
            stays
        };
        let doubled = [1, 2, 4, 8, 16, 32, 64];
        assert_eq!(stays().await, doubled, "{status}");
        assert_eq!(stays().await, doubled, "{status}: and begins anew");
        assert_eq!(source.breaker().state(), State::Closed, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_were_under_way_together_lengthen_the_cooldown_once() {
    let desk = Desk::default();
    let source = desk.source(single());
    desk.say(429, None);
    let ends = join_all((0..10).map(|_| ask(&source))).await;
    for end in ends {
        let error = end.unwrap_err();
        assert_eq!(error.attempts, 1);
        assert_eq!(error.retry_in(), Some(Duration::from_secs(1)));
    }
    assert_eq!(desk.arrivals().len(), 10);
    sleep(Duration::from_secs(2)).await;
    let error = ask(&source).await.unwrap_err();
    assert_eq!(error.retry_in(), Some(Duration::from_secs(2)));
}

#[tokio::test(start_paused = true)]
async fn a_ban_of_an_earlier_process_is_kept_to_until_it_ends() {
    let world = World::of(&Exchange::BINANCE, single());
    let clock = VirtualClock::starting_at(Timestamp::from_ns(1_750_000_000_000_000_000));
    // One that is over changes nothing.
    world.source.resume_ban(clock.now());
    world.ask().await.unwrap();
    assert_eq!(world.source.banned_until(), None);

    let until = clock.now().saturating_add(Duration::from_secs(120));
    world.source.resume_ban(until);
    assert_eq!(world.source.banned_until(), Some(until));
    assert_eq!(*world.source.bans().borrow(), Some(until));
    for _ in 0..11 {
        let error = world.ask().await.unwrap_err();
        assert!(matches!(error.cause, Cause::Open(_)), "{error}");
        sleep(Duration::from_secs(10)).await;
    }
    assert_eq!(world.sim.stats().requests, 1, "that before the ban");
    sleep(Duration::from_secs(10)).await;
    world.ask().await.unwrap();
    assert_eq!(world.source.banned_until(), None);
    assert_eq!(world.source.breaker().state(), State::Closed);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_ban_is_known_as_a_time_of_the_wall_clock_and_only_moves_on() {
    let world = World::of(&Exchange::BINANCE, single());
    let mut bans = world.source.bans();
    world.sim.set_fault(Some("418:120".parse().unwrap()));
    let clock = VirtualClock::starting_at(Timestamp::from_ns(1_750_000_000_000_000_000));
    world.ask().await.unwrap_err();
    assert!(bans.has_changed().unwrap());
    let until = bans.borrow_and_update().expect("an end");
    let rest = until.since(clock.now());
    assert!(
        (Duration::from_secs(119)..=Duration::from_secs(120)).contains(&rest),
        "{rest:?}"
    );
    world
        .source
        .resume_ban(clock.now().saturating_add(Duration::from_secs(9)));
    assert!(!bans.has_changed().unwrap());
}
