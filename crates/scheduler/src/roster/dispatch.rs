//! What is started next: sources in fair turns, within a source by age.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use std::time::SystemTime;
use tokio::sync::watch;
use tokio::time::Instant;

use super::queue::{Key, Place};
use super::sources::State;
use super::stop::Stage;
use super::{Alarm, Roster, Running, Ticket};
use crate::event::Event;
use crate::job::JobId;
use crate::journal::JobMark;
use crate::ledger::SkipReason;
use crate::moment::{Nanos, length, system};
use crate::policy::Overlap;
use crate::source::{Admission, Ask};

/// How long a source whose gate panicked is left alone.
pub(super) const AFTER_PANIC: Nanos = 1_000_000_000;

/// The shortest time that a source is parked: the grain of the timer.
pub(super) const LEAST_PARK: Nanos = 1_000_000;

/// How long after its timeout a run that has not ended is told of as stuck.
const STUCK_AFTER: Nanos = 1_000_000_000;

/// A run to be started.
#[derive(Debug)]
pub(crate) struct Start<H> {
    pub(crate) ticket: Ticket,
    pub(crate) handler: H,
    pub(crate) job: Arc<str>,
    pub(crate) nominal: SystemTime,
    pub(crate) last_success: Option<SystemTime>,
    pub(crate) missed: u64,
    pub(crate) attempt: u32,
    pub(crate) source: Option<Arc<str>>,
    pub(crate) deadline: Option<Instant>,
    /// By which a newer occurrence may tell it to end, if it may.
    pub(crate) told: Option<watch::Receiver<bool>>,
    /// What the journal must know before it begins.
    pub(crate) mark: Option<JobMark>,
}

/// What a source has to say when it is its turn.
enum Turn {
    /// This can start. Free of charge if it takes the reserve past something older of its source:
    /// what that has saved for its turn must not be spent by others.
    Go { key: Key, free: bool, trial: bool },
    /// Nothing can start here before something changes.
    Nothing,
    /// Something was taken out of the way: ask again.
    Again,
}

impl<H: super::Handle> Roster<H> {
    /// The next run to be started, if there is one and room for it.
    pub(crate) fn dispatch(&mut self, now: Nanos) -> Option<Start<H>> {
        self.now = self.now.max(now);
        if !matches!(self.stage, Stage::Open) || self.door.closed {
            return None;
        }
        let mut passed = 0;
        while self.running < self.limits.max_in_flight {
            let source = self.sources.turn()?;
            match self.turn(source, now) {
                Turn::Again => {}
                Turn::Nothing => {
                    self.sources.pass(false);
                    passed = 0;
                }
                Turn::Go { key, free, trial } => {
                    let cost = u64::from(self.entry(key.slot)?.cost_of(source));
                    if !self.admits(key, cost, now) {
                        return None;
                    }
                    let state = self.sources.get_mut(source)?;
                    if free || state.deficit >= cost {
                        state.deficit -= if free { 0 } else { cost };
                        return self.start(key.slot, source, trial, now);
                    }
                    self.sources.pass(true);
                    passed += 1;
                    if passed >= self.sources.turns() {
                        self.next_rounds();
                        passed = 0;
                    }
                }
            }
        }
        None
    }

    /// Nobody had the credit to start: as many rounds pass at once as it takes.
    fn next_rounds(&mut self) {
        let rounds = self.sources.rounds(|source| {
            let head = self.head(source).map(|(key, _)| key.slot);
            let cost = head
                .and_then(|slot| self.entry(slot))
                .map(|job| job.cost_of(source));
            cost.map_or(1, u64::from)
        });
        self.sources.credit(rounds.max(1));
    }

    /// What a source would start, and whether it passes over something older: of the last places
    /// only urgent runs are taken.
    fn head(&self, source: u32) -> Option<(Key, bool)> {
        let [urgent, others] = &self.sources.get(source)?.lanes;
        let reserved = self.is_reserved();
        match (urgent.first(), others.first()) {
            (Some(one), Some(other)) if other < one => Some(if reserved {
                (*one, true)
            } else {
                (*other, false)
            }),
            (Some(one), _) => Some((*one, false)),
            (None, Some(other)) => (!reserved).then_some((*other, false)),
            (None, None) => None,
        }
    }

    /// Whether only the places are left that are for urgent runs.
    const fn is_reserved(&self) -> bool {
        self.limits.max_in_flight - self.running <= self.limits.reserve
    }

    fn turn(&mut self, source: u32, now: Nanos) -> Turn {
        let parked = |state: &State| state.parked.is_some();
        let head = if self.sources.get(source).is_some_and(parked) {
            let reserved = self.is_reserved();
            self.past_refused(source, reserved).map(|key| (key, true))
        } else {
            self.head(source)
        };
        let Some((key, free)) = head else {
            return Turn::Nothing;
        };
        if key.deadline <= now {
            self.skip_waiting(key.slot, SkipReason::TooLate);
            self.after_skip(key.slot);
            self.come_forward(key.slot);
            return Turn::Again;
        }
        let Some(state) = self.sources.get(source) else {
            return Turn::Nothing;
        };
        let full = state.in_flight >= state.settings.max_in_flight;
        if full || state.trial {
            return Turn::Nothing;
        }
        if self.set_aside(key) {
            return Turn::Again;
        }
        match self.ask(source, key, now) {
            Admission::Open => Turn::Go {
                key,
                free,
                trial: false,
            },
            Admission::Trial
                if self
                    .sources
                    .get(source)
                    .is_some_and(|state| state.in_flight > 0) =>
            {
                Turn::Nothing
            }
            Admission::Trial => Turn::Go {
                key,
                free,
                trial: true,
            },
            Admission::NotBefore(until) => {
                let until = self.time.mono(until).max(now + LEAST_PARK);
                let priority = self.entry(key.slot).map_or(1, |job| job.spec.priority);
                self.refuse(source, priority, until, now);
                Turn::Again
            }
        }
    }

    /// Moves an occurrence aside whose exclusive group is busy.
    fn set_aside(&mut self, key: Key) -> bool {
        let Some(job) = self.entry(key.slot) else {
            return false;
        };
        let Some(group) = job.spec.exclusive.clone() else {
            return false;
        };
        let Some(state) = self.exclusives.get(&group) else {
            return false;
        };
        let other = state.next.filter(|next| *next != key.slot);
        // A turn is not kept for one whose source cannot be asked.
        let other = other.filter(|next| !self.is_parked(*next));
        if state.running == 0 && other.is_none() {
            return false;
        }
        self.withdraw(key.slot);
        if let Some(state) = self.exclusives.get_mut(&group) {
            state.waiting.insert(key);
        }
        if let Some(waiting) = self
            .entry_mut(key.slot)
            .and_then(|job| job.waiting.as_mut())
        {
            waiting.place = Place::Exclusive(key);
        }
        true
    }

    /// Whether the waiting occurrence of a job is with a source that cannot be asked.
    fn is_parked(&self, slot: u32) -> bool {
        let place = self
            .entry(slot)
            .and_then(|job| Some(job.waiting.as_ref()?.place));
        match place {
            Some(Place::Ready { source, .. }) => {
                let state = self.sources.get(source);
                state.is_some_and(|state| state.parked.is_some() || state.trial)
            }
            _ => true,
        }
    }

    fn ask(&self, source: u32, key: Key, now: Nanos) -> Admission {
        let (Some(state), Some(job)) = (self.sources.get(source), self.entry(key.slot)) else {
            return Admission::Open;
        };
        let Some(gate) = &state.settings.gate else {
            return Admission::Open;
        };
        let ask = Ask {
            cost: job.cost_of(source),
            priority: job.spec.priority,
            under_way: state.under_way,
            now: self.time.instant(now),
        };
        let look = AssertUnwindSafe(|| gate.look(&ask));
        let closed = || Admission::NotBefore(self.time.instant(now + AFTER_PANIC));
        catch_unwind(look).unwrap_or_else(|_| closed())
    }

    fn start(&mut self, slot: u32, source: u32, trial: bool, now: Nanos) -> Option<Start<H>> {
        self.withdraw(slot);
        self.forget_use(slot);
        let generation = self.slots.get(slot as usize)?.generation;
        let mut occurrence = self.entry_mut(slot)?.waiting.take()?;
        let again = occurrence.attempts > 0;
        occurrence.attempts = occurrence.attempts.saturating_add(1);
        if !again {
            occurrence.first_start = now;
        }
        self.running += 1;
        self.book(slot, |tally| {
            tally.running += 1;
            if again {
                tally.retrying = tally.retrying.saturating_sub(1);
                tally.retries += 1;
            } else {
                tally.pending = tally.pending.saturating_sub(1);
                tally.ran += 1;
            }
        });
        let job = self.entry(slot)?;
        if let Some(group) = job.spec.exclusive.clone() {
            let state = self.exclusives.entry(group).or_default();
            state.running += 1;
            state.next = None;
        }
        let job = self.entry(slot)?;
        let cost = job.cost_of(source);
        let timeout = match job.spec.escalated {
            Some(longer) if job.timed_out_last => Some(longer),
            _ => job.spec.timeout,
        };
        let ends = timeout.map(|timeout| now.saturating_add(length(timeout)));
        if let Some(state) = self.sources.get_mut(source) {
            state.in_flight += 1;
            state.under_way += u64::from(cost);
            state.trial |= trial;
        }
        let number = self.entry(slot)?.next_run;
        let alarm = ends.map(|ends| {
            self.set_alarm(ends.saturating_add(STUCK_AFTER), Alarm::Stuck(slot, number))
        });
        let deadline = ends.map(|ends| self.time.instant(ends));
        let name = self.sources.name(source);
        let mark = self.mark_before(slot, occurrence.attempts);
        let job = self.entry_mut(slot)?;
        let (cancel, told) = if job.spec.overlap == Overlap::CancelOther {
            let (cancel, told) = watch::channel(false);
            (Some(cancel), Some(told))
        } else {
            (None, None)
        };
        job.next_run += 1;
        job.last_source = source;
        let start = Start {
            ticket: Ticket {
                job: JobId { slot, generation },
                number,
            },
            handler: job.handler.clone(),
            job: Arc::clone(&job.spec.name),
            nominal: system(occurrence.nominal),
            last_success: job.last_success.map(system),
            missed: if again {
                0
            } else {
                std::mem::take(&mut job.missed)
            },
            attempt: occurrence.attempts,
            source: name,
            deadline,
            told,
            mark,
        };
        job.runs.push(Running {
            occurrence,
            number,
            source,
            cost,
            start: now,
            alarm,
            stuck: false,
            trial,
            cancel,
        });
        self.tell(|| Event::Started {
            job: Arc::clone(&start.job),
            nominal: start.nominal,
            missed: start.missed,
            attempt: start.attempt,
        });
        // One that may run beside it waits perhaps.
        self.come_forward(slot);
        Some(start)
    }

    /// A run whose mark could not be written must not begin.
    pub(crate) fn unstart(&mut self, ticket: Ticket, now: Nanos) -> Option<H> {
        self.now = self.now.max(now);
        let slot = ticket.job.slot;
        let run = self.take_run(ticket)?;
        self.book(slot, |tally| {
            tally.running = tally.running.saturating_sub(1);
            tally.ran = tally.ran.saturating_sub(1);
        });
        self.skip(slot, run.occurrence.nominal, 1, SkipReason::Journal);
        self.after_skip(slot);
        self.come_forward(slot);
        self.vacate_if_done(slot)
    }
}
