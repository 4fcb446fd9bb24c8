//! Requests that can be sent more than once.

use tokio::time::Instant;

/// A request that may be sent more than once, within a deadline.
pub trait Replay: Sized {
    /// A copy to send again; `None` when the request cannot be repeated at all, because its body is
    /// gone, or must not be.
    fn replay(&self) -> Option<Self>;

    /// Whether sending it twice does the same as sending it once (RFC 9110 §9.2.2: GET, PUT, DELETE
    /// and the like are, POST and PATCH are not).
    ///
    /// One that is not is repeated only when the server cannot have carried it out: it never left
    /// ([`sent: false`](crate::Disposition::Retry::sent)), or the server
    /// [said so](crate::Disposition::Unprocessed). It is never hedged. Idempotent by default, since
    /// a request that hands out copies says that it may be repeated.
    fn idempotent(&self) -> bool {
        true
    }

    /// The end of the whole call: all attempts and all pauses. No retry begins after it.
    fn deadline(&self) -> Option<Instant>;

    /// The present time, if who made the request has looked at the clock in this very turn: it saves the policy a look of its own.
    fn now(&self) -> Option<Instant> {
        None
    }

    /// Tells the request that it will be sent again, before the pause.
    ///
    /// Attempts count from 1. The first is never announced, so the first number seen here is 2.
    fn attempt_started(&mut self, _attempt: u32) {}
}
