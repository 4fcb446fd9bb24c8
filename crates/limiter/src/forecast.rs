//! When will each waiter be granted, if nothing else happens?
//!
//! Waiters are placed in the order of the queue. One that must wait keeps its units reserved from
//! now on, so that whoever is placed after it can pass only where that cannot delay it. Because
//! every load then only falls with time, and because nobody placed later fits into a budget before
//! somebody placed earlier who wants the same one, one walk along each log serves all waiters.
//!
//! Slots have no known future. Whoever would be granted now takes one of the free ones; who finds none left keeps its units
//! reserved like any other who waits. Who waits for a window takes none: it would stand empty, for who knows how long.

use std::collections::BTreeMap;
use std::time::Duration;

use smallvec::SmallVec;

use crate::ledger::Ledger;
use crate::log::{Nanos, Shape};
use crate::windows::{Slot, Windows};
use crate::{Class, Cost};

mod slope;
mod steps;

use slope::Slope;
use steps::Steps;

/// The earliest grant of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placement {
    pub(crate) at: Nanos,
    /// The window that it waits for longest; `None` when it waits for none.
    pub(crate) window: Option<usize>,
    /// Whether its windows have room now and only a slot is missing: then nobody knows when it will be granted.
    pub(crate) busy: bool,
}

/// When to ask again for a slot: a guess.
const SLOT_WAIT: Duration = Duration::from_millis(100);

impl Placement {
    /// How long to wait for it.
    pub(crate) fn wait(self, now: Nanos) -> Duration {
        if self.busy {
            SLOT_WAIT
        } else {
            Duration::from_nanos(self.at.saturating_sub(now))
        }
    }

    /// When it will be granted, as far as that is known.
    pub(crate) const fn due(self) -> Nanos {
        if self.busy { Nanos::MAX } else { self.at }
    }

    /// The end of a place that is kept for so long after its call could go.
    pub(crate) fn until(self, now: Nanos, keep: Nanos) -> Nanos {
        let wait = Nanos::try_from(self.wait(now).as_nanos()).unwrap_or(Nanos::MAX);
        now.saturating_add(wait).saturating_add(keep)
    }

    /// Whether it may be granted at `now`.
    pub(crate) const fn is_due(self, now: Nanos) -> bool {
        !self.busy && self.at <= now
    }
}

/// The future of all budgets, as far as it is known.
#[derive(Debug)]
pub(crate) struct Forecast<'a> {
    windows: &'a Windows,
    now: Nanos,
    /// No grant is earlier: now, or the end of the pause.
    start: Nanos,
    /// Slots that nobody placed so far has taken.
    free: usize,
    /// Whether everyone needs one: only a probe goes out.
    probing: bool,
    whole: SmallVec<[Option<Timeline<'a>>; 4]>,
    keyed: BTreeMap<(usize, Slot), Timeline<'a>>,
}

/// The future of one budget.
#[derive(Debug)]
enum Timeline<'a> {
    Steps(Steps<'a>),
    Slope(Slope),
}

impl<'a> Forecast<'a> {
    pub(crate) fn new(
        windows: &'a Windows,
        now: Nanos,
        start: Nanos,
        free: usize,
        probing: bool,
    ) -> Self {
        Self {
            windows,
            now,
            start: start.max(now),
            free,
            probing,
            whole: SmallVec::new(),
            keyed: BTreeMap::new(),
        }
    }

    /// Finds the earliest grant of `cost` behind all that were placed, and takes its place.
    pub(crate) fn place(&mut self, cost: &Cost, class: Class, slot: bool) -> Placement {
        let placement = self.earliest(cost, class, slot, Timeline::advance);
        if (slot || self.probing) && placement.is_due(self.now) {
            self.free = self.free.saturating_sub(1);
        }
        for charge in cost {
            let slot = self.windows.slot(charge, self.now);
            if let Some(line) = self.line(charge.window, slot) {
                line.take(placement.at, u64::from(charge.units));
            }
        }
        placement
    }

    /// Finds the earliest grant of `cost` behind all that were placed, when nobody follows.
    pub(crate) fn place_last(mut self, cost: &Cost, class: Class, slot: bool) -> Placement {
        self.earliest(cost, class, slot, Timeline::advance)
    }

    /// Finds the earliest grant of `cost` behind all that were placed, without taking a place.
    pub(crate) fn peek(&mut self, cost: &Cost, class: Class, slot: bool) -> Placement {
        self.earliest(cost, class, slot, |line, units, ceiling| {
            line.look(units, ceiling)
        })
    }

    fn earliest(
        &mut self,
        cost: &Cost,
        class: Class,
        slot: bool,
        find: impl Fn(&mut Timeline<'a>, u64, u64) -> Nanos,
    ) -> Placement {
        let mut placement = Placement {
            at: self.start,
            window: None,
            busy: false,
        };
        let mut seen: SmallVec<[(usize, Slot, u64); 4]> = SmallVec::new();
        for charge in cost {
            let slot = self.windows.slot(charge, self.now);
            // Several keys of one cost may share the overflow budget.
            let others: u64 = seen
                .iter()
                .filter(|known| (known.0, known.1) == (charge.window, slot))
                .map(|known| known.2)
                .sum();
            let units = u64::from(charge.units);
            seen.push((charge.window, slot, units));
            let Some(shape) = self.windows.shape(charge.window) else {
                continue;
            };
            let Some(line) = self.line(charge.window, slot) else {
                continue;
            };
            let units = units.saturating_add(others);
            let at = find(line, units, shape.ceiling(class, units));
            if at > placement.at {
                placement.at = at;
                placement.window = Some(charge.window);
            }
        }
        placement.busy = (slot || self.probing) && self.free == 0 && placement.at <= self.now;
        placement
    }

    fn line(&mut self, window: usize, slot: Slot) -> Option<&mut Timeline<'a>> {
        let shape = self.windows.shape(window)?;
        let (windows, now, start) = (self.windows, self.now, self.start);
        let begin = || Timeline::new(windows, window, slot, shape, now, start);
        if slot != Slot::Whole {
            return Some(self.keyed.entry((window, slot)).or_insert_with(begin));
        }
        if self.whole.len() <= window {
            self.whole.resize_with(window + 1, || None);
        }
        self.whole
            .get_mut(window)
            .map(|line| line.get_or_insert_with(begin))
    }
}

impl<'a> Timeline<'a> {
    fn new(
        windows: &'a Windows,
        window: usize,
        slot: Slot,
        shape: &'a Shape,
        now: Nanos,
        start: Nanos,
    ) -> Self {
        match windows.log(window, slot) {
            Some(Ledger::Bucket(bucket)) => {
                Self::Slope(Slope::new(Some(bucket), shape, now, start))
            }
            None if shape.drain.is_some() => Self::Slope(Slope::new(None, shape, now, start)),
            Some(Ledger::Log(log)) => Self::Steps(Steps::new(Some(log), shape, now, start)),
            None => Self::Steps(Steps::new(None, shape, now, start)),
        }
    }

    /// Goes to the time at which `units` fit below `ceiling`.
    fn advance(&mut self, units: u64, ceiling: u64) -> Nanos {
        match self {
            Self::Steps(line) => line.advance(units, ceiling),
            Self::Slope(line) => line.advance(units, ceiling),
        }
    }

    /// Looks for the time at which `units` fit, and stays where it is.
    fn look(&self, units: u64, ceiling: u64) -> Nanos {
        match self {
            Self::Steps(line) => line.clone().advance(units, ceiling),
            Self::Slope(line) => line.clone().advance(units, ceiling),
        }
    }

    /// Takes `units` from now on until they leave, having been committed at `at`.
    fn take(&mut self, at: Nanos, units: u64) {
        match self {
            Self::Steps(line) => line.take(at, units),
            Self::Slope(line) => line.take(at, units),
        }
    }
}
