//! KuCoin: weight in aligned windows of thirty seconds, one pool per IP address and one per account.

use robust_market::Timestamp;

use crate::law::window::Aligned;
use crate::law::{Demand, Refused, Verdict};

const WINDOW_MS: i64 = 30_000;
/// The public pool of an IP address.
pub(crate) const PUBLIC: u64 = 2_000;
/// The spot pool of an account without VIP level.
pub(crate) const SPOT: u64 = 4_000;

/// What the address and the account of the test key have used.
#[derive(Debug, Default)]
pub(crate) struct Pools {
    public: Aligned,
    spot: Aligned,
}

impl Pools {
    pub(crate) fn arrive(&mut self, demand: &Demand, now: Timestamp) -> Verdict {
        let now_ms = now.as_ms();
        let (pool, limit, name) = if demand.keyed {
            (&mut self.spot, SPOT, "spot:30s")
        } else {
            (&mut self.public, PUBLIC, "public:30s")
        };
        pool.add(now_ms, WINDOW_MS, demand.weight);
        let over = pool.used > limit;
        let reset = pool.end_ms(WINDOW_MS).saturating_sub(now_ms);
        Verdict {
            over,
            refused: over.then_some(Refused::Slow { retry_after: None }),
            headers: vec![
                ("gw-ratelimit-limit", limit),
                ("gw-ratelimit-remaining", limit.saturating_sub(pool.used)),
                ("gw-ratelimit-reset", u64::try_from(reset).unwrap_or(0)),
            ],
            used: vec![(name, pool.used)],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The start of a window.
    const START: i64 = 1_762_820_220_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(START + ms).unwrap()
    }

    fn demand(weight: u64, keyed: bool) -> Demand {
        Demand {
            weight,
            keyed,
            ..Demand::named("level1")
        }
    }

    #[test]
    fn weight_2000_is_within_and_2001_is_over_until_the_window_ends() {
        let mut law = Pools::default();
        for used in (100..=2_000).step_by(100) {
            let verdict = law.arrive(&demand(100, false), at(12_345));
            assert!(!verdict.over, "{used}");
            assert_eq!(
                verdict.headers,
                [
                    ("gw-ratelimit-limit", 2_000),
                    ("gw-ratelimit-remaining", 2_000 - used),
                    ("gw-ratelimit-reset", 17_655),
                ]
            );
        }
        let verdict = law.arrive(&demand(1, false), at(29_999));
        assert!(verdict.over);
        assert_eq!(verdict.headers[1], ("gw-ratelimit-remaining", 0));
        assert_eq!(verdict.headers[2], ("gw-ratelimit-reset", 1));
        assert_eq!(verdict.refused, Some(Refused::Slow { retry_after: None }));
        let fresh = law.arrive(&demand(2, false), at(30_000));
        assert!(!fresh.over);
        assert_eq!(fresh.headers[1].1, 1_998);
        assert_eq!(fresh.headers[2].1, 30_000);
    }

    #[test]
    fn windows_are_aligned_so_2000_on_both_sides_of_the_edge_are_within() {
        let mut law = Pools::default();
        assert!(!law.arrive(&demand(2_000, false), at(29_999)).over);
        assert!(!law.arrive(&demand(2_000, false), at(30_000)).over);
        assert!(law.arrive(&demand(1, false), at(59_999)).over);
    }

    #[test]
    fn the_account_has_a_pool_of_its_own() {
        let mut law = Pools::default();
        assert!(!law.arrive(&demand(2_000, false), at(0)).over);
        assert!(!law.arrive(&demand(4_000, true), at(0)).over);
        assert!(law.arrive(&demand(1, false), at(0)).over);
        let verdict = law.arrive(&demand(1, true), at(0));
        assert!(verdict.over);
        assert_eq!(verdict.headers[0], ("gw-ratelimit-limit", 4_000));
        assert_eq!(verdict.used, [("spot:30s", 4_001)]);
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_fresh_window() {
        let mut law = Pools::default();
        assert!(!law.arrive(&demand(2_000, false), at(30_000)).over);
        assert!(law.arrive(&demand(1, false), at(29_000)).over);
    }

    proptest! {
        #[test]
        fn what_is_let_through_never_exceeds_an_aligned_window(
            arrivals in prop::collection::vec((0_i64..9_000, 1_u64..500), 1..80),
        ) {
            let mut law = Pools::default();
            let (mut now, mut passed, mut arrived) = (0, BTreeMap::new(), BTreeMap::new());
            for (gap, weight) in arrivals {
                now += gap;
                let verdict = law.arrive(&demand(weight, false), at(now));
                let window = now / 30_000;
                *arrived.entry(window).or_insert(0) += weight;
                prop_assert_eq!(verdict.headers[1].1, PUBLIC.saturating_sub(arrived[&window]));
                prop_assert_eq!(verdict.over, arrived[&window] > PUBLIC);
                if !verdict.over {
                    *passed.entry(window).or_insert(0) += weight;
                }
            }
            prop_assert!(passed.values().all(|weight| *weight <= PUBLIC));
        }
    }
}
