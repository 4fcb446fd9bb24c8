//! Who comes to wait, fetches an answer, or leaves.

use std::task::Waker;
use std::time::Duration;

use super::{Answer, Ask, Poll, State};
use crate::forecast::Placement;
use crate::log::Nanos;
use crate::queue::{Kept, Waiter};
use crate::{Class, Rejected};

impl State {
    /// Lets a newcomer wait for its `placement`.
    ///
    /// # Errors
    ///
    /// When that is too late for it, or the queue is full of calls as important as this one.
    pub(crate) fn enqueue(
        &mut self,
        now: Nanos,
        ask: Ask,
        placement: Placement,
        waker: Waker,
    ) -> Result<u64, Rejected> {
        let patience = self.max_wait.map(|wait| now.saturating_add(wait));
        let deadline = [ask.deadline, patience].into_iter().flatten().min();
        let wait_for = placement.at.saturating_sub(now);
        let doubt = self
            .doubt
            .and_then(|share| wait_for.checked_div(u64::from(share)));
        let latest = placement.at.saturating_add(doubt.unwrap_or(0));
        if let Some(end) = deadline.filter(|end| latest > *end || *end < now) {
            return Err(self.refuse(now, end, placement, ask.class.get()));
        }
        let class = ask.class.get();
        if self.queue.calls() >= self.max_queue && !self.displace(now, class) {
            let queued = self.queue.calls();
            let rejected = Rejected::Full {
                queued,
                retry_in: placement.wait(now),
            };
            self.refuse_always(class, &rejected);
            self.turn(now);
            return Err(rejected);
        }
        self.counts.asked += 1;
        let waiter = Waiter {
            cost: ask.cost,
            class: ask.class,
            deadline,
            slot: ask.slot,
            since: now,
            window: placement.window.filter(|_| !placement.busy),
            born: class,
            filed: class,
            waker: Some(waker),
            kept: Kept::No,
        };
        let seq = self.take_place(now, waiter);
        self.turn(now);
        Ok(seq)
    }

    /// Makes a less important waiter give its place up.
    fn displace(&mut self, now: Nanos, class: Class) -> bool {
        let queued = self.queue.calls();
        let Some(seq) = self.queue.last_below(class) else {
            return false;
        };
        let Some(waiter) = self.queue.remove(seq) else {
            return false;
        };
        let placement = self.placement(now, &waiter.cost, waiter.filed, waiter.slot);
        self.answer_no(
            seq,
            waiter,
            Rejected::Full {
                queued,
                retry_in: placement.wait(now),
            },
        );
        true
    }

    /// Fetches a waiter's answer, or leaves `waker` to be woken by it. Returns the waker that it
    /// replaced, to be dropped when the lock is free.
    pub(crate) fn poll(&mut self, seq: u64, waker: &Waker) -> (Poll, Option<Waker>) {
        match self.answers.remove(&seq) {
            Some(Answer::Granted { waiter, grant, at }) => {
                let wait = Duration::from_nanos(at.saturating_sub(waiter.since));
                self.class(grant.class).waits.record(wait);
                if let Some(window) = waiter.window {
                    self.windows.record_wait(window, wait);
                }
                (Poll::Granted(waiter.cost, grant), waiter.waker)
            }
            Some(Answer::Refused(rejected)) => (Poll::Refused(rejected), None),
            None => {
                let slot = self.queue.get_mut(seq).map(|waiter| &mut waiter.waker);
                let before = match slot {
                    Some(Some(known)) if known.will_wake(waker) => None,
                    Some(slot) => slot.replace(waker.clone()),
                    None => None,
                };
                (Poll::Waiting, before)
            }
        }
    }

    /// A waiter is gone before it fetched its answer. Returned to be dropped when the lock is free.
    pub(crate) fn abandon(&mut self, now: Nanos, seq: u64) -> Option<Waiter> {
        let waiter = match self.answers.remove(&seq) {
            Some(Answer::Granted { waiter, grant, .. }) => {
                self.give_back(now, &waiter.cost, grant);
                return Some(waiter);
            }
            Some(Answer::Refused(_)) => return None,
            None => self.queue.remove(seq)?,
        };
        self.counts.abandoned += 1;
        self.turn(now);
        Some(waiter)
    }
}
