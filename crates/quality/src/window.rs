//! Median and spread of the last values, exact.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Finite64;

/// The last values, with exact median and median absolute deviation (MAD).
///
/// A push keeps the value and nothing more; the first question after it puts what came since in order: one after the other, by two
/// binary searches and one move of memory each (at most 8 bytes a value), or all at once where many came. So a market that is
/// calm pays for no order that nobody asks for. The MAD is found by a binary search in the two sorted runs below and above the
/// median. No sketch: the result is that of sorting, bit for bit.
///
/// ```
/// use robust_quality::{Finite64, Window};
///
/// let mut window = Window::new(3);
/// for value in [9.0, 1.0, 2.0, 4.0] {
///     window.push(Finite64::new(value).ok_or("not finite")?);
/// }
/// assert_eq!(window.median(), Some(2.0)); // of 1, 2, 4
/// assert_eq!(window.mad(), Some(1.0));
/// # Ok::<(), &'static str>(())
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Window {
    capacity: usize,
    /// In order of arrival; those that left since the order was made stand before the window's own.
    ring: VecDeque<Finite64>,
    /// The values of the window in order of size, but for the last `late` pushes.
    sorted: Vec<f64>,
    /// Values at the front of the ring that left the window.
    left: usize,
    /// Pushes since the order was made; one more than [`LATE_MAX`] where it has to be made anew.
    late: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    capacity: usize,
    ring: VecDeque<Finite64>,
}

/// More values than this are refused from a saved state: no rule keeps as many.
const CAPACITY_MAX: usize = 4_096;

/// So many values are put in order one after the other; of more, sorting all of them costs less.
const LATE_MAX: usize = 16;

impl From<Window> for Saved {
    fn from(window: Window) -> Self {
        let mut ring = window.ring;
        ring.drain(..window.left.min(ring.len()));
        Self {
            capacity: window.capacity,
            ring,
        }
    }
}

impl TryFrom<Saved> for Window {
    type Error = &'static str;

    fn try_from(saved: Saved) -> Result<Self, Self::Error> {
        if saved.capacity > CAPACITY_MAX || saved.ring.len() > saved.capacity {
            return Err("a window of the saved state is longer than its bound");
        }
        let mut window = Self::new(saved.capacity);
        for value in saved.ring {
            window.push(value);
        }
        Ok(window)
    }
}

impl Clone for Window {
    /// With the room of the original, so that it does not grow either.
    fn clone(&self) -> Self {
        let mut ring = VecDeque::with_capacity(self.ring.capacity());
        ring.extend(&self.ring);
        let mut sorted = Vec::with_capacity(self.sorted.capacity());
        sorted.extend_from_slice(&self.sorted);
        Self {
            ring,
            sorted,
            ..*self
        }
    }
}

impl Window {
    /// A window of the last `capacity` values, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            ring: VecDeque::new(),
            sorted: Vec::new(),
            left: 0,
            late: 0,
        }
    }

    /// Takes a value in; the oldest leaves a full window.
    pub fn push(&mut self, value: Finite64) {
        if self.ring.capacity() == 0 {
            self.ring.reserve_exact(self.capacity + LATE_MAX + 1);
            self.sorted.reserve_exact(self.capacity);
        }
        let full = self.len() >= self.capacity;
        self.ring.push_back(value);
        self.left += usize::from(full);
        if self.late < LATE_MAX {
            self.late += 1;
        } else {
            self.late = LATE_MAX + 1;
            self.forget();
        }
    }

    /// Lets go of the values that left the window.
    fn forget(&mut self) {
        if self.left == 1 {
            self.ring.pop_front();
        } else {
            self.ring.drain(..self.left.min(self.ring.len()));
        }
        self.left = 0;
    }

    /// Puts in order what came since it was done last.
    fn settle(&mut self) {
        if self.late == 0 {
            return;
        }
        if self.late > LATE_MAX {
            self.sorted.clear();
            self.sorted
                .extend(self.ring.iter().map(|value| value.get()));
            self.sorted.sort_unstable_by(f64::total_cmp);
        } else {
            // The first ones filled the window, those after them each took the place of an old one.
            let first = self.ring.len() - self.late;
            let filled = self.late - self.left;
            for nth in 0..self.late {
                let old = nth.checked_sub(filled).and_then(|old| self.ring.get(old));
                if let Some(new) = self.ring.get(first + nth) {
                    place(&mut self.sorted, new.get(), old.map(|old| old.get()));
                }
            }
            self.forget();
        }
        self.late = 0;
    }

    /// Values in the window.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.len() - self.left
    }

    /// Whether the window is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator + '_ {
        self.ring.iter().skip(self.left).map(|value| value.get())
    }

    /// The middle value; of an even number the mean of the two middle ones.
    pub fn median(&mut self) -> Option<f64> {
        self.settle();
        let last = self.sorted.len().checked_sub(1)?;
        let (low, high) = (
            *self.sorted.get(last / 2)?,
            *self.sorted.get(last.div_ceil(2))?,
        );
        Some(middle(low, high))
    }

    /// The median of the distances from the median.
    pub fn mad(&mut self) -> Option<f64> {
        let median = self.median()?;
        let last = self.sorted.len().checked_sub(1)?;
        let (below, above) = self
            .sorted
            .split_at(self.sorted.partition_point(|have| *have < median));
        let low = nearest(below, above, median, last / 2)?;
        let high = nearest(below, above, median, last.div_ceil(2))?;
        Some(middle(low, high))
    }

    /// The value below which a share of the values lies, by rank.
    pub fn quantile(&mut self, share: f64) -> Option<f64> {
        self.settle();
        let last = self.sorted.len().checked_sub(1)?;
        let parts = (share.clamp(0.0, 1.0) * 1_000.0).round();
        // At most 1 000, so the conversion keeps it.
        let rank = last.saturating_mul(parts as usize) / 1_000;
        self.sorted.get(rank).copied()
    }

    /// Bytes held on the heap.
    #[must_use]
    pub fn memory(&self) -> usize {
        (self.ring.capacity() + self.sorted.capacity()) * size_of::<f64>()
    }
}

/// Puts `new` into sorted values, in the stead of `old` where there is one.
fn place(sorted: &mut Vec<f64>, new: f64, old: Option<f64>) {
    let to = sorted.partition_point(|have| *have < new);
    let Some(old) = old else {
        sorted.insert(to.min(sorted.len()), new);
        return;
    };
    let from = sorted.partition_point(|have| *have < old);
    // One move closes the place of the old value and opens that of the new one.
    let place = if to > from {
        sorted.copy_within(from + 1..to, from);
        to - 1
    } else {
        sorted.copy_within(to..from, to + 1);
        to
    };
    if let Some(slot) = sorted.get_mut(place) {
        *slot = new;
    }
}

fn middle(low: f64, high: f64) -> f64 {
    if low == high {
        low
    } else {
        low + (high - low) / 2.0
    }
}

/// The `rank`-th smallest distance from `median`, of two sorted runs: `below` read from its end, `above` from its start.
fn nearest(below: &[f64], above: &[f64], median: f64, rank: usize) -> Option<f64> {
    let left = |i: usize| {
        let at = below.len().checked_sub(i + 1)?;
        below.get(at).map(|value| median - value)
    };
    let right = |j: usize| above.get(j).map(|value| value - median);
    // `taken` distances come from the left run, the rest of rank + 1 from the right one.
    let take = rank + 1;
    let (mut least, mut most) = (take.saturating_sub(above.len()), take.min(below.len()));
    while least < most {
        let taken = least + (most - least) / 2;
        // Too few from the left where its next one is nearer than the last one from the right.
        let last_right = (take - taken).checked_sub(1).and_then(right);
        match (left(taken), last_right) {
            (Some(next), Some(last)) if next < last => least = taken + 1,
            _ => most = taken,
        }
    }
    let a = least.checked_sub(1).and_then(left);
    let b = (take - least).checked_sub(1).and_then(right);
    match (a, b) {
        (Some(a), Some(b)) => Some(a.max(b)),
        (one, None) => one,
        (None, one) => one,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn by_sorting(values: &[f64]) -> (f64, f64) {
        let centre = |mut values: Vec<f64>| {
            values.sort_by(f64::total_cmp);
            let last = values.len() - 1;
            middle(values[last / 2], values[last.div_ceil(2)])
        };
        let median = centre(values.to_vec());
        let far = values.iter().map(|value| (value - median).abs()).collect();
        (median, centre(far))
    }

    proptest! {
        #[test]
        fn median_and_mad_are_those_of_sorting_bit_for_bit(
            capacity in 1usize..40,
            values in prop::collection::vec(prop_oneof![
                -1e3..1e3f64,
                Just(0.0),
                (-3i8..3).prop_map(f64::from),
            ], 1..120),
            asked in prop::collection::vec(1usize..60, 1..8),
        ) {
            let mut window = Window::new(capacity);
            let mut rarely = Window::new(capacity);
            let mut due = asked.iter().cycle().scan(0, |at, wait| { *at += wait; Some(*at) });
            let mut next = due.next();
            for (n, value) in values.iter().enumerate() {
                window.push(Finite64::new(*value).unwrap());
                let kept = &values[(n + 1).saturating_sub(capacity)..=n];
                let (median, mad) = by_sorting(kept);
                prop_assert_eq!(window.median(), Some(median));
                prop_assert_eq!(window.mad(), Some(mad));
                prop_assert_eq!(window.iter().collect::<Vec<_>>(), kept);
                // One that is hardly ever asked knows the same, and so does what is saved of it.
                rarely.push(Finite64::new(*value).unwrap());
                prop_assert_eq!(rarely.iter().collect::<Vec<_>>(), kept);
                prop_assert_eq!(rarely.len(), kept.len());
                if next == Some(n) {
                    next = due.next();
                    let mut saved = Window::try_from(Saved::from(rarely.clone())).unwrap();
                    prop_assert_eq!((saved.median(), saved.mad()), (Some(median), Some(mad)));
                    prop_assert_eq!((rarely.median(), rarely.mad()), (Some(median), Some(mad)));
                }
            }
        }
    }

    #[test]
    fn an_empty_window_knows_nothing() {
        let mut window = Window::new(8);
        assert_eq!((window.median(), window.mad()), (None, None));
        assert_eq!(window.quantile(0.5), None);
    }

    #[test]
    fn memory_does_not_grow_with_updates() {
        let mut window = Window::new(256);
        window.push(Finite64::ZERO);
        let before = window.memory();
        for n in 0..100_000_u32 {
            window.push(Finite64::new(f64::from(n % 977).sin()).unwrap());
            if n % 37 < 5 {
                assert!(window.median().is_some());
            }
        }
        assert_eq!(window.memory(), before);
    }
}
