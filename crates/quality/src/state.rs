//! What is remembered of one symbol, bounded.

use std::collections::VecDeque;

use robust_market::Timestamp;

/// How many accepted books the usual depth is taken from.
const BOOKS: usize = 64;

/// What the rules remember of one kind of data of one symbol.
///
/// Of constant size: the last accepted time and sequence, and the depths of the last 64 sound books. Only values without an
/// error are remembered, so a broken value cannot make the next good one look wrong.
#[derive(Debug, Clone, Default)]
pub struct SymbolState {
    last_time: Option<Timestamp>,
    last_sequence: Option<u64>,
    depths: VecDeque<(u32, u32)>,
}

impl SymbolState {
    /// Nothing remembered yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The exchange's time of the newest accepted value.
    #[must_use]
    pub const fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }

    /// The sequence number of the newest accepted value.
    #[must_use]
    pub const fn last_sequence(&self) -> Option<u64> {
        self.last_sequence
    }

    /// The usual number of bids and asks; `None` before the first book.
    #[must_use]
    pub fn usual_depth(&self) -> Option<(u32, u32)> {
        let median = |mut side: Vec<u32>| {
            side.sort_unstable();
            side.get(side.len() / 2).copied()
        };
        let bids = median(self.depths.iter().map(|depth| depth.0).collect())?;
        let asks = median(self.depths.iter().map(|depth| depth.1).collect())?;
        Some((bids, asks))
    }

    pub(crate) fn accept(&mut self, time: Option<Timestamp>, sequence: Option<u64>) {
        self.last_time = time.or(self.last_time);
        self.last_sequence = sequence.or(self.last_sequence);
    }

    pub(crate) fn learn_depth(&mut self, bids: usize, asks: usize) {
        if self.depths.len() >= BOOKS {
            self.depths.pop_front();
        }
        let side = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.depths.push_back((side(bids), side(asks)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_constant_after_many_books() {
        let mut state = SymbolState::new();
        for depth in 0..10_000 {
            state.learn_depth(depth, depth + 1);
            state.accept(Some(Timestamp::from_ns(1)), Some(1));
        }
        assert_eq!(state.depths.len(), BOOKS);
        assert!(state.depths.capacity() <= 2 * BOOKS);
    }

    #[test]
    fn the_usual_depth_is_the_median_of_each_side() {
        let mut state = SymbolState::new();
        assert_eq!(state.usual_depth(), None);
        for (bids, asks) in [(100, 10), (1, 12), (100, 11)] {
            state.learn_depth(bids, asks);
        }
        assert_eq!(state.usual_depth(), Some((100, 11)));
    }
}
