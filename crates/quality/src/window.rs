//! Median and spread of the last values, exact.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::Finite64;

/// The last values in order of arrival and in order of size, with exact median and median absolute deviation (MAD).
///
/// A push costs two binary searches and one move of memory (at most 8 bytes a value); the MAD is found by a binary search in
/// the two sorted runs below and above the median. No sketch: the result is that of sorting, bit for bit.
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
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Saved", into = "Saved")]
pub struct Window {
    capacity: usize,
    ring: VecDeque<Finite64>,
    sorted: Vec<f64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Saved {
    capacity: usize,
    ring: VecDeque<Finite64>,
}

/// More values than this are refused from a saved state: no rule keeps as many.
const CAPACITY_MAX: usize = 4_096;

impl From<Window> for Saved {
    fn from(window: Window) -> Self {
        Self {
            capacity: window.capacity,
            ring: window.ring,
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

impl Window {
    /// A window of the last `capacity` values, at least one.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity: capacity.max(1),
            ring: VecDeque::new(),
            sorted: Vec::new(),
        }
    }

    /// Takes a value in; the oldest leaves a full window.
    pub fn push(&mut self, value: Finite64) {
        if self.ring.capacity() == 0 {
            self.ring.reserve_exact(self.capacity);
            self.sorted.reserve_exact(self.capacity);
        }
        let new = value.get();
        let to = self.sorted.partition_point(|have| *have < new);
        let leaves = if self.ring.len() >= self.capacity {
            self.ring.pop_front()
        } else {
            None
        };
        self.ring.push_back(value);
        let Some(old) = leaves else {
            self.sorted.insert(to.min(self.sorted.len()), new);
            return;
        };
        let from = self.sorted.partition_point(|have| *have < old.get());
        // One move closes the place of the old value and opens that of the new one.
        let place = if to > from {
            self.sorted.copy_within(from + 1..to, from);
            to - 1
        } else {
            self.sorted.copy_within(to..from, to + 1);
            to
        };
        if let Some(slot) = self.sorted.get_mut(place) {
            *slot = new;
        }
    }

    /// Values in the window.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ring.len()
    }

    /// Whether the window is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ring.is_empty()
    }

    /// The values, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator + '_ {
        self.ring.iter().map(|value| value.get())
    }

    /// The middle value; of an even number the mean of the two middle ones.
    #[must_use]
    pub fn median(&self) -> Option<f64> {
        let last = self.sorted.len().checked_sub(1)?;
        let (low, high) = (
            *self.sorted.get(last / 2)?,
            *self.sorted.get(last.div_ceil(2))?,
        );
        Some(middle(low, high))
    }

    /// The median of the distances from the median.
    #[must_use]
    pub fn mad(&self) -> Option<f64> {
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
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
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
        ) {
            let mut window = Window::new(capacity);
            for (n, value) in values.iter().enumerate() {
                window.push(Finite64::new(*value).unwrap());
                let kept = &values[(n + 1).saturating_sub(capacity)..=n];
                let (median, mad) = by_sorting(kept);
                prop_assert_eq!(window.median(), Some(median));
                prop_assert_eq!(window.mad(), Some(mad));
                prop_assert_eq!(window.iter().collect::<Vec<_>>(), kept);
            }
        }
    }

    #[test]
    fn an_empty_window_knows_nothing() {
        let window = Window::new(8);
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
        }
        assert_eq!(window.memory(), before);
    }
}
