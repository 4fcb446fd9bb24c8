//! Requests that can be sent more than once.

use tokio::time::Instant;

/// A request that may be sent more than once, within a deadline.
pub trait Replay: Sized {
    /// A copy to send again; `None` when the request must not be repeated, because it changes
    /// something or its body is gone.
    fn replay(&self) -> Option<Self>;

    /// The end of the whole call: all attempts and all pauses. No retry begins after it.
    fn deadline(&self) -> Option<Instant>;

    /// Tells the request that it will be sent again, before the pause.
    ///
    /// Attempts count from 1. The first is never announced, so the first number seen here is 2.
    fn attempt_started(&mut self, _attempt: u32) {}
}
