//! Events of a policy as events of `tracing`.

use tracing::{debug, trace, warn};

use crate::{Event, GaveUp, Listener};

const TARGET: &str = "robust_backoff";

/// Tells `tracing` what a policy decides, under the target `robust_backoff`.
///
/// | event | level | fields beside `policy` |
/// |---|---|---|
/// | given up for want of budget, which means that much fails | warn | `reason`, `retries` |
/// | given up for another reason | debug | `reason`, `retries` |
/// | a pause before a retry begins | debug | `retry`, `pause` |
/// | a retry goes out | trace | `retry` |
///
/// Events are made in the thread of the call and in no span of their own: they belong to the span that the call is in.
///
/// ```
/// use std::time::Duration;
/// use robust_backoff::{Disposition, Exponential, Policy, Tracing, classify_fn};
///
/// let delays = Exponential::new(Duration::from_secs(1), Duration::from_secs(30));
/// let judge = classify_fn(|_: Result<&u16, &()>| Disposition::Final);
/// let policy = Policy::builder(delays, judge).name("dictionary").listener(Tracing).build();
/// // With a subscriber: DEBUG robust_backoff: pausing policy="dictionary" retry=1 pause=739ms
/// # let _ = policy;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tracing;

impl Listener for Tracing {
    fn on(&self, policy: &str, event: &Event) {
        match *event {
            Event::Pausing { retry, pause } => {
                debug!(target: TARGET, policy, retry, ?pause, "pausing");
            }
            Event::Retrying { retry } => trace!(target: TARGET, policy, retry, "retrying"),
            Event::GaveUp { reason, retries } => {
                let is_storm = reason == GaveUp::Budget;
                let reason = reason.as_str();
                if is_storm {
                    warn!(target: TARGET, policy, reason, retries, "gave up");
                } else {
                    debug!(target: TARGET, policy, reason, retries, "gave up");
                }
            }
        }
    }
}
