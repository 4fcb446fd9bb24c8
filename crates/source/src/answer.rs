//! What a source returns.

use http::uri::Authority;
use robust_connectors::Usages;
use robust_market::{Decoded, Origin, Payload, Timestamp};
use tokio::time::Instant;

use crate::Judgement;

/// A decoded answer with what is known of its birth.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Answer {
    /// The records, and what was broken in them.
    pub decoded: Decoded<Payload>,
    /// Live or simulated, by evidence.
    pub origin: Origin,
    /// Who answered: host, and port where the address named one.
    pub authority: Authority,
    /// When the first byte arrived, by the wall clock that was handed in.
    pub received: Timestamp,
    /// When the first byte arrived, by the monotonic clock.
    pub first_byte: Instant,
    /// The number of the attempt that got it, from 1.
    pub attempts: u32,
    /// The one verdict on the attempt, with what the exchange says it has counted.
    pub judgement: Judgement,
}

impl Answer {
    /// The answer to one attempt, for a venue of your own. The stack fills in which attempt it was, and the verdict but for what the
    /// exchange says it has counted ([`usage`](Self::usage)).
    #[must_use]
    pub fn new(
        decoded: Decoded<Payload>,
        origin: Origin,
        authority: Authority,
        received: Timestamp,
        first_byte: Instant,
    ) -> Self {
        Self {
            decoded,
            origin,
            authority,
            received,
            first_byte,
            attempts: 1,
            judgement: Judgement::default(),
        }
    }

    /// The same with what the exchange says it has counted.
    #[must_use]
    pub fn usage(mut self, usage: Usages) -> Self {
        self.judgement.usage = usage;
        self
    }
}
