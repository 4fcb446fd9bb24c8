//! A call is dropped at every await point of the whole stack, one after the other: every counter is as it was.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::uri::Authority;
use robust_breaker::State;
use robust_connectors::Kraken;
use robust_limiter::Class;
use robust_market::{Decoded, Exchange, Origin, Payload, Request, RequestId, Timestamp};
use robust_source::{Answer, Attempts, Call, Cause, Failed, Source, SourceConfig};
use tokio::time::{Instant, sleep};
use tower::{Service, ServiceExt};

use crate::world::World;

/// A call that is dropped after so many polls.
struct Dropped<F> {
    call: Option<Pin<Box<F>>>,
    left: u32,
}

impl<F: Future> Future for Dropped<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left > 0
            && let Some(call) = self.call.as_mut()
        {
            if let Poll::Ready(output) = call.as_mut().poll(cx) {
                self.call = None;
                return Poll::Ready(Some(output));
            }
            self.left -= 1;
        }
        if self.left == 0 {
            self.call = None;
            return Poll::Ready(None);
        }
        Poll::Pending
    }
}

async fn after<F: Future>(polls: u32, call: F) -> Option<F::Output> {
    let call = Some(Box::pin(call));
    Dropped { call, left: polls }.await
}

/// What must be as in the beginning once nothing is under way.
fn idle<V>(source: &Source<V>, what: &str) {
    let limiter = source.limiter().snapshot();
    assert_eq!(limiter.queued, [0; 4], "{what}");
    assert_eq!(
        (limiter.held(), limiter.in_flight),
        (0, 0),
        "{what}: {limiter:?}"
    );
    let out = limiter.granted + limiter.rejected + limiter.abandoned;
    assert_eq!(limiter.asked, out, "{what}: {limiter:?}");
    assert_eq!(source.breaker().snapshot().probes_out, 0, "{what}");
    let stats = source.stats();
    let over = stats.ok + stats.errors + stats.cancelled;
    assert_eq!(stats.calls, over, "{what}: {stats:?}");
}

/// Answers as it is told to, and is pending so many times at each of its await points.
#[derive(Debug, Clone)]
struct Slow {
    ready: u32,
    left: u32,
    pending: u32,
    /// The attempts that fail before one succeeds.
    fails: u32,
    attempts: Arc<AtomicU32>,
}

impl Slow {
    fn new(pending: u32, fails: u32) -> Self {
        Self {
            ready: pending,
            left: pending,
            pending,
            fails,
            attempts: Arc::default(),
        }
    }
}

/// Pending so many times, each for a millisecond.
async fn wait(times: u32) {
    for _ in 0..times {
        sleep(Duration::from_millis(1)).await;
    }
}

impl Service<Call> for Slow {
    type Response = Answer;
    type Error = Failed;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Failed>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failed>> {
        if self.left > 0 {
            self.left -= 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Call) -> Self::Future {
        self.left = self.ready;
        let number = self.attempts.fetch_add(1, Ordering::Relaxed);
        let (pending, fails) = (self.pending, number < self.fails);
        Box::pin(async move {
            wait(pending).await;
            if fails {
                let after = Duration::from_secs(1);
                return Err(Cause::Timeout { after }.into());
            }
            let time = Decoded::clean(Payload::ServerTime(Timestamp::EPOCH));
            let here = Authority::from_static("here");
            Ok(Answer::new(
                time,
                Origin::Simulated,
                here,
                Timestamp::EPOCH,
                Instant::now(),
            ))
        })
    }
}

fn question() -> Call {
    let end = Instant::now() + Duration::from_secs(3_600);
    Call::new(
        Arc::new(Request::ServerTime),
        Class::High,
        end,
        RequestId(1),
    )
}

fn over<V: Attempts>(venue: V, config: SourceConfig) -> Source<V> {
    let builder = Source::builder(Arc::new(Kraken)).config(config);
    builder.build_over(venue).unwrap()
}

/// As many polls as a whole call can need here.
const MOST: u32 = 200;

#[tokio::test(start_paused = true)]
async fn over_a_venue_that_is_pending_any_number_of_times_nothing_is_held() {
    let mut points = 0;
    for pending in 0..4 {
        for fails in 0..3 {
            let mut config = SourceConfig::default();
            config.breaker_failures = 10;
            for polls in 0.. {
                let what = format!("pending {pending}, {fails} failures, {polls} polls");
                assert!(polls < MOST, "{what}");
                let venue = Slow::new(pending, fails);
                let attempts = Arc::clone(&venue.attempts);
                let source = over(venue, config.clone());
                // Somebody is before it, so it waits for the window too.
                let first = source.call(question());
                drop(after(3, first).await);
                let before = attempts.load(Ordering::Relaxed);
                let outcome = after(polls, source.call(question())).await;
                idle(&source, &what);
                let budget = source.retry_budget().stats();
                let paid = budget.withdrawn - budget.refunded;
                let made = attempts.load(Ordering::Relaxed);
                let retries = u64::from(made.saturating_sub(before + 1));
                // A retry that waits for its turn in the queue is paid for already; one that pauses before it is not.
                assert!(
                    paid >= retries && paid <= retries + 2,
                    "{what}: {budget:?}, {made} made"
                );
                points += 1;
                if outcome.is_some() {
                    break;
                }
            }
        }
    }
    assert!(points > 60, "{points}");
}

/// The call of the service is made, and its price paid, before there is a future: dropped before its first poll it has sent nothing.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_never_polled_leaves_every_counter_as_it_was() {
    let source = over(Slow::new(0, 0), SourceConfig::default());
    let used = || {
        let seen = source.limiter().snapshot();
        seen.windows.iter().map(|window| window.used).sum::<u64>()
    };
    for _ in 0..3 {
        let mut service = source.service();
        let ready = ServiceExt::<Call>::ready(&mut service).await.unwrap();
        let call = ready.call(question());
        assert!(used() > 0, "it need not wait");
        drop(call);
        assert_eq!(used(), 0);
        idle(&source, "never polled");
    }
    let began = Instant::now();
    source.call(question()).await.unwrap();
    assert_eq!(
        began.elapsed(),
        Duration::ZERO,
        "nothing is spent of Kraken's one a second"
    );
}

/// A breaker whose open time ends between readiness and call, and a future that is left lying: what it pays counts from the call, when
/// the attempt was made.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_readied_while_the_breaker_is_open_is_made_at_once_when_it_is_called() {
    let mut config = SourceConfig::default();
    (config.breaker_failures, config.retries) = (1, 0);
    let venue = Slow::new(0, 1);
    let attempts = Arc::clone(&venue.attempts);
    let source = over(venue, config);
    source.call(question()).await.unwrap_err();
    let mut service = source.service();
    let ready = ServiceExt::<Call>::ready(&mut service).await.unwrap();
    sleep(Duration::from_secs(61)).await;
    let call = ready.call(question());
    assert_eq!(
        attempts.load(Ordering::Relaxed),
        2,
        "made when it was called"
    );
    sleep(Duration::from_secs(5)).await;
    call.await.unwrap();
    assert_eq!(source.breaker().state(), State::Closed);
    idle(&source, "left lying");
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_still_pauses_is_given_back_to_the_budget() {
    let source = over(Slow::new(0, 9), SourceConfig::default());
    let cut = tokio::time::timeout(Duration::from_millis(500), source.call(question()));
    assert!(cut.await.is_err());
    let budget = source.retry_budget().stats();
    assert_eq!((budget.withdrawn, budget.refunded), (1, 1));
    idle(&source, "in the pause");
}

#[tokio::test(start_paused = true)]
async fn over_the_simulator_with_every_fault_nothing_is_held() {
    let faults = [
        "latency:300ms",
        "503",
        "429:3",
        "418:20",
        "html",
        "garbage",
        "truncated",
        "refuse",
        "reset",
    ];
    for exchange in [Exchange::KRAKEN, Exchange::BINANCE] {
        for fault in faults {
            for polls in 0.. {
                let what = format!("{exchange} {fault}, {polls} polls");
                assert!(polls < MOST, "{what}");
                let world = World::of(&exchange, SourceConfig::default());
                world.sim.set_fault(Some(fault.parse().unwrap()));
                let ahead = world
                    .source
                    .call(world.call(world.ticker(), Class::Critical));
                let call = world.source.call(world.call(world.ticker(), Class::Low));
                // It is behind another in the queue, and is polled together with it.
                let (_, outcome) = tokio::join!(after(4, ahead), after(polls, call));
                idle(&world.source, &what);
                if outcome.is_some() {
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_dropped_at_any_point_leaves_its_permit() {
    for polls in 0.. {
        assert!(polls < MOST);
        let mut config = SourceConfig::default();
        (config.breaker_failures, config.retries) = (1, 0);
        let source = over(Slow::new(2, 1), config);
        source.call(question()).await.unwrap_err();
        sleep(Duration::from_secs(61)).await;
        let outcome = after(polls, source.call(question())).await;
        idle(&source, &format!("{polls} polls"));
        if outcome.is_some() {
            assert_eq!(source.breaker().state(), State::Closed);
            break;
        }
        // Whatever became of the probe, the next one is let through and closes the breaker.
        source.call(question()).await.unwrap();
        assert_eq!(source.breaker().state(), State::Closed, "{polls} polls");
    }
}
