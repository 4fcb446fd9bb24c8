//! What the rules need to know besides the answer.

use robust_market::{Request, Timestamp};

use crate::Profile;

/// The question that was asked and the moment it is judged at.
///
/// The clock is an argument: the same answer in the same context always gets the same report.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Context<'a> {
    /// What was asked: pair, depth, interval, since, limit.
    pub request: &'a Request,
    /// What this source is able to send.
    pub profile: Profile,
    /// When the first byte of the answer came.
    pub received: Timestamp,
    /// The time that ages are measured at.
    pub now: Timestamp,
    /// Whether the market is known to be halted; an empty side of its book is then a fact, not a fault.
    pub halted: bool,
}

impl<'a> Context<'a> {
    /// A question, judged at `now`; the market is not known to be halted.
    #[must_use]
    pub const fn new(
        request: &'a Request,
        profile: Profile,
        received: Timestamp,
        now: Timestamp,
    ) -> Self {
        Self {
            request,
            profile,
            received,
            now,
            halted: false,
        }
    }
}
