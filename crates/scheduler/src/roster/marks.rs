//! What the journal is told, and what it knew.

use super::{Entry, Roster};
use crate::journal::JobMark;
use crate::moment::Nanos;
use crate::policy::Mark;

impl<H: Clone> Roster<H> {
    /// What is known of a job, with this as the latest moment that must not run again.
    pub(super) fn mark_at(&self, job: &Entry<H>, nominal: Nanos) -> JobMark {
        JobMark {
            job: job.spec.name.to_string(),
            nominal,
            last_success: job.last_success,
            failures: job.failures,
            quarantined: job.quarantined,
            anchor: job.anchor,
            gone: false,
        }
    }

    /// An occurrence of a job has ended. The mark of a job that must not lose one goes as far as
    /// everything before has ended too.
    pub(super) fn mark_after(&mut self, slot: u32, when: Mark) {
        if !self.journaling {
            return;
        }
        let Some(job) = self.entry(slot) else {
            return;
        };
        if job.spec.mark != when {
            return;
        }
        let open = job
            .runs
            .iter()
            .map(|run| run.occurrence.nominal)
            .chain(job.waiting.iter().map(|waiting| waiting.nominal))
            .chain(job.backlog.iter().copied())
            .chain(job.redo);
        let done = match (job.watermark, open.min()) {
            (Some(seen), Some(open)) => seen.min(open.saturating_sub(1)),
            (Some(seen), None) => seen,
            (None, _) => return,
        };
        let mark = self.mark_at(job, done);
        self.marks.push(mark);
    }

    /// A job is gone for good.
    pub(super) fn mark_gone(&mut self, slot: u32) {
        if !self.journaling {
            return;
        }
        if let Some(job) = self.entry(slot) {
            let mark = JobMark {
                gone: true,
                ..self.mark_at(job, job.watermark.unwrap_or_default())
            };
            self.marks.push(mark);
        }
    }

    /// What is to be written.
    pub(crate) fn drain_marks(&mut self) -> Vec<JobMark> {
        std::mem::take(&mut self.marks)
    }
}
