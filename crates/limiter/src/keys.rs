//! One budget a key, for a bounded number of keys.
//!
//! A key with anything in use is never forgotten, so the bound cannot make a budget be spent twice.
//! A key that finds the table full of such keys shares one overflow budget with the others in the
//! same position: slower than its own, never more than allowed. It stays there until the overflow
//! budget is empty, because only then nothing of it can be forgotten.

use std::collections::{BTreeSet, HashMap};

use crate::ledger::Ledger;
use crate::log::{Nanos, Shape};

/// How many idle keys leave with each new one, so that the table shrinks to what is in use.
const LEAVE_WITH_EACH_NEW_KEY: usize = 2;

/// The budgets of all keys of one window.
#[derive(Debug)]
pub(crate) struct Keys {
    own: HashMap<u64, Entry>,
    /// Keys with nothing held, by the time from which on they are idle: the longest idle first.
    idle: BTreeSet<(Nanos, u64)>,
    overflow: Ledger,
    max: usize,
    overflowed: u64,
}

#[derive(Debug)]
struct Entry {
    log: Ledger,
    /// Its place in `idle`.
    idle_at: Option<Nanos>,
}

/// Where the budget of a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// In a log of its own, which may have to be made first.
    Own(u64),
    /// In the log that all share who found no room.
    Overflow,
}

impl Keys {
    pub(crate) fn new(max: usize, shape: &Shape) -> Self {
        Self {
            own: HashMap::new(),
            idle: BTreeSet::new(),
            overflow: Ledger::new(shape),
            max,
            overflowed: 0,
        }
    }

    /// Where `key` is kept at `now`; changes only while nothing of it is in use.
    pub(crate) fn place(&self, key: u64, now: Nanos, shape: &Shape) -> Place {
        if self.own.contains_key(&key) {
            return Place::Own(key);
        }
        let overflow_in_use = self.overflow.idle_at(shape).is_none_or(|idle| idle > now);
        if overflow_in_use || (self.own.len() >= self.max && !self.has_idle(now)) {
            Place::Overflow
        } else {
            Place::Own(key)
        }
    }

    /// The log at `place`; `None` when nothing was ever written to it.
    pub(crate) fn log(&self, place: Place) -> Option<&Ledger> {
        match place {
            Place::Own(key) => self.own.get(&key).map(|entry| &entry.log),
            Place::Overflow => Some(&self.overflow),
        }
    }

    /// Changes the log at `place`, making it if need be.
    pub(crate) fn change<T>(
        &mut self,
        place: Place,
        now: Nanos,
        shape: &Shape,
        change: impl FnOnce(&mut Ledger) -> T,
    ) -> T {
        let Place::Own(key) = place else {
            return change(&mut self.overflow);
        };
        if !self.own.contains_key(&key) {
            self.make_room(now);
        }
        let entry = self.own.entry(key).or_insert_with(|| Entry {
            log: Ledger::new(shape),
            idle_at: None,
        });
        let result = change(&mut entry.log);
        let idle_at = entry.log.idle_at(shape);
        if entry.idle_at != idle_at {
            if let Some(before) = entry.idle_at.take() {
                self.idle.remove(&(before, key));
            }
            if let Some(idle) = idle_at {
                self.idle.insert((idle, key));
            }
            entry.idle_at = idle_at;
        }
        result
    }

    /// Counts a grant that shared the overflow budget.
    pub(crate) const fn count_overflow(&mut self) {
        self.overflowed += 1;
    }

    pub(crate) const fn overflowed(&self) -> u64 {
        self.overflowed
    }

    pub(crate) fn len(&self) -> usize {
        self.own.len()
    }

    /// Units in use by the busiest key.
    pub(crate) fn busiest(&mut self, now: Nanos, shape: &Shape) -> u64 {
        let logs = self
            .own
            .values_mut()
            .map(|entry| &mut entry.log)
            .chain([&mut self.overflow]);
        logs.map(|log| {
            log.expire(now, shape);
            log.used(shape)
        })
        .max()
        .unwrap_or(0)
    }

    /// Everything up to `now` is as it was: to be called before the shape changes.
    pub(crate) fn expire(&mut self, now: Nanos, shape: &Shape) {
        for entry in self.own.values_mut() {
            entry.log.expire(now, shape);
        }
        self.overflow.expire(now, shape);
    }

    /// Files all keys anew under a changed shape.
    pub(crate) fn reshape(&mut self, before: &Shape, shape: &Shape) {
        self.idle.clear();
        self.overflow.reshape(before, shape);
        for (key, entry) in &mut self.own {
            entry.log.reshape(before, shape);
            entry.idle_at = entry.log.idle_at(shape);
            if let Some(idle) = entry.idle_at {
                self.idle.insert((idle, *key));
            }
        }
    }

    fn has_idle(&self, now: Nanos) -> bool {
        self.idle.first().is_some_and(|(idle, _)| *idle <= now)
    }

    fn make_room(&mut self, now: Nanos) {
        for _ in 0..LEAVE_WITH_EACH_NEW_KEY {
            match self.idle.first().copied() {
                Some((idle, key)) if idle <= now => {
                    self.idle.remove(&(idle, key));
                    self.own.remove(&key);
                }
                _ => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: &Shape = &Shape::plain(1, 100);

    fn commit(keys: &mut Keys, key: u64, now: Nanos) -> Place {
        let place = keys.place(key, now, SHAPE);
        keys.change(place, now, SHAPE, |log| {
            log.hold(1);
            log.commit(now, 1, SHAPE);
        });
        place
    }

    #[test]
    fn keys_are_kept_apart() {
        let mut keys = Keys::new(10, SHAPE);
        commit(&mut keys, 7, 0);
        assert_eq!(keys.log(Place::Own(7)).map(|log| log.used(SHAPE)), Some(1));
        assert!(keys.log(Place::Own(8)).is_none());
    }

    #[test]
    fn the_table_forgets_idle_keys_and_never_live_ones() {
        let mut keys = Keys::new(3, SHAPE);
        for key in 0..3 {
            commit(&mut keys, key, key);
        }
        assert_eq!(
            commit(&mut keys, 3, 50),
            Place::Overflow,
            "all three are live"
        );
        assert_eq!(keys.len(), 3);
        assert_eq!(
            keys.place(4, 120, SHAPE),
            Place::Overflow,
            "the overflow budget is still in use"
        );
        assert_eq!(commit(&mut keys, 4, 150), Place::Own(4), "all is idle");
        assert_eq!(keys.len(), 2, "two left, one came");
    }

    #[test]
    fn a_held_key_is_never_forgotten() {
        let mut keys = Keys::new(1, SHAPE);
        let place = keys.place(1, 0, SHAPE);
        keys.change(place, 0, SHAPE, |log| log.hold(1));
        assert_eq!(keys.place(2, 1_000_000, SHAPE), Place::Overflow);
        keys.change(place, 1_000_000, SHAPE, |log| log.release(1));
        assert_eq!(keys.place(2, 1_000_000, SHAPE), Place::Own(2));
    }

    #[test]
    fn a_hundred_thousand_keys_leave_no_more_than_what_is_live() {
        let mut keys = Keys::new(1_000, SHAPE);
        for key in 0..100_000_u64 {
            commit(&mut keys, key, key * 10);
        }
        assert!(keys.len() <= 12, "{}: ten are live at a time", keys.len());
        assert_eq!(keys.idle.len(), keys.len());
    }

    #[test]
    fn no_room_for_any_key_means_one_shared_budget() {
        let mut keys = Keys::new(0, SHAPE);
        assert_eq!(commit(&mut keys, 1, 0), Place::Overflow);
        assert_eq!(keys.len(), 0);
    }
}
