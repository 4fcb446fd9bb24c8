//! Waiting for a slot, and the slot.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use super::Load;
use super::aimd::Stamp;
use super::gate::Gate;
use super::pass::Pass;
use super::ticket::Ticket;
use crate::Rejected;

pin_project! {
    /// Waits for a [`Slot`], in the order of the first polls.
    ///
    /// # Cancel safety
    ///
    /// Dropped at any time, it gives its place, or the slot that it was granted, to the next.
    ///
    /// # Panics
    ///
    /// Waiting with a longest wait or a deadline needs a tokio runtime with time enabled.
    #[must_use = "a future does nothing unless it is polled"]
    pub struct Acquire {
        ticket: Ticket,
        deadline: Option<Instant>,
        #[pin]
        patience: Option<Sleep>,
    }
}

impl Acquire {
    #[inline]
    pub(crate) const fn new(gate: Arc<Gate>, deadline: Option<Instant>) -> Self {
        Self {
            ticket: Ticket::new(gate),
            deadline,
            patience: None,
        }
    }

    /// In the line, for as long as allowed.
    fn wait(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Slot, Rejected>> {
        let mut this = self.project();
        if this.ticket.is_over() {
            return Poll::Pending;
        }
        if this.patience.is_none() {
            let until = this.ticket.patience(this.deadline.take());
            this.patience.set(until.map(sleep_until));
        }
        match this
            .patience
            .as_mut()
            .as_pin_mut()
            .map(|sleep| sleep.poll(cx))
        {
            Some(Poll::Ready(())) => {
                this.patience.set(None);
                this.ticket.give_up().map_ok(Slot::new)
            }
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }
}

impl Future for Acquire {
    type Output = Result<Slot, Rejected>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.as_mut().project();
        match this.ticket.poll(cx, true) {
            Poll::Ready(answer) => {
                if this.patience.is_some() {
                    this.patience.set(None);
                }
                Poll::Ready(answer.map(Slot::new))
            }
            Poll::Pending => self.wait(cx),
        }
    }
}

impl fmt::Debug for Acquire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acquire")
            .field("ticket", &self.ticket)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// One of those under way. Free again when dropped.
#[must_use = "a slot that is dropped is free for the next"]
pub struct Slot {
    /// `None` never, but for the types.
    gate: Option<Arc<Gate>>,
    stamp: Option<Stamp>,
    /// What is known of the call when the slot is given back; nothing of one that was dropped.
    load: Option<Load>,
}

impl Slot {
    #[inline]
    pub(super) fn new(pass: Pass) -> Self {
        Self {
            gate: pass.take(),
            stamp: None,
            load: None,
        }
    }

    /// The call goes out now: an adaptive limit measures its time from here. Without it, the slot is
    /// only counted.
    #[inline]
    pub fn sent(&mut self) {
        if let Some(gate) = self.gate.as_ref().filter(|gate| gate.adapts()) {
            self.stamp = gate.sent();
        }
    }

    /// The call is over, and `load` is what it says about the server. A slot that is dropped instead
    /// says something only if it was held for longer than is normal.
    #[inline]
    pub fn ended(mut self, load: Load) {
        self.note(load);
    }

    /// What the call says about the server, to be told when the slot is dropped.
    #[inline]
    pub(super) const fn note(&mut self, load: Load) {
        self.load = Some(load);
    }
}

impl Drop for Slot {
    #[inline]
    fn drop(&mut self) {
        if let Some(gate) = self.gate.take() {
            gate.exit(self.stamp.take(), self.load);
        }
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}
