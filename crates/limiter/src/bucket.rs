//! The memory of a budget that drains all the time: GCRA, and Kraken's decaying counter.
//!
//! Pure: times are nanoseconds since the limiter was built, and arguments. The bucket is a queue: what was committed first drains
//! first, so that a refund gives back only what of that very commit has not yet drained, and never what others have in it.

use std::collections::VecDeque;

use crate::Rate;
use crate::log::{Cell, Nanos, Shape};

/// How fast a bucket drains: `speed` ticks a nanosecond, `unit` ticks a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Drain {
    speed: u128,
    unit: u128,
}

impl Drain {
    /// Drains `permille` of `rate`.
    pub(crate) fn new(rate: Rate, permille: u32) -> Self {
        // Together below 2^128 for any bucket: a unit is less than 2^74 ticks for a rate in less than five hundred years.
        let unit = rate.per.as_nanos().max(1).saturating_mul(1_000);
        Self {
            speed: u128::from(rate.units).saturating_mul(u128::from(permille)),
            unit,
        }
    }

    pub(crate) const fn ticks(self, units: u64) -> u128 {
        self.unit.saturating_mul(units as u128)
    }

    pub(crate) const fn drained(self, time: Nanos) -> u128 {
        self.speed.saturating_mul(time as u128)
    }

    /// How long `ticks` take, rounded up.
    pub(crate) fn time(self, ticks: u128) -> Nanos {
        if self.speed == 0 {
            return Nanos::MAX;
        }
        Nanos::try_from(ticks.div_ceil(self.speed)).unwrap_or(Nanos::MAX)
    }

    /// Whole units in `ticks`, rounded down.
    fn units(self, ticks: u128) -> u64 {
        u64::try_from(ticks / self.unit).unwrap_or(u64::MAX)
    }

    fn units_up(self, ticks: u128) -> u64 {
        u64::try_from(ticks.div_ceil(self.unit)).unwrap_or(u64::MAX)
    }
}

/// One budget that drains.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bucket {
    /// In order of time; a cell drains from `last + guard` on, and after all before it.
    cells: VecDeque<Cell>,
    /// The sum of the cells.
    committed: u64,
    /// Granted, not yet committed: counts and does not drain.
    held: u64,
    /// What of the first cell has drained by `as_of`, in ticks.
    eaten: u128,
    as_of: Nanos,
}

impl Bucket {
    /// Drains.
    pub(crate) fn expire(&mut self, now: Nanos, shape: &Shape) {
        let Some(drain) = shape.drain else { return };
        while let Some(cell) = self.cells.front() {
            let start = self.as_of.max(cell.last.saturating_add(shape.guard));
            if start >= now {
                return;
            }
            let left = drain.ticks(cell.units).saturating_sub(self.eaten);
            let can = drain.drained(now - start);
            if can < left {
                self.eaten += can;
                self.as_of = now;
                return;
            }
            self.as_of = start.saturating_add(drain.time(left));
            self.remove(0);
        }
    }

    /// What has drained by now, in the ticks of another rate; rounded down, which is the safe side.
    pub(crate) fn measure(&mut self, old: Drain, new: Drain) {
        if old.unit != new.unit {
            let (whole, part) = (self.eaten / old.unit, self.eaten % old.unit);
            // Of a unit that takes months the part is forgotten.
            let part = part
                .checked_mul(new.unit)
                .map_or(0, |ticks| ticks / old.unit);
            self.eaten = whole.saturating_mul(new.unit).saturating_add(part);
        }
    }

    /// Units in use, rounded up, as of the last [`expire`](Self::expire).
    pub(crate) fn used(&self, shape: &Shape) -> u64 {
        let drained = shape.drain.map_or(0, |drain| drain.units(self.eaten));
        self.committed
            .saturating_add(self.held)
            .saturating_sub(drained)
    }

    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    pub(crate) const fn hold(&mut self, units: u64) {
        self.held = self.held.saturating_add(units);
    }

    pub(crate) const fn release(&mut self, units: u64) {
        self.held = self.held.saturating_sub(units);
    }

    /// What is in it, in the order in which it drains: from when on, and how many ticks; and from when on the first does.
    pub(crate) fn layers(&self, shape: &Shape) -> VecDeque<(Nanos, u128)> {
        let Some(drain) = shape.drain else {
            return VecDeque::new();
        };
        let mut layers: VecDeque<_> = self
            .cells
            .iter()
            .map(|cell| {
                (
                    cell.last.saturating_add(shape.guard).max(self.as_of),
                    drain.ticks(cell.units),
                )
            })
            .collect();
        if let Some((_, ticks)) = layers.front_mut() {
            *ticks = ticks.saturating_sub(self.eaten);
        }
        layers
    }

    /// From when on nothing is in use; `None` while something is held.
    pub(crate) fn idle_at(&self, shape: &Shape) -> Option<Nanos> {
        if self.held > 0 {
            return None;
        }
        let drain = shape.drain?;
        let end = self
            .layers(shape)
            .into_iter()
            .fold(0, |end: Nanos, (start, ticks)| {
                end.max(start).saturating_add(drain.time(ticks))
            });
        Some(end)
    }

    pub(crate) fn commit(&mut self, now: Nanos, units: u64, shape: &Shape) {
        self.expire(now, shape);
        self.release(units);
        self.push(Cell::new(now, now, units, 0), shape.cell);
    }

    /// Adds units that were granted and dispatched between `first` and `last`.
    pub(crate) fn commit_between(&mut self, first: Nanos, last: Nanos, units: u64, shape: &Shape) {
        self.push(Cell::new(first, last, units, 0), shape.cell);
    }

    /// The newest cell.
    pub(crate) fn newest(&self) -> Option<&Cell> {
        self.cells.back()
    }

    /// Adds units of a request of `at`; what of them has drained since is not known, and counts.
    pub(crate) fn add(&mut self, at: Nanos, units: u64, foreign: u64, shape: &Shape) {
        if units == 0 {
            return;
        }
        let index = self.cells.partition_point(|cell| cell.last < at);
        if let Some(cell) = self.cells.get_mut(index) {
            cell.units = cell.units.saturating_add(units);
            cell.foreign = cell.foreign.saturating_add(foreign);
            self.committed = self.committed.saturating_add(units);
        } else {
            self.push(Cell::new(at, at, units, foreign), shape.foreign_cell());
        }
    }

    /// Takes back what of `units` that were committed at `at` has surely not drained.
    pub(crate) fn give_back(&mut self, at: Nanos, units: u64, shape: &Shape) {
        let Some(drain) = shape.drain else { return };
        let index = self.cells.partition_point(|cell| cell.last < at);
        let Some(cell) = self.cells.get_mut(index) else {
            return;
        };
        if cell.first > at {
            return;
        }
        // In a cell of several it may have been the first to drain.
        let drained = if index == 0 {
            drain.units_up(self.eaten)
        } else {
            0
        };
        let ours = cell.units.saturating_sub(cell.foreign);
        let back = units
            .saturating_sub(drained)
            .min(ours.saturating_sub(drained));
        cell.units -= back;
        self.committed = self.committed.saturating_sub(back);
        if cell.units == 0 {
            self.remove(index);
        }
    }

    /// What we committed in cells that began after `at`.
    pub(crate) fn committed_after(&self, at: Nanos) -> u64 {
        let later = self.cells.iter().rev().take_while(|cell| cell.first > at);
        later.map(Cell::ours).sum()
    }

    /// How many units a server has more than we know of, that had `used` when the request of `at` arrived.
    pub(crate) fn missing(&self, now: Nanos, at: Nanos, used: u64, shape: &Shape) -> u64 {
        let Some(drain) = shape.drain else { return 0 };
        let since = drain.units(drain.drained(now.saturating_sub(at)));
        let later = self.committed_after(at.saturating_add(shape.guard));
        let theirs = used.saturating_add(later).saturating_sub(since);
        theirs.saturating_sub(self.used(shape).saturating_sub(self.held))
    }

    fn push(&mut self, new: Cell, width: Nanos) {
        self.committed = self.committed.saturating_add(new.units);
        // What drains already must not wait for what has just come.
        let drains = self.cells.len() == 1 && self.eaten > 0;
        match self.cells.back_mut() {
            Some(cell) if !drains && new.last.saturating_sub(cell.first) <= width => {
                cell.merge(new)
            }
            _ => self.cells.push_back(new),
        }
    }

    fn remove(&mut self, index: usize) {
        if let Some(cell) = self.cells.remove(index) {
            self.committed = self.committed.saturating_sub(cell.units);
            if index == 0 {
                self.eaten = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Ten units, one drains every 10.
    fn shape(guard: Nanos) -> Shape {
        Shape {
            drain: Some(Drain::new(Rate::new(1, Duration::from_nanos(10)), 1_000)),
            guard,
            ..Shape::plain(10, 100)
        }
    }

    fn committed(shape: &Shape, at: &[(Nanos, u64)]) -> Bucket {
        let mut bucket = Bucket::default();
        for &(now, units) in at {
            bucket.hold(units);
            bucket.commit(now, units, shape);
        }
        bucket
    }

    #[test]
    fn it_drains_without_a_pause_and_counts_a_started_unit_whole() {
        let shape = shape(0);
        let mut bucket = committed(&shape, &[(0, 3), (5, 2)]);
        for (now, used) in [(5, 5), (9, 5), (10, 4), (29, 3), (30, 2), (49, 1), (50, 0)] {
            bucket.expire(now, &shape);
            assert_eq!(bucket.used(&shape), used, "at {now}");
        }
    }

    #[test]
    fn nothing_drains_before_its_guard_is_over() {
        let shape = shape(7);
        let mut bucket = committed(&shape, &[(0, 1), (100, 1)]);
        assert_eq!(bucket.idle_at(&shape), Some(117));
        for (now, used) in [(116, 1), (117, 0)] {
            bucket.expire(now, &shape);
            assert_eq!(bucket.used(&shape), used, "at {now}");
        }
    }

    #[test]
    fn a_refund_gives_back_what_has_not_drained_and_nothing_of_others() {
        let shape = shape(0);
        let mut bucket = committed(&shape, &[(0, 5), (0, 5)]);
        bucket.give_back(0, 5, &shape);
        bucket.expire(40, &shape);
        assert_eq!(bucket.used(&shape), 1);
        bucket.hold(3);
        bucket.commit(40, 3, &shape);
        bucket.give_back(0, 5, &shape);
        assert_eq!(
            bucket.used(&shape),
            3,
            "one of the first was left, three are others'"
        );
    }

    #[test]
    fn what_the_server_knows_more_is_added_less_what_drained_since() {
        let shape = shape(0);
        let mut bucket = committed(&shape, &[(0, 2)]);
        bucket.expire(20, &shape);
        // It had 7 when the request of 0 arrived; two of those have drained since.
        assert_eq!(bucket.missing(20, 0, 7, &shape), 5);
        bucket.add(20, 5, 5, &shape);
        assert_eq!(bucket.used(&shape), 5);
        bucket.give_back(20, 5, &shape);
        assert_eq!(bucket.used(&shape), 5, "not ours to give back");
        bucket.expire(70, &shape);
        assert_eq!(bucket.used(&shape), 0);
    }
}
