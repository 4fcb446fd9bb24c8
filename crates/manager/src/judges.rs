//! The memory of the quality rules.

use std::sync::{Mutex, PoisonError};

use robust_market::{Decoded, Exchange, Kind, Payload, Report, Request, Timestamp};
use robust_quality::{Context, Profile, StatePool};

/// The memory of the quality rules, bounded by number of symbols.
#[derive(Debug, Default)]
pub(crate) struct Judges(Mutex<StatePool>);

impl Judges {
    /// Judges what was decoded as the answer to `request`; `kind` is how it came, which says what can be expected of it.
    pub(crate) fn judge(
        &self,
        exchange: &Exchange,
        request: &Request,
        kind: Kind,
        decoded: &Decoded<Payload>,
        (received, now): (Timestamp, Timestamp),
    ) -> Option<Report> {
        let profile = Profile::of(exchange, kind);
        let context = Context::new(request, profile, received, now);
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.judge(exchange, decoded, &context)
    }
}
