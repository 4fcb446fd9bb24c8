//! What the journal is told, and what it knew.

use super::clock::RE_ANCHOR;
use super::{Entry, Roster};
use crate::job::Spec;
use crate::journal::JobMark;
use crate::moment::{Nanos, SECOND, length};
use crate::policy::Mark;
use crate::trigger::Trigger;

/// What a journal says of a job that is added under a name it knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Moments up to this one are done with.
    pub(super) from: Option<Nanos>,
    /// The latest moment that had come due.
    pub(super) watermark: Option<Nanos>,
    /// The latest success of others that it came due by.
    pub(super) followed: Option<Nanos>,
    pub(super) last_success: Option<Nanos>,
    pub(super) anchor: Option<Nanos>,
    pub(super) failures: u32,
    /// No run before this, after failures.
    pub(super) not_before: Option<Nanos>,
    pub(super) quarantined: bool,
    pub(super) paused: bool,
    pub(super) disabled: bool,
    /// Moments to be run again that no timetable holds.
    pub(super) open: Vec<Nanos>,
    /// Whether there was a mark at all.
    pub(super) marked: bool,
    /// Whether the mark is behind: it holds the job back for longer than any failure does, since the
    /// wall clock was set back.
    pub(super) behind: bool,
}

impl<H: super::Handle> Roster<H> {
    /// What is known of a job that is being added at `own`, on its own clock.
    pub(super) fn known(&mut self, spec: &Spec, own: Nanos) -> Known {
        let follows = matches!(spec.trigger, Trigger::OnSuccess(_));
        let mark = if self.restored.is_empty() {
            None
        } else {
            self.restored.remove(&*spec.name)
        };
        let Some(mark) = mark else {
            // What others did before it came does not concern it.
            let slowest = follows.then(|| self.slowest_of(spec)).flatten();
            return Known {
                watermark: slowest,
                followed: slowest,
                ..Known::default()
            };
        };
        // The clock was set far back while nobody looked: planned anew, as when it happens in sight.
        let seen = mark.nominal <= own.saturating_add(RE_ANCHOR);
        // An interval does not wait until the clock shows again what it had shown.
        let period = spec.trigger.period().map_or(0, length);
        let waits = seen && !(spec.follows_mono() && mark.nominal > own.saturating_add(period));
        let began = !mark.fresh || (follows && mark.nominal > Nanos::MIN);
        let followed = mark.followed.or(mark.open.iter().copied().max());
        let followed = followed.unwrap_or(mark.nominal);
        let latest = own.saturating_add(length(spec.failures.backoff).max(SECOND));
        Known {
            from: Some(if waits { mark.nominal } else { own }),
            watermark: (seen && began).then_some(mark.nominal),
            followed: if seen {
                (followed > Nanos::MIN).then_some(followed)
            } else {
                self.slowest_of(spec)
            },
            last_success: mark.last_success.filter(|success| seen || *success <= own),
            anchor: mark.anchor,
            failures: mark.failures,
            not_before: mark.not_before.map(|moment| moment.min(latest)),
            behind: mark.not_before.is_some_and(|moment| moment > latest),
            quarantined: mark.quarantined,
            paused: mark.paused,
            disabled: mark.disabled,
            open: if seen { mark.open } else { Vec::new() },
            marked: true,
        }
    }

    /// The oldest of the last successes of those that a job comes by, if all have had one; of those
    /// that are not here yet, as the journal knows it.
    pub(super) fn slowest_of(&self, spec: &Spec) -> Option<Nanos> {
        let successes = spec.trigger.upstreams().iter().map(|name| {
            let here = self.slot_of(name).and_then(|slot| self.entry(slot));
            match here {
                Some(job) => job.last_success,
                None => self.restored.get(&**name)?.last_success,
            }
        });
        let all: Option<Vec<Nanos>> = successes.collect();
        all?.into_iter().min()
    }

    /// What is known of a job now. Its moment goes as far as everything before is done with: begun,
    /// for a job that must not run twice; ended, for one that must not lose a run.
    fn mark_of(&self, job: &Entry<H>) -> JobMark {
        let waits = |tried: bool| {
            let waiting = job.waiting.iter();
            let waiting = waiting.filter(move |waiting| tried || waiting.attempts == 0);
            waiting.map(|waiting| waiting.nominal)
        };
        let backlog = job.backlog.iter().copied();
        let again = job.redo.iter().copied();
        let mut open: Vec<Nanos> = match job.spec.mark {
            Mark::BeforeRun => waits(false).chain(backlog).chain(again).collect(),
            Mark::AfterRun => {
                let runs = job.runs.iter().map(|run| run.occurrence.nominal);
                waits(true)
                    .chain(backlog)
                    .chain(runs)
                    .chain(again)
                    .collect()
            }
        };
        open.sort_unstable();
        let own = self.own_time(job, self.now);
        let nominal = match (job.watermark, open.first()) {
            (Some(seen), Some(open)) => seen.min(open.saturating_sub(1)),
            (Some(seen), None) => seen,
            (None, _) if matches!(job.spec.trigger, Trigger::OnSuccess(_)) => Nanos::MIN,
            (None, _) => job.next.map_or(own, |next| own.min(next.saturating_sub(1))),
        };
        let comes_back = |moment: &Nanos| {
            let before = moment.saturating_sub(1);
            // An interval that is ahead of a clock which was set back does not wait for it.
            let waits = !job.mono || *moment <= own;
            waits && job.timetable.next_after(before) == Some(*moment)
        };
        // Looked up only where it may be otherwise: a long backlog is marked at each of its runs.
        open.retain(|moment| job.strays && !comes_back(moment));
        let followed = job.followed.unwrap_or(Nanos::MIN);
        let follows = !job.spec.trigger.upstreams().is_empty();
        JobMark {
            job: job.spec.name.to_string(),
            nominal,
            open,
            fresh: job.watermark.is_none(),
            last_success: job.last_success,
            followed: (follows && followed != nominal).then_some(followed),
            failures: job.failures,
            not_before: job.not_before,
            quarantined: job.quarantined,
            paused: job.paused,
            disabled: job.disabled,
            anchor: job.anchor,
            gone: false,
        }
    }

    /// The mark of a job that must not run twice, before the first try of an occurrence.
    pub(super) fn mark_before(&self, slot: u32, attempts: u32) -> Option<JobMark> {
        let job = self.entry(slot)?;
        let wanted = self.journaling && job.spec.mark == Mark::BeforeRun && attempts == 1;
        wanted.then(|| self.mark_of(job))
    }

    /// Something about a job has changed that must outlive the process.
    pub(super) fn mark(&mut self, slot: u32) {
        if !self.journaling {
            return;
        }
        if let Some(job) = self.entry(slot) {
            let mark = self.mark_of(job);
            self.marks.push(mark);
        }
    }

    /// A job is gone for good.
    pub(super) fn mark_gone(&mut self, slot: u32) {
        if !self.journaling {
            return;
        }
        if let Some(job) = self.entry(slot) {
            let mark = JobMark {
                gone: true,
                ..self.mark_of(job)
            };
            self.marks.push(mark);
        }
    }

    /// What is to be written.
    pub(crate) fn drain_marks(&mut self) -> Vec<JobMark> {
        std::mem::take(&mut self.marks)
    }
}
