//! Events of a breaker as events of `tracing`.

use tokio::time::Instant;
use tracing::{debug, info, trace, warn};

use crate::{Event, EventKind, Listener, State};

const TARGET: &str = "robust_breaker";

/// Tells `tracing` what happens at a breaker, under the target `robust_breaker`.
///
/// | event | level | fields beside `breaker` |
/// |---|---|---|
/// | it opens, or would if it did not only measure | warn | `from`, `to`, `generation`, `cause`; `cause` |
/// | the open time grows by the server's word | warn | `generation`, `retry_in` |
/// | any other change of state | info | `from`, `to`, `generation`, `cause` |
/// | a call is refused | debug | `retry_in`, `generation` |
/// | a call is admitted, a call has ended | trace | `permit`, `generation`; `outcome`, `generation` |
///
/// Events are made in the thread of the call and in no span of their own: they belong to the span that the call is in.
/// A breaker with a listener holds one more reference during each call.
///
/// ```
/// use robust_breaker::{Breaker, Tracing};
///
/// let breaker = Breaker::builder("tide gauge").listener(Tracing).build();
/// breaker.force_open("the cable is being repaired", None);
/// // With a subscriber: WARN robust_breaker: changed breaker="tide gauge" from=closed to=open …
/// # assert!(breaker.admit().is_err());
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tracing;

impl Listener for Tracing {
    fn on(&self, event: &Event<'_>) {
        let breaker = event.name;
        match event.kind {
            EventKind::Changed(change) => {
                let (from, to, cause) = (change.from, change.to, change.cause);
                let generation = change.generation;
                if matches!(to, State::Open { .. }) {
                    warn!(target: TARGET, breaker, %from, %to, generation, %cause, "changed");
                } else {
                    info!(target: TARGET, breaker, %from, %to, generation, %cause, "changed");
                }
            }
            EventKind::Lengthened(change) => {
                let (generation, until) = (change.generation, change.to.until());
                let retry_in = until.map(|until| until.saturating_duration_since(Instant::now()));
                warn!(target: TARGET, breaker, generation, retry_in = ?retry_in.unwrap_or_default(), "lengthened");
            }
            EventKind::WouldOpen(cause) => {
                warn!(target: TARGET, breaker, %cause, "would open");
            }
            EventKind::Refused {
                retry_in,
                generation,
            } => debug!(target: TARGET, breaker, ?retry_in, generation, "refused"),
            EventKind::Admitted { permit, generation } => {
                trace!(target: TARGET, breaker, permit, generation, "admitted");
            }
            EventKind::Ended {
                outcome,
                generation,
            } => trace!(target: TARGET, breaker, ?outcome, generation, "ended"),
        }
    }
}
