//! Kraken: one request a second, sliding.

use std::collections::HashMap;

use tokio::time::Instant;

use crate::law::window::Sliding;
use crate::law::{Demand, Refused, Verdict};

/// The arrivals of the last second, per IP address and per pair for OHLC and Trades: "1 per second or less would remain
/// within the limits" (Kraken support, article 206548367).
///
/// Two arrivals less than a second apart are over the limit, without tolerance. A refused arrival counts as well: who
/// goes on calling stays over the limit.
#[derive(Debug, Default)]
pub(crate) struct Seconds {
    ip: Sliding,
    pairs: HashMap<(usize, &'static str), Sliding>,
}

impl Seconds {
    pub(crate) fn arrive(&mut self, demand: &Demand, now: Instant) -> Verdict {
        let ip = self.ip.arrive(now);
        let mut used = vec![("ip:1s", ip)];
        let mut over = ip > 1;
        if let Some(key) = demand.pair {
            let pair = self.pairs.entry(key).or_default().arrive(now);
            used.push(("pair:1s", pair));
            over |= pair > 1;
        }
        Verdict {
            over,
            refused: over.then_some(Refused::Slow { retry_after: None }),
            headers: Vec::new(),
            used,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn run(steps: &[(u64, Option<usize>)]) -> Vec<bool> {
        let mut law = Seconds::default();
        let start = Instant::now();
        steps
            .iter()
            .map(|(ms, pair)| {
                let demand = Demand {
                    pair: pair.map(|pair| (pair, "OHLC")),
                    ..Demand::named("OHLC")
                };
                law.arrive(&demand, start + Duration::from_millis(*ms)).over
            })
            .collect()
    }

    #[test]
    fn two_arrivals_less_than_a_second_apart_are_over_without_tolerance() {
        let none = |ms| (ms, None);
        assert_eq!(run(&[none(0), none(999)]), [false, true]);
        assert_eq!(run(&[none(0), none(1_000)]), [false, false]);
        assert_eq!(run(&[none(0), none(0)]), [false, true]);
        // The window slides: it is not cleared at the full second.
        assert_eq!(run(&[none(900), none(1_100)]), [false, true]);
    }

    #[test]
    fn who_goes_on_calling_stays_over_the_limit() {
        let steps: Vec<_> = (0..8).map(|i| (i * 600, None)).collect();
        assert_eq!(run(&steps).iter().filter(|over| **over).count(), 7);
        let steps = [(0, None), (600, None), (1_600, None)];
        assert_eq!(run(&steps), [false, true, false]);
    }

    #[test]
    fn one_address_has_one_second_whatever_the_pair() {
        assert_eq!(run(&[(0, Some(0)), (500, Some(1))]), [false, true]);
        assert_eq!(run(&[(0, Some(0)), (1_000, Some(0))]), [false, false]);
    }

    proptest! {
        #[test]
        fn what_is_let_through_is_a_second_apart(gaps in prop::collection::vec(0_u64..2_500, 1..60)) {
            let mut at = 0;
            let steps: Vec<_> = gaps.iter().map(|gap| { at += gap; (at, None) }).collect();
            let over = run(&steps);
            let passed: Vec<u64> = steps.iter().zip(&over).filter(|(_, over)| !**over).map(|(step, _)| step.0).collect();
            prop_assert!(passed.windows(2).all(|pair| pair[1] - pair[0] >= 1_000));
            // And nothing is refused that was a second after the arrival before it.
            for (i, pair) in steps.windows(2).enumerate() {
                prop_assert_eq!(over[i + 1], pair[1].0 - pair[0].0 < 1_000);
            }
        }
    }
}
