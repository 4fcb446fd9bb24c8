//! What a grant is judged by.

use super::{Checker, Sent, nanos};
use crate::Kind;
use crate::log::Nanos;

impl Checker {
    /// Whether the limit is kept is judged by what the window says of itself, and what it says by the limit.
    pub(super) fn changed(&mut self, now: Nanos, index: usize, limit: u32, set: bool) {
        let window = self.state.windows.window(index).unwrap().clone();
        assert!(
            set || window == self.windows[index],
            "an error changes nothing"
        );
        if !set {
            return;
        }
        let before = (&self.windows[index].name, self.windows[index].guard);
        assert_eq!(
            ((&window.name, window.guard), window.limit),
            (before, limit)
        );
        if let Kind::Gcra { rate, burst } = window.kind {
            let per = rate.per.as_nanos();
            let most = u128::from(burst) * per + window.per.as_nanos() * u128::from(rate.units);
            assert!(
                most <= u128::from(limit) * per || burst == 0,
                "{window:?} of {limit}"
            );
            self.rates[index].push((now, rate));
        }
        self.limits[index] = u64::from(window.capacity());
        self.windows[index] = window;
    }

    /// What drains of a window from one time to the other, in units.
    fn drained(&self, window: usize, from: Nanos, to: Nanos) -> f64 {
        let ends = self.rates[window].iter().skip(1).map(|(at, _)| *at);
        let ends = ends.chain([Nanos::MAX]);
        let parts = self.rates[window].iter().zip(ends);
        parts
            .map(|((begin, rate), end)| {
                let time = end.min(to).saturating_sub((*begin).max(from));
                time as f64 * f64::from(rate.units) / rate.per.as_nanos() as f64
            })
            .sum()
    }

    /// A grant has just been given: whatever the server could have counted by now, with all that is still to be sent, fits.
    pub(super) fn judge(&self, window: usize, key: u64) {
        let (shape, now) = (&self.windows[window], self.state.latest);
        let (limit, guard) = (self.limits[window], nanos(shape.guard));
        let held: u64 = self
            .permits
            .iter()
            .flat_map(|(cost, _)| cost)
            .filter(|charge| (charge.window, charge.key) == (window, key))
            .map(|charge| u64::from(charge.units))
            .sum();
        let sent = || {
            self.sent
                .iter()
                .filter(move |sent| (sent.window, sent.key) == (window, key))
        };
        let sum = |from: &dyn Fn(&Sent) -> bool| -> u64 {
            sent()
                .filter(|sent| from(sent))
                .map(|sent| sent.units)
                .sum()
        };
        match shape.kind {
            Kind::Sliding | Kind::Log => {
                let horizon = nanos(shape.per) + guard;
                let used = sum(&|sent| sent.at + horizon > now);
                assert!(
                    used + held <= limit,
                    "{used} + {held} of {limit} at {now} in {shape:?}"
                );
            }
            Kind::Aligned => {
                // The slowest journey of what was sent, the quickest of what will be.
                let per = nanos(shape.per);
                let present = (now + self.offset) / per;
                let used = sum(&|sent| (sent.at + self.offset + guard) / per >= present);
                assert!(
                    used + held <= limit,
                    "{used} + {held} of {limit} at {now} in {shape:?}"
                );
            }
            Kind::Gcra { .. } | Kind::Decay { .. } => {
                for begin in sent() {
                    let since = sum(&|sent| sent.at >= begin.at);
                    // Of each unit the guard's time is without effect; so of all together at least that.
                    let drained = self.drained(window, begin.at + guard, now);
                    // The limiter rounds to the safe side, this to a hundred millionth.
                    assert!(
                        (since + held) as f64 <= limit as f64 + drained + 1e-8,
                        "{since} + {held} since {} at {now} in {shape:?}",
                        begin.at
                    );
                }
                // What is promised of a smooth window, once its limit has been the same for all of its length.
                let same = self.rates[window]
                    .last()
                    .is_none_or(|(at, _)| at + nanos(shape.per) <= now);
                if matches!(shape.kind, Kind::Gcra { .. }) && same {
                    let used = sum(&|sent| sent.at + nanos(shape.per) > now);
                    assert!(
                        used + held <= u64::from(shape.limit),
                        "{used} + {held} at {now} in {shape:?}"
                    );
                }
            }
        }
    }
}
