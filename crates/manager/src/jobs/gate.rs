//! Whether a source can be asked now, by its breaker and its limiter.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use robust_breaker::{Breaker, State};
use robust_limiter::{Charge, Class, Cost, Limiter, Reservation};
use robust_scheduler::{Admission, Ask, Gate, Overload};
use robust_source::Source;

use super::rates::{Rate, Rates};
use super::urgency;

/// The unit of cost that the scheduler counts in: a tenth of a millisecond of a source's time.
pub(super) const UNITS_PER_SECOND: u32 = 10_000;

/// How long a run that was let through is taken to be on its way to the limiter.
const ON_ITS_WAY: Duration = Duration::from_millis(20);

/// How much longer than it has to wait a parked run keeps its place in the limiter's queue: a scheduler that is late has it still, and
/// one that has dropped the run meanwhile does not hold the others up.
const KEPT: Duration = Duration::from_millis(100);

/// Parks the jobs of a source while its breaker is open, while it has been told to stay away, and while its budget is spent.
///
/// Every exchange of a manager has one. With [`new`](Self::new) a source of your own has one too: jobs that ask it then wait outside of
/// its limiter, in the order of their importance, and hold no place among the runs. See the example `own_source`.
///
/// Beside the jobs others ask the same limiter: readers, and the learning of history. A parked run keeps a place in its queue, so that
/// whoever waits there with a lower class does not get what the run is parked for. The run takes the place over when it asks the
/// limiter in the class of its job: priority 1 is critical, 2 high, 3 medium, 4 and 5 low.
#[derive(Debug)]
pub struct SourceGate {
    breaker: Breaker,
    limiter: Limiter,
    windows: Vec<(usize, Rate)>,
    places: Mutex<Places>,
}

/// Places in the limiter's queue.
#[derive(Debug, Default)]
struct Places {
    /// Those of the parked runs that are next in their classes.
    parked: [Option<Reservation>; Class::ALL.len()],
    /// That of the run which was let through last.
    passed: Option<Passed>,
}

/// The place of a run that was let through.
#[derive(Debug)]
struct Passed {
    place: Reservation,
    class: Class,
    /// The cost of the runs that were under way then.
    beside: u64,
}

impl Places {
    /// The place of the run that is asked for.
    fn take(&mut self, ask: &Ask, class: Class) -> Option<Reservation> {
        if let Some(passed) = self.passed.take()
            // With it begun, more would be under way: it waited for its source's turn, and is here again; or it has ended already.
            && passed.beside == ask.under_way
        {
            if passed.class == class {
                return Some(passed.place);
            }
            passed.place.give_up();
        }
        self.parked.get_mut(class.index())?.take()
    }
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

    fn over(breaker: Breaker, limiter: Limiter, windows: Vec<(usize, Rate)>) -> Self {
        Self {
            breaker,
            limiter,
            windows,
            places: Mutex::default(),
        }
    }

    /// What a run of this cost takes of each window.
    fn price(&self, cost: u32) -> Cost {
        let mut price = Cost::new();
        for (index, rate) in &self.windows {
            let units = rate.units(cost_time(cost)).clamp(1, rate.granted);
            price.push(Charge::new(*index, units));
        }
        price
    }

    /// A place for a run of this price in the limiter's queue; `None` when there will never be room for it.
    fn place(&self, kept: Option<Reservation>, price: &Cost, class: Class) -> Option<Reservation> {
        match kept {
            Some(mut place) => place.renew(price).ok().map(|_| place),
            None => self.limiter.reserve(price, class, KEPT).ok(),
        }
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
        let class = urgency(ask.priority);
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = places.take(ask, class);
        // What never fits is for the limiter to refuse, with the reason.
        let Some(mut place) = self.place(kept, &self.price(ask.cost), class) else {
            return Admission::Open;
        };
        let until = ask.now.checked_add(place.wait());
        match until.filter(|until| *until > ask.now) {
            Some(until) => {
                if let Some(parked) = places.parked.get_mut(class.index()) {
                    *parked = Some(place);
                }
                Admission::NotBefore(until)
            }
            None => {
                place.call(ON_ITS_WAY);
                let beside = ask.under_way;
                places.passed = Some(Passed {
                    place,
                    class,
                    beside,
                });
                Admission::Open
            }
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
