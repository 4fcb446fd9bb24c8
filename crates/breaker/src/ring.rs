//! The last n calls, each with a value from 0 to 100.

/// Bits of a value: 0 to 127.
const PLANES: usize = 7;

/// A sliding window over the last `size` values.
///
/// The values are kept bit-sliced: plane `b` is a ring of words that holds bit `b` of every value.
/// Up to 64 calls that is one word a plane, and any number of good calls is written with one mask.
#[derive(Debug)]
pub(crate) struct Ring {
    size: u32,
    /// Words of one plane.
    words: usize,
    planes: Box<[u64]>,
    /// Where the next value goes.
    at: u32,
    filled: u32,
    sum: u64,
    /// Zeros since the last other value, up to `size`.
    zeros: u32,
}

impl Ring {
    pub(crate) fn new(size: u32) -> Self {
        let size = size.max(1);
        let words = size.div_ceil(64) as usize;
        Self {
            size,
            words,
            planes: vec![0; words * PLANES].into(),
            at: 0,
            filled: 0,
            sum: 0,
            zeros: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.planes.fill(0);
        (self.at, self.filled, self.sum, self.zeros) = (0, 0, 0, 0);
    }

    /// How many values it holds, up to its size.
    pub(crate) fn filled(&self) -> u64 {
        u64::from(self.filled)
    }

    /// The sum of the values that it holds.
    pub(crate) fn sum(&self) -> u64 {
        self.sum
    }

    /// So many zeros more make it full of zeros; any further zero changes nothing.
    pub(crate) fn zeros_wanted(&self) -> u32 {
        self.size - self.zeros
    }

    pub(crate) fn push(&mut self, value: u8) {
        if value == 0 {
            return self.push_zeros(1);
        }
        self.erase(self.at, 1);
        let (word, bit) = ((self.at / 64) as usize, self.at % 64);
        for (plane, words) in self.planes.chunks_exact_mut(self.words).enumerate() {
            if let Some(bits) = words.get_mut(word) {
                *bits |= u64::from(value >> plane & 1) << bit;
            }
        }
        self.sum += u64::from(value);
        self.zeros = 0;
        self.advance(1);
    }

    pub(crate) fn push_zeros(&mut self, count: u32) {
        let count = count.min(self.size);
        let first = count.min(self.size - self.at);
        self.erase(self.at, first);
        self.erase(0, count - first);
        self.zeros = self.size.min(self.zeros + count);
        self.advance(count);
    }

    fn advance(&mut self, count: u32) {
        self.at = (self.at + count) % self.size;
        self.filled = self.size.min(self.filled + count);
    }

    /// Forgets `count` values from `from` on, which lie before the end of the ring.
    fn erase(&mut self, from: u32, count: u32) {
        let end = from + count;
        let mut at = from;
        // Where nothing is, nothing has to be erased.
        while at < end && self.sum > 0 {
            let (word, bit) = ((at / 64) as usize, at % 64);
            let taken = (64 - bit).min(end - at);
            let mask = u64::MAX >> (64 - taken) << bit;
            for (plane, words) in self.planes.chunks_exact_mut(self.words).enumerate() {
                if let Some(bits) = words.get_mut(word) {
                    self.sum -= u64::from((*bits & mask).count_ones()) << plane;
                    *bits &= !mask;
                }
            }
            at += taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(u8),
        Zeros(u32),
        Clear,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            10 => (0_u8..=100).prop_map(Step::Push),
            5 => (0_u32..300).prop_map(Step::Zeros),
            1 => Just(Step::Clear),
        ]
    }

    proptest! {
        /// Beside a queue of the last n values.
        #[test]
        fn the_ring_is_the_last_n_values(
            size in prop_oneof![1_u32..130, Just(64_u32), Just(128_u32)],
            steps in prop::collection::vec(step(), 0..200),
        ) {
            let mut ring = Ring::new(size);
            let mut model: VecDeque<u8> = VecDeque::new();
            for step in steps {
                let values = match step {
                    Step::Push(value) => { ring.push(value); vec![value] }
                    Step::Zeros(count) => { ring.push_zeros(count); vec![0; count as usize] }
                    Step::Clear => { ring.clear(); model.clear(); vec![] }
                };
                model.extend(values);
                while model.len() > size as usize { model.pop_front(); }
                prop_assert_eq!(ring.filled(), model.len() as u64);
                prop_assert_eq!(ring.sum(), model.iter().map(|value| u64::from(*value)).sum::<u64>());
                let zeros = model.iter().rev().take_while(|value| **value == 0).count() as u32;
                prop_assert_eq!(ring.zeros_wanted(), size - zeros);
            }
        }
    }
}
