//! What became of each run, and the rings that remember the last of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::job::JobId;
use crate::moment::{Nanos, duration, system};

/// How many ended runs are remembered for each job.
pub(crate) const PER_JOB: usize = 8;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The handler returned `Ok`.
    Ok,
    /// The handler returned an error, with its text.
    Failed(Arc<str>),
    /// The handler panicked; the panic was contained.
    Panicked,
    /// The run reached its timeout and was dropped.
    TimedOut,
    /// The run was aborted, or gave up with an error after it was told to end, or the stop of the
    /// scheduler kept it from another try.
    Cancelled,
    /// The run was put off, because its data was not ready or its source away, until a newer
    /// occurrence took its place. No failure.
    Deferred,
}

/// An occurrence whose run has ended, retries included.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The job's name.
    pub job: Arc<str>,
    /// The moment the occurrence stood for.
    pub nominal: SystemTime,
    /// When it was allowed to start: later than `nominal` by what its data takes to settle, and by
    /// its splay.
    pub release: SystemTime,
    /// When its first try was started.
    pub start: SystemTime,
    /// When its last try ended.
    pub end: SystemTime,
    /// How it ended.
    pub outcome: Outcome,
    /// How many tries it took.
    pub attempts: u32,
    /// The source of its last try.
    pub source: Option<Arc<str>>,
}

impl Record {
    /// How long it waited to start.
    pub fn lag(&self) -> Duration {
        self.start.duration_since(self.release).unwrap_or_default()
    }

    /// How long it ran, the waits between its tries included.
    pub fn ran_for(&self) -> Duration {
        self.end.duration_since(self.start).unwrap_or_default()
    }
}

/// A record as it is kept, eight for each job: without the job's name, and with what most records of
/// a job have in common kept once.
#[derive(Debug, Clone)]
pub(crate) struct Ended {
    pub(crate) nominal: Nanos,
    pub(crate) release: Nanos,
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
    pub(crate) attempts: u32,
    how: How,
    more: Option<Arc<More>>,
}

/// An outcome without its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Ok,
    Failed,
    Panicked,
    TimedOut,
    Cancelled,
    Deferred,
}

/// What few records have, and what is the same for most records of a job.
#[derive(Debug, PartialEq, Eq)]
struct More {
    source: Option<Arc<str>>,
    /// Of an error.
    text: Option<Arc<str>>,
}

/// When a run was to begin, began and ended, on the wall clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) nominal: Nanos,
    pub(crate) release: Nanos,
    pub(crate) start: Nanos,
    pub(crate) end: Nanos,
}

impl Ended {
    pub(crate) fn record(&self, job: &Arc<str>) -> Record {
        let more = self.more.as_deref();
        let text = || more.and_then(|more| more.text.clone()).unwrap_or_default();
        Record {
            job: Arc::clone(job),
            nominal: system(self.nominal),
            release: system(self.release),
            start: system(self.start),
            end: system(self.end),
            outcome: match self.how {
                How::Ok => Outcome::Ok,
                How::Failed => Outcome::Failed(text()),
                How::Panicked => Outcome::Panicked,
                How::TimedOut => Outcome::TimedOut,
                How::Cancelled => Outcome::Cancelled,
                How::Deferred => Outcome::Deferred,
            },
            attempts: self.attempts,
            source: more.and_then(|more| more.source.clone()),
        }
    }
}

/// The last runs of a job, and what all of its runs came to.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    pub(crate) last: VecDeque<Ended>,
    pub(crate) aggregate: Aggregate,
}

/// What all runs of a job came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Aggregate {
    /// Runs that ended.
    pub runs: u64,
    /// The time of all of them together.
    pub total: Duration,
    /// The longest.
    pub longest: Duration,
    /// The longest wait for a start.
    pub longest_lag: Duration,
}

impl Aggregate {
    /// The mean time of a run.
    pub fn mean(&self) -> Duration {
        let mean = self.total.as_nanos().checked_div(u128::from(self.runs));
        Duration::from_nanos(mean.unwrap_or(0).try_into().unwrap_or(u64::MAX))
    }
}

impl Recent {
    /// Takes in the end of a run, and gives it as it is kept.
    pub(crate) fn push(
        &mut self,
        times: Times,
        attempts: u32,
        source: Option<Arc<str>>,
        outcome: &Outcome,
    ) -> Ended {
        let Times {
            nominal,
            release,
            start,
            end,
        } = times;
        let (how, text) = match outcome {
            Outcome::Ok => (How::Ok, None),
            Outcome::Failed(text) => (How::Failed, Some(Arc::clone(text))),
            Outcome::Panicked => (How::Panicked, None),
            Outcome::TimedOut => (How::TimedOut, None),
            Outcome::Cancelled => (How::Cancelled, None),
            Outcome::Deferred => (How::Deferred, None),
        };
        let ended = Ended {
            nominal,
            release,
            start,
            end,
            attempts,
            how,
            more: self.shared(More { source, text }),
        };
        let (took, lag) = (
            duration(end.saturating_sub(start)),
            duration(start.saturating_sub(release)),
        );
        let sum = &mut self.aggregate;
        sum.runs += 1;
        sum.total = sum.total.saturating_add(took);
        sum.longest = sum.longest.max(took);
        sum.longest_lag = sum.longest_lag.max(lag);
        if self.last.capacity() == 0 {
            // All at once: growing twice costs more than the room for eight.
            self.last.reserve_exact(PER_JOB);
        }
        while self.last.len() >= PER_JOB {
            self.last.pop_front();
        }
        self.last.push_back(ended.clone());
        ended
    }

    /// The same as the last record has, if it is the same.
    fn shared(&self, more: More) -> Option<Arc<More>> {
        if more.source.is_none() && more.text.is_none() {
            return None;
        }
        let last = self.last.back().and_then(|last| last.more.as_ref());
        let same = last.filter(|last| ***last == more).map(Arc::clone);
        Some(same.unwrap_or_else(|| Arc::new(more)))
    }
}

/// The last records of all jobs, oldest first.
#[derive(Debug)]
pub(crate) struct History {
    ring: VecDeque<(Whose, Ended)>,
    limit: usize,
}

/// Whose a record is.
#[derive(Debug)]
enum Whose {
    /// A job that is there, and knows its name. A name of its own for each record would be counted up
    /// and down in memory that nothing else touches: measured, a twentieth of the time of a run.
    Here(JobId),
    /// One that was removed.
    Gone(Arc<str>),
}

impl History {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            ring: VecDeque::new(),
            limit,
        }
    }

    pub(crate) fn push(&mut self, job: JobId, ended: Ended) {
        while self.ring.len() >= self.limit {
            if self.ring.pop_front().is_none() {
                return;
            }
        }
        self.ring.push_back((Whose::Here(job), ended));
    }

    /// A job goes; its records stay.
    pub(crate) fn forget(&mut self, job: JobId, name: &Arc<str>) {
        for (whose, _) in &mut self.ring {
            if matches!(whose, Whose::Here(id) if *id == job) {
                *whose = Whose::Gone(Arc::clone(name));
            }
        }
    }

    pub(crate) fn to_vec<'a>(
        &'a self,
        name: impl Fn(JobId) -> Option<&'a Arc<str>>,
    ) -> Vec<Record> {
        let records = self.ring.iter().filter_map(|(whose, ended)| {
            Some(ended.record(match whose {
                Whose::Here(job) => name(*job)?,
                Whose::Gone(name) => name,
            }))
        });
        records.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_as_it_was_and_takes_little() {
        // Eight for each job: what stands here is paid a hundred thousand times.
        assert!(size_of::<Ended>() <= 48, "{}", size_of::<Ended>());
        let mut recent = Recent::default();
        let (well, other) = (Some(Arc::from("well")), Some(Arc::from("other")));
        let ends = [
            (Outcome::Ok, well.clone()),
            (Outcome::Ok, well.clone()),
            (Outcome::Failed("dry".into()), well.clone()),
            (Outcome::Failed("dry".into()), other),
            (Outcome::Panicked, None),
            (Outcome::TimedOut, None),
            (Outcome::Cancelled, well.clone()),
            (Outcome::Deferred, well),
            (Outcome::Failed("wet".into()), None),
        ];
        let job: Arc<str> = "garden".into();
        for (nth, (outcome, source)) in (1..).zip(&ends) {
            let times = Times {
                nominal: nth,
                release: nth + 1,
                start: nth + 2,
                end: nth + 5,
            };
            recent.push(times, 2, source.clone(), outcome);
        }
        let first = &recent.last[0].more;
        assert!(first.is_some());
        assert_eq!(recent.last.len(), PER_JOB);
        for (ended, (outcome, source)) in recent.last.iter().zip(&ends[1..]) {
            let record = ended.record(&job);
            assert_eq!((&record.outcome, &record.source), (outcome, source));
            assert_eq!((record.attempts, &record.job), (2, &job));
            assert_eq!(
                (record.lag(), record.ran_for()),
                (Duration::from_nanos(1), Duration::from_nanos(3))
            );
        }
        assert_eq!(recent.aggregate.runs, 9);
    }
}
