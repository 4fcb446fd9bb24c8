//! One budget: so many units in so much time.

use std::borrow::Cow;
use std::time::Duration;

use crate::{Rate, WindowError};

/// The least guard that a window gets by itself.
const LEAST_GUARD: Duration = Duration::from_millis(250);

/// How many marks an unkeyed window keeps; up to this limit it remembers every commit exactly.
///
/// 512, because `per/60` of guard and `per/512` of cell leave 98.2 % of the limit, and a window of
/// 512 marks is 12 KiB.
const MARKS: u32 = 512;

/// The same for each key of a keyed window, of which there may be thousands.
const MARKS_PER_KEY: u32 = 64;

/// A budget of `limit` units in any `per`.
///
/// Sliding: there is **no** window of length `per + guard`, wherever it begins, in which more than
/// `limit` units are committed. Windows are half open: a unit committed at `t` is gone at
/// `t + per + guard`.
///
/// # The guard, and what it costs
///
/// A server counts when a request *arrives*. Two requests that left `per` apart arrive closer
/// together when the first was slow on its way, so the window is stretched by `guard`, the
/// difference in travel time that is tolerated. The default is `max(per / 60, 250 ms)`; under
/// saturation a window grants `limit` units every `per + guard + cell`:
///
/// | window | guard | cell | achieved of the limit |
/// |---|---|---|---|
/// | 1 per 1 s | 250 ms (default) | exact | 80 % (one every 1.25 s) |
/// | 1 per 1 s | 0 | exact | 100 % |
/// | 10 per 10 s | 250 ms (default) | exact | 97.6 % |
/// | 1,200 per 60 s | 1 s (default) | ≤ 117 ms | ≥ 98.1 % |
/// | 6,000 per 60 s | 0 | ≤ 117 ms | ≥ 99.8 % |
/// | 5,000 per 1 s | 0 | ≤ 2 ms | ≥ 99.8 %, less the timer's 1 ms |
///
/// So for windows of 15 s and more the default guard costs 1.64 %; for shorter ones it costs
/// `250 ms / (per + 250 ms)`. Where the path to the server is even, or the server forgives a burst,
/// set a smaller [`guard`](Self::guard), down to zero.
///
/// # Cells
///
/// A limit up to 512 (64 for each key of a [`keyed`](Self::keyed) window) is kept exactly, one
/// time a commit. Above that, commits within `per/512` (`per/64`) of each other share one cell,
/// which expires with its **last** commit: never early, at most one cell late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub(crate) name: Cow<'static, str>,
    pub(crate) limit: u32,
    pub(crate) per: Duration,
    pub(crate) guard: Duration,
    pub(crate) keyed: bool,
    // Not to be changed from outside: a burst and a rate have been checked against the limit.
    pub(crate) kind: Kind,
}

/// How a window counts. Every kind takes weights, keys, refunds, corrections and the server's own counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Any window of that length, wherever it begins: what the table above says. Safe whatever the server does.
    #[default]
    Sliding,
    /// The same to the nanosecond, whatever the limit: one mark a commit, so for small limits.
    Log,
    /// The server's own windows, one after the other on the server's clock, each with the full limit. Sliding until that clock
    /// is known ([`Limiter::observe_date`](crate::Limiter::observe_date)).
    Aligned,
    /// Smooth: `burst` at once, and `rate` after that.
    Gcra {
        /// How fast it refills.
        rate: Rate,
        /// Units that fit at once.
        burst: u32,
    },
    /// A counter that falls all the time and may not rise above the limit.
    Decay {
        /// How fast it falls.
        rate: Rate,
    },
}

impl Window {
    /// At most `limit` units in any `per`, guarded by `max(per / 60, 250 ms)`.
    #[must_use]
    pub fn sliding(name: impl Into<Cow<'static, str>>, limit: u32, per: Duration) -> Self {
        Self {
            name: name.into(),
            limit,
            per,
            guard: (per / 60).max(LEAST_GUARD),
            keyed: false,
            kind: Kind::Sliding,
        }
    }

    /// At most `limit` units in any `per`, each commit remembered by itself whatever the limit: for small limits.
    #[must_use]
    pub fn log(name: impl Into<Cow<'static, str>>, limit: u32, per: Duration) -> Self {
        Self {
            kind: Kind::Log,
            ..Self::sliding(name, limit, per)
        }
    }

    /// At most `limit` units in each window of the server, which begin at whole multiples of `per` on its clock.
    ///
    /// Grants up to twice the limit in a short time, around a boundary, because the server does. What is sent within the guard
    /// (and what is not known of the clock) of a boundary counts in both windows. Until the server's clock is known, and where
    /// it is known to less than a window, it is a sliding window.
    #[must_use]
    pub fn aligned(name: impl Into<Cow<'static, str>>, limit: u32, per: Duration) -> Self {
        Self {
            kind: Kind::Aligned,
            ..Self::sliding(name, limit, per)
        }
    }

    /// Smooth: `burst` units at once, then `rate`, and so never more than `limit` in any `per`.
    ///
    /// No guard unless set: two requests may arrive closer together than they left, and what is smoothed has room for that.
    ///
    /// # Errors
    ///
    /// [`WindowError::TooFast`] when `burst + rate · per` is more than `limit`, which a bucket that starts full would reach in its
    /// first window; [`WindowError::NoRate`].
    pub fn gcra(
        name: impl Into<Cow<'static, str>>,
        limit: u32,
        per: Duration,
        rate: Rate,
        burst: u32,
    ) -> Result<Self, WindowError> {
        let window = Self {
            kind: Kind::Gcra { rate, burst },
            guard: Duration::ZERO,
            ..Self::sliding(name, limit, per)
        };
        window.allows(limit)?;
        Ok(window)
    }

    /// A counter that each unit raises by one, that falls by `rate`, and that may not rise above `max`: Kraken's private limits.
    ///
    /// Begins to fall a guard of 250 ms after each commit, because the server begins when the request arrives.
    ///
    /// # Errors
    ///
    /// [`WindowError::NoRate`].
    pub fn decay(
        name: impl Into<Cow<'static, str>>,
        max: u32,
        rate: Rate,
    ) -> Result<Self, WindowError> {
        if rate.in_time(rate.per).is_none() {
            return Err(WindowError::NoRate { rate });
        }
        Ok(Self {
            kind: Kind::Decay { rate },
            guard: LEAST_GUARD,
            per: fall(max, rate),
            ..Self::sliding(name, max, rate.per)
        })
    }

    /// Whether `limit` units may pass in a window, for the kinds that depend on it.
    pub(crate) fn allows(&self, limit: u32) -> Result<(), WindowError> {
        let Kind::Gcra { rate, burst } = self.kind else {
            return Ok(());
        };
        let refilled = rate.in_time(self.per).ok_or(WindowError::NoRate { rate })?;
        if u64::from(burst).saturating_add(refilled) > u64::from(limit) {
            return Err(WindowError::TooFast {
                burst,
                refilled,
                per: self.per,
                limit,
            });
        }
        Ok(())
    }

    /// The same window with another limit: of a smooth one burst and rate change in proportion, and never exceed it.
    ///
    /// # Errors
    ///
    /// [`WindowError::TooFast`] when a smooth window cannot be that small: less than 2.
    pub(crate) fn scaled(&self, limit: u32) -> Result<Self, WindowError> {
        let kind = match self.kind {
            Kind::Gcra { rate, burst } => {
                let (new, old) = (u128::from(limit), u128::from(self.limit.max(1)));
                let part = u128::from(burst) * new / old;
                // Rounded down, and so is the rate: together they still fit. A burst of nothing admits nothing.
                let burst = u32::try_from(part)
                    .unwrap_or(u32::MAX)
                    .max(burst.min(limit).min(1));
                let slowed = rate.per.as_nanos().saturating_mul(old).div_ceil(new.max(1));
                let room = u128::from(limit.saturating_sub(burst)).max(1);
                let least = self
                    .per
                    .as_nanos()
                    .saturating_mul(u128::from(rate.units))
                    .div_ceil(room);
                let per = u64::try_from(slowed.max(least)).unwrap_or(u64::MAX);
                let rate = Rate::new(rate.units, Duration::from_nanos(per.max(1)));
                Kind::Gcra { rate, burst }
            }
            kind => kind,
        };
        let mut scaled = Self {
            limit,
            kind,
            ..self.clone()
        };
        if let Kind::Decay { rate } = kind {
            scaled.per = fall(limit, rate);
        }
        if scaled.capacity() > 0 {
            scaled.allows(limit)?;
        }
        Ok(scaled)
    }

    /// What rejections and snapshots call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Units that fit into [`per`](Self::per). Zero admits nothing.
    #[must_use]
    pub const fn limit(&self) -> u32 {
        self.limit
    }

    /// The length of the window.
    #[must_use]
    pub const fn per(&self) -> Duration {
        self.per
    }

    /// By how much the window is stretched for the network's jitter: the [`guard`](Self::guard).
    #[must_use]
    pub const fn stretch(&self) -> Duration {
        self.guard
    }

    /// Whether each key has this budget for itself.
    #[must_use]
    pub const fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// How it counts.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Units that fit at once: the limit, or the burst of a smooth window.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        match self.kind {
            Kind::Gcra { burst, .. } => burst,
            _ => self.limit,
        }
    }

    pub(crate) const fn rate(&self) -> Option<Rate> {
        match self.kind {
            Kind::Gcra { rate, .. } | Kind::Decay { rate } => Some(rate),
            _ => None,
        }
    }

    /// Gives each key ([`Charge::key`](crate::Charge::key)) this budget for itself.
    #[must_use]
    pub fn keyed(mut self) -> Self {
        self.keyed = true;
        self
    }

    /// Sets the difference in travel time that is tolerated; zero for none.
    #[must_use]
    pub const fn guard(mut self, guard: Duration) -> Self {
        self.guard = guard;
        self
    }

    /// The time for which a committed unit counts at the most, cells aside.
    #[must_use]
    pub fn horizon(&self) -> Duration {
        let length = match self.kind {
            // A full bucket, from the brim to the ground.
            Kind::Gcra { rate, burst } => rate.per.saturating_mul(burst) / rate.units.max(1),
            _ => self.per,
        };
        length.saturating_add(self.guard)
    }

    /// By how much a commit may count longer than the [`horizon`](Self::horizon).
    #[must_use]
    pub fn cell(&self) -> Duration {
        let marks = if self.keyed { MARKS_PER_KEY } else { MARKS };
        if self.capacity() <= marks || self.kind == Kind::Log {
            Duration::ZERO
        } else {
            self.horizon().saturating_sub(self.guard) / marks
        }
    }

    /// The share of `limit` per `per` that is granted under saturation, at the least; of an aligned window once the server's
    /// clock is known, 1.
    #[must_use]
    pub fn achieved(&self) -> f64 {
        if let Kind::Gcra { rate, .. } = self.kind {
            let smooth = f64::from(rate.units) * self.per.as_secs_f64() / rate.per.as_secs_f64();
            return smooth / f64::from(self.limit.max(1));
        }
        let cycle = self.horizon().saturating_add(self.cell()).as_secs_f64();
        if cycle > 0.0 {
            self.per.as_secs_f64() / cycle
        } else {
            1.0
        }
    }
}

/// How long a full counter takes to fall to nothing.
fn fall(max: u32, rate: Rate) -> Duration {
    rate.per.saturating_mul(max) / rate.units.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_guard_is_a_sixtieth_and_at_least_a_quarter_of_a_second() {
        let minute = Window::sliding("minute", 1_200, Duration::from_secs(60));
        assert_eq!(minute.guard, Duration::from_secs(1));
        let second = Window::sliding("second", 1, Duration::from_secs(1));
        assert_eq!(second.guard, Duration::from_millis(250));
    }

    #[test]
    fn documented_shares_are_the_computed_ones() {
        let share = |limit, secs, guard: Option<u64>| {
            let window = Window::sliding("w", limit, Duration::from_secs(secs));
            match guard {
                Some(ms) => window.guard(Duration::from_millis(ms)),
                None => window,
            }
            .achieved()
        };
        assert!((share(1, 1, None) - 0.8).abs() < 1e-9);
        assert!((share(1, 1, Some(0)) - 1.0).abs() < 1e-9);
        assert!((share(10, 10, None) - 0.9756).abs() < 1e-4);
        assert!(share(1_200, 60, None) >= 0.981);
        assert!(share(6_000, 60, Some(0)) >= 0.998);
        assert!(share(5_000, 1, Some(0)) >= 0.998);
    }

    proptest::proptest! {
        /// Whatever it was and whatever it becomes, what a smooth window can admit in a window fits into its limit.
        #[test]
        fn a_smooth_window_of_any_size_admits_no_more_than_its_limit(
            (burst, units) in (1..10_000_u32, 1..10_000_u32),
            (per, rate_per) in (1..1_000_000_000_000_u64, 1..1_000_000_000_000_u64),
            spare in 0..1_000_u32, limit: u32, small in 0..50_u32,
        ) {
            let (per, rate) = (Duration::from_nanos(per), Rate::new(units, Duration::from_nanos(rate_per)));
            let refilled = rate.in_time(per).and_then(|units| u32::try_from(units).ok());
            proptest::prop_assume!(refilled.is_some_and(|units| units < 1_000_000_000));
            let full = refilled.unwrap() + burst + spare;
            let window = Window::gcra("w", full, per, rate, burst).unwrap();
            proptest::prop_assert_eq!(window.scaled(full).unwrap().achieved(), window.achieved());
            for limit in [limit, small, full / 2, full.saturating_mul(2)] {
                let scaled = match window.scaled(limit) {
                    Ok(scaled) => scaled,
                    // Two units are the least: one at once, and the next before the window is over.
                    Err(_) => { proptest::prop_assert_eq!(limit, 1); continue }
                };
                let Kind::Gcra { rate, burst } = scaled.kind() else { panic!("{scaled:?}") };
                let most = u128::from(burst) * rate.per.as_nanos() + per.as_nanos() * u128::from(rate.units);
                let fits = most <= u128::from(limit) * rate.per.as_nanos();
                proptest::prop_assert!(fits || burst == 0, "{:?}", scaled);
                proptest::prop_assert_eq!(burst == 0, limit == 0);
                // And no less than the limit allows, but for what was rounded.
                let share = f64::from(limit) / f64::from(full);
                let (was, is) = (window.achieved(), scaled.achieved());
                let even = limit >= 1_000 && share * f64::from(window.capacity()) >= 1.0;
                proptest::prop_assert!(!even || (is / was - 1.0).abs() < 1e-3, "{} of {}", is, was);
            }
        }
    }

    #[test]
    fn long_windows_lose_no_more_than_two_percent_by_default() {
        for secs in [15, 30, 60, 300, 3_600, 86_400] {
            let window = Window::sliding("w", 1_000_000, Duration::from_secs(secs));
            assert!(window.achieved() >= 0.98, "{secs} s: {}", window.achieved());
        }
    }
}
