//! One seed: the source, everybody who asks, and what must hold during and after.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use robust_breaker::State;
use robust_limiter::{Class, ClassCell, Snapshot};
use robust_market::{Clock, Request, RequestId, Timestamp};
use robust_sim::{Sim, VirtualClock};
use robust_source::{Answer, Call, Cause, Source, SourceError};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::door::Door;
use super::plan::{Asked, Cut, Plan};

/// By how much a call may end after its end: timers tick by the millisecond.
const TICK: Duration = Duration::from_millis(1);

/// What a source's retry budget allows: a share of the calls, and so many a second.
const BUDGET: (f64, f64) = (0.2, 1.0);

/// The time of day when each storm begins.
const MORNING: Timestamp = Timestamp::from_ns(1_750_000_000_000_000_000);

/// What came of one seed.
#[derive(Debug, Clone, Default)]
pub struct Story {
    /// Calls that ended with data.
    pub ok: u64,
    /// Calls that this process refused.
    pub refused: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Calls that were dropped.
    pub dropped: u64,
    /// Requests that went out.
    pub requests: u64,
    /// How often the breaker opened.
    pub opened: u64,
    /// How long it took, by the clock of the storm.
    pub took: Duration,
    /// What must not have happened.
    pub violations: Vec<String>,
}

/// A wall clock that can be set.
#[derive(Debug)]
struct Wall {
    origin: Instant,
    ahead: AtomicI64,
}

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        let now = MORNING.saturating_add(self.origin.elapsed());
        let ahead = self.ahead.load(Ordering::Relaxed);
        let by = Duration::from_secs(ahead.unsigned_abs());
        if ahead < 0 {
            now.saturating_sub(by)
        } else {
            now.saturating_add(by)
        }
    }
}

/// A call that is over.
struct Ended {
    asked: usize,
    began: Instant,
    ended: Instant,
    end: Instant,
    outcome: Outcome,
}

enum Outcome {
    Ok(Box<Answer>),
    Err(Box<SourceError>),
    /// Dropped; whether it was polled before.
    Dropped(bool),
}

/// A call that is dropped after some polls.
struct Counted<F> {
    call: Pin<Box<F>>,
    left: Option<u32>,
    polled: bool,
}

impl<F: Future> Future for Counted<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == Some(0) {
            return Poll::Ready(None);
        }
        self.polled = true;
        self.left = self.left.map(|left| left - 1);
        let last = self.left == Some(0);
        match self.call.as_mut().poll(cx) {
            Poll::Pending if last => Poll::Ready(None),
            other => Poll::Ready(Some(ready!(other))),
        }
    }
}

async fn ask(source: Source, number: usize, asked: Asked, longest: Duration) -> Ended {
    let began = Instant::now();
    let class = match asked.raised {
        None => ClassCell::from(asked.class),
        Some((after, class)) => {
            let cell = ClassCell::new(asked.class);
            let raised = cell.clone();
            tokio::spawn(async move {
                sleep(after).await;
                raised.raise(class);
            });
            cell
        }
    };
    let deadline = began + asked.patience;
    let id = RequestId(number as u64);
    let mut call = Call::new(Arc::clone(&asked.request), class, deadline, id);
    if let Some(admit) = asked.admit {
        call = call.admit_by(began + admit);
    }
    let mut counted = Counted {
        call: Box::pin(async move { source.call(call).await }),
        left: match asked.cut {
            Cut::Polls(polls) => Some(polls),
            _ => None,
        },
        polled: false,
    };
    let outcome = match asked.cut {
        Cut::After(time) => timeout_at(began + time, &mut counted).await.ok().flatten(),
        _ => (&mut counted).await,
    };
    let outcome = match outcome {
        Some(Ok(answer)) => Outcome::Ok(Box::new(answer)),
        Some(Err(error)) => Outcome::Err(Box::new(error)),
        None => Outcome::Dropped(counted.polled),
    };
    drop(counted);
    Ended {
        asked: number,
        began,
        ended: Instant::now(),
        end: deadline.min(began + longest),
        outcome,
    }
}

/// Runs one seed on a runtime of its own.
///
/// # Errors
///
/// When no runtime or no source can be built.
pub fn run(plan: &Plan) -> anyhow::Result<Story> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()?;
    runtime.block_on(storm(plan))
}

async fn storm(plan: &Plan) -> anyhow::Result<Story> {
    let began = Instant::now();
    let wall = Arc::new(Wall {
        origin: began,
        ahead: AtomicI64::new(0),
    });
    let sim = Sim::builder(plan.connector.exchange())
        .seed(plan.seed)
        .clock(Arc::new(VirtualClock::starting_at(MORNING)))
        .build()?;
    let door = Door::new(plan, sim.clone());
    let source = Source::builder(Arc::clone(&plan.connector))
        .config(plan.config.clone())
        .clock(Arc::clone(&wall) as Arc<dyn Clock>)
        .seed(plan.seed)
        .build(door.transport())?;
    let _ = door.source.set(source.clone());

    for (at, seconds) in plan.jumps.clone() {
        let wall = Arc::clone(&wall);
        tokio::spawn(async move {
            sleep_until(began + at).await;
            wall.ahead.store(seconds, Ordering::Relaxed);
        });
    }
    let mut tasks = Vec::new();
    for (number, asked) in plan.calls.iter().cloned().enumerate() {
        let (source, longest) = (source.clone(), plan.config.max_timeout);
        tasks.push(tokio::spawn(async move {
            sleep_until(began + asked.at).await;
            ask(source, number, asked, longest).await
        }));
    }
    let mut found = Found::default();
    let mut ended = Vec::new();
    for (number, task) in tasks.into_iter().enumerate() {
        match task.await {
            Ok(end) => ended.push(end),
            Err(error) => found.add(format!("call {number} did not end: {error}")),
        }
    }
    let mut story = count(&ended);
    each_call(plan, &ended, &mut found);
    if plan.calm {
        order(plan, &ended, &mut found);
    }
    sums(&source, &story, &door, &sim, &ended, &mut found);
    spent(plan, &source, &door, began, &mut found);
    idle(&source, &mut found);
    after(plan, &source, &mut found).await;
    story.requests = door.log().sent.len() as u64;
    story.opened = source.breaker().snapshot().opened_times;
    story.took = began.elapsed();
    found.0.append(&mut door.log().violations);
    story.violations = found.0;
    Ok(story)
}

/// What must not have happened.
#[derive(Default)]
struct Found(Vec<String>);

impl Found {
    fn add(&mut self, what: String) {
        self.0.push(what);
    }

    fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

fn count(ended: &[Ended]) -> Story {
    let mut story = Story::default();
    for end in ended {
        match &end.outcome {
            Outcome::Ok(_) => story.ok += 1,
            Outcome::Err(error) if error.judgement.is_none() => story.refused += 1,
            Outcome::Err(_) => story.failed += 1,
            Outcome::Dropped(true) => story.dropped += 1,
            // Never polled, so it never began.
            Outcome::Dropped(false) => {}
        }
    }
    story
}

/// No call ends after its end, none makes more attempts than it may, and a refusal says when to come back.
fn each_call(plan: &Plan, ended: &[Ended], found: &mut Found) {
    let most = plan.config.retries + 1;
    for end in ended {
        let number = end.asked;
        let late = end.ended.saturating_duration_since(end.end);
        found.check(late <= TICK, || {
            format!("call {number} ended {late:?} late")
        });
        let attempts = match &end.outcome {
            Outcome::Ok(answer) => answer.attempts,
            Outcome::Err(error) => error.attempts,
            Outcome::Dropped(_) => 0,
        };
        found.check(attempts <= most, || {
            format!("call {number} made {attempts} attempts of {most}")
        });
        if let Outcome::Err(error) = &end.outcome
            && matches!(error.cause, Cause::Open(_) | Cause::Limited(_))
        {
            found.check(error.attempts == 0, || {
                format!("call {number} was refused after {} attempts, and the refusal hides how they failed", error.attempts)
            });
        }
        if plan.calm {
            let failure = match &end.outcome {
                Outcome::Err(error) if !matches!(error.cause, Cause::Limited(_)) => error,
                _ => continue,
            };
            found.add(format!("call {number} failed in calm weather: {failure}"));
        }
    }
}

/// In calm weather: within a class first come, first served; and nobody is served before somebody more urgent who waits already.
fn order(plan: &Plan, ended: &[Ended], found: &mut Found) {
    let class = |end: &Ended| {
        plan.calls
            .get(end.asked)
            .map_or(Class::Low, |asked| asked.class)
    };
    let served: Vec<&Ended> = ended
        .iter()
        .filter(|end| matches!(end.outcome, Outcome::Ok(_)))
        .collect();
    for first in &served {
        for second in &served {
            let overtaken = second.ended < first.ended && first.began < second.ended;
            let barged = class(first) == class(second) && first.began < second.began;
            let passed = class(first) > class(second);
            if overtaken && (barged || passed) {
                found.add(format!(
                    "call {} ({:?}) was served before call {} ({:?}), which waited already",
                    second.asked,
                    class(second),
                    first.asked,
                    class(first)
                ));
            }
        }
    }
}

/// Every call ended in exactly one way, and both sides count the same.
fn sums(
    source: &Source,
    story: &Story,
    door: &Door,
    sim: &Sim,
    ended: &[Ended],
    found: &mut Found,
) {
    let stats = source.stats();
    let counted = (
        stats.ok,
        stats.rejected,
        stats.errors - stats.rejected,
        stats.cancelled,
    );
    let seen = (story.ok, story.refused, story.failed, story.dropped);
    found.check(counted == seen, || {
        format!("ok, refused, failed, dropped: counted {counted:?}, seen {seen:?}")
    });
    let sum = stats.ok + stats.errors + stats.cancelled;
    found.check(stats.calls == sum, || {
        format!("{} calls and {sum} ends", stats.calls)
    });
    let (sent, refused) = {
        let log = door.log();
        (log.sent.len() as u64, log.refused)
    };
    // Who is dropped with a request under way is charged for it, and does not say that it was sent.
    let dropped = ended
        .iter()
        .filter(|end| matches!(end.outcome, Outcome::Dropped(true)))
        .count() as u64;
    let fits = (sent.saturating_sub(dropped)..=sent).contains(&stats.requests);
    found.check(fits, || {
        format!(
            "{} requests counted, {sent} sent by {dropped} dropped calls and others",
            stats.requests
        )
    });
    let limiter = source.limiter().snapshot();
    let charged = limiter.committed - (limiter.refunded - limiter.returned);
    found.check(charged == sent, || {
        format!("{charged} requests charged, {sent} sent, {refused} refused: {limiter:?}")
    });
    let arrived = sim.stats();
    found.check(arrived.requests <= sent, || {
        format!("{} requests arrived of {sent}", arrived.requests)
    });
    found.check(arrived.over_limit == 0, || {
        format!(
            "{} requests over the exchange's limits: {arrived:?}",
            arrived.over_limit
        )
    });
}

/// The user's own limit in any minute, and the retries within their budget.
fn spent(plan: &Plan, source: &Source, door: &Door, began: Instant, found: &mut Found) {
    let log = door.log();
    if let Some(limit) = plan.config.requests_per_minute {
        let mut first = 0;
        for (last, at) in log.sent.iter().enumerate() {
            while log.sent.get(first).is_some_and(|first| {
                at.saturating_duration_since(*first) >= Duration::from_secs(60)
            }) {
                first += 1;
            }
            let count = last + 1 - first;
            found.check(count <= limit as usize, || {
                format!("{count} requests in a minute, {limit} are allowed")
            });
        }
    }
    let budget = source.retry_budget().stats();
    found.check(budget.refunded <= budget.withdrawn, || {
        format!("{budget:?}")
    });
    let stats = source.stats();
    let (ratio, floor) = BUDGET;
    // What never left is not paid for.
    let allowed = ratio * stats.calls as f64
        + floor * (began.elapsed().as_secs_f64() + 1.0)
        + log.refused as f64;
    found.check(stats.retries as f64 <= allowed, || {
        format!("{} retries, {allowed:.1} are allowed", stats.retries)
    });
}

/// Nothing is under way, so nothing is held.
fn idle(source: &Source, found: &mut Found) {
    let limiter: Snapshot = source.limiter().snapshot();
    let held = (limiter.queued, limiter.held(), limiter.in_flight);
    found.check(held == ([0; 4], 0, 0), || {
        format!("queued, held, in flight: {held:?}")
    });
    let asked = limiter.granted + limiter.rejected + limiter.abandoned;
    found.check(limiter.asked == asked, || {
        format!("asked {} times, answered {asked}", limiter.asked)
    });
    let granted = limiter.committed + limiter.returned;
    found.check(limiter.granted == granted, || {
        format!("{} permits out, {granted} in", limiter.granted)
    });
    let probes = source.breaker().snapshot().probes_out;
    found.check(probes == 0, || format!("{probes} probes are out"));
}

/// After the storm and some rest everything is as in the beginning, and a call gets its answer.
async fn after(plan: &Plan, source: &Source, found: &mut Found) {
    let now = Instant::now();
    let open = match source.breaker().state() {
        State::Open { until } => until,
        _ => now,
    };
    let paused = source.limiter().paused_until().unwrap_or(now);
    sleep_until(open.max(paused).max(now) + Duration::from_secs(900)).await;
    let limiter = source.limiter().snapshot();
    for window in &limiter.windows {
        found.check(window.used == 0, || {
            format!(
                "{} of window {} are still in use after the storm",
                window.used, window.name
            )
        });
    }
    // As many calls as it takes probes to close the breaker, each with the whole budget to itself.
    for probe in 0..plan.config.half_open_permits {
        let end = Instant::now() + Duration::from_secs(3_600);
        let call = Call::new(
            Arc::new(Request::ServerTime),
            Class::Low,
            end,
            RequestId(u64::MAX),
        );
        if let Err(error) = source.call(call).await {
            found.add(format!("call {probe} after the storm: {error}"));
        }
        sleep(Duration::from_secs(400)).await;
    }
    let state = source.breaker().state();
    found.check(state == State::Closed, || {
        format!("after the storm the breaker is {state}")
    });
    let rate = source.limiter().snapshot().rate_factor;
    found.check(rate >= 1.0, || {
        format!("after the storm the rate is {rate}")
    });
    idle(source, found);
}
