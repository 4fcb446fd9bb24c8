//! Binance: weight in aligned minutes, raw requests in aligned five minutes, bans.

use robust_market::Timestamp;

use crate::law::window::Aligned;
use crate::law::{Refused, Verdict};

const MINUTE_MS: i64 = 60_000;
const FIVE_MINUTES_MS: i64 = 300_000;
/// `REQUEST_WEIGHT` of exchangeInfo: 6,000 a minute per IP address since 2023.
pub(crate) const MAX_WEIGHT: u64 = 6_000;
/// `RAW_REQUESTS` of exchangeInfo: 300,000 in five minutes per IP address since 2026-04-02.
pub(crate) const MAX_RAW: u64 = 300_000;
/// Refusals with 429 in one minute before the next one is a ban. Binance publishes no number ("failing to back off").
const REFUSALS_BEFORE_BAN: u64 = 10;
/// The first ban: two minutes. Each next one is twice as long, up to three days.
const FIRST_BAN_MS: i64 = 120_000;
const LONGEST_BAN_MS: i64 = 3 * 24 * 3_600_000;

/// What one IP address has used.
#[derive(Debug, Default)]
pub(crate) struct Weights {
    minute: Aligned,
    raw: Aligned,
    refusals: u64,
    banned_until: i64,
    bans: u32,
}

impl Weights {
    pub(crate) fn arrive(&mut self, weight: u64, now: Timestamp) -> Verdict {
        let now_ms = now.as_ms();
        if self.minute.add(now_ms, MINUTE_MS, weight) {
            self.refusals = 0;
        }
        self.raw.add(now_ms, FIVE_MINUTES_MS, 1);
        let refused = self.judge(now_ms);
        Verdict {
            over: refused.is_some(),
            refused,
            headers: vec![
                ("x-mbx-used-weight", self.minute.used),
                ("x-mbx-used-weight-1m", self.minute.used),
            ],
            used: vec![("weight:1m", self.minute.used), ("raw:5m", self.raw.used)],
        }
    }

    fn judge(&mut self, now_ms: i64) -> Option<Refused> {
        if now_ms < self.banned_until {
            return Some(self.banned(now_ms));
        }
        let end = if self.raw.used > MAX_RAW {
            self.raw.end_ms(FIVE_MINUTES_MS)
        } else if self.minute.used > MAX_WEIGHT {
            self.minute.end_ms(MINUTE_MS)
        } else {
            return None;
        };
        self.refusals += 1;
        if self.refusals > REFUSALS_BEFORE_BAN {
            let length = FIRST_BAN_MS
                .checked_shl(self.bans.min(20))
                .map_or(LONGEST_BAN_MS, |length| length.min(LONGEST_BAN_MS));
            self.bans += 1;
            self.refusals = 0;
            self.banned_until = now_ms + length;
            return Some(self.banned(now_ms));
        }
        Some(Refused::Slow {
            retry_after: Some(seconds_until(end, now_ms)),
        })
    }

    fn banned(&self, now_ms: i64) -> Refused {
        Refused::Banned {
            until: Timestamp::from_ms(self.banned_until).unwrap_or(Timestamp::from_ns(i64::MAX)),
            retry_after: seconds_until(self.banned_until, now_ms),
        }
    }
}

/// Whole seconds until then, rounded up: who waits that long is never early.
fn seconds_until(then_ms: i64, now_ms: i64) -> u64 {
    u64::try_from(then_ms.saturating_sub(now_ms))
        .unwrap_or(0)
        .div_ceil(1_000)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The start of a minute that is also the start of five minutes.
    const START: i64 = 1_762_820_100_000;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(START + ms).unwrap()
    }

    #[test]
    fn weight_6000_is_within_and_6001_is_over_until_the_minute_ends() {
        let mut law = Weights::default();
        for _ in 0..60 {
            assert!(!law.arrive(100, at(42_500)).over);
        }
        let verdict = law.arrive(1, at(42_500));
        assert!(verdict.over);
        assert_eq!(verdict.headers[1], ("x-mbx-used-weight-1m", 6_001));
        assert_eq!(
            verdict.refused,
            Some(Refused::Slow {
                retry_after: Some(18)
            })
        );
        assert!(law.arrive(1, at(59_999)).over);
        let fresh = law.arrive(1, at(60_000));
        assert!(!fresh.over);
        assert_eq!(fresh.headers[1].1, 1);
    }

    #[test]
    fn minutes_are_aligned_so_6000_on_both_sides_of_the_edge_are_within() {
        let mut law = Weights::default();
        assert!(!law.arrive(6_000, at(59_999)).over);
        assert!(!law.arrive(6_000, at(60_000)).over);
        assert!(law.arrive(1, at(119_999)).over);
    }

    #[test]
    fn going_on_after_429_is_banned_and_each_ban_is_longer() {
        let mut law = Weights::default();
        assert!(!law.arrive(6_000, at(0)).over);
        for i in 0..REFUSALS_BEFORE_BAN {
            let refused = law.arrive(1, at(i64::try_from(i).unwrap())).refused;
            assert!(matches!(refused, Some(Refused::Slow { .. })), "{i}");
        }
        let until = START + 1_000 + FIRST_BAN_MS;
        assert_eq!(
            law.arrive(1, at(1_000)).refused,
            Some(Refused::Banned {
                until: Timestamp::from_ms(until).unwrap(),
                retry_after: 120
            })
        );
        // A fresh minute does not end the ban; its end does.
        assert!(law.arrive(1, at(120_999)).over);
        assert!(!law.arrive(1, at(121_000)).over);
        assert!(law.arrive(6_000, at(121_000)).over);
        for _ in 1..REFUSALS_BEFORE_BAN {
            law.arrive(1, at(121_000));
        }
        assert!(matches!(
            law.arrive(1, at(121_000)).refused,
            Some(Refused::Banned {
                retry_after: 240,
                ..
            })
        ));
    }

    #[test]
    fn a_ban_never_lasts_longer_than_three_days() {
        let mut law = Weights {
            bans: 40,
            ..Weights::default()
        };
        for _ in 0..=REFUSALS_BEFORE_BAN {
            law.arrive(7_000, at(0));
        }
        assert_eq!(law.banned_until, START + LONGEST_BAN_MS);
    }

    #[test]
    fn raw_requests_have_a_limit_of_their_own() {
        let mut law = Weights::default();
        for i in 0..i64::try_from(MAX_RAW).unwrap() {
            assert!(!law.arrive(0, at(i % 300_000)).over);
        }
        let refused = law.arrive(0, at(299_000)).refused;
        assert_eq!(
            refused,
            Some(Refused::Slow {
                retry_after: Some(1)
            })
        );
        assert!(!law.arrive(0, at(300_000)).over);
    }

    proptest! {
        #[test]
        fn what_is_let_through_never_exceeds_an_aligned_minute(
            arrivals in prop::collection::vec((0_i64..20_000, 1_u64..900), 1..80),
        ) {
            let mut law = Weights::default();
            let (mut now, mut passed, mut arrived) = (0, BTreeMap::new(), BTreeMap::new());
            for (gap, weight) in arrivals {
                now += gap;
                let verdict = law.arrive(weight, at(now));
                let minute = now / 60_000;
                *arrived.entry(minute).or_insert(0) += weight;
                prop_assert_eq!(verdict.headers[1].1, arrived[&minute]);
                prop_assert_eq!(verdict.over, verdict.refused.is_some());
                if !verdict.over {
                    *passed.entry(minute).or_insert(0) += weight;
                }
            }
            prop_assert!(passed.values().all(|weight| *weight <= MAX_WEIGHT));
        }
    }

    #[test]
    fn a_clock_that_steps_back_gives_no_fresh_window() {
        let mut law = Weights::default();
        assert!(!law.arrive(6_000, at(60_000)).over);
        assert!(law.arrive(1, at(59_000)).over);
    }
}
