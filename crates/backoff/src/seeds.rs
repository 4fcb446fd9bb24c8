//! Seeds: every session gets a random stream of its own.

use std::{
    hash::{BuildHasher, RandomState},
    sync::atomic::{AtomicU64, Ordering},
};

/// A supply of seeds that never hands out the same one twice.
///
/// tower 0.5.3 clones its generator into every session, so all sessions of a process wait exactly
/// equally long. Here a session draws the next seed from a shared counter.
#[derive(Debug)]
pub(crate) struct Seeds {
    root: u64,
    drawn: AtomicU64,
}

impl Seeds {
    pub(crate) const fn new(root: u64) -> Self {
        Self {
            root,
            drawn: AtomicU64::new(0),
        }
    }

    /// A root that differs between processes, for callers who gave none: with a fixed one, a whole
    /// fleet would come back in lockstep.
    pub(crate) fn from_entropy() -> Self {
        Self::new(RandomState::new().hash_one(0_u64))
    }

    pub(crate) fn draw(&self) -> fastrand::Rng {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        fastrand::Rng::with_seed(split_mix(self.root, number))
    }
}

/// The output number `n` of SplitMix64 (Steele, Lea, Flood: *Fast Splittable Pseudorandom Number
/// Generators*, 2014). Neighbouring seeds would give related first outputs; mixed ones do not.
fn split_mix(root: u64, n: u64) -> u64 {
    let mut z = root.wrapping_add(n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_numbers_of_many_sessions_are_uniform() {
        let seeds = Seeds::new(0);
        let mut cells = [0_u32; 10];
        for _ in 0..10_000 {
            cells[((seeds.draw().f64() * 10.0) as usize).min(9)] += 1;
        }
        let chi_square: f64 = cells
            .iter()
            .map(|&n| (f64::from(n) - 1000.0).powi(2) / 1000.0)
            .sum();
        // 9 degrees of freedom, p = 0.001.
        assert!(chi_square < 27.9, "chi² = {chi_square}, cells {cells:?}");
    }

    #[test]
    fn the_same_root_gives_the_same_series() {
        let (a, b) = (Seeds::new(42), Seeds::new(42));
        for _ in 0..10 {
            assert_eq!(a.draw().u64(..), b.draw().u64(..));
        }
    }

    #[test]
    fn two_supplies_without_a_root_differ() {
        assert_ne!(Seeds::from_entropy().root, Seeds::from_entropy().root);
    }
}
