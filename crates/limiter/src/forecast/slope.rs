//! The future of a budget that drains.

use std::collections::VecDeque;

use crate::bucket::{Bucket, Drain};
use crate::log::{Nanos, Shape};

/// The future of one bucket.
#[derive(Clone, Debug)]
pub(super) struct Slope {
    drain: Option<Drain>,
    guard: Nanos,
    /// What is in it or placed, in the order in which it drains: from when on, and how many ticks.
    layers: VecDeque<(Nanos, u128)>,
    /// The sum of the layers.
    load: u128,
    /// Units that are left to others.
    reserved: u64,
    /// Until when it has drained.
    at: Nanos,
    /// No grant is earlier.
    start: Nanos,
}

impl Slope {
    pub(super) fn new(bucket: Option<&Bucket>, shape: &Shape, now: Nanos, start: Nanos) -> Self {
        let layers = bucket.map_or_else(VecDeque::new, |bucket| bucket.layers(shape));
        let load = layers.iter().map(|(_, ticks)| *ticks).sum();
        let mut line = Self {
            drain: shape.drain,
            guard: shape.guard,
            layers,
            load,
            reserved: shape.reserved,
            at: 0,
            start,
        };
        // What is granted is about to be dispatched.
        if let Some(held) = bucket.map(Bucket::held).filter(|held| *held > 0) {
            line.take(now, held);
        }
        line
    }

    /// Goes to the time at which `units` fit below `ceiling`.
    pub(super) fn advance(&mut self, units: u64, ceiling: u64) -> Nanos {
        let Some(drain) = self.drain else {
            return Nanos::MAX;
        };
        let Some(room) = ceiling.checked_sub(units.saturating_add(self.reserved)) else {
            return Nanos::MAX;
        };
        let room = drain.ticks(room);
        while self.load > room {
            let excess = self.load - room;
            let Some((start, ticks)) = self.layers.front_mut() else {
                return Nanos::MAX;
            };
            let begin = self.at.max(*start);
            if *ticks <= excess {
                self.at = begin.saturating_add(drain.time(*ticks));
                self.load -= *ticks;
                self.layers.pop_front();
            } else {
                let time = drain.time(excess);
                let gone = drain.drained(time).min(*ticks);
                self.at = begin.saturating_add(time);
                *start = begin;
                *ticks -= gone;
                self.load -= gone;
            }
        }
        self.at.max(self.start)
    }

    /// Takes `units` from now on until they have drained, having been committed at `at`.
    pub(super) fn take(&mut self, at: Nanos, units: u64) {
        let Some(drain) = self.drain else { return };
        let start = at.saturating_add(self.guard);
        let ticks = drain.ticks(units);
        let behind = self
            .layers
            .iter()
            .rev()
            .take_while(|(other, _)| *other > start)
            .count();
        self.layers
            .insert(self.layers.len() - behind, (start, ticks));
        self.load = self.load.saturating_add(ticks);
    }
}
