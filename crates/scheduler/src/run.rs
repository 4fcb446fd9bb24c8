//! What a handler is given, and what it gives back when it fails.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::Instant;

/// The longest error text that is kept, in bytes: the history is bounded in entries, so an entry
/// must be bounded too.
const LONGEST_TEXT: usize = 256;

/// One run of a job, as its handler sees it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Run {
    /// The job's name.
    pub job: Arc<str>,
    /// The moment this occurrence stands for, as the wall clock shows it; strictly increasing for a
    /// job, unless that clock is set back by more than three hours. With the name it is a key that makes
    /// a repeated delivery recognisable.
    ///
    /// While the clock shows what it has shown before, that of an interval is just later than the last.
    /// A run by hand has the moment at which it was asked for, or an earlier one: before what is still
    /// to come, like a candle that has not settled, and just after what was last followed for a job
    /// that comes by the success of others.
    pub nominal: SystemTime,
    /// The moment of the last success. What happened from then to `nominal` has been seen by no
    /// run, so one request for all of it leaves no hole.
    pub last_success: Option<SystemTime>,
    /// How many occurrences of this job came due since its last run and never ran.
    pub missed: u64,
    /// Which try of this occurrence it is, from 1.
    pub attempt: u32,
    /// The source that was chosen, for a job that has one.
    pub source: Option<Arc<str>>,
    /// When this run is dropped, if it has not ended by itself.
    pub deadline: Option<Instant>,
    /// Tells the handler to come to an end.
    pub cancel: CancelToken,
}

/// Tells a run that it should come to an end.
#[derive(Debug, Clone)]
pub struct CancelToken {
    /// One for all runs of a task: what each run counts up and down, no other thread touches.
    pub(crate) all: Arc<watch::Receiver<bool>>,
    pub(crate) own: Option<watch::Receiver<bool>>,
}

impl CancelToken {
    /// Whether the run should come to an end.
    pub fn is_cancelled(&self) -> bool {
        *self.all.borrow() || self.own.as_ref().is_some_and(|own| *own.borrow())
    }

    /// Waits until the run should come to an end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future changes nothing.
    pub async fn cancelled(&self) {
        tokio::select! {
            () = told(Some((*self.all).clone())) => {}
            () = told(self.own.clone()) => {}
        }
    }
}

async fn told(token: Option<watch::Receiver<bool>>) {
    match token {
        // An error means that the scheduler is gone, which is as good a reason to end.
        Some(mut token) => {
            let _ = token.wait_for(|told| *told).await;
        }
        None => std::future::pending().await,
    }
}

/// Why a run failed, and what the scheduler should make of it.
///
/// Any error converts into it with `?`; the texts of its causes are appended. At most 256 bytes
/// are kept. It is not itself an [`Error`](std::error::Error), which is what makes the conversion
/// from every error possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunError {
    text: Arc<str>,
    pub(crate) class: Class,
    pub(crate) retry_after: Option<Duration>,
    /// Whether the handler itself has run out of time.
    pub(crate) late: bool,
    /// Whether the failure says nothing about the job.
    pub(crate) excused: bool,
}

/// What kind of failure it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    /// It may be better next time. Counts as a failure.
    Transient,
    /// It will not be better by itself. Quarantines the job at once.
    Permanent,
    /// The source is out of tokens or down. Parks the source, counts as nothing.
    SourceAway,
    /// The data is not there yet. Counts as nothing.
    NotReady,
}

impl RunError {
    /// A failure in words, which may be better next time.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self::of(Class::Transient, text.as_ref())
    }

    /// A failure that will not be better by itself, as of a name that does not exist: the job is
    /// quarantined at once.
    pub fn permanent(text: impl AsRef<str>) -> Self {
        Self::of(Class::Permanent, text.as_ref())
    }

    /// The data is not there yet: the run is repeated after 250 ms, 500 ms, then each second, until
    /// the job's next moment. No failure.
    pub fn not_ready(text: impl AsRef<str>) -> Self {
        Self::of(Class::NotReady, text.as_ref())
    }

    /// The source is out of tokens: it is parked for this long, and the occurrence waits with it.
    /// No failure. A wait of more than a day is one of a day.
    pub fn throttled(text: impl AsRef<str>, wait: Duration) -> Self {
        Self::of(Class::SourceAway, text.as_ref()).retry_after(wait)
    }

    /// The source is down: it is parked for this long, and the occurrence waits with it. No failure
    /// of the job. A wait of more than a day is one of a day.
    pub fn source_down(text: impl AsRef<str>, wait: Duration) -> Self {
        Self::of(Class::SourceAway, text.as_ref()).retry_after(wait)
    }

    /// The run has used its time up, as its handler found out before the job's timeout did: recorded as
    /// [`Outcome::TimedOut`](crate::Outcome::TimedOut), with all that follows from it.
    pub fn timed_out(text: impl AsRef<str>) -> Self {
        Self {
            late: true,
            ..Self::of(Class::Transient, text.as_ref())
        }
    }

    /// Says nothing about the job: it is recorded as any failure and counts for the source, but neither
    /// stretches the job's gaps nor brings it nearer to its quarantine. For a source that is ill, which
    /// its breaker has to judge.
    #[must_use]
    pub fn excused(mut self) -> Self {
        self.excused = true;
        self
    }

    /// No retry before this has passed. A wait of more than a day is one of a day.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    fn of(class: Class, text: &str) -> Self {
        let mut end = text.len().min(LONGEST_TEXT);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        Self {
            text: text.get(..end).unwrap_or_default().into(),
            class,
            retry_after: None,
            late: false,
            excused: false,
        }
    }

    /// The words.
    pub fn text(&self) -> &Arc<str> {
        &self.text
    }
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl<E: std::error::Error> From<E> for RunError {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            if text.len() > LONGEST_TEXT {
                break;
            }
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(text)
    }
}
