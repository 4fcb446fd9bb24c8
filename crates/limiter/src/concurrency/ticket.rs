//! A place in the line that comes back however it is lost.

use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Instant;

use super::gate::Gate;
use super::line::Place;
use super::pass::Pass;
use crate::Rejected;

/// Asks for a place, waits for it, and gives it back when dropped before it was fetched.
#[derive(Debug)]
pub(crate) struct Ticket {
    /// Handed on to the pass; `None` when it is over.
    gate: Option<Arc<Gate>>,
    /// The place among those who wait.
    queued: Option<u64>,
}

impl Ticket {
    #[inline]
    pub(crate) const fn new(gate: Arc<Gate>) -> Self {
        Self {
            gate: Some(gate),
            queued: None,
        }
    }

    /// Fetches the place, or waits for it; `bounded` respects the bound of the queue.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        bounded: bool,
    ) -> Poll<Result<Pass, Rejected>> {
        // Polled after its end, which a future may answer as it likes.
        let Some(gate) = &self.gate else {
            return Poll::Pending;
        };
        match self.queued {
            None => match gate.enter_or_queue(cx.waker(), bounded) {
                Ok(None) => self.fetch(Ok(())),
                Ok(Some(number)) => {
                    self.queued = Some(number);
                    Poll::Pending
                }
                Err(rejected) => self.fetch(Err(rejected)),
            },
            Some(number) => match gate.ask(number, cx.waker()) {
                Place::In => self.fetch(Ok(())),
                Place::Waiting => Poll::Pending,
            },
        }
    }

    /// The time is over: a place that was granted in the last moment is taken nevertheless.
    pub(crate) fn give_up(&mut self) -> Poll<Result<Pass, Rejected>> {
        match (&self.gate, self.queued) {
            (Some(gate), Some(number)) => {
                let given_up = gate.give_up(number);
                self.fetch(given_up)
            }
            _ => Poll::Pending,
        }
    }

    /// Until when it may wait from now on.
    pub(crate) fn patience(&self, deadline: Option<Instant>) -> Option<Instant> {
        self.gate.as_ref().and_then(|gate| gate.patience(deadline))
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.gate.is_none()
    }

    #[inline]
    fn fetch(&mut self, granted: Result<(), Rejected>) -> Poll<Result<Pass, Rejected>> {
        self.queued = None;
        self.gate.take().map_or(Poll::Pending, |gate| {
            Poll::Ready(granted.map(|()| Pass::new(gate)))
        })
    }
}

impl Drop for Ticket {
    #[inline]
    fn drop(&mut self) {
        if let (Some(gate), Some(number)) = (&self.gate, self.queued) {
            gate.leave(number);
        }
    }
}
