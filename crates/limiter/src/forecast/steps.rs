//! The future of a budget that forgets commits at a time.

use std::collections::VecDeque;

use crate::log::{Cell, Log, Nanos, Shape};

/// The future of one log.
#[derive(Clone, Debug)]
pub(super) struct Steps<'a> {
    shape: &'a Shape,
    cells: Option<&'a VecDeque<Cell>>,
    /// How many cells have expired by `at`.
    gone: usize,
    /// Expiries of what is held and of what was placed, earliest first.
    placed: VecDeque<(Nanos, u64)>,
    /// In use at `at`.
    load: u64,
    /// The part of it that others used.
    foreign: u64,
    at: Nanos,
}

impl<'a> Steps<'a> {
    pub(super) fn new(log: Option<&'a Log>, shape: &'a Shape, now: Nanos, start: Nanos) -> Self {
        let mut line = Self {
            shape,
            cells: log.map(|log| log.cells()),
            gone: 0,
            placed: VecDeque::new(),
            load: log.map_or(0, |log| log.used()),
            foreign: log.map_or(0, |log| log.foreign()),
            at: start,
        };
        // What is granted is about to be dispatched.
        if let Some(held) = log.map(|log| log.held()).filter(|held| *held > 0) {
            line.placed.push_back((shape.expiry(now), held));
        }
        while line.next_expiry().is_some_and(|(at, _, _)| at <= start) {
            line.step();
        }
        line
    }

    /// The next units to expire: when, how many, how many of them foreign, and whether they are in `placed`.
    fn next_expiry(&self) -> Option<(Nanos, u64, Option<u64>)> {
        let cell = self
            .cells
            .and_then(|cells| cells.get(self.gone))
            .map(|cell| (self.shape.expiry(cell.last), cell.units, Some(cell.foreign)));
        let placed = self.placed.front().map(|(at, units)| (*at, *units, None));
        match (cell, placed) {
            (Some(cell), Some(placed)) => Some(if placed.0 < cell.0 { placed } else { cell }),
            (cell, placed) => cell.or(placed),
        }
    }

    fn step(&mut self) {
        if let Some((at, units, foreign)) = self.next_expiry() {
            match foreign {
                None => {
                    self.placed.pop_front();
                }
                Some(foreign) => {
                    self.gone += 1;
                    self.foreign = self.foreign.saturating_sub(foreign);
                }
            }
            self.load = self.load.saturating_sub(units);
            self.at = self.at.max(at);
        }
    }

    /// Goes to the time at which `units` fit below `ceiling`.
    pub(super) fn advance(&mut self, units: u64, ceiling: u64) -> Nanos {
        loop {
            let load = self.load.saturating_add(self.shape.unclaimed(self.foreign));
            if load.saturating_add(units) <= ceiling {
                return self.at;
            }
            if self.next_expiry().is_none() {
                return Nanos::MAX;
            }
            self.step();
        }
    }

    /// Takes `units` from now on until they expire, having been committed at `at`.
    pub(super) fn take(&mut self, at: Nanos, units: u64) {
        let expiry = self.shape.expiry(at);
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
