//! Looks at the sources and tells what has changed.

use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use robust_market::{Exchange, Timestamp};
use robust_source::Source;
use tokio::time::{Instant, MissedTickBehavior};

use super::ladder::Ladder;
use super::verdict::{Circuit, verdict};
use super::window::{ATTEMPTS, Window};
use super::{HealthEvent, HealthStatus};
use crate::Event;
use crate::shared::Shared;
use crate::status::{ms, share};

/// How often the sources are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// The health of one source.
#[derive(Debug)]
pub(crate) struct Monitor(Mutex<Known>);

#[derive(Debug)]
struct Known {
    ladder: Ladder,
    since: Timestamp,
    changes: u64,
}

impl Monitor {
    /// A source that is not known since the start.
    pub(crate) fn new(start: Timestamp) -> Self {
        Self(Mutex::new(Known {
            ladder: Ladder::default(),
            since: start,
            changes: 0,
        }))
    }

    /// Looks at the source; a change is told while nobody else can look, so that changes are told in their order.
    pub(crate) fn look(
        &self,
        exchange: &Exchange,
        source: &Source,
        shared: &Shared,
    ) -> HealthStatus {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let window = Window::of(&source.recent(ATTEMPTS), now);
        let circuit = Circuit::of(source.breaker().state(), now);
        let changed = known
            .ladder
            .step(verdict(&window, circuit), window.newest, now);
        if changed.is_some() {
            known.since = shared.clock.now();
            known.changes += 1;
        }
        let status = known.status(&window);
        if let Some(before) = changed {
            shared.hub.tell(Event::Health(HealthEvent {
                exchange: exchange.clone(),
                before,
                now: status.clone(),
            }));
        }
        status
    }
}

impl Known {
    fn status(&self, window: &Window) -> HealthStatus {
        let (state, cause) = self.ladder.level();
        let [p95, p99] = window.percentiles([95, 99]);
        HealthStatus {
            state,
            cause,
            since_ms: self.since.as_ms(),
            attempts: window.attempts,
            errors: window.errors,
            error_rate: share(window.errors as u64, window.attempts as u64),
            latency_ms: window.mean().map(ms),
            p95_ms: p95.map(ms),
            p99_ms: p99.map(ms),
            changes: self.changes,
        }
    }
}

/// Looks at all sources once a second until the manager is gone.
pub(crate) async fn watch(shared: Weak<Shared>) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        for (exchange, venue) in &shared.venues {
            shared.health(exchange, venue);
        }
    }
}
