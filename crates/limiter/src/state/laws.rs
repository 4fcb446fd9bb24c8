//! What must hold at every instant of a history, and of the history as a whole.

use super::model::World;
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
}
