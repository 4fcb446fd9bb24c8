//! The circuit in one word, for the path without a lock.

use crate::sync::{AtomicU64, Ordering};

/// What to do with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Let it through.
    Closed,
    /// Refuse it, unless the open time is over.
    Open,
    /// A permit is needed, which the lock guards.
    Guarded,
    /// Let it through; its outcome does not matter.
    Disabled,
}

/// What the word says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    pub(crate) mode: Mode,
    /// Its lower 40 bits: 34 years at a change of state every millisecond.
    pub(crate) generation: u64,
    /// Closed: so many successes more are worth counting; any further one would change nothing.
    /// Guarded: permits that are left.
    pub(crate) left: u32,
}

const LEFT_BITS: u32 = 22;
const GENERATION_BITS: u32 = 40;
/// The largest `left`.
pub(crate) const MAX_LEFT: u32 = (1 << LEFT_BITS) - 1;
const MAX_GENERATION: u64 = (1 << GENERATION_BITS) - 1;
/// Set in the modes that ask before they let a call through.
const ASKS: u64 = 1 << (LEFT_BITS + GENERATION_BITS + 1);

/// A generation as the word keeps it.
#[inline]
pub(crate) fn wrapped(generation: u64) -> u64 {
    generation & MAX_GENERATION
}

impl View {
    fn pack(self) -> u64 {
        let mode: u64 = match self.mode {
            Mode::Closed => 0,
            Mode::Disabled => 1,
            Mode::Open => 2,
            Mode::Guarded => 3,
        };
        let left = u64::from(self.left.min(MAX_LEFT));
        mode << (LEFT_BITS + GENERATION_BITS) | wrapped(self.generation) << LEFT_BITS | left
    }

    #[inline]
    fn unpack(word: u64) -> Self {
        Self {
            mode: match word >> (LEFT_BITS + GENERATION_BITS) {
                0 => Mode::Closed,
                1 => Mode::Disabled,
                2 => Mode::Open,
                _ => Mode::Guarded,
            },
            generation: wrapped(word >> LEFT_BITS),
            // 22 bits.
            left: (word & u64::from(MAX_LEFT)) as u32,
        }
    }
}

/// `mode | generation | left`. Everyone reads it and counts successes in it; only the holder of the
/// circuit's lock publishes another state.
///
/// A success is counted by lowering `left` in the same word that holds the generation, so a success
/// of another generation can never be counted. Successes in a row are all that is counted here, and
/// no rule needs their order among themselves: the next one who takes the lock learns how many there
/// were and enters them before anything else.
#[derive(Debug)]
pub(crate) struct Word(AtomicU64);

impl Word {
    pub(crate) fn new(view: View) -> Self {
        Self(AtomicU64::new(view.pack()))
    }

    #[inline]
    pub(crate) fn load(&self) -> View {
        View::unpack(self.0.load(Ordering::Acquire))
    }

    /// The generation of a call that goes through without asking; or what it has to ask.
    #[inline]
    pub(crate) fn admit(&self) -> Result<u64, View> {
        let word = self.0.load(Ordering::Acquire);
        if word & ASKS == 0 {
            Ok(wrapped(word >> LEFT_BITS))
        } else {
            Err(View::unpack(word))
        }
    }

    /// Counts a success of a call that was admitted in this generation. Stores nothing where there
    /// is nothing to count: it is stale, or enough of them have been counted.
    #[inline]
    pub(crate) fn success(&self, generation: u64) {
        let mut word = self.0.load(Ordering::Acquire);
        // Mostly that is all.
        while word & u64::from(MAX_LEFT) > 0 {
            let view = View::unpack(word);
            if view.mode != Mode::Closed || view.generation != wrapped(generation) {
                return;
            }
            // `left` sits in the lowest bits.
            match self
                .0
                .compare_exchange_weak(word, word - 1, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }

    /// Replaces `seen` by `next`; for the holder of the lock, with what [`load`](Self::load) said when
    /// the lock was taken. Successes that were counted since then stay counted if the generation
    /// is the same, and were too late if it is not.
    pub(crate) fn publish(&self, seen: View, next: View) {
        let same = next.mode == Mode::Closed
            && seen.mode == Mode::Closed
            && wrapped(next.generation) == seen.generation;
        let mut word = self.0.load(Ordering::Acquire);
        loop {
            let since = seen.left.saturating_sub(View::unpack(word).left);
            let target = if same {
                View {
                    left: next.left.min(MAX_LEFT).saturating_sub(since),
                    ..next
                }
            } else {
                next
            }
            .pack();
            if word == target {
                return;
            }
            match self
                .0
                .compare_exchange_weak(word, target, Ordering::AcqRel, Ordering::Acquire)
            {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }
}
