//! A place in the line that comes back however it is lost.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::acquire::Slot;
use super::gate::Gate;
use super::line::Place;
use crate::Rejected;

/// Asks for a place, waits for it, and gives it back when dropped before it was fetched.
#[derive(Debug)]
pub(crate) struct Ticket {
    gate: Arc<Gate>,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    New,
    Queued(u64),
    Done,
}

impl Ticket {
    pub(crate) const fn new(gate: Arc<Gate>) -> Self {
        Self {
            gate,
            step: Step::New,
        }
    }

    /// Fetches the place, or waits for it; `bounded` respects the bound of the queue.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        bounded: bool,
    ) -> Poll<Result<Slot, Rejected>> {
        match self.step {
            Step::New => match self.gate.enter_or_queue(cx.waker(), bounded) {
                Ok(None) => Poll::Ready(Ok(self.fetch())),
                Ok(Some(number)) => {
                    self.step = Step::Queued(number);
                    Poll::Pending
                }
                Err(rejected) => {
                    self.step = Step::Done;
                    Poll::Ready(Err(rejected))
                }
            },
            Step::Queued(number) => match self.gate.ask(number, cx.waker()) {
                Place::In => Poll::Ready(Ok(self.fetch())),
                Place::Waiting => Poll::Pending,
            },
            // Polled after its end, which a future may answer as it likes.
            Step::Done => Poll::Pending,
        }
    }

    /// The time is over: a place that was granted in the last moment is taken nevertheless.
    pub(crate) fn give_up(&mut self) -> Result<Slot, Rejected> {
        if let Step::Queued(number) = self.step {
            let given_up = self.gate.give_up(number);
            self.step = Step::Done;
            given_up?;
        }
        Ok(self.fetch())
    }

    /// Until when it may wait from now on.
    pub(crate) fn patience(&self, deadline: Option<Instant>) -> Option<Instant> {
        self.gate.patience(deadline)
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    fn fetch(&mut self) -> Slot {
        self.step = Step::Done;
        Slot::new(Arc::clone(&self.gate))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Step::Queued(number) = self.step {
            self.gate.leave(number);
        }
    }
}
