//! Events of a limiter as events of `tracing`.

use tracing::{debug, info, warn};

use crate::{Event, Listener};

const TARGET: &str = "robust_limiter";

/// Tells `tracing` what happens in a limiter, under the target `robust_limiter`.
///
/// | event | level | fields beside `limiter` |
/// |---|---|---|
/// | nothing is granted for a while | warn | `length`, `reason` |
/// | an answer showed windows above their limits | warn | `windows` |
/// | a pause is over, the rate or a limit changed | info | none; `factor`; `window`, `limit` |
/// | a call was refused | debug | `class`, `retry_in` |
/// | a call that had to wait was granted | debug | `class`, `wait`, `window` |
///
/// Events are made in the thread whose doing they were, outside of the lock, and in no span of their own.
///
/// ```
/// use std::time::Duration;
/// use robust_limiter::{Limiter, Tracing, Window};
///
/// let limiter = Limiter::builder("ferry")
///     .window(Window::sliding("cars", 40, Duration::from_secs(3_600)))
///     .listener(Tracing)
///     .build();
/// limiter.pause(tokio::time::Instant::now() + Duration::from_secs(60), robust_limiter::Pause::Manual);
/// // With a subscriber: WARN robust_limiter: paused limiter="ferry" length=60s reason=manual
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tracing;

impl Listener for Tracing {
    fn on(&self, limiter: &str, event: &Event) {
        match event {
            Event::Waited {
                class,
                wait,
                window,
            } => {
                let window = window.as_deref();
                debug!(target: TARGET, limiter, ?class, ?wait, window, "waited");
            }
            Event::Refused { class, retry_in } => {
                debug!(target: TARGET, limiter, ?class, ?retry_in, "refused");
            }
            Event::Paused { length, reason } => {
                warn!(target: TARGET, limiter, ?length, %reason, "paused");
            }
            Event::Resumed => info!(target: TARGET, limiter, "resumed"),
            Event::RateFactor { factor } => {
                info!(target: TARGET, limiter, factor, "rate changed");
            }
            Event::LimitChanged { window, limit } => {
                let window = window.as_ref();
                info!(target: TARGET, limiter, window, limit, "limit changed");
            }
            Event::Violated { windows } => {
                warn!(target: TARGET, limiter, windows, "more was used than was known");
            }
        }
    }
}
