//! The unit of work: one question to one exchange.

use std::sync::Arc;
use std::time::Duration;

use robust_backoff::Replay;
use robust_limiter::{ClassCell, Cost, Demand};
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
    /// The end of the whole call. The stack lowers it to the source's own longest time.
    pub deadline: Instant,
    /// The latest useful start of the first attempt: when the budget cannot be had by then, the call is refused at once. Equals
    /// `deadline` unless the caller's patience is shorter.
    pub admit_by: Instant,
    /// The name of the call in events and records.
    pub id: RequestId,
    /// The number of the attempt that is running, from 1.
    pub attempt: u32,
    pub(crate) cost: Cost,
    /// The time that the exchange usually takes: a grant later than this before the end would come too late to be of use.
    pub(crate) usual: Duration,
    /// When the whole call began (unless this is a further attempt), and when this attempt was sent: each is one look at the clock for all who want to know.
    pub(crate) began: Option<Instant>,
    pub(crate) dispatched: Option<Instant>,
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
            id,
            attempt: 0,
            cost: Cost::new(),
            usual: Duration::ZERO,
            began: None,
            dispatched: None,
        }
    }

    /// Refuses the call at once when its first attempt cannot start by then.
    #[must_use]
    pub const fn admit_by(mut self, latest: Instant) -> Self {
        self.admit_by = latest;
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
            self.began = None;
        }
    }
}

/// How much earlier than the caller's patience the wait for the budget ends at least: timers tick by the millisecond, and the
/// refusal, which says when to come back, must be there before the caller gives up without a reason.
const SAY_SO: Duration = Duration::from_millis(5);

impl Demand for Call {
    fn cost(&self) -> Cost {
        self.cost.clone()
    }

    fn class(&self) -> ClassCell {
        self.class.clone()
    }

    fn deadline(&self) -> Option<Instant> {
        let end = self.deadline.min(self.admit_by);
        // Half of the time that is left at most: who has less patience than the exchange usually takes may still try while the
        // budget is free. A grant that had to be there by this very instant would always be a little too late.
        let now = self.began.unwrap_or_else(Instant::now);
        let left = end.saturating_duration_since(now);
        end.checked_sub(self.usual.max(SAY_SO).min(left / 2))
    }
}
