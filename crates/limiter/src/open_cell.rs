//! The cell that is filled, and the slots that are taken and freed, without the lock.
//!
//! Where a window keeps its commits in cells, whoever holds the lock may leave the present cell open: so many units more may be
//! committed in it until it ends. Each such commit is one compare-and-swap. Whoever takes the lock closes the cell first and
//! files what was taken, so that behind the lock everything is always known; the cell is charged as of its end, which is never
//! too early.
//!
//! The free slots lie in the same word as long as nobody waits: a commit takes its slot in the same step, and a call that is over gives
//! it back with one more. While the lock is held, or somebody waits, there are none in the word, and who frees one needs the lock.
//!
//! One word: slots elsewhere (1 bit), closed (1), class (2), generation (14), calls (10), free slots (16), room (20).

use crate::atomic::{AtomicU64, Ordering};

/// The slots are not in the word.
const AWAY: u64 = 1 << 63;
const CLOSED: u64 = 1 << 62;
const CLASS_AT: u32 = 60;
const GENERATION_AT: u32 = 46;
const GENERATIONS: u64 = 1 << (CLASS_AT - GENERATION_AT);
const CALLS_AT: u32 = 36;
const CALLS: u64 = (1 << (GENERATION_AT - CALLS_AT)) - 1;
const FREE_AT: u32 = 20;
const FREE: u64 = (1 << (CALLS_AT - FREE_AT)) - 1;
const ROOM: u64 = (1 << FREE_AT) - 1;

/// The cell that is filled without the lock, and the slots beside it.
#[derive(Debug)]
pub(crate) struct OpenCell {
    word: AtomicU64,
    /// When it ends. Written while the word is closed; read after an open word was.
    end: AtomicU64,
}

/// What is in the word, for who holds the lock.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    generation: u64,
    room: u64,
    free: u64,
    /// Of whom all takers are.
    pub(crate) class: u8,
    /// When the cell began.
    pub(crate) first: u64,
    /// Its last instant.
    pub(crate) last: u64,
}

/// A cell that is to be opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Offer {
    /// Who may take from it.
    pub(crate) class: u8,
    /// How many units.
    pub(crate) room: u64,
    /// Its first instant.
    pub(crate) first: u64,
    /// Its last instant.
    pub(crate) last: u64,
}

/// What was taken while it was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Units.
    pub(crate) units: u64,
    /// How many calls took them.
    pub(crate) calls: u64,
    /// The free slots that were put into the word, and those that were left in it, if there were any at all.
    pub(crate) slots: Option<(u64, u64)>,
}

impl OpenCell {
    /// Closed, and without slots.
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(AWAY | CLOSED),
            end: AtomicU64::new(0),
        }
    }

    /// Opens it for what is offered, and puts the free slots in; either may be missing. Only with the lock, and after it was closed.
    ///
    /// Of more slots and units than the word holds it gets as many as it does.
    pub(crate) fn open(&self, opening: &mut Opening, offer: Option<Offer>, free: Option<u64>) {
        let slots = free.map(|free| free.min(FREE));
        opening.free = slots.unwrap_or(0);
        let mut word = slots.map_or(AWAY, |free| free << FREE_AT);
        if let Some(Offer {
            class,
            room,
            first,
            last,
        }) = offer
        {
            // A thread that slept through this many openings between two instructions, and woke up to the same numbers, would be
            // mistaken: there are 16,384 of them.
            opening.generation = opening.generation.wrapping_add(1) % GENERATIONS;
            opening.room = room.min(ROOM);
            (opening.class, opening.first, opening.last) = (class, first, last);
            self.end.store(last, Ordering::Relaxed);
            word |= u64::from(class & 3) << CLASS_AT
                | opening.generation << GENERATION_AT
                | opening.room;
        } else {
            opening.room = 0;
            word |= CLOSED;
        }
        self.word.store(word, Ordering::Release);
    }

    /// Closes it, takes the slots out and says what was taken; `None` when there was neither. Only with the lock.
    #[inline]
    pub(crate) fn close(&self, opening: &Opening) -> Option<Taken> {
        const NOTHING: u64 = AWAY | CLOSED;
        if self.word.load(Ordering::Relaxed) & NOTHING == NOTHING {
            return None;
        }
        let word = self.word.swap(NOTHING, Ordering::AcqRel);
        let left = word >> FREE_AT & FREE;
        Some(Taken {
            units: opening.room.saturating_sub(word & ROOM),
            calls: word >> CALLS_AT & CALLS,
            slots: (word & AWAY == 0).then_some((opening.free, left)),
        })
    }

    /// Commits `units` at the present time, which it returns, if that is not after `latest`; and takes a slot, if it needs one.
    ///
    /// # Errors
    ///
    /// When that is for who has the lock to do, with the time if it was looked at.
    #[inline]
    pub(crate) fn take(
        &self,
        class: u8,
        units: u32,
        slot: bool,
        latest: u64,
        clock: impl FnOnce() -> u64,
    ) -> Result<u64, Option<u64>> {
        let mut word = self.word.load(Ordering::Acquire);
        if !fits(word, class, units, slot) {
            return Err(None);
        }
        let now = clock();
        loop {
            if now > self.end.load(Ordering::Relaxed).min(latest) {
                return Err(Some(now));
            }
            let taken = u64::from(units) + (u64::from(slot) << FREE_AT);
            let next = (word - taken) + (1 << CALLS_AT);
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(now),
                Err(other) => word = other,
            }
            if !fits(word, class, units, slot) {
                return Err(Some(now));
            }
        }
    }

    /// Puts a slot back that is free again. When not, who has the lock must be told.
    #[inline]
    pub(crate) fn free(&self) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & AWAY == 0 && word >> FREE_AT & FREE < FREE {
            let next = word + (1 << FREE_AT);
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(other) => word = other,
            }
        }
        false
    }
}

/// Whether the word is open for that.
const fn fits(word: u64, class: u8, units: u32, slot: bool) -> bool {
    word & CLOSED == 0
        && word >> CLASS_AT & 3 == class as u64
        && word >> CALLS_AT & CALLS < CALLS
        && word & ROOM >= units as u64
        && (!slot || word & AWAY == 0 && word >> FREE_AT & FREE > 0)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn offer(class: u8, room: u64) -> Option<Offer> {
        let (first, last) = (5, 9);
        Some(Offer {
            class,
            room,
            first,
            last,
        })
    }

    fn taken(units: u64, calls: u64) -> Option<Taken> {
        let slots = None;
        Some(Taken {
            units,
            calls,
            slots,
        })
    }

    #[test]
    fn what_is_taken_is_what_was_open_and_no_more() {
        let cell = OpenCell::new();
        let mut opening = Opening::default();
        let take = |class, units, now| cell.take(class, units, false, u64::MAX, || now);
        assert_eq!(take(1, 1, 5), Err(None), "closed");
        cell.open(&mut opening, offer(1, 10), None);
        assert_eq!(take(1, 4, 5), Ok(5));
        assert_eq!(take(2, 1, 5), Err(None), "another class");
        assert_eq!(take(1, 7, 5), Err(None), "no room");
        let late = cell.take(1, 1, false, 6, || 7);
        assert_eq!(late, Err(Some(7)), "after its deadline");
        assert_eq!(cell.take(1, 6, false, 9, || 9), Ok(9));
        assert_eq!(take(1, 1, 9), Err(None), "full");
        assert_eq!(cell.close(&opening), taken(10, 2));
        assert_eq!(cell.close(&opening), None);
    }

    #[test]
    fn nothing_is_taken_after_its_end_or_past_what_the_word_can_count() {
        let cell = OpenCell::new();
        let mut opening = Opening::default();
        cell.open(&mut opening, offer(3, u64::MAX), None);
        let take = |units, now| cell.take(3, units, false, u64::MAX, || now);
        assert_eq!(take(1, 10), Err(Some(10)));
        assert_eq!(take(1 << 20, 9), Err(None));
        for _ in 0..1_023 {
            assert_eq!(take(1_000, 9), Ok(9));
        }
        assert_eq!(take(1, 9), Err(None));
        assert_eq!(cell.close(&opening), taken(1_023_000, 1_023));
    }

    #[test]
    fn a_slot_is_taken_with_the_units_and_freed_whether_the_cell_is_open_or_not() {
        let cell = OpenCell::new();
        let mut opening = Opening::default();
        assert!(!cell.free(), "the slots are elsewhere");
        cell.open(&mut opening, offer(0, 10), None);
        let take = |slot| cell.take(0, 1, slot, u64::MAX, || 5);
        assert_eq!(take(true), Err(None), "they still are");
        assert!(!cell.free());
        assert_eq!(take(false), Ok(5));
        assert_eq!(cell.close(&opening), taken(1, 1));

        cell.open(&mut opening, offer(0, 10), Some(2));
        assert_eq!([(); 3].map(|()| take(true)), [Ok(5), Ok(5), Err(None)]);
        assert_eq!(take(false), Ok(5), "it needs none");
        assert!(cell.free());
        assert_eq!(take(true), Ok(5));
        let slots = Some((2, 0));
        let all = Taken {
            units: 4,
            calls: 4,
            slots,
        };
        assert_eq!(cell.close(&opening), Some(all));

        cell.open(&mut opening, None, Some(0));
        assert!(cell.free());
        assert_eq!(take(true), Err(None), "closed");
        let slots = Some((0, 1));
        let none = Taken {
            units: 0,
            calls: 0,
            slots,
        };
        assert_eq!(cell.close(&opening), Some(none));
    }

    #[test]
    fn more_slots_than_the_word_holds_stay_behind_the_lock() {
        let cell = OpenCell::new();
        let mut opening = Opening::default();
        cell.open(&mut opening, None, Some(1 << 40));
        assert!(!cell.free(), "no room for one more");
        let seen = cell.close(&opening).unwrap();
        assert_eq!(seen.slots, Some((65_535, 65_535)));
    }
}
