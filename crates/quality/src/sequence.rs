//! Do messages of a stream follow each other? The rules of each exchange, as pure functions.

/// What the numbers of a message say of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Continuity {
    /// It follows.
    Follows,
    /// It was here before; leave it out.
    Old,
    /// So many numbers are missing; the state must be built anew.
    Gap {
        /// Missing numbers.
        missing: u64,
    },
}

/// Numbers that count up by one, such as trade ids of Binance or Coinbase: `next` after `last`.
///
/// ```
/// use robust_quality::sequence::{Continuity, dense};
///
/// assert_eq!(dense(41, 42), Continuity::Follows);
/// assert_eq!(dense(41, 41), Continuity::Old);
/// assert_eq!(dense(41, 45), Continuity::Gap { missing: 3 });
/// ```
#[must_use]
pub const fn dense(last: u64, next: u64) -> Continuity {
    range(last, next, next)
}

/// Changes `first` to `last_in` after the change `last`: `first ≤ last + 1 ≤ last_in` follows.
///
/// Binance spot (`U`, `u`) and KuCoin (`sequenceStart`, `sequenceEnd`) both number this way. The first message after a snapshot
/// may begin before it; what ends before it is old.
///
/// ```
/// use robust_quality::sequence::{Continuity, range};
///
/// assert_eq!(range(100, 101, 105), Continuity::Follows);
/// assert_eq!(range(100, 96, 103), Continuity::Follows); // overlaps the snapshot
/// assert_eq!(range(100, 90, 100), Continuity::Old);
/// assert_eq!(range(100, 103, 105), Continuity::Gap { missing: 2 });
/// ```
#[must_use]
pub const fn range(last: u64, first: u64, last_in: u64) -> Continuity {
    if last_in <= last {
        return Continuity::Old;
    }
    let missing = first.saturating_sub(last.saturating_add(1));
    if missing == 0 {
        Continuity::Follows
    } else {
        Continuity::Gap { missing }
    }
}

/// A message that names the one before it, such as Binance futures (`pu`) or OKX (`prevSeqId`): it follows only that one.
///
/// ```
/// use robust_quality::sequence::{Continuity, linked};
///
/// assert_eq!(linked(100, 100, 108), Continuity::Follows);
/// assert_eq!(linked(100, 90, 99), Continuity::Old);
/// assert_eq!(linked(100, 104, 110), Continuity::Gap { missing: 4 });
/// ```
#[must_use]
pub const fn linked(last: u64, before: u64, number: u64) -> Continuity {
    if before == last && number >= before {
        Continuity::Follows
    } else if number <= last {
        Continuity::Old
    } else if before > last {
        Continuity::Gap {
            missing: before - last,
        }
    } else {
        // It reaches over what is known without continuing it.
        Continuity::Gap { missing: 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_chain_without_a_hole_follows_and_a_lost_message_is_a_gap(
            start in 0u64..u64::MAX / 2,
            lengths in prop::collection::vec(1u64..20, 2..30),
            lost in any::<prop::sample::Index>(),
        ) {
            let mut chain = Vec::new();
            let mut last = start;
            for length in lengths {
                chain.push((last + 1, last + length));
                last += length;
            }
            let mut last = start;
            for (first, end) in &chain {
                prop_assert_eq!(range(last, *first, *end), Continuity::Follows);
                prop_assert_eq!(linked(last, first - 1, *end), Continuity::Follows);
                prop_assert_eq!(range(*end, *first, *end), Continuity::Old);
                last = *end;
            }
            let lost = lost.index(chain.len() - 1);
            let (first, end) = chain[lost];
            let (next, next_end) = chain[lost + 1];
            let missing = end - first + 1;
            prop_assert_eq!(range(first - 1, next, next_end), Continuity::Gap { missing });
        }

        #[test]
        fn no_numbers_panic(a in any::<u64>(), b in any::<u64>(), c in any::<u64>()) {
            let _ = (dense(a, b), range(a, b, c), linked(a, b, c));
        }
    }
}
