//! Whether a source can be asked now, by its breaker and its limiter.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use robust_breaker::{Breaker, State};
use robust_limiter::{Charge, Cost, Limiter};
use robust_scheduler::{Admission, Ask, Gate, Overload};
use robust_source::Source;
use tokio::time::Instant;

use super::rates::{Rate, Rates};
use super::urgency;

/// The unit of cost that the scheduler counts in: a tenth of a millisecond of a source's time.
pub(super) const UNITS_PER_SECOND: u32 = 10_000;

/// How long a run that was let through is taken to be on its way to the limiter. Then the limiter knows of it.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// Parks the jobs of a source while its breaker is open, while it has been told to stay away, and while its budget is spent.
///
/// Every exchange of a manager has one. With [`new`](Self::new) a source of your own has one too: jobs that ask it then wait outside of
/// its limiter, in the order of their importance, and hold no place among the runs. See the example `own_source`.
#[derive(Debug)]
pub struct SourceGate {
    breaker: Breaker,
    limiter: Limiter,
    windows: Vec<(usize, Rate)>,
    /// Runs that were let through a moment ago.
    on_their_way: Mutex<VecDeque<Passed>>,
}

/// A run that was let through.
#[derive(Debug)]
struct Passed {
    at: Instant,
    cost: u32,
    /// The cost of the runs that were under way then.
    beside: u64,
}

impl SourceGate {
    /// A gate of a breaker and a limiter. A run of cost 1 is one unit of each window of the limiter.
    #[must_use]
    pub fn new(breaker: Breaker, limiter: Limiter) -> Self {
        let windows = limiter.snapshot().windows;
        let rate = |window: &robust_limiter::WindowSnapshot| Rate {
            name: "",
            limit: window.limit,
            per: window.per,
            keyed: false,
            granted: window.limit,
            // A unit of cost is a unit of the window.
            horizon: cost_time(1).saturating_mul(window.limit),
        };
        let windows = windows.iter().map(rate).enumerate().collect();
        Self::over(breaker, limiter, windows)
    }

    fn of(source: &Source) -> Self {
        let rates = Rates::of(source).windows.into_iter().enumerate();
        let windows = rates.filter(|(_, rate)| !rate.keyed).collect();
        let (breaker, limiter) = (source.breaker().clone(), source.limiter().clone());
        Self::over(breaker, limiter, windows)
    }

    const fn over(breaker: Breaker, limiter: Limiter, windows: Vec<(usize, Rate)>) -> Self {
        Self {
            breaker,
            limiter,
            windows,
            on_their_way: Mutex::new(VecDeque::new()),
        }
    }

    /// How long until the budget has room for a run of this cost, behind those that are on their way to it.
    fn wait(&self, ask: &Ask, on_their_way: u32) -> Duration {
        let class = urgency(ask.priority);
        let units = |rate: &Rate, cost: u32| rate.units(cost_time(cost)).clamp(1, rate.granted);
        let price = |cost: u32| {
            let mut price = Cost::new();
            for (index, rate) in &self.windows {
                price.push(Charge::new(*index, units(rate, cost)));
            }
            price
        };
        let both = on_their_way.saturating_add(ask.cost);
        let fits = |(_, rate): &(usize, Rate)| rate.units(cost_time(both)) <= rate.granted;
        if on_their_way == 0 || self.windows.iter().all(fits) {
            return self.limiter.estimate(&price(both), class);
        }
        // They do not fit together: this one has to wait until those have had theirs.
        let own = self.limiter.estimate(&price(ask.cost), class);
        own.max(cost_time(on_their_way))
    }
}

impl Gate for SourceGate {
    fn look(&self, ask: &Ask) -> Admission {
        let state = self.breaker.state();
        if matches!(state, State::Open { .. } | State::HalfOpen) {
            return match self.breaker.snapshot().retry_in {
                Some(wait) => Admission::NotBefore(ask.now + wait.max(Duration::from_millis(1))),
                None => Admission::Trial,
            };
        }
        let mut recent = self
            .on_their_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = |passed: &Passed| ask.now.saturating_duration_since(passed.at) > ON_ITS_WAY;
        while recent.front().is_some_and(known) {
            recent.pop_front();
        }
        // With it begun, more would be under way: it waited for its source's turn, and is here again; or it has ended already.
        if recent
            .back()
            .is_some_and(|last| last.beside == ask.under_way)
        {
            recent.pop_back();
        }
        let on_their_way = recent
            .iter()
            .fold(0_u32, |sum, passed| sum.saturating_add(passed.cost));
        let wait = match self.limiter.paused_until() {
            Some(until) if until > ask.now => until - ask.now,
            _ => self.wait(ask, on_their_way),
        };
        if wait.is_zero() {
            recent.push_back(Passed {
                at: ask.now,
                cost: ask.cost,
                beside: ask.under_way,
            });
            return Admission::Open;
        }
        // What never fits is for the limiter to refuse, with the reason.
        match ask.now.checked_add(wait) {
            Some(until) if wait < Duration::MAX => Admission::NotBefore(until),
            _ => Admission::Open,
        }
    }
}

/// The cost of this much of a source's time, in the scheduler's unit; at least 1.
pub(super) fn cost(time: Duration) -> u32 {
    let unit = u128::from(1_000_000_000 / UNITS_PER_SECOND);
    u32::try_from(time.as_nanos().div_ceil(unit))
        .unwrap_or(u32::MAX)
        .max(1)
}

/// The time that a cost stands for.
fn cost_time(cost: u32) -> Duration {
    (Duration::from_secs(1) / UNITS_PER_SECOND).saturating_mul(cost)
}

/// A source as the scheduler is told of it: its gate, its budget, turns as long as its requests, and the most places that its runs may
/// take.
pub(crate) fn describe(
    source: &Source,
    overload: Overload,
    places: usize,
) -> robust_scheduler::Source {
    let rates = Rates::of(source);
    let least = rates.windows.iter().map(|rate| cost(rate.time(1)));
    // Kraken's unit of 1.25 s is a turn of 1,000.
    let weight = least.max().unwrap_or(1).saturating_mul(2) / 25;
    robust_scheduler::Source::new(source.exchange().as_str())
        .max_in_flight(source.config().concurrency.min(places))
        .weight(weight)
        .budget(UNITS_PER_SECOND, Duration::from_secs(1))
        .overload(overload)
        .gate(SourceGate::of(source))
}
