//! Who waits, and in which order: by class, then by arrival.

use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;

use smallvec::SmallVec;

use crate::log::Nanos;
use crate::{Class, ClassCell, Cost};

/// One call that waits.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) cost: Cost,
    pub(crate) class: ClassCell,
    pub(crate) deadline: Option<Nanos>,
    /// Whether it needs a slot.
    pub(crate) slot: bool,
    /// When it came.
    pub(crate) since: Nanos,
    /// The window that it waited for longest when it came.
    pub(crate) window: Option<usize>,
    /// How important it was when it came.
    pub(crate) born: Class,
    /// The line in which it stands: its class, or a better one for having waited.
    pub(crate) filed: Class,
    /// Whom to wake; empty from the wake to the next poll.
    pub(crate) waker: Option<Waker>,
    /// What it is beside a call that waits.
    pub(crate) kept: Kept,
}

/// Whose place in the queue it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// That of a call, which is there.
    No,
    /// That of one who is yet to be called: it is not served, and whoever stands behind it is not served in its stead.
    Held,
    /// That of one who has been called: the first newcomer of its class takes it over.
    Called,
}

impl Waiter {
    /// The line in which it belongs, and when that changes by itself.
    fn line(&self, now: Nanos, ageing: Option<Nanos>) -> (Class, Option<Nanos>) {
        let class = self.class.get().max(self.filed);
        let Some(step) = ageing else {
            return (class, None);
        };
        let steps = now.saturating_sub(self.since) / step.max(1);
        let aged = self.born.raised(steps).max(class);
        if aged == Class::Critical {
            return (aged, None);
        }
        let change = step.max(1).saturating_mul(steps.saturating_add(1));
        (aged, Some(self.since.saturating_add(change)))
    }
}

/// Who waits: a line a class, first come first served within each.
#[derive(Debug)]
pub(crate) struct Queue {
    /// By class, then by arrival.
    lines: [BTreeMap<u64, Waiter>; 4],
    deadlines: BTreeSet<(Nanos, u64)>,
    /// How many waiters have a charge on each window.
    touching: Vec<usize>,
    /// How many waiters need a slot.
    slotted: usize,
    /// How many of them are places kept for who is yet to come.
    kept: usize,
    next: u64,
}

impl Queue {
    pub(crate) fn new(windows: usize) -> Self {
        Self {
            lines: std::array::from_fn(|_| BTreeMap::new()),
            deadlines: BTreeSet::new(),
            touching: vec![0; windows],
            slotted: 0,
            kept: 0,
            next: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.lines.iter().all(BTreeMap::is_empty)
    }

    pub(crate) fn len(&self) -> usize {
        self.lines.iter().map(BTreeMap::len).sum()
    }

    /// How many calls wait: without the places that are kept for who is yet to come.
    pub(crate) fn calls(&self) -> usize {
        self.len().saturating_sub(self.kept)
    }

    /// The same by class.
    pub(crate) fn lengths(&self) -> [usize; 4] {
        let calls = |line: &BTreeMap<u64, Waiter>| {
            let there = |waiter: &&Waiter| waiter.kept == Kept::No;
            line.values().filter(there).count()
        };
        self.lines.each_ref().map(calls)
    }

    /// The place that was kept for a newcomer of this class, if one was called.
    pub(crate) fn called(&self, class: Class, now: Nanos) -> Option<u64> {
        if self.kept == 0 {
            return None;
        }
        let fits = |waiter: &Waiter| {
            waiter.kept == Kept::Called
                && waiter.born == class
                && waiter.deadline.is_none_or(|end| end >= now)
        };
        let mut all = self.in_order();
        all.find(|(_, waiter)| fits(waiter)).map(|(seq, _)| seq)
    }

    /// How many waiters have a charge on `window`.
    pub(crate) fn touching(&self, window: usize) -> usize {
        self.touching.get(window).copied().unwrap_or(0)
    }

    /// How many waiters need a slot.
    pub(crate) const fn slotted(&self) -> usize {
        self.slotted
    }

    /// Puts a waiter at the end of its class's line and returns its number.
    pub(crate) fn push(&mut self, waiter: Waiter) -> u64 {
        let seq = self.next;
        self.next += 1;
        self.insert(seq, waiter);
        seq
    }

    /// Puts a waiter where its number belongs.
    pub(crate) fn insert(&mut self, seq: u64, waiter: Waiter) {
        if let Some(deadline) = waiter.deadline {
            self.deadlines.insert((deadline, seq));
        }
        for charge in &waiter.cost {
            if let Some(count) = self.touching.get_mut(charge.window) {
                *count += 1;
            }
        }
        self.slotted += usize::from(waiter.slot);
        self.kept += usize::from(waiter.kept != Kept::No);
        let line = waiter.filed;
        self.line_mut(line).insert(seq, waiter);
    }

    /// Takes a waiter out.
    pub(crate) fn remove(&mut self, seq: u64) -> Option<Waiter> {
        let waiter = self.lines.iter_mut().find_map(|line| line.remove(&seq))?;
        if let Some(deadline) = waiter.deadline {
            self.deadlines.remove(&(deadline, seq));
        }
        for charge in &waiter.cost {
            if let Some(count) = self.touching.get_mut(charge.window) {
                *count = count.saturating_sub(1);
            }
        }
        self.slotted = self.slotted.saturating_sub(usize::from(waiter.slot));
        let kept = usize::from(waiter.kept != Kept::No);
        self.kept = self.kept.saturating_sub(kept);
        Some(waiter)
    }

    pub(crate) fn get_mut(&mut self, seq: u64) -> Option<&mut Waiter> {
        self.lines.iter_mut().find_map(|line| line.get_mut(&seq))
    }

    pub(crate) fn waiters_mut(&mut self) -> impl Iterator<Item = &mut Waiter> {
        self.lines.iter_mut().flat_map(BTreeMap::values_mut)
    }

    /// Reads every class again, and moves those that have risen, or that have waited for `ageing` in a line, to their better
    /// line. Returns when the next will have waited so long.
    pub(crate) fn refile(&mut self, now: Nanos, ageing: Option<Nanos>) -> Option<Nanos> {
        let mut next = None;
        // The best first, so that who rises is not looked at twice.
        for line in Class::ALL.into_iter().rev() {
            let mut risen: SmallVec<[(u64, Class); 8]> = SmallVec::new();
            for (seq, waiter) in self.line_mut(line).iter() {
                let (better, change) = waiter.line(now, ageing);
                next = [next, change].into_iter().flatten().min();
                if better > line {
                    risen.push((*seq, better));
                }
            }
            for (seq, better) in risen {
                if let Some(mut waiter) = self.line_mut(line).remove(&seq) {
                    waiter.filed = better;
                    self.line_mut(better).insert(seq, waiter);
                }
            }
        }
        next
    }

    /// All waiters, the next to be served first.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = (u64, &Waiter)> {
        self.lines
            .iter()
            .rev()
            .flatten()
            .map(|(seq, waiter)| (*seq, waiter))
    }

    /// All waiters that a newcomer of `class` stands behind, the next to be served first.
    pub(crate) fn ahead_of(&self, class: Class) -> impl Iterator<Item = &Waiter> {
        self.lines
            .iter()
            .skip(class.index())
            .rev()
            .flat_map(BTreeMap::values)
    }

    /// The last of the least important waiters, if it is less important than `class`.
    pub(crate) fn last_below(&self, class: Class) -> Option<u64> {
        let last = |line: &BTreeMap<u64, Waiter>| {
            let mut calls = line.iter().rev();
            calls
                .find(|(_, waiter)| waiter.kept == Kept::No)
                .map(|(seq, _)| *seq)
        };
        self.lines.iter().take(class.index()).find_map(last)
    }

    /// All waiters that stand before this number in its line, the next to be served first.
    pub(crate) fn before(&self, line: Class, seq: u64) -> impl Iterator<Item = &Waiter> {
        let own = self.line(line).range(..seq).map(|(_, waiter)| waiter);
        let better = self.lines.iter().skip(line.index() + 1).rev();
        better.flat_map(BTreeMap::values).chain(own)
    }

    /// The earliest deadline of all.
    pub(crate) fn first_deadline(&self) -> Option<Nanos> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Everyone whose deadline is before `end`.
    pub(crate) fn due_before(&self, end: Nanos) -> Vec<u64> {
        self.deadlines
            .iter()
            .take_while(|(deadline, _)| *deadline < end)
            .map(|(_, seq)| *seq)
            .collect()
    }

    const fn line(&self, class: Class) -> &BTreeMap<u64, Waiter> {
        let [low, medium, high, critical] = &self.lines;
        match class {
            Class::Low => low,
            Class::Medium => medium,
            Class::High => high,
            Class::Critical => critical,
        }
    }

    fn line_mut(&mut self, class: Class) -> &mut BTreeMap<u64, Waiter> {
        let [low, medium, high, critical] = &mut self.lines;
        match class {
            Class::Low => low,
            Class::Medium => medium,
            Class::High => high,
            Class::Critical => critical,
        }
    }
}
