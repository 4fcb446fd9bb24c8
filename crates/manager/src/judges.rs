//! The memory of the quality rules.

use std::sync::{Mutex, PoisonError};

use robust_market::{Decoded, Exchange, Kind, Origin, Payload, Report, Request, Timestamp};
use robust_quality::{Context, Profile, Provenance, StatePool};

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
        origin: Origin,
        (received, now): (Timestamp, Timestamp),
    ) -> Option<Report> {
        let profile = Profile::of(exchange, kind);
        let mut context = Context::new(request, profile, received, now);
        // Whether a simulator may be read is decided elsewhere; here it only matters that its origin is told.
        let mut provenance = Provenance::of(origin);
        provenance.production = false;
        context.provenance = Some(provenance);
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.judge(exchange, decoded, &context)
    }
}
