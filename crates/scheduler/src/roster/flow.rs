//! The way of an occurrence: due, waiting, running, ended.

use std::sync::Arc;

use tokio::time::Instant;

use super::stop::Stage;
use super::{PRIORITY_STEP, Roster, Running, Ticket, Waiting};
use crate::event::Event;
use crate::job::JobId;
use crate::ledger::SkipReason;
use crate::record::{Outcome, Record};

/// A run to be started.
#[derive(Debug)]
pub(crate) struct Start<H> {
    pub(crate) ticket: Ticket,
    pub(crate) handler: H,
    pub(crate) job: Arc<str>,
    pub(crate) nominal: Instant,
    pub(crate) missed: u64,
    pub(crate) deadline: Option<Instant>,
}

impl<H: Clone> Roster<H> {
    /// Counts everything that came due up to `now`. One step a job, however late `now` is.
    pub(crate) fn advance(&mut self, now: Instant) {
        while let Some(&(release, order, slot)) = self.timers.first() {
            if release > now {
                return;
            }
            self.timers.remove(&(release, order, slot));
            let Some(job) = self.entry_mut(slot) else {
                continue;
            };
            let due = job.spec.trigger.due(release, now);
            job.next = due.next;
            if let Some(next) = due.next {
                self.timers.insert((next, order, slot));
            }
            self.occur(slot, release, due.latest, due.count);
        }
    }

    /// When something comes due next.
    pub(super) fn next_release(&self) -> Option<Instant> {
        self.timers.first().map(|(release, ..)| *release)
    }

    /// Takes in `count` occurrences of a job, the oldest and the latest of which are given: the
    /// latest waits, the others and one that already waits are superseded.
    pub(super) fn occur(&mut self, slot: u32, oldest: Instant, latest: Instant, count: u64) {
        self.book(slot, |ledger| ledger.due += count);
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let name = Arc::clone(&job.spec.name);
        if job.paused {
            job.missed += count;
            self.book(slot, |ledger| ledger.skip(SkipReason::Paused, count));
            self.outbox.push(Event::Skipped {
                job: name,
                nominal: latest,
                count,
                reason: SkipReason::Paused,
            });
            return;
        }
        let (superseded, fresh) = match &mut job.waiting {
            Some(waiting) => {
                waiting.nominal = latest;
                (count, false)
            }
            None => {
                job.waiting = Some(Waiting {
                    nominal: latest,
                    place: None,
                });
                (count - 1, true)
            }
        };
        job.missed += superseded;
        let blocked = job.running.is_some();
        self.book(slot, |ledger| {
            ledger.superseded += superseded;
            ledger.pending += u64::from(fresh);
        });
        if superseded > 0 {
            self.outbox.push(Event::Superseded {
                job: name,
                by: latest,
                count: superseded,
            });
        }
        if fresh && !blocked {
            self.line_up(slot, oldest);
        }
    }

    /// Lets the waiting occurrence of a job compete for a start, with the age it has since `since`.
    fn line_up(&mut self, slot: u32, since: Instant) {
        let arrival = self.arrive();
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let steps = u32::from(job.spec.priority.saturating_sub(1));
        let Some(waiting) = &mut job.waiting else {
            return;
        };
        let key = since.checked_add(PRIORITY_STEP * steps).unwrap_or(since);
        waiting.place = Some((key, arrival));
        self.ready.insert((key, arrival, slot));
    }

    pub(super) fn arrive(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// The next run to be started, if there is one and room for it.
    pub(crate) fn dispatch(&mut self, now: Instant) -> Option<Start<H>> {
        if !matches!(self.stage, Stage::Open) {
            return None;
        }
        while self.running < self.limits.max_in_flight {
            let (_, _, slot) = *self.ready.first()?;
            let (nominal, deadline) = {
                let job = self.entry(slot)?;
                let nominal = job.waiting?.nominal;
                (
                    nominal,
                    job.spec
                        .deadline
                        .and_then(|deadline| nominal.checked_add(deadline)),
                )
            };
            if deadline.is_some_and(|deadline| deadline <= now) {
                self.skip_waiting(slot, SkipReason::TooLate);
                continue;
            }
            return self.start(slot, nominal, deadline, now);
        }
        None
    }

    fn start(
        &mut self,
        slot: u32,
        nominal: Instant,
        deadline: Option<Instant>,
        now: Instant,
    ) -> Option<Start<H>> {
        self.take_waiting(slot);
        self.running += 1;
        self.book(slot, |ledger| {
            ledger.pending -= 1;
            ledger.ran += 1;
            ledger.running += 1;
        });
        let generation = self.slots.get(slot as usize)?.generation;
        let job = self.entry_mut(slot)?;
        job.running = Some(Running {
            nominal,
            start: now,
        });
        let start = Start {
            ticket: Ticket(JobId { slot, generation }),
            handler: job.handler.clone(),
            job: Arc::clone(&job.spec.name),
            nominal,
            missed: std::mem::take(&mut job.missed),
            deadline,
        };
        self.outbox.push(Event::Started {
            job: Arc::clone(&start.job),
            nominal,
            missed: start.missed,
        });
        Some(start)
    }

    /// Takes in how a run ended. A ticket counts once.
    ///
    /// Returns the handler of a removed job whose last run this was, to be dropped where no lock
    /// is held.
    pub(crate) fn finish(&mut self, ticket: Ticket, outcome: Outcome, now: Instant) -> Option<H> {
        let Ticket(JobId { slot, generation }) = ticket;
        if self.slots.get(slot as usize)?.generation != generation {
            return None;
        }
        let job = self.entry_mut(slot)?;
        let running = job.running.take()?;
        let (name, removed) = (Arc::clone(&job.spec.name), job.removed);
        let waits = job.waiting.is_some();
        self.running = self.running.saturating_sub(1);
        self.book(slot, |ledger| {
            ledger.running -= 1;
            ledger.outcomes.count(&outcome);
        });
        self.count_end(&outcome, &name);
        let record = Record {
            job: name,
            nominal: running.nominal,
            release: running.nominal,
            start: running.start,
            end: now,
            outcome,
        };
        self.outbox.push(Event::Ended(record.clone()));
        self.history.push(record);
        if removed {
            return self.vacate(slot);
        }
        if waits {
            // The time behind its own run is no wait for a turn: it ages from here.
            self.line_up(slot, now);
        }
        None
    }

    /// Books a waiting occurrence as skipped.
    pub(super) fn skip_waiting(&mut self, slot: u32, reason: SkipReason) {
        let Some(waiting) = self.take_waiting(slot) else {
            return;
        };
        self.book(slot, |ledger| {
            ledger.pending -= 1;
            ledger.skip(reason, 1);
        });
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        job.missed += 1;
        let job = Arc::clone(&job.spec.name);
        self.outbox.push(Event::Skipped {
            job,
            nominal: waiting.nominal,
            count: 1,
            reason,
        });
    }

    fn take_waiting(&mut self, slot: u32) -> Option<Waiting> {
        let waiting = self.entry_mut(slot)?.waiting.take()?;
        if let Some((key, arrival)) = waiting.place {
            self.ready.remove(&(key, arrival, slot));
        }
        Some(waiting)
    }
}
