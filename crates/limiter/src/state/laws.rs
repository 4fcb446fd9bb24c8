//! What must hold at every instant of a history, and of the history as a whole.

use super::Grant;
use super::model::{Held, Waiting, World, is_ahead, units};
use crate::log::Nanos;

impl World {
    /// What must hold at every instant.
    pub(super) fn judge(&mut self, now: Nanos) {
        let counts = self.state.counts;
        let queued = u64::try_from(self.state.queue.len()).unwrap();
        assert_eq!(
            counts.asked,
            counts.granted + counts.rejected + counts.abandoned + queued
        );
        let held = u64::try_from(self.permits.len()).unwrap();
        assert_eq!(counts.granted, counts.committed + counts.returned + held);
        assert_eq!(self.waiting.len(), self.state.queue.len());
        assert!(self.waiting.len() <= self.state.max_queue);
        assert_eq!(self.state.slots.taken(), self.under_way());
        assert!(self.max.is_none_or(|max| self.under_way() <= max));
        self.state.turn(now);
        self.harvest(now);
        assert_eq!(
            self.state.due.is_some(),
            !self.waiting.is_empty(),
            "when to look again"
        );
        if !self.foreign {
            self.judge_use(now);
            self.judge_idleness(now);
        }
    }

    /// Nothing leaks: what is in use is what was charged and not given back.
    fn judge_use(&mut self, now: Nanos) {
        for (window, seen) in self.state.windows.snapshot(now).into_iter().enumerate() {
            let keys = if self.windows[window].keyed {
                0..4
            } else {
                0..1
            };
            let used = |reach: Nanos| {
                let keys = keys.clone();
                keys.map(|key| self.charged(window, key, now, reach) + self.held(window, key))
                    .max()
                    .unwrap_or(0)
            };
            let horizon = self.horizon(window);
            assert!(
                seen.used >= used(horizon),
                "window {window} forgot something"
            );
            // A surprise may be filed with the next commit, and so count longer.
            assert!(
                self.surprised || seen.used <= used(horizon + self.cell(window)),
                "window {window} keeps something"
            );
        }
    }

    /// Nobody waits for nothing: each waiter finds a window without room for it, once those ahead
    /// of it are served, or no slot. Asked after a turn of the queue, where use is known exactly.
    fn judge_idleness(&self, now: Nanos) {
        if !self.is_exact() || self.state.paused(now).is_some() {
            return;
        }
        for waiter in &self.waiting {
            assert!(
                self.is_blocked(waiter, now) || waiter.slot && self.is_full(),
                "{waiter:?} waits for nothing at {now}"
            );
        }
    }

    /// The whole history: no window, wherever it begins, holds more than the limit.
    pub(super) fn judge_history(&self) {
        for begin in &self.entries {
            let (window, key) = (begin.window, begin.key);
            let inside = self.entries.iter().filter(|entry| {
                (entry.window, entry.key) == (window, key)
                    && entry.at >= begin.at
                    && entry.at < begin.at + self.horizon(window)
            });
            let sum: u64 = inside.map(|entry| entry.units).sum();
            assert!(
                sum <= self.limit(window),
                "{sum} units of window {window} from {}",
                begin.at
            );
        }
    }

    /// How many are under way, by the model's own count.
    pub(super) fn under_way(&self) -> usize {
        let held = self.permits.iter().map(|held| held.grant.slot);
        held.chain(self.spent.iter().map(|spent| spent.slot))
            .filter(|slot| *slot)
            .count()
    }

    /// Whether nobody else may begin.
    pub(super) fn is_full(&self) -> bool {
        self.max.is_some_and(|max| self.under_way() >= max)
    }

    /// Whether a window has no room for `waiter`, once those ahead of it are served.
    pub(super) fn is_blocked(&self, waiter: &Waiting, now: Nanos) -> bool {
        waiter.cost.iter().any(|charge| {
            let (window, key) = (charge.window, charge.key);
            let first = self
                .waiting
                .iter()
                .filter(|other| is_ahead(other, waiter))
                .flat_map(|other| &other.cost);
            let taken =
                self.charged(window, key, now, self.horizon(window)) + self.held(window, key);
            taken + units(first, window, key) + u64::from(charge.units) > self.limit(window)
        })
    }

    /// Whether the model knows to the unit what is in use.
    pub(super) fn is_exact(&self) -> bool {
        let mut windows = self.windows.iter();
        windows.all(|window| window.cell().is_zero()) && !self.surprised && !self.foreign
    }

    /// Takes grants over, and asks of each whether it may have been given.
    pub(super) fn granted(&mut self, now: Nanos, granted: &[(Waiting, Grant)]) {
        assert!(
            granted.is_empty() || self.state.paused(now).is_none(),
            "granted in a pause"
        );
        self.permits
            .extend(granted.iter().map(|(waiter, grant)| Held {
                cost: waiter.cost.clone(),
                grant: *grant,
            }));
        assert!(
            self.max.is_none_or(|max| self.under_way() <= max),
            "more under way than there are slots"
        );
        for (waiter, _) in granted {
            // The slot goes to the first in the queue who can use it.
            let first = self
                .waiting
                .iter()
                .filter(|other| waiter.slot && other.slot && is_ahead(other, waiter));
            for other in first {
                assert!(
                    !self.is_exact() || self.is_blocked(other, now),
                    "{waiter:?} took the slot of {other:?} at {now}"
                );
            }
            for charge in &waiter.cost {
                let (window, key) = (charge.window, charge.key);
                let used =
                    self.charged(window, key, now, self.horizon(window)) + self.held(window, key);
                assert!(
                    used <= self.limit(window),
                    "window {window} holds {used} at {now}"
                );
                // Nobody who came first is delayed: what they wait for is left free.
                let first = self
                    .waiting
                    .iter()
                    .filter(|other| is_ahead(other, waiter))
                    .flat_map(|other| &other.cost);
                let claimed = units(first, window, key);
                assert!(
                    used + claimed <= self.limit(window),
                    "somebody was overtaken at {now}"
                );
            }
        }
    }
}
