//! The cell that is filled without the lock.
//!
//! Where a window keeps its commits in cells, whoever holds the lock may leave the present cell open: so many units more may be
//! committed in it until it ends. Each such commit is one compare-and-swap. Whoever takes the lock closes the cell first and
//! files what was taken, so that behind the lock everything is always known; the cell is charged as of its end, which is never
//! too early.
//!
//! One word: closed (1 bit), class (2), generation (17), calls (12), room (32).

use crate::atomic::{AtomicU64, Ordering};

const CLOSED: u64 = 1 << 63;
const CLASS_AT: u32 = 61;
const GENERATION_AT: u32 = 44;
const GENERATIONS: u64 = 1 << (CLASS_AT - GENERATION_AT);
const CALLS_AT: u32 = 32;
const CALLS: u64 = (1 << (GENERATION_AT - CALLS_AT)) - 1;
const ROOM: u64 = (1 << CALLS_AT) - 1;

/// The cell that is filled without the lock.
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
    room: u32,
    /// Of whom all takers are.
    pub(crate) class: u8,
    /// When the cell began.
    pub(crate) first: u64,
    /// Its last instant.
    pub(crate) last: u64,
}

/// What was taken while it was open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Units.
    pub(crate) units: u32,
    /// How many calls took them.
    pub(crate) calls: u32,
}

impl OpenCell {
    /// Closed.
    pub(crate) fn new() -> Self {
        Self {
            word: AtomicU64::new(CLOSED),
            end: AtomicU64::new(0),
        }
    }

    /// Opens it for `room` units of `class` in `first..=last`. Only with the lock, and closed.
    pub(crate) fn open(&self, opening: &mut Opening, class: u8, room: u32, first: u64, last: u64) {
        // A thread that slept through this many openings between two instructions, and woke up to the same numbers, would be
        // mistaken: there are 131,072 of them.
        let generation = opening.generation.wrapping_add(1) % GENERATIONS;
        *opening = Opening {
            generation,
            room,
            class,
            first,
            last,
        };
        self.end.store(last, Ordering::Relaxed);
        let word = u64::from(class & 3) << CLASS_AT | generation << GENERATION_AT | u64::from(room);
        self.word.store(word, Ordering::Release);
    }

    /// Closes it and says what was taken; `None` when it was not open. Only with the lock.
    pub(crate) fn close(&self, opening: &Opening) -> Option<Taken> {
        if self.word.load(Ordering::Relaxed) & CLOSED != 0 {
            return None;
        }
        let word = self.word.swap(CLOSED, Ordering::AcqRel);
        let left = u32::try_from(word & ROOM).unwrap_or(u32::MAX);
        Some(Taken {
            units: opening.room.saturating_sub(left),
            calls: u32::try_from(word >> CALLS_AT & CALLS).unwrap_or(0),
        })
    }

    /// Commits `units` at the present time, which it returns, if that is not after `latest`.
    ///
    /// # Errors
    ///
    /// When that is for who has the lock to do, with the time if it was looked at.
    #[inline]
    pub(crate) fn take(
        &self,
        class: u8,
        units: u32,
        latest: u64,
        clock: impl FnOnce() -> u64,
    ) -> Result<u64, Option<u64>> {
        let mut word = self.word.load(Ordering::Acquire);
        if !fits(word, class, units) {
            return Err(None);
        }
        let now = clock();
        loop {
            if now > self.end.load(Ordering::Relaxed).min(latest) {
                return Err(Some(now));
            }
            let next = (word - u64::from(units)) + (1 << CALLS_AT);
            match self
                .word
                .compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return Ok(now),
                Err(other) => word = other,
            }
            if !fits(word, class, units) {
                return Err(Some(now));
            }
        }
    }
}

/// Whether the word is open for that.
const fn fits(word: u64, class: u8, units: u32) -> bool {
    word & CLOSED == 0
        && word >> CLASS_AT == class as u64
        && word >> CALLS_AT & CALLS < CALLS
        && word & ROOM >= units as u64
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_was_open_and_no_more() {
        let cell = OpenCell::new();
        let mut opening = Opening::default();
        let take = |class, units, now| cell.take(class, units, u64::MAX, || now);
        assert_eq!(take(1, 1, 5), Err(None), "closed");
        cell.open(&mut opening, 1, 10, 5, 9);
        assert_eq!(take(1, 4, 5), Ok(5));
        assert_eq!(take(2, 1, 5), Err(None), "another class");
        assert_eq!(take(1, 7, 5), Err(None), "no room");
        let late = cell.take(1, 1, 6, || 7);
        assert_eq!(late, Err(Some(7)), "after its deadline");
        assert_eq!(cell.take(1, 6, 9, || 9), Ok(9));
        assert_eq!(take(1, 1, 9), Err(None), "full");
        let taken = Taken {
            units: 10,
            calls: 2,
        };
        assert_eq!(cell.close(&opening), Some(taken));
        assert_eq!(cell.close(&opening), None);
    }

    #[test]
    fn nothing_is_taken_after_its_end_or_past_what_the_word_can_count() {
        let cell = OpenCell::new();
        let mut opening = Opening::default();
        cell.open(&mut opening, 3, u32::MAX, 5, 9);
        assert_eq!(cell.take(3, 1, u64::MAX, || 10), Err(Some(10)));
        for _ in 0..4_095 {
            assert_eq!(cell.take(3, 1, u64::MAX, || 9), Ok(9));
        }
        assert_eq!(cell.take(3, 1, u64::MAX, || 9), Err(None));
        let taken = Taken {
            units: 4_095,
            calls: 4_095,
        };
        assert_eq!(cell.close(&opening), Some(taken));
    }
}
