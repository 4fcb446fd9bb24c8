//! The job's own limit: what a run may send, taken before it sends.

use robust_limiter::{Charge, Cost, Limiter, Permit};
use robust_scheduler::{Run, RunError};

use crate::Priority;

/// Requests that a run may make, of the job's own limit. What is not given back counts as made.
#[derive(Default)]
pub(super) struct Toll {
    held: Vec<Permit>,
    requests: usize,
    limited: bool,
}

impl Toll {
    /// Takes so many requests from the limit, waiting for each, and as many `more` as there is room for.
    pub(super) async fn take(
        limit: Option<&Limiter>,
        requests: usize,
        more: usize,
        run: &Run,
    ) -> Result<Self, RunError> {
        let Some(limit) = limit else {
            return Ok(Self::default());
        };
        let (one, class) = (Cost::from(Charge::new(0, 1)), Priority::Medium);
        // Given back, all of them, when one cannot be had.
        let mut held = Vec::with_capacity(requests);
        for _ in 0..requests {
            match limit.acquire(&one, class, run.deadline).await {
                Ok(permit) => held.push(permit),
                Err(rejected) => {
                    let wait = rejected.retry_in().unwrap_or_default();
                    let error = RunError::not_ready(format!("the job's own limit: {rejected}"));
                    return Err(error.retry_after(wait));
                }
            }
        }
        for _ in 0..more {
            match limit.try_acquire(&one, class) {
                Ok(permit) => held.push(permit),
                Err(_) => break,
            }
        }
        Ok(Self {
            held,
            requests: requests.max(1),
            limited: true,
        })
    }

    /// The attempts beyond the first that each request may make; `None` where nothing limits them.
    pub(super) fn retries(&self) -> Option<u32> {
        let more = self.held.len().saturating_sub(self.requests);
        let each = more.checked_div(self.requests)?;
        Some(u32::try_from(each).unwrap_or(u32::MAX)).filter(|_| self.limited)
    }

    /// Gives back what is beyond these attempts, which is known only of a run that came to its end.
    pub(super) fn settle(mut self, attempts: u32) {
        let made = usize::try_from(attempts).unwrap_or(usize::MAX);
        let left = self.held.split_off(made.min(self.held.len()));
        drop(left);
    }
}

impl Drop for Toll {
    /// A run that failed or was given up may have made all of its attempts.
    fn drop(&mut self) {
        for permit in self.held.drain(..) {
            drop(permit.commit());
        }
    }
}
