//! The unit of work: one question to one exchange.

use std::sync::Arc;

use robust_backoff::Replay;
use robust_limiter::ClassCell;
use robust_market::{Request, RequestId};
use tokio::time::Instant;

/// One question to one exchange, with its urgency and its end.
///
/// The layers of the stack work on this, not on an HTTP request: signing, encoding and the judgement of an answer happen anew
/// at every attempt, deep inside. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Call {
    /// The question.
    pub request: Arc<Request>,
    /// Its urgency; raised from outside while the call waits.
    pub class: ClassCell,
    /// The end of the whole call. The stack lowers it to the source's own longest time, unless the call is `patient`.
    pub deadline: Instant,
    /// The latest useful start of the first attempt: when the budget cannot be had by then, the call is refused at once. Equals
    /// `deadline` unless the caller's patience is shorter.
    pub admit_by: Instant,
    /// Attempts beyond the first at most; `None` is as many as the source makes, and more than these are not made.
    pub retries: Option<u32>,
    /// Whether the call, and each attempt of it, may take until `deadline`, instead of as long as the source allows: for answers that
    /// are long in coming.
    pub patient: bool,
    /// Whether the attempt goes over a connection of its own, because the one before may have spoiled the answer.
    pub(crate) fresh: bool,
    /// The name of the call in events and records.
    pub id: RequestId,
    /// The number of the attempt that is running, from 1.
    pub attempt: u32,
    /// The present time, as long as the call goes from layer to layer and none of them waits: one look at the clock for all who want to
    /// know. Gone as soon as one waits.
    pub(crate) present: Option<Instant>,
}

impl Call {
    /// A question that may take until `deadline`.
    #[must_use]
    pub fn new(
        request: Arc<Request>,
        class: impl Into<ClassCell>,
        deadline: Instant,
        id: RequestId,
    ) -> Self {
        Self {
            request,
            class: class.into(),
            deadline,
            admit_by: deadline,
            retries: None,
            patient: false,
            fresh: false,
            id,
            attempt: 0,
            present: None,
        }
    }

    /// Refuses the call at once when its first attempt cannot start by then.
    #[must_use]
    pub const fn admit_by(mut self, latest: Instant) -> Self {
        self.admit_by = latest;
        self
    }

    /// Makes at most this many attempts beyond the first, for a caller with other chances than this call.
    #[must_use]
    pub const fn retries(mut self, most: u32) -> Self {
        self.retries = Some(most);
        self
    }
}

impl Replay for Call {
    fn replay(&self) -> Option<Self> {
        Some(self.clone())
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.deadline)
    }

    fn attempt_started(&mut self, attempt: u32) {
        self.attempt = attempt;
        if attempt > 1 {
            // The caller's patience decides whether to begin, never whether to go on.
            self.admit_by = self.deadline;
        }
        // It comes from a pause.
        self.present = None;
    }

    fn now(&self) -> Option<Instant> {
        self.present
    }
}
