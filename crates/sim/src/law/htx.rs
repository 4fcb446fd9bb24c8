//! HTX: ten requests in any second.

use tokio::time::Instant;

use crate::law::window::Sliding;
use crate::law::{Refused, Verdict};

/// Without a key, ten requests a second per IP address (huobiapi/docs, "Limit Rule").
pub(crate) const MAX_REQUESTS: u64 = 10;

/// The arrivals of the last second; a refused arrival counts as well.
#[derive(Debug, Default)]
pub(crate) struct Tens(Sliding);

impl Tens {
    pub(crate) fn arrive(&mut self, now: Instant) -> Verdict {
        let used = self.0.arrive(now);
        let over = used > MAX_REQUESTS;
        Verdict {
            over,
            refused: over.then_some(Refused::Slow { retry_after: None }),
            headers: Vec::new(),
            used: vec![("ip:1s", used)],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn run(steps: &[u64]) -> Vec<bool> {
        let mut law = Tens::default();
        let start = Instant::now();
        steps
            .iter()
            .map(|ms| law.arrive(start + Duration::from_millis(*ms)).over)
            .collect()
    }

    #[test]
    fn the_eleventh_within_a_second_is_over_wherever_the_second_starts() {
        // Ten at the end of one second of the clock, one at the start of the next.
        let mut steps: Vec<u64> = (0..10).map(|i| 900 + i * 10).collect();
        steps.push(1_100);
        let over = run(&steps);
        assert_eq!(over[..10], [false; 10]);
        assert!(over[10]);
        steps[10] = 1_899;
        assert!(run(&steps)[10]);
        steps[10] = 1_900;
        assert!(!run(&steps)[10]);
    }

    #[test]
    fn who_goes_on_calling_too_fast_stays_over() {
        // Every 90 ms: the eleventh arrival is over, and so is every later one.
        let steps: Vec<u64> = (0..40).map(|i| i * 90).collect();
        let over = run(&steps);
        assert_eq!(over.iter().filter(|over| **over).count(), 30);
        let steps: Vec<u64> = (0..40).map(|i| i * 100).collect();
        assert!(run(&steps).iter().all(|over| !over));
    }

    proptest! {
        #[test]
        fn what_is_let_through_is_never_more_than_ten_in_any_second(
            gaps in prop::collection::vec(0_u64..250, 1..120),
        ) {
            let mut at = 0;
            let steps: Vec<u64> = gaps.iter().map(|gap| { at += gap; at }).collect();
            let over = run(&steps);
            let passed: Vec<u64> = steps.iter().zip(&over).filter(|(_, over)| !**over).map(|(at, _)| *at).collect();
            prop_assert!(passed.windows(11).all(|eleven| eleven[10] - eleven[0] >= 1_000));
            // And nothing is refused that had fewer than ten arrivals in the second before it.
            for (i, at) in steps.iter().enumerate() {
                let before = steps[..i].iter().filter(|earlier| at - **earlier < 1_000).count();
                prop_assert_eq!(over[i], before >= 10);
            }
        }
    }
}
