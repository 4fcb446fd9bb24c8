//! Why a source has no answer.

use std::time::Duration;

use robust_breaker::Open;
use robust_limiter::Rejected;

use crate::reading::least;
use crate::{Cause, Judgement};

/// Why a source has no answer.
///
/// Every layer of the stack speaks this one type, so nothing is wrapped and nothing is lost on the way out.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{cause}")]
#[non_exhaustive]
pub struct SourceError {
    /// What happened last.
    pub cause: Cause,
    /// Requests that were sent for this call.
    pub attempts: u32,
    /// The verdict on the last attempt; `None` when a layer of this process refused before one was made.
    pub judgement: Option<Judgement>,
}

impl SourceError {
    /// An error before any verdict.
    pub(crate) const fn new(cause: Cause, attempts: u32) -> Self {
        Self {
            cause,
            attempts,
            judgement: None,
        }
    }

    /// The error of a whole call whose last attempt before this one failed with `earlier`.
    ///
    /// A refusal of this process after an attempt was made says less than that attempt's own failure: the failure is the error, and the
    /// refusal says when to come back.
    pub(crate) fn after(mut self, earlier: Option<Self>) -> Self {
        let Some(mut failure) = earlier else {
            return self;
        };
        let attempts = self.attempts.max(failure.attempts);
        if self.judgement.is_none() {
            let retry_in = self.retry_in();
            if let Some(judgement) = failure.judgement.as_mut() {
                judgement.stay_away = judgement.stay_away.max(retry_in);
            }
            self = failure;
        }
        self.attempts = attempts;
        self
    }

    /// How long to wait before asking again is worth it, where anybody said so.
    #[must_use]
    pub fn retry_in(&self) -> Option<Duration> {
        match &self.cause {
            Cause::Open(open) => Some(open.retry_in),
            Cause::Limited(rejected) => rejected.retry_in(),
            _ => self.judgement.as_ref().and_then(least),
        }
    }
}

impl From<Open> for SourceError {
    fn from(open: Open) -> Self {
        Self::new(Cause::Open(open), 0)
    }
}

impl From<Rejected> for SourceError {
    fn from(rejected: Rejected) -> Self {
        Self::new(Cause::Limited(rejected), 0)
    }
}
