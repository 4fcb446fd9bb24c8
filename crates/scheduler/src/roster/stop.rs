//! How a scheduler stops: drain, then tell, then abort, and count each.

use std::sync::Arc;
use std::time::Duration;

use super::Roster;
use crate::event::Event;
use crate::ledger::SkipReason;
use crate::moment::{Nanos, SECOND, length};
use crate::record::Outcome;
use crate::report::ShutdownReport;

/// How long an aborted run may take to be dropped. Abortion works at the next await point; a
/// handler that reaches none must not keep the shutdown from ending.
const ABORT_WAIT: Nanos = SECOND;

/// How far the stop has come.
#[derive(Debug)]
pub(super) enum Stage {
    Open,
    Stopping {
        step: Step,
        until: Nanos,
        report: ShutdownReport,
    },
    Stopped(ShutdownReport),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Drain,
    Cancel,
    Abort,
}

/// What the driver has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing before this moment or the next call.
    Wait(Option<Nanos>),
    /// Tell the runs to end.
    Cancel,
    /// Abort the runs.
    Abort,
    /// End.
    Stop(ShutdownReport),
}

impl<H: super::Handle> Roster<H> {
    /// Stops releasing. A second call can only bring the end of the draining nearer.
    pub(crate) fn shutdown(&mut self, now: Nanos, grace: Duration) {
        let end = now.checked_add(length(grace));
        match &mut self.stage {
            Stage::Open => {
                self.advance(now);
                self.by_mono.clear();
                self.by_wall.clear();
                self.alarms.clear();
                // Past the end of time means as long as it takes; a month is as good.
                let until = end.unwrap_or(now + 30 * 86_400 * SECOND);
                // Before anything is dropped: what ends from here on, the stop ends.
                self.stage = Stage::Stopping {
                    step: Step::Drain,
                    until,
                    report: ShutdownReport::default(),
                };
                self.drop_waiting();
                self.tell(|| Event::ShuttingDown);
            }
            Stage::Stopping {
                step: Step::Drain,
                until,
                ..
            } => *until = end.map_or(*until, |end| end.min(*until)),
            Stage::Stopping { .. } | Stage::Stopped(_) => {}
        }
    }

    fn drop_waiting(&mut self) {
        for slot in 0..u32::try_from(self.slots.len()).unwrap_or(u32::MAX) {
            let Some(job) = self.entry_mut(slot) else {
                continue;
            };
            job.next = None;
            self.skip_all(slot, SkipReason::Shutdown);
        }
    }

    /// Counts occurrences that the stop keeps from being started.
    pub(super) fn count_unstarted(&mut self, slot: u32, count: u64) {
        let Some(job) = self.entry(slot).map(|job| Arc::clone(&job.spec.name)) else {
            return;
        };
        if let Stage::Stopping { report, .. } = &mut self.stage {
            report.never_started += count;
            let names = usize::try_from(count).unwrap_or(usize::MAX);
            let names = std::iter::repeat_n(job, names);
            report.never_started_jobs.extend(names);
        }
    }

    /// Counts the end of an occurrence, if it ended during the stop; perhaps it would have been tried
    /// again.
    pub(super) fn count_end(&mut self, outcome: &Outcome, slot: u32, cut_off: bool) {
        let Some(job) = self.entry(slot).map(|job| Arc::clone(&job.spec.name)) else {
            return;
        };
        let Stage::Stopping { step, report, .. } = &mut self.stage else {
            return;
        };
        if cut_off {
            report.cut_off += 1;
            report.cut_off_jobs.push(job);
            return;
        }
        match step {
            Step::Drain => report.completed += 1,
            Step::Abort if *outcome == Outcome::Cancelled => {
                report.aborted += 1;
                report.aborted_jobs.push(job);
            }
            Step::Cancel | Step::Abort => report.cancelled += 1,
        }
    }

    /// Goes on with the stop as far as the time is ripe, and says what there is to do. To be
    /// asked again at once unless it says to wait.
    pub(crate) fn proceed(&mut self, now: Nanos) -> Effect {
        let idle = self.running == 0;
        let next = self.next_wake(now);
        let cancel_until = now + length(self.limits.cancel_grace.min(Duration::from_secs(86_400)));
        let Stage::Stopping {
            step,
            until,
            report,
        } = &mut self.stage
        else {
            return match &self.stage {
                Stage::Stopped(report) => Effect::Stop(report.clone()),
                _ => Effect::Wait(next),
            };
        };
        if idle || (*step == Step::Abort && now >= *until) {
            let mut report = std::mem::take(report);
            self.add_stuck(&mut report);
            self.tell(|| Event::Stopped(report.clone()));
            self.stage = Stage::Stopped(report.clone());
            return Effect::Stop(report);
        }
        if now < *until {
            return Effect::Wait(Some(*until));
        }
        if *step == Step::Drain {
            (*step, *until) = (Step::Cancel, cancel_until);
            return Effect::Cancel;
        }
        (*step, *until) = (Step::Abort, now + ABORT_WAIT);
        Effect::Abort
    }

    /// Runs that were aborted and have not been dropped yet.
    fn add_stuck(&self, report: &mut ShutdownReport) {
        for job in self
            .slots
            .iter()
            .filter_map(|slot| slot.job.as_ref())
            .flat_map(|job| std::iter::repeat_n(job, job.runs.len()))
        {
            report.aborted += 1;
            report.aborted_jobs.push(Arc::clone(&job.spec.name));
        }
    }

    /// What is known of the stop so far.
    pub(crate) fn report(&self) -> ShutdownReport {
        match &self.stage {
            Stage::Open => ShutdownReport::default(),
            Stage::Stopping { report, .. } | Stage::Stopped(report) => report.clone(),
        }
    }

    /// Whether jobs still come due.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Open)
    }

    /// Whether runs end because they were told to.
    pub(crate) fn is_cancelling(&self) -> bool {
        matches!(
            self.stage,
            Stage::Stopping {
                step: Step::Cancel | Step::Abort,
                ..
            } | Stage::Stopped(_)
        )
    }
}
