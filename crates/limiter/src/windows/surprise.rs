//! What answers show: true costs, and the server's own counts.

use super::Windows;
use crate::ledger::Ledger;
use crate::log::{Nanos, Shape};
use crate::{Charge, Cost};

/// What was found to be used without having been granted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surprise {
    /// Units that came as a surprise.
    pub(crate) units: u64,
    /// How many windows were found above their limit.
    pub(crate) violations: u64,
}

impl Windows {
    /// Replaces what was committed at `at` by what it really cost; the windows that `actual` does
    /// not name, or that are not there, cost nothing.
    pub(crate) fn settle(
        &mut self,
        now: Nanos,
        at: Nanos,
        charged: &mut Cost,
        actual: &Cost,
    ) -> Surprise {
        let mut surprise = Surprise::default();
        let known: Cost = actual
            .iter()
            .copied()
            .filter(|charge| charge.window < self.len())
            .collect();
        let actual = self.merge(&known).unwrap_or_default();
        for charge in &*charged {
            let now_units = units_of(&actual, charge);
            let back = u64::from(charge.units.saturating_sub(now_units));
            if back > 0 {
                self.change(now, charge.window, charge.key, |log, shape| {
                    log.expire(now, shape);
                    log.give_back(at, back, shape)
                });
            }
        }
        for charge in &actual {
            let more = u64::from(charge.units.saturating_sub(units_of(charged, charge)));
            if more > 0 {
                self.surprise(now, at, charge, &mut surprise, |log, shape| {
                    log.add(at, more, shape);
                    more
                });
            }
        }
        *charged = actual;
        surprise
    }

    /// Raises a window to what the server counted when the request of `at` arrived there.
    ///
    /// What was committed later than that by more than the guard must have arrived later, and is
    /// added. What came between may be in the server's count or not; it is not added, so that
    /// requests which overtake each other on their way are never counted twice.
    pub(crate) fn observe(
        &mut self,
        now: Nanos,
        at: Nanos,
        window: usize,
        key: u64,
        used: u32,
    ) -> Surprise {
        let mut surprise = Surprise::default();
        let mut missing = 0;
        if self
            .shape(window)
            .is_none_or(|shape| shape.expiry(at) <= now)
        {
            return surprise;
        }
        self.change(now, window, key, |log, shape| {
            log.expire(now, shape);
            missing = log.missing(now, at, u64::from(used), shape);
        });
        if missing > 0 {
            let charge = Charge {
                window,
                key,
                units: 0,
            };
            self.surprise(now, at, &charge, &mut surprise, |log, shape| {
                log.add_foreign(now, at, missing, shape);
                missing
            });
        }
        surprise
    }

    /// Charges what was not granted, unless it has left its window.
    fn surprise(
        &mut self,
        now: Nanos,
        at: Nanos,
        charge: &Charge,
        surprise: &mut Surprise,
        add: impl FnOnce(&mut Ledger, &Shape) -> u64,
    ) {
        let mut found = Surprise::default();
        self.change(now, charge.window, charge.key, |log, shape| {
            if shape.expiry(at) <= now {
                return;
            }
            log.expire(now, shape);
            found.units = add(log, shape);
            log.expire(now, shape);
            found.violations = u64::from(log.used(shape) > shape.limit);
        });
        if let Some(lane) = self.lanes.get_mut(charge.window) {
            lane.tally.settled_extra = lane.tally.settled_extra.saturating_add(found.units);
            lane.tally.violations += found.violations;
        }
        surprise.units = surprise.units.saturating_add(found.units);
        surprise.violations += found.violations;
    }
}

fn units_of(cost: &Cost, wanted: &Charge) -> u32 {
    cost.iter()
        .find(|charge| charge.window == wanted.window && charge.key == wanted.key)
        .map_or(0, |charge| charge.units)
}
