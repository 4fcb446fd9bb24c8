//! What the attempts of one call have come to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::SourceError;

/// The attempts that were made for one call, and how the last of them failed. Shared by all attempts of the call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made(Arc<Mutex<Attempts>>);

#[derive(Debug, Default)]
struct Attempts {
    count: u32,
    failure: Option<SourceError>,
}

impl Made {
    fn lock(&self) -> MutexGuard<'_, Attempts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that an attempt begins.
    pub(crate) fn begin(&self, number: u32) {
        self.lock().count = number;
    }

    /// Notes how an attempt failed.
    pub(crate) fn fail(&self, error: &SourceError) {
        self.lock().failure = Some(error.clone());
    }

    /// The error of the whole call.
    ///
    /// A refusal of this process after an attempt was made says less than that attempt's own failure: the failure is the error, and the
    /// refusal says when to come back.
    pub(crate) fn conclude(&self, mut error: SourceError) -> SourceError {
        let mut attempts = self.lock();
        if error.judgement.is_none()
            && let Some(mut failure) = attempts.failure.take()
        {
            let retry_in = error.retry_in();
            if let Some(judgement) = failure.judgement.as_mut() {
                judgement.stay_away = judgement.stay_away.max(retry_in);
            }
            error = failure;
        }
        error.attempts = error.attempts.max(attempts.count);
        error
    }
}
