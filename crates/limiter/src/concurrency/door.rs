//! The way in and out without the lock.
//!
//! As long as nobody waits, a call goes in with one compare-and-swap and out with another. Whoever takes the lock shuts the door
//! first, which says how many are in, and opens it before the lock is given back, unless somebody waits: then all go by the lock,
//! in their order. Behind the lock everything is always known.
//!
//! One word: shut (1 bit), gone in since it was opened (23), limit (20), in (20).

use crate::atomic::{AtomicU64, Ordering};

const SHUT: u64 = 1 << 63;
const ENTERED_AT: u32 = 40;
const ENTERED: u64 = (1 << 23) - 1;
const LIMIT_AT: u32 = 20;
const PEOPLE: u64 = (1 << LIMIT_AT) - 1;

/// The way in and out without the lock.
#[derive(Debug)]
pub(crate) struct Door {
    word: AtomicU64,
}

/// What happened while the door was open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    /// How many are in now.
    pub(crate) inside: usize,
    /// How many went in, whether they are still there or not.
    pub(crate) entered: u64,
}

impl Door {
    /// Shut.
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(SHUT),
        }
    }

    /// Lets in whoever comes until `limit` are in, of whom there are `inside`. Only with the lock, and shut. It stays shut for
    /// numbers beyond a million, which the word does not hold.
    pub(crate) fn open(&self, limit: usize, inside: usize) {
        let people = |number: usize| u64::try_from(number).ok().filter(|n| *n <= PEOPLE);
        if let (Some(limit), Some(inside)) = (people(limit), people(inside)) {
            self.word
                .store(limit << LIMIT_AT | inside, Ordering::Release);
        }
    }

    /// Shuts it and says what was seen; `None` when it was not open. Only with the lock.
    pub(crate) fn shut(&self) -> Option<Seen> {
        if self.word.load(Ordering::Relaxed) & SHUT != 0 {
            return None;
        }
        let word = self.word.swap(SHUT, Ordering::AcqRel);
        Some(Seen {
            inside: usize::try_from(word & PEOPLE).unwrap_or(usize::MAX),
            entered: word >> ENTERED_AT & ENTERED,
        })
    }

    /// Goes in. When not, who has the lock knows more.
    #[inline]
    pub(crate) fn enter(&self) -> bool {
        self.pass(|word| {
            let has_room = word & PEOPLE < word >> LIMIT_AT & PEOPLE;
            let is_counted = word >> ENTERED_AT & ENTERED < ENTERED;
            (has_room && is_counted).then(|| word + (1 << ENTERED_AT) + 1)
        })
    }

    /// Goes out. When not, who has the lock must be told.
    #[inline]
    pub(crate) fn leave(&self) -> bool {
        self.pass(|word| (word & PEOPLE > 0).then(|| word - 1))
    }

    #[inline]
    fn pass(&self, step: impl Fn(u64) -> Option<u64>) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & SHUT == 0 {
            let Some(next) = step(word) else {
                return false;
            };
            // Acquire and release: what was done inside before somebody went out, is done for who goes in afterwards.
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => word = now,
            }
        }
        false
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn shut_it_lets_nobody_through() {
        let door = Door::new();
        assert!(!door.enter() && !door.leave());
        assert_eq!(door.shut(), None);
    }

    #[test]
    fn open_it_counts_who_goes_in_and_out() {
        let door = Door::new();
        door.open(2, 1);
        assert!(door.enter());
        assert!(!door.enter(), "two are in");
        assert!(door.leave() && door.enter() && door.leave() && door.leave());
        assert!(!door.leave(), "nobody is in");
        let seen = Seen {
            inside: 0,
            entered: 2,
        };
        assert_eq!(door.shut(), Some(seen));
        assert!(!door.enter());
    }

    #[test]
    fn a_limit_that_was_lowered_lets_nobody_in_until_enough_are_out() {
        let door = Door::new();
        door.open(1, 3);
        assert!(!door.enter() && door.leave() && door.leave());
        assert!(!door.enter() && door.leave() && door.enter());
    }

    #[test]
    fn what_the_word_cannot_hold_is_left_to_the_lock() {
        for (limit, inside) in [(1 << 20, 0), (usize::MAX, 0), (1, 1 << 20)] {
            let door = Door::new();
            door.open(limit, inside);
            assert!(!door.enter() && !door.leave(), "{limit} and {inside}");
        }
        let door = Door::new();
        door.open((1 << 20) - 1, (1 << 20) - 2);
        assert!(door.enter());
        assert!(!door.enter());
    }

    #[test]
    fn the_count_of_entries_never_runs_over() {
        let door = Door::new();
        door.open(1, 0);
        let entered = (0..1 << 23)
            .take_while(|_| door.enter() && door.leave())
            .count();
        assert_eq!(entered, (1 << 23) - 1);
        let seen = Seen {
            inside: 0,
            entered: (1 << 23) - 1,
        };
        assert_eq!(door.shut(), Some(seen));
    }
}
