//! A turn of the queue: who is served now, who has waited too long, and when to look again.

use std::time::Duration;

use smallvec::SmallVec;

use super::{Answer, LOOK_AGAIN, State};
use crate::forecast::Placement;
use crate::listener::Event;
use crate::log::Nanos;
use crate::queue::Kept;

/// What is to be done now.
#[derive(Debug, Default)]
struct Plan {
    grants: SmallVec<[u64; 16]>,
    late: Vec<(u64, Placement, Nanos)>,
    due: Option<Nanos>,
}

impl State {
    /// Reads the classes again, grants what is due, refuses what is overdue, and notes in
    /// [`due`](Self::due) when to be called next.
    pub(crate) fn turn(&mut self, now: Nanos) {
        self.tick(now);
        if self.queue.is_empty() {
            self.due = None;
            return;
        }
        loop {
            let ageing = self.queue.refile(now, self.ageing);
            let plan = self.plan(now);
            for (seq, placement, deadline) in plan.late {
                if let Some(waiter) = self.queue.remove(seq) {
                    let rejected = self.too_late(now, deadline, placement);
                    self.answer_no(seq, waiter, rejected);
                }
            }
            let mut granted = false;
            let mut missed = false;
            for seq in plan.grants {
                if self.grant(now, seq) {
                    granted = true;
                } else {
                    missed = true;
                }
            }
            if missed && granted {
                continue;
            }
            let again = missed.then(|| now.saturating_add(LOOK_AGAIN));
            // A deadline has passed only after its last instant.
            let deadline = self
                .queue
                .first_deadline()
                .map(|deadline| deadline.saturating_add(1));
            let changes = if self.queue.is_empty() {
                [None; 2]
            } else {
                [ageing, self.recovering.next()]
            };
            self.due = [plan.due, again, deadline]
                .into_iter()
                .chain(changes)
                .flatten()
                .min();
            return;
        }
    }

    fn plan(&self, now: Nanos) -> Plan {
        let mut plan = Plan::default();
        let overdue = self
            .queue
            .first_deadline()
            .is_some_and(|deadline| deadline < now);
        let mut forecast = self.forecast(now);
        let mut passed: SmallVec<[usize; 4]> = SmallVec::from_elem(0, self.windows.len());
        let mut slotted = 0;
        let mut remaining = self.queue.len();
        for (seq, waiter) in self.queue.in_order() {
            remaining -= 1;
            slotted += usize::from(waiter.slot);
            for charge in &waiter.cost {
                if let Some(count) = passed.get_mut(charge.window) {
                    *count += 1;
                }
            }
            if let Some(deadline) = waiter.deadline.filter(|deadline| *deadline < now) {
                let placement = forecast.peek(&waiter.cost, waiter.filed, waiter.slot);
                plan.late.push((seq, placement, deadline));
                continue;
            }
            let placement = forecast.place(&waiter.cost, waiter.filed, waiter.slot);
            if placement.is_due(now) {
                // A place that is kept stays free for who is yet to come.
                if waiter.kept == Kept::No {
                    plan.grants.push(seq);
                }
                continue;
            }
            let due = placement.due();
            plan.due = Some(plan.due.map_or(due, |earliest| earliest.min(due)));
            // Everyone else waits at least as long, if all stand behind this one for its window or for a slot.
            let last = match placement.window {
                _ if placement.busy && self.recovering.is_probing() => true,
                _ if placement.busy => self.queue.slotted() - slotted == remaining,
                Some(window)
                    if self
                        .windows
                        .window(window)
                        .is_some_and(|window| !window.keyed) =>
                {
                    self.queue
                        .touching(window)
                        .checked_sub(passed.get(window).copied().unwrap_or(0))
                        == Some(remaining)
                }
                Some(_) => false,
                None => true,
            };
            if last && !overdue {
                break;
            }
        }
        plan
    }

    fn grant(&mut self, now: Nanos, seq: u64) -> bool {
        let Some(mut waiter) = self.queue.remove(seq) else {
            return false;
        };
        let held = self.hold(now, &waiter.cost, waiter.born, waiter.filed, waiter.slot);
        let Some(grant) = held else {
            self.queue.insert(seq, waiter);
            return false;
        };
        self.counts.granted += 1;
        self.class(grant.class).granted += 1;
        self.wakes.extend(waiter.waker.take());
        if self.events.is_some() {
            let window = waiter.window.and_then(|window| self.windows.window(window));
            let window = window.map(|window| window.name.clone());
            self.tell(|| Event::Waited {
                class: grant.class,
                wait: Duration::from_nanos(now.saturating_sub(waiter.since)),
                window,
            });
        }
        let at = now;
        self.answers
            .insert(seq, Answer::Granted { waiter, grant, at });
        true
    }
}
