//! What happened last when a source has no answer.

use std::time::Duration;

use robust_breaker::Open;
use robust_connectors::{EncodeError, Verdict};
use robust_http::Error as HttpError;
use robust_limiter::Rejected;

/// What happened last.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The question cannot be put to this exchange; nothing was sent.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The exchange answered, but not with data.
    #[error(transparent)]
    Refused(Verdict),
    /// The way to the exchange failed.
    #[error(transparent)]
    Network(HttpError),
    /// No answer in time.
    #[error("no answer within {after:?}")]
    Timeout {
        /// How long the attempt was given.
        after: Duration,
    },
    /// The breaker is open; nothing was sent.
    #[error(transparent)]
    Open(#[from] Open),
    /// The budget is spent; nothing was sent.
    #[error(transparent)]
    Limited(#[from] Rejected),
}
