//! A run ends: tried again, or concluded with all that follows from it.

use std::sync::Arc;

use super::queue::Place;
use super::sources::LONGEST_WAIT;
use super::{Alarm, NOBODY, Occurrence, Roster, Running, Ticket};
use crate::event::Event;
use crate::job::JobId;
use crate::ledger::SkipReason;
use crate::moment::{Nanos, SECOND, duration, length, system};
use crate::policy::Mark;
use crate::record::{Outcome, Times};
use crate::run::{Class, RunError};

/// How a try ended, as its task saw it.
#[derive(Debug)]
pub(crate) enum End {
    Ok,
    Failed(RunError),
    Panicked,
    TimedOut,
    Cancelled,
}

/// Who is to blame for a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The job, which may do better next time.
    Job,
    /// The job, which will not.
    Hopeless,
    /// Somebody else.
    Other,
    /// The stop, which leaves no time for another try.
    Stop,
}

/// Waits for data that is not ready.
const NOT_READY: [Nanos; 3] = [250_000_000, 500_000_000, 1_000_000_000];

impl<H: super::Handle> Roster<H> {
    /// Takes in how a run ended. A ticket counts once.
    ///
    /// Returns the handler of a removed job whose last run this was, to be dropped where no lock
    /// is held.
    pub(crate) fn finish(&mut self, ticket: Ticket, end: End, now: Nanos) -> Option<H> {
        self.now = self.now.max(now);
        let slot = ticket.job.slot;
        let run = self.take_run(ticket)?;
        let nominal = run.occurrence.nominal;
        let settle = self.entry(slot)?.spec.trigger.settle_at(nominal);
        let in_time =
            settle.is_some_and(|settle| self.asked_in_time(slot, settle, &run.occurrence));
        let excused = matches!(&end, End::Failed(error) if error.excused);
        let end = match end {
            End::Failed(error) if error.late => End::TimedOut,
            end => end,
        };
        let (class, retry_after) = match &end {
            End::Failed(error) => {
                let wait = error.retry_after.map(|wait| wait.min(LONGEST_WAIT));
                (Some(error.class), wait)
            }
            End::Panicked | End::TimedOut => (Some(Class::Transient), None),
            End::Ok | End::Cancelled => (None, None),
        };
        if let Some(state) = self.sources.get_mut(run.source) {
            let failed = matches!(class, Some(Class::Transient | Class::Permanent));
            if !matches!(end, End::Cancelled) {
                state.learn(now.saturating_sub(run.start), failed);
            }
            // The first answer to an occurrence says whether its data had settled.
            if let Some(settle) = settle
                && run.occurrence.deferred == 0
                && run.occurrence.attempts == 1
                && matches!((&end, class), (End::Ok, _) | (_, Some(Class::NotReady)))
            {
                state.learn_settle(settle, matches!(end, End::Ok), in_time);
            }
        }
        if let Some(job) = self.entry_mut(slot) {
            job.timed_out_last = matches!(end, End::TimedOut) && !job.timed_out_last;
        }
        let mut occurrence = run.occurrence;
        occurrence.last_end = now;
        occurrence.not_ready = class == Some(Class::NotReady);
        occurrence.last = Some(match end {
            End::Ok => Outcome::Ok,
            End::Failed(error) => match error.class {
                Class::NotReady | Class::SourceAway => Outcome::Deferred,
                Class::Transient | Class::Permanent => Outcome::Failed(Arc::clone(error.text())),
            },
            End::Panicked => Outcome::Panicked,
            End::TimedOut => Outcome::TimedOut,
            End::Cancelled => Outcome::Cancelled,
        });
        let wait = match class {
            Some(Class::Transient) => self.retry_wait(slot, &occurrence),
            Some(Class::NotReady) => {
                let last = NOT_READY.len() - 1;
                let nth = usize::try_from(occurrence.deferred).unwrap_or(last);
                NOT_READY.get(nth.min(last)).copied()
            }
            Some(Class::SourceAway) => {
                let wait = retry_after.map_or(SECOND, length).max(1_000_000);
                self.park(run.source, now.saturating_add(wait), now);
                Some(0)
            }
            Some(Class::Permanent) | None => None,
        };
        let wait = wait.map(|wait| wait.max(retry_after.map_or(0, length)));
        let again = wait.filter(|wait| self.may_try_again(slot, now.saturating_add(*wait)));
        match (again, class) {
            (Some(wait), Some(class)) if self.is_open() => {
                if class == Class::Transient {
                    occurrence.failed += 1;
                } else {
                    occurrence.deferred += 1;
                }
                self.put_off(slot, occurrence, class, wait, now);
            }
            (again, class) => {
                self.book(slot, |tally| {
                    tally.running = tally.running.saturating_sub(1);
                    // `conclude` counts it as one that had waited for another try.
                    tally.retrying += 1;
                });
                let blame = match class {
                    _ if again.is_some() => Blame::Stop,
                    _ if excused => Blame::Other,
                    Some(Class::Permanent) => Blame::Hopeless,
                    _ => Blame::Job,
                };
                if blame == Blame::Stop {
                    occurrence.last = Some(Outcome::Cancelled);
                }
                self.conclude_at(slot, &occurrence, now, blame);
                self.discard(occurrence);
            }
        }
        if let Some(waiting) = self.entry_mut(slot).and_then(|job| job.waiting.as_mut())
            && waiting.place == Place::Behind
        {
            // The time behind its own run is no wait for a turn: it ages from here.
            waiting.aged = now;
        }
        self.come_forward(slot);
        self.vacate_if_done(slot)
    }

    /// Takes a run from the books, with its place among the runs.
    pub(super) fn take_run(&mut self, ticket: Ticket) -> Option<Running> {
        let Ticket {
            job: JobId { slot, generation },
            number,
        } = ticket;
        if self.slots.get(slot as usize)?.generation != generation {
            return None;
        }
        let job = self.entry_mut(slot)?;
        let index = job.runs.iter().position(|run| run.number == number)?;
        let run = job.runs.remove(index);
        let group = job.spec.exclusive.clone();
        self.running = self.running.saturating_sub(1);
        if let Some(alarm) = run.alarm {
            self.alarms.remove(&alarm);
        }
        if let Some(state) = self.sources.get_mut(run.source) {
            state.in_flight = state.in_flight.saturating_sub(1);
            state.under_way = state.under_way.saturating_sub(u64::from(run.cost));
            if run.trial {
                state.trial = false;
            }
        }
        // A place of the source is free, and of the whole: of those that only urgent runs may take
        // there may be more now.
        self.sources.activate(run.source);
        self.sources.forget_if_idle(run.source);
        if self.limits.reserve > 0 {
            self.sources.activate_all();
        }
        let also = match self.held.is_empty() {
            true => None,
            false => self.held.remove(&ticket),
        };
        for group in group.iter().chain(also.iter().flatten()) {
            self.free_exclusive(group);
        }
        Some(run)
    }

    fn retry_wait(&mut self, slot: u32, occurrence: &Occurrence) -> Option<Nanos> {
        let retry = self.entry(slot)?.spec.retry;
        if occurrence.failed >= retry.most {
            return None;
        }
        Some(length(retry.wait(occurrence.failed, self.rng.f64())))
    }

    /// Whether an occurrence may have another try at this moment: not when anything newer of the
    /// job waits or comes by then, or would if nothing stopped.
    fn may_try_again(&self, slot: u32, at: Nanos) -> bool {
        let Some(job) = self.entry(slot) else {
            return false;
        };
        let free = job.waiting.is_none() && job.backlog.is_empty();
        let stays = !job.removed && !job.paused && !job.disabled;
        let next = if self.is_open() || job.spec.trigger.rests() {
            job.next
        } else {
            job.watermark
                .and_then(|seen| job.timetable.next_after(seen))
        };
        let next = next.map(|next| self.mono_of(job, next.saturating_add(self.delay(slot))));
        free && stays && next.is_none_or(|next| at < next)
    }

    fn put_off(
        &mut self,
        slot: u32,
        mut occurrence: Box<Occurrence>,
        class: Class,
        wait: Nanos,
        now: Nanos,
    ) {
        self.book(slot, |tally| {
            tally.running = tally.running.saturating_sub(1);
            tally.retrying += 1;
        });
        let (nominal, outcome) = (occurrence.nominal, occurrence.last.clone());
        let away = class == Class::SourceAway;
        if !away {
            let alarm = self.set_alarm(now.saturating_add(wait), Alarm::Retry(slot));
            occurrence.place = Place::Alarm(alarm);
        } else {
            occurrence.place = Place::Behind;
        }
        if let Some(job) = self.entry_mut(slot) {
            job.waiting = Some(occurrence);
        }
        self.mind_use(slot);
        self.tell_of(slot, |job| Event::Retrying {
            job,
            nominal: system(nominal),
            outcome: outcome.unwrap_or(Outcome::Deferred),
            wait: duration(wait),
        });
        if away {
            // It keeps its age and waits with the others of the parked source.
            self.enqueue(slot);
        }
    }

    /// The occurrence that waits for another try gets none.
    pub(super) fn give_up(&mut self, slot: u32) {
        self.withdraw(slot);
        self.forget_use(slot);
        if let Some(waiting) = self.entry_mut(slot).and_then(|job| job.waiting.take()) {
            self.drop_turn(slot);
            self.conclude(slot, &waiting);
        }
    }

    /// Ends an occurrence that the stop keeps from another try. No failure, whatever the last one was.
    pub(super) fn cut_off(&mut self, slot: u32, occurrence: &mut Occurrence) {
        occurrence.last = Some(Outcome::Cancelled);
        self.conclude_at(slot, occurrence, occurrence.last_end, Blame::Stop);
    }

    /// Ends an occurrence that has run, without a time of its own: the end of its last try counts.
    pub(super) fn conclude(&mut self, slot: u32, occurrence: &Occurrence) {
        self.conclude_at(slot, occurrence, occurrence.last_end, Blame::Job);
    }

    fn conclude_at(&mut self, slot: u32, occurrence: &Occurrence, now: Nanos, blame: Blame) {
        let outcome = occurrence.last.clone().unwrap_or(Outcome::Cancelled);
        self.book(slot, |tally| {
            tally.retrying = tally.retrying.saturating_sub(1);
            tally.outcomes.count(&outcome);
            let not_ready = outcome == Outcome::Deferred && occurrence.not_ready;
            tally.outcomes.not_ready += u64::from(not_ready);
        });
        self.remember(slot, occurrence, &outcome, now);
        let (nominal, stops) = (self.counted(slot, occurrence.nominal), !self.is_open());
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        job.inherited = NOBODY;
        match &outcome {
            Outcome::Ok => {
                job.last_success = job.last_success.max(Some(nominal));
                job.failures = 0;
                job.failed_in_a_row = 0;
                job.not_before = None;
                if std::mem::take(&mut job.quarantined) {
                    self.tell_of(slot, |job| Event::Restored { job });
                }
            }
            Outcome::Failed(_) | Outcome::Panicked | Outcome::TimedOut => {
                job.last_other = job.last_other.max(Some(nominal));
                job.failed_in_a_row = job.failed_in_a_row.saturating_add(1);
                if blame != Blame::Other {
                    job.failures = job.failures.saturating_add(1);
                    let moment = self.moment_of(slot, occurrence);
                    self.hold_back(slot, moment, blame == Blame::Hopeless);
                }
            }
            Outcome::Cancelled | Outcome::Deferred => {
                job.last_other = job.last_other.max(Some(nominal));
                if outcome == Outcome::Cancelled && stops && job.spec.mark == Mark::AfterRun {
                    job.redo.push(occurrence.nominal);
                }
            }
        }
        self.count_end(&outcome, slot, blame == Blame::Stop);
        self.mark(slot);
        self.rest(slot, now);
        self.resolved(slot);
        // During a stop nothing comes due. The next process finds the success in the journal.
        if outcome == Outcome::Ok && self.is_open() {
            self.follow(slot, now);
        }
    }

    fn remember(&mut self, slot: u32, occurrence: &Occurrence, outcome: &Outcome, now: Nanos) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        let shift = self.time.of(job.mono);
        let source = self.sources.name(job.last_source);
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let times = Times {
            nominal: occurrence.nominal,
            release: occurrence.release.saturating_add(shift),
            start: occurrence.first_start.saturating_add(shift),
            end: now.saturating_add(shift),
        };
        let ended = job.recent.push(times, occurrence.attempts, source, outcome);
        self.tell_of(slot, |name| Event::Ended(ended.record(&name)));
        if let Some(id) = self.id(slot) {
            self.history.push(id, ended);
        }
    }

    /// The moment of an occurrence on the clock of its job as it is now. That of an interval is where
    /// its release lies: its nominal may be another since the wall clock was set.
    fn moment_of(&self, slot: u32, occurrence: &Occurrence) -> Nanos {
        match self.entry(slot) {
            Some(job) if job.mono => {
                let release = self.own_time(job, occurrence.release);
                release.saturating_sub(self.delay(slot))
            }
            _ => self.counted(slot, occurrence.nominal),
        }
    }

    /// After a failure: stretches the gap from this moment to the next run, or quarantines the job.
    fn hold_back(&mut self, slot: u32, moment: Nanos, permanent: bool) {
        let Some(job) = self.entry_mut(slot) else {
            return;
        };
        let policy = job.spec.failures;
        let limit = policy.quarantine_after;
        let most = length(policy.backoff);
        let too_many = limit.is_some_and(|limit| permanent || job.failures >= limit);
        if too_many {
            let probe = moment.saturating_add(most.max(SECOND));
            job.not_before = Some(probe);
            let failures = job.failures;
            if !std::mem::replace(&mut job.quarantined, true) {
                self.tell_of(slot, |job| Event::Quarantined {
                    job,
                    failures,
                    probe: system(probe),
                });
            }
            return;
        }
        let period = match (job.spec.trigger.period(), job.next) {
            (Some(period), _) => length(period),
            (None, Some(next)) => next.saturating_sub(moment),
            (None, None) => return,
        };
        if job.failures >= 2 && most > 0 {
            let factor = 1_i64
                .checked_shl(job.failures.min(40) - 1)
                .unwrap_or(i64::MAX);
            let gap = period.saturating_mul(factor).min(most);
            job.not_before = Some(moment.saturating_add(gap));
        }
    }

    /// A period that counts from the end of the last run begins.
    fn rest(&mut self, slot: u32, now: Nanos) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        if !job.spec.trigger.rests() || job.next.is_some() {
            return;
        }
        let own = self.own_time(job, now);
        self.rest_from(slot, own);
    }

    /// Skips what waits of a job, all of it.
    pub(super) fn skip_all(&mut self, slot: u32, reason: SkipReason) {
        self.skip_waiting(slot, reason);
        let backlog = self
            .entry_mut(slot)
            .map(|job| std::mem::take(&mut job.backlog))
            .unwrap_or_default();
        for nominal in backlog {
            self.book(slot, |tally| {
                tally.pending = tally.pending.saturating_sub(1)
            });
            self.skip(slot, nominal, 1, reason);
        }
    }
}
