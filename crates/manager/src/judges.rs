//! The memory of the quality rules.

use std::sync::{Mutex, PoisonError};

use robust_market::{Exchange, Report, Request, Timestamp};
use robust_quality::{Context, Profile, StatePool};
use robust_source::Answer;

/// The memory of the quality rules, bounded by number of symbols.
#[derive(Debug, Default)]
pub(crate) struct Judges(Mutex<StatePool>);

impl Judges {
    pub(crate) fn judge(
        &self,
        exchange: &Exchange,
        request: &Request,
        answer: &Answer,
        now: Timestamp,
    ) -> Option<Report> {
        let profile = Profile::of(exchange, request.kind());
        let context = Context::new(request, profile, answer.received, now);
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pool.judge(exchange, &answer.decoded, &context)
    }
}
