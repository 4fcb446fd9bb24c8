//! When will each waiter be granted, if nothing else happens?
//!
//! Waiters are placed in the order of the queue. One that must wait keeps its units reserved from
//! now on, so that whoever is placed after it can pass only where that cannot delay it. Because
//! every load then only falls with time, and because nobody placed later fits into a budget before
//! somebody placed earlier who wants the same one, one walk along each log serves all waiters.
//!
//! Slots have no known future. Whoever would be granted now takes one of the free ones; who finds none left keeps its units
//! reserved like any other who waits. Who waits for a window takes none: it would stand empty, for who knows how long.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use smallvec::SmallVec;

use crate::Cost;
use crate::log::{Cell, Nanos, Shape};
use crate::windows::{Slot, Windows};

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
    whole: SmallVec<[Option<Timeline<'a>>; 4]>,
    keyed: BTreeMap<(usize, Slot), Timeline<'a>>,
}

/// The future of one log.
#[derive(Debug)]
struct Timeline<'a> {
    shape: Shape,
    cells: Option<&'a VecDeque<Cell>>,
    /// How many cells have expired by `at`.
    gone: usize,
    /// Expiries of what is held and of what was placed, earliest first.
    placed: VecDeque<(Nanos, u64)>,
    /// In use at `at`.
    load: u64,
    at: Nanos,
}

impl<'a> Forecast<'a> {
    pub(crate) fn new(windows: &'a Windows, now: Nanos, start: Nanos, free: usize) -> Self {
        Self {
            windows,
            now,
            start: start.max(now),
            free,
            whole: SmallVec::new(),
            keyed: BTreeMap::new(),
        }
    }

    /// Finds the earliest grant of `cost` behind all that were placed, and takes its place.
    pub(crate) fn place(&mut self, cost: &Cost, slot: bool) -> Placement {
        let placement = self.earliest(cost, slot, Timeline::advance);
        if slot && placement.is_due(self.now) {
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
    pub(crate) fn place_last(mut self, cost: &Cost, slot: bool) -> Placement {
        self.earliest(cost, slot, Timeline::advance)
    }

    /// Finds the earliest grant of `cost` behind all that were placed, without taking a place.
    pub(crate) fn peek(&mut self, cost: &Cost, slot: bool) -> Placement {
        self.earliest(cost, slot, |line, units| line.look(units))
    }

    fn earliest(
        &mut self,
        cost: &Cost,
        slot: bool,
        find: impl Fn(&mut Timeline<'a>, u64) -> Nanos,
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
            let Some(line) = self.line(charge.window, slot) else {
                continue;
            };
            let at = find(line, units.saturating_add(others));
            if at > placement.at {
                placement.at = at;
                placement.window = Some(charge.window);
            }
        }
        placement.busy = slot && self.free == 0 && placement.at <= self.now;
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
        shape: Shape,
        now: Nanos,
        start: Nanos,
    ) -> Self {
        let log = windows.log(window, slot);
        let mut line = Self {
            shape,
            cells: log.map(|log| log.cells()),
            gone: 0,
            placed: VecDeque::new(),
            load: log.map_or(0, |log| log.used()),
            at: start,
        };
        // What is granted is about to be dispatched.
        if let Some(held) = log.map(|log| log.held()).filter(|held| *held > 0) {
            line.placed
                .push_back((now.saturating_add(shape.horizon), held));
        }
        while line.next_expiry().is_some_and(|(at, _, _)| at <= start) {
            line.step();
        }
        line
    }

    /// The next units to expire: when, how many, and whether they are in `placed`.
    fn next_expiry(&self) -> Option<(Nanos, u64, bool)> {
        let cell = self
            .cells
            .and_then(|cells| cells.get(self.gone))
            .map(|cell| {
                (
                    cell.last.saturating_add(self.shape.horizon),
                    cell.units,
                    false,
                )
            });
        let placed = self.placed.front().map(|(at, units)| (*at, *units, true));
        match (cell, placed) {
            (Some(cell), Some(placed)) => Some(if placed.0 < cell.0 { placed } else { cell }),
            (cell, placed) => cell.or(placed),
        }
    }

    fn step(&mut self) {
        if let Some((at, units, placed)) = self.next_expiry() {
            if placed {
                self.placed.pop_front();
            } else {
                self.gone += 1;
            }
            self.load = self.load.saturating_sub(units);
            self.at = self.at.max(at);
        }
    }

    /// Goes to the time at which `units` fit.
    fn advance(&mut self, units: u64) -> Nanos {
        while self.load.saturating_add(units) > self.shape.limit {
            if self.next_expiry().is_none() {
                return Nanos::MAX;
            }
            self.step();
        }
        self.at
    }

    /// Looks for the time at which `units` fit, and stays where it is.
    fn look(&self, units: u64) -> Nanos {
        let mut ahead = Self {
            placed: self.placed.clone(),
            ..*self
        };
        ahead.advance(units)
    }

    /// Takes `units` from now on until a horizon after `at`.
    fn take(&mut self, at: Nanos, units: u64) {
        let expiry = at.saturating_add(self.shape.horizon);
        let behind = self
            .placed
            .iter()
            .rev()
            .take_while(|(other, _)| *other > expiry)
            .count();
        self.placed
            .insert(self.placed.len() - behind, (expiry, units));
        self.load = self.load.saturating_add(units);
    }
}
