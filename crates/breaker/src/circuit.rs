//! The breaker's decisions, without clock, lock or async.

mod buckets;
mod open_time;
mod permits;
mod ramp;
mod rules;
mod seen;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

pub(crate) use buckets::Successes;
pub(crate) use permits::{PermitId, Permits};

use crate::{Cause, Outcome, State, Transition, config::Settings, word::Mode};
use open_time::OpenTime;
use ramp::Ramp;
use rules::{Rules, Said, Streak};

/// Stands in for moments that the clock cannot express: thirty years.
pub(crate) const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// The state machine: `admit(now)` gives a [`Pass`], `record(now, pass, outcome)` takes it back.
#[derive(Debug)]
pub(crate) struct Circuit {
    settings: Settings,
    rules: Rules,
    open_time: OpenTime,
    phase: Phase,
    generation: u64,
    /// The generation whose calls the rules hold.
    counted_in: u64,
    streak: Streak,
    /// The latest moment that the server named since the last success.
    not_before: Option<Instant>,
    next_permit: PermitId,
    opened_times: u64,
    would_have_opened: u64,
    last: Transition,
    /// What happened since it was last asked.
    news: Vec<News>,
}

/// What the outside is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News {
    Changed(Transition),
    /// The latest one leads to an open time that is longer by now.
    Lengthened(Transition),
    WouldOpen(Cause),
}

#[derive(Debug)]
enum Phase {
    Closed { since: Instant, ramp: Option<Ramp> },
    Open { until: Instant },
    HalfOpen(Probing),
    Disabled,
    MetricsOnly,
}

/// The results of the probes, in hundredths of a probe.
#[derive(Debug, Default)]
struct Probing {
    permits: Permits,
    reported: u32,
    good: u64,
    bad: u64,
}

/// Permission for one call, valid in one generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) generation: u64,
    /// Set when the call holds a permit: as a probe, or during the ramp.
    pub(crate) permit: Option<PermitId>,
    /// When it began, where slow calls are counted.
    pub(crate) started: Option<Instant>,
}

impl Pass {
    /// For a call that needs no permit and is not timed.
    #[inline]
    pub(crate) fn plain(generation: u64) -> Self {
        Self {
            generation,
            permit: None,
            started: None,
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, Copy)]
struct Ended {
    said: Said,
    retry_after: Option<Duration>,
    trip: Option<Duration>,
}

/// Why there is no pass now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) retry_in: Duration,
    pub(crate) until: Option<Instant>,
    pub(crate) generation: u64,
}

impl Circuit {
    pub(crate) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            rules: Rules::new(&settings.rules, now),
            open_time: OpenTime::new(&settings),
            settings,
            phase: Phase::Closed {
                since: now,
                ramp: None,
            },
            generation: 0,
            counted_in: 0,
            streak: Streak::default(),
            not_before: None,
            next_permit: PermitId::MIN,
            opened_times: 0,
            would_have_opened: 0,
            last: Transition {
                from: State::Closed,
                to: State::Closed,
                generation: 0,
                cause: Cause::Built,
                at: now,
            },
            news: Vec::new(),
        }
    }

    /// Asks for permission to call at `now`; takes a permit if one is needed.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Pass, Refusal> {
        self.check(now)?;
        if let Phase::Open { .. } = self.phase {
            self.enter(
                Phase::HalfOpen(Probing::default()),
                Cause::OpenTimeOver,
                now,
            );
        }
        let due = later(now, self.settings.half_open_deadline);
        let id = self.next_permit;
        let permits = match &mut self.phase {
            Phase::HalfOpen(probing) => Some(&mut probing.permits),
            Phase::Closed {
                ramp: Some(ramp), ..
            } => Some(&mut ramp.permits),
            _ => None,
        };
        let permit = permits.map(|permits| {
            permits.give(id, due);
            id
        });
        if permit.is_some() {
            self.next_permit = id.saturating_add(1);
        }
        Ok(Pass {
            generation: self.generation,
            permit,
            started: self.rules.slow_after().map(|_| now),
        })
    }

    /// Whether [`admit`](Self::admit) would give a pass at `now`.
    pub(crate) fn check(&mut self, now: Instant) -> Result<(), Refusal> {
        self.settle(now);
        let until = match &self.phase {
            Phase::Open { until } => Some(*until).filter(|until| *until > now),
            _ => None,
        };
        let view = self.view();
        let at = match (view.mode, until) {
            (Mode::Open, Some(until)) => until,
            (Mode::Guarded, _) if view.left == 0 => Permits::ask_again(self.due(), now),
            _ => return Ok(()),
        };
        Err(Refusal {
            retry_in: at.saturating_duration_since(now),
            until,
            generation: self.generation,
        })
    }

    /// Takes the outcome of an admitted call. One that was admitted in another generation moves no
    /// state: it speaks of a time that is over. All that counts of it is the server's word.
    pub(crate) fn record(&mut self, now: Instant, pass: Pass, outcome: Outcome) {
        let (failed, retry_after, trip) = match outcome {
            Outcome::Success | Outcome::Slow => (Some(0), None, None),
            Outcome::Failure { retry_after } => (Some(100), retry_after, None),
            Outcome::PartialFailure {
                weight,
                retry_after,
            } => (Some(weight.hundredths()), retry_after, None),
            Outcome::Trip { open_for } => (Some(100), None, Some(open_for)),
            Outcome::Ignore => (None, None, None),
        };
        let slow = match outcome {
            Outcome::Ignore => false,
            Outcome::Slow => self.rules.slow_after().is_some(),
            _ => self.is_slow(now, pass),
        };
        let said = Said { failed, slow };
        self.end(
            now,
            pass,
            Ended {
                said,
                retry_after,
                trip,
            },
        );
    }

    /// Takes back a pass whose call was dropped without an outcome. A timeout around the breaker
    /// looks like this, so it may have been slow.
    pub(crate) fn cancel(&mut self, now: Instant, pass: Pass) {
        let said = Said {
            failed: None,
            slow: self.is_slow(now, pass),
        };
        self.end(
            now,
            pass,
            Ended {
                said,
                retry_after: None,
                trip: None,
            },
        );
    }

    /// Enters good calls of this generation that were counted elsewhere.
    pub(crate) fn fold(&mut self, successes: u32) {
        if successes > 0 {
            self.streak = Streak::default();
            self.not_before = None;
            self.rules.fold(successes);
        }
    }

    fn is_slow(&self, now: Instant, pass: Pass) -> bool {
        let measured = self.rules.slow_after().zip(pass.started);
        measured.is_some_and(|(limit, started)| now.saturating_duration_since(started) >= limit)
    }

    fn end(&mut self, now: Instant, pass: Pass, ended: Ended) {
        self.settle(now);
        if pass.generation != self.generation {
            return self.hear(now, pass, ended);
        }
        match &mut self.phase {
            Phase::HalfOpen(probing) => {
                let was_out = pass.permit.is_some_and(|id| probing.permits.take_back(id));
                if was_out {
                    self.probe_ended(now, ended);
                }
            }
            Phase::Closed { ramp, .. } => {
                if let (Some(ramp), Some(id)) = (ramp, pass.permit) {
                    ramp.permits.take_back(id);
                }
                self.call_ended(now, ended);
            }
            Phase::MetricsOnly => self.call_ended(now, ended),
            Phase::Open { .. } | Phase::Disabled => {}
        }
    }

    /// The server's word that a call brings which was under way when the circuit opened. Its result
    /// is over and moves no state; but the word speaks of now, and what it makes longer is the open
    /// time. How long an operator opens it for is the operator's decision.
    fn hear(&mut self, now: Instant, pass: Pass, ended: Ended) {
        let forced = matches!(self.last.cause, Cause::ForcedOpen(_));
        let (Phase::Open { until }, Some(wait), false) = (
            &mut self.phase,
            ended.trip.max(ended.retry_after),
            forced || pass.generation + 1 != self.generation,
        ) else {
            return;
        };
        let named = later(now, wait);
        if named <= *until {
            return;
        }
        *until = named;
        self.last.to = State::Open { until: named };
        self.news.push(News::Lengthened(self.last));
    }

    fn call_ended(&mut self, now: Instant, ended: Ended) {
        let said = ended.said;
        match said.failed {
            None if !said.slow => return,
            None => {}
            Some(0) => {
                self.streak = Streak::default();
                self.not_before = None;
            }
            Some(hundredths) => self.failed(now, hundredths, ended.retry_after),
        }
        self.rules.push(self.generation, now, said);
        let good = said.failed == Some(0) && !said.slow;
        if let Phase::Closed { ramp, .. } = &mut self.phase {
            let over = ramp.as_mut().is_some_and(|steps| steps.ended(good));
            if over {
                *ramp = None;
            }
        }
        if good {
            return;
        }
        let judged = || self.rules.judge(self.generation, now, self.streak, said);
        let Some(cause) = ended.trip.map(|_| Cause::Tripped).or_else(judged) else {
            return;
        };
        if let Phase::MetricsOnly = self.phase {
            self.would_have_opened += 1;
            self.news.push(News::WouldOpen(cause));
            self.forget();
        } else {
            self.open(now, ended.trip, cause);
        }
    }

    fn probe_ended(&mut self, now: Instant, ended: Ended) {
        let hundredths = match ended.said {
            Said { slow: true, .. } => 100,
            Said {
                failed: Some(hundredths),
                ..
            } => hundredths,
            // It says nothing; its permit is free again.
            Said { failed: None, .. } => return,
        };
        if hundredths > 0 {
            self.failed(now, hundredths, ended.retry_after);
        }
        if ended.trip.is_some() {
            self.open_time.grow();
            return self.open(now, ended.trip, Cause::Tripped);
        }
        self.probe_reported(now, hundredths, Cause::ProbeFailed);
    }

    /// Enters the result of a probe and decides as soon as the result of all is certain.
    fn probe_reported(&mut self, at: Instant, hundredths: u8, cause: Cause) {
        let Phase::HalfOpen(probing) = &mut self.phase else {
            return;
        };
        probing.reported += 1;
        probing.bad += u64::from(hundredths);
        probing.good += u64::from(100_u8.saturating_sub(hundredths));
        let permits = u64::from(self.settings.half_open_permits);
        // A share from 0 to 1.
        let ratio = (self.settings.half_open_ratio * 10_000.0).round() as u64;
        let wanted = (ratio * permits).div_ceil(100).max(1);
        if probing.good >= wanted {
            let ramp = self.settings.ramp.map(Ramp::new);
            self.enter(
                Phase::Closed { since: at, ramp },
                Cause::ProbesSucceeded,
                at,
            );
        } else if (permits * 100).saturating_sub(probing.bad) < wanted {
            self.open_time.grow();
            self.open(at, None, cause);
        }
    }

    fn failed(&mut self, now: Instant, hundredths: u8, retry_after: Option<Duration>) {
        self.streak.add(hundredths);
        let named = retry_after.map(|wait| later(now, wait));
        self.not_before = self.not_before.max(named);
    }

    /// Applies what the passing of time alone has decided: a silent probe has failed, and a silent
    /// call of the ramp holds no place.
    fn settle(&mut self, now: Instant) {
        if let Phase::Closed {
            ramp: Some(ramp), ..
        } = &mut self.phase
        {
            while ramp.permits.expire(now).is_some() {}
        }
        while let Phase::HalfOpen(probing) = &mut self.phase {
            let Some(due) = probing.permits.expire(now) else {
                return;
            };
            self.streak.add(100);
            self.probe_reported(due, 100, Cause::ProbeTimedOut);
        }
    }

    /// Opens until this moment, or until it is closed by hand.
    pub(crate) fn force_open(
        &mut self,
        now: Instant,
        reason: &'static str,
        until: Option<Instant>,
    ) {
        self.settle(now);
        self.opened_times += 1;
        let until = until.unwrap_or_else(|| later(now, FAR));
        self.enter(Phase::Open { until }, Cause::ForcedOpen(reason), now);
    }

    pub(crate) fn force_close(&mut self, now: Instant) {
        self.settle(now);
        self.close(Cause::ForcedClose, now);
    }

    pub(crate) fn reset(&mut self, now: Instant) {
        self.close(Cause::Reset, now);
        (self.opened_times, self.would_have_opened) = (0, 0);
        self.open_time.reset();
    }

    pub(crate) fn disable(&mut self, now: Instant) {
        self.settle(now);
        self.enter(Phase::Disabled, Cause::Disabled, now);
    }

    pub(crate) fn metrics_only(&mut self, now: Instant) {
        self.settle(now);
        self.enter(Phase::MetricsOnly, Cause::MetricsOnly, now);
    }

    fn close(&mut self, cause: Cause, now: Instant) {
        let closed = Phase::Closed {
            since: now,
            ramp: None,
        };
        self.enter(closed, cause, now);
    }

    /// Opens for its own time, or for the time of a trip; in any case not before the server's word.
    fn open(&mut self, now: Instant, trip: Option<Duration>, cause: Cause) {
        self.opened_times += 1;
        self.shrink(now);
        let wait = trip.unwrap_or_else(|| self.open_time.draw());
        let until = later(now, wait);
        let until = self.not_before.map_or(until, |named| named.max(until));
        self.enter(Phase::Open { until }, cause, now);
    }

    /// Takes the healthy time that ends now into account, once.
    fn shrink(&mut self, now: Instant) {
        if let Phase::Closed { since, .. } = &mut self.phase {
            self.open_time.shrink(std::mem::replace(since, now), now);
        }
    }

    /// Every change of state goes through here and begins a generation.
    fn enter(&mut self, phase: Phase, cause: Cause, at: Instant) {
        self.shrink(at);
        let from = self.state();
        self.phase = phase;
        self.generation += 1;
        self.not_before = None;
        if let Phase::Closed { .. } | Phase::MetricsOnly = self.phase {
            self.forget();
            self.counted_in = self.generation;
        }
        self.last = Transition {
            from,
            to: self.state(),
            generation: self.generation,
            cause,
            at,
        };
        self.news.push(News::Changed(self.last));
    }

    fn forget(&mut self) {
        self.rules.clear();
        self.streak = Streak::default();
        self.not_before = None;
    }
}

pub(crate) fn later(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait)
        .or_else(|| now.checked_add(FAR))
        .unwrap_or(now)
}
