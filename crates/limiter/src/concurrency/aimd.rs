//! The adaptive limit: additive increase, multiplicative decrease, by round-trip time.
//!
//! Pure: no async, no clock, no lock. Vector's controller with three mistakes mended: who is in
//! flight is counted by a drop guard elsewhere; the shortest round trip is measured anew from time to
//! time; and the limit grows only when it was what held the calls back.
//!
//! A round is one median round trip long and holds at least [`ROUND`] answers. Its median, which one
//! outlier cannot move, is compared with the floor, the round trip of an unloaded server:
//!
//! | median | limit |
//! |---|---|
//! | up to halfway between floor and `tolerance · floor` | one more, if it was reached in this round |
//! | above that | stays |
//! | above `tolerance · floor` | `shrink` times as many, if at least half of it was in use in this round |
//!
//! Whoever finds the server overloaded shrinks it at once. What was sent before the limit shrank says
//! nothing after that, so it shrinks at most once in a round trip.
//!
//! The floor is forgotten after `remeasure`. When the limit was not reached in that time, the shortest
//! median seen takes its place. When it was, the calls themselves may make the round trip long: the
//! limit is divided by `tolerance` for one round. By Little's law the queue inside the server is then
//! gone, since it was at most the share `1 − 1/tolerance` of the calls in flight.

use std::time::Duration;

use tokio::time::Instant;

use super::Load;

/// Answers in a round, at least: a median of eight does not feel three outliers.
const ROUND: usize = 8;

/// Times of a round that are kept, the latest.
const KEPT: usize = 64;

/// Settings of [`Aimd`], as the builder gives them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Settings {
    pub(crate) initial: usize,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) tolerance: f64,
    pub(crate) shrink: f64,
    pub(crate) remeasure: Duration,
}

impl Settings {
    /// With every setting inside of its meaning.
    pub(crate) fn sane(self) -> Self {
        let min = self.min.max(1);
        let max = self.max.max(min);
        Self {
            initial: self.initial.clamp(min, max),
            min,
            max,
            tolerance: between(self.tolerance, 1.1, 10.0),
            shrink: between(self.shrink, 0.1, 0.99),
            remeasure: self.remeasure,
        }
    }
}

/// When a call went out, and for which measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stamp {
    at: Instant,
    epoch: u64,
}

#[derive(Debug)]
pub(crate) struct Aimd {
    settings: Settings,
    /// Fractions are kept, so that shrinking a small limit adds up.
    limit: f64,
    /// The round trip of an unloaded server; `None` before the first round.
    floor: Option<Duration>,
    /// The median of the last round.
    trip: Duration,
    measured: Instant,
    /// The shortest median, and whether the limit was reached, since `measured`.
    shortest: Option<Duration>,
    reached: bool,
    /// The limit before it was divided; `Some` while the floor is measured.
    before: Option<f64>,
    /// Grows when a measurement begins and ends: what was sent before it says nothing in it.
    epoch: u64,
    round: Round,
}

#[derive(Debug)]
struct Round {
    began: Instant,
    times: [Duration; KEPT],
    seen: usize,
    /// Outcomes, those included that have no time.
    outcomes: usize,
    /// The limit held calls back.
    reached: bool,
    /// At least half of the limit was in use.
    busy: bool,
}

impl Round {
    const fn new(began: Instant) -> Self {
        Self {
            began,
            times: [Duration::ZERO; KEPT],
            seen: 0,
            outcomes: 0,
            reached: false,
            busy: false,
        }
    }

    fn add(&mut self, time: Duration) {
        if let Some(place) = self.times.get_mut(self.seen % KEPT) {
            *place = time;
        }
        self.seen += 1;
    }

    fn median(&self) -> Option<Duration> {
        let mut times = self.times;
        let seen = times.get_mut(..self.seen.min(KEPT))?;
        seen.sort_unstable();
        seen.get(seen.len() / 2).copied()
    }
}

impl Aimd {
    pub(crate) fn new(settings: Settings, now: Instant) -> Self {
        let settings = settings.sane();
        Self {
            settings,
            limit: settings.initial as f64,
            floor: None,
            trip: Duration::ZERO,
            measured: now,
            shortest: None,
            reached: false,
            before: None,
            epoch: 0,
            round: Round::new(now),
        }
    }

    /// Calls that may be in flight.
    pub(crate) fn limit(&self) -> usize {
        // A float to integer cast saturates; the limit is between `min` and `max`.
        (self.limit as usize).clamp(self.settings.min, self.settings.max)
    }

    pub(crate) const fn floor(&self) -> Option<Duration> {
        self.floor
    }

    pub(crate) const fn is_measuring(&self) -> bool {
        self.before.is_some()
    }

    /// A call goes out, as one of `in_flight`, while `waiting` wait.
    pub(crate) fn sent(&mut self, now: Instant, in_flight: usize, waiting: usize) -> Stamp {
        let limit = self.limit();
        self.round.reached |= waiting > 0 || in_flight >= limit;
        self.round.busy |= in_flight.saturating_mul(2) >= limit;
        Stamp {
            at: now,
            epoch: self.epoch,
        }
    }

    /// What became of a call; `None` when it was dropped.
    pub(crate) fn ended(&mut self, now: Instant, stamp: Stamp, load: Option<Load>) {
        if stamp.epoch != self.epoch {
            return;
        }
        let took = now.saturating_duration_since(stamp.at);
        match load {
            Some(Load::Answered) => self.round.add(took),
            Some(Load::Overloaded) if self.before.is_none() => return self.shrink(now),
            Some(Load::Overloaded) => {}
            // Given up, or failed for whatever reason, after longer than is normal: at least so long
            // it would have taken. A timeout outside of this layer looks like that.
            Some(Load::Unknown) | None if self.is_long(took) => self.round.add(took),
            Some(Load::Unknown) | None => return,
        }
        self.round.outcomes += 1;
        // A round is as long as the last one's median, and no longer than this call took, lest the first
        // round after a slow time be a long one.
        let waited = now.saturating_duration_since(self.round.began);
        if self.round.outcomes >= ROUND && waited >= self.trip.min(took) {
            self.close_round(now);
        }
    }

    fn is_long(&self, took: Duration) -> bool {
        self.floor
            .is_some_and(|floor| took > times(floor, self.settings.tolerance))
    }

    fn shrink(&mut self, now: Instant) {
        self.reached |= self.round.reached;
        self.limit = (self.limit * self.settings.shrink).max(self.settings.min as f64);
        self.begin_epoch(now);
    }

    fn close_round(&mut self, now: Instant) {
        let median = self.round.median();
        self.trip = median.unwrap_or(self.trip);
        if let Some(before) = self.before.take() {
            self.limit = before;
            // All of them found it overloaded: the old floor serves for another time.
            if let Some(floor) = median.or(self.floor) {
                self.measured_floor(now, floor);
            }
            return self.begin_epoch(now);
        }
        let Round { reached, busy, .. } = self.round;
        self.round = Round::new(now);
        self.reached |= reached;
        let Some(median) = median else {
            return;
        };
        self.shortest = Some(
            self.shortest
                .map_or(median, |shortest| shortest.min(median)),
        );
        let floor = self.floor.map_or(median, |floor| floor.min(median));
        self.floor = Some(floor);
        let tolerance = self.settings.tolerance;
        if median > times(floor, tolerance) {
            if busy {
                self.shrink(now);
            }
        } else if reached && median <= times(floor, f64::midpoint(1.0, tolerance)) {
            self.limit = (self.limit + 1.0).min(self.settings.max as f64);
        }
        if now.saturating_duration_since(self.measured) >= self.settings.remeasure {
            self.remeasure(now);
        }
    }

    fn remeasure(&mut self, now: Instant) {
        if !self.reached {
            // Nobody was held back: what was seen is the server alone.
            if let Some(shortest) = self.shortest {
                self.measured_floor(now, shortest);
            }
            return;
        }
        self.before = Some(self.limit);
        self.limit = (self.limit / self.settings.tolerance).max(self.settings.min as f64);
        self.begin_epoch(now);
    }

    fn measured_floor(&mut self, now: Instant, floor: Duration) {
        self.floor = Some(floor);
        self.measured = now;
        self.shortest = None;
        self.reached = false;
    }

    fn begin_epoch(&mut self, now: Instant) {
        self.epoch += 1;
        self.round = Round::new(now);
    }
}

fn times(floor: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(floor.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// What is not a number is the least.
const fn between(value: f64, least: f64, most: f64) -> f64 {
    if value.is_nan() {
        least
    } else {
        value.clamp(least, most)
    }
}
