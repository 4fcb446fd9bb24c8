//! Successes by the time at which they came, for windows of time; counted without a lock.

use std::sync::PoisonError;

use crate::sync::{AtomicU64, Mutex, Ordering};

/// Cells of `generation (8 bits) | bucket number (32) | successes (24)`, one for each bucket of the
/// window; a cell is taken over by the first success of a later bucket.
///
/// The tag keeps a success of another generation out. A straggler that is exactly 256 state changes
/// late between two instructions would be taken for one of ours.
///
/// A bucket number of 32 bits comes round again: with buckets of a millisecond after seven weeks. So
/// no cell may stay for long. Once in [`SWEEP`] buckets, and before anything is compared after a
/// longer rest, all that lies behind the window is cleared.
#[derive(Debug)]
pub(crate) struct Tally {
    cells: Box<[AtomicU64]>,
    /// The bucket, whole, in which it was last swept.
    swept: AtomicU64,
    sweeping: Mutex<()>,
}

/// A quarter of what 32 bits can tell apart: no number in a cell is farther than that from the last
/// sweep, so that each can be told in full.
const SWEEP: u64 = 1 << 30;

const COUNT_BITS: u32 = 24;
const MAX_COUNT: u64 = (1 << COUNT_BITS) - 1;
const TAG: u64 = !MAX_COUNT;

fn tag(generation: u64, bucket: u64) -> u64 {
    (generation & 0xff) << 56 | (bucket & 0xffff_ffff) << COUNT_BITS
}

/// Whether a cell belongs to a later bucket or generation than this tag. Both numbers wrap.
fn later(cell: u64, tag: u64) -> bool {
    // Truncation is meant: 8 and 32 bits.
    let generations = ((cell >> 56) as u8).wrapping_sub((tag >> 56) as u8) as i8;
    let buckets = ((cell >> COUNT_BITS) as u32).wrapping_sub((tag >> COUNT_BITS) as u32) as i32;
    generations > 0 || generations == 0 && buckets > 0
}

impl Tally {
    pub(crate) fn new(buckets: u32) -> Self {
        Self {
            cells: (0..buckets.max(1)).map(|_| AtomicU64::new(0)).collect(),
            swept: AtomicU64::new(0),
            sweeping: Mutex::new(()),
        }
    }

    pub(crate) fn buckets(&self) -> u64 {
        self.cells.len() as u64
    }

    /// Counts a success in this bucket. Nothing is lost but what lies behind the window.
    pub(crate) fn add(&self, generation: u64, bucket: u64) {
        self.sweep(bucket);
        let place = usize::try_from(bucket % self.buckets()).unwrap_or(0);
        let Some(cell) = self.cells.get(place) else {
            return;
        };
        let tag = tag(generation, bucket);
        let mut word = cell.load(Ordering::Acquire);
        loop {
            let next = if word & TAG == tag {
                if word & MAX_COUNT == MAX_COUNT {
                    return;
                }
                word + 1
            } else if word & MAX_COUNT > 0 && later(word, tag) {
                return;
            } else {
                tag | 1
            };
            match cell.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return,
                Err(current) => word = current,
            }
        }
    }

    /// The successes of this generation in the window that ends with this bucket.
    pub(crate) fn sum(&self, generation: u64, bucket: u64) -> u64 {
        self.sweep(bucket);
        let first = (bucket + 1).saturating_sub(self.buckets());
        (first..=bucket)
            .filter_map(|bucket| {
                let place = usize::try_from(bucket % self.buckets()).ok()?;
                let word = self.cells.get(place)?.load(Ordering::Acquire);
                (word & TAG == tag(generation, bucket)).then_some(word & MAX_COUNT)
            })
            .sum()
    }

    /// Clears what lies behind the window that ends with this bucket, if that was long ago.
    #[inline]
    fn sweep(&self, bucket: u64) {
        if bucket.saturating_sub(self.swept.load(Ordering::Acquire)) >= SWEEP {
            self.sweep_now(bucket);
        }
    }

    // Out of line: with buckets of a millisecond this is once in twelve days.
    #[cold]
    #[inline(never)]
    fn sweep_now(&self, bucket: u64) {
        // Nothing can panic under it. Whoever comes late waits, so that nothing is counted in
        // between that the sweep could take for old.
        let _one = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        let swept = self.swept.load(Ordering::Acquire);
        if bucket.saturating_sub(swept) < SWEEP {
            return;
        }
        for cell in &self.cells {
            let word = cell.load(Ordering::Acquire);
            // Truncation is meant: the distance from the last sweep, which fits into 32 bits.
            let since = ((word >> COUNT_BITS) as u32).wrapping_sub(swept as u32) as i32;
            let full = swept.saturating_add_signed(i64::from(since));
            if full.saturating_add(self.buckets()) <= bucket {
                // Where it fails a success of now has taken the cell over.
                let _ = cell.compare_exchange(word, 0, Ordering::AcqRel, Ordering::Acquire);
            }
        }
        self.swept.store(bucket, Ordering::Release);
    }

    /// Empties all cells, so that no old tag is met again.
    pub(crate) fn clear(&self) {
        for cell in &self.cells {
            cell.store(0, Ordering::Release);
        }
    }
}
