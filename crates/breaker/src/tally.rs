//! Successes by the time at which they came, for windows of time; counted without a lock.

use crate::sync::{AtomicU64, Ordering};

/// Cells of `generation (8 bits) | bucket number (32) | successes (24)`, one for each bucket of the
/// window; a cell is taken over by the first success of a later bucket.
///
/// The tag keeps a success of another generation out. A straggler that is exactly 256 state changes
/// late between two instructions would be taken for one of ours.
#[derive(Debug)]
pub(crate) struct Tally {
    cells: Box<[AtomicU64]>,
}

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
        }
    }

    pub(crate) fn buckets(&self) -> u64 {
        self.cells.len() as u64
    }

    /// Counts a success in this bucket. Nothing is lost but what lies behind the window.
    pub(crate) fn add(&self, generation: u64, bucket: u64) {
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
        let first = (bucket + 1).saturating_sub(self.buckets());
        (first..=bucket)
            .filter_map(|bucket| {
                let place = usize::try_from(bucket % self.buckets()).ok()?;
                let word = self.cells.get(place)?.load(Ordering::Acquire);
                (word & TAG == tag(generation, bucket)).then_some(word & MAX_COUNT)
            })
            .sum()
    }

    /// Empties all cells, so that no old tag is met again.
    pub(crate) fn clear(&self) {
        for cell in &self.cells {
            cell.store(0, Ordering::Release);
        }
    }
}
