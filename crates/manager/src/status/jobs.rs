//! How the jobs stand.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use robust_scheduler::{JobState, Ledger, Outcome, Record, Scheduler, SkipReason};
use serde::Serialize;

use super::{ms, share, whole_ms};

/// Jobs that a status lists, in the order of their adding; the others are counted.
const LISTED_MAX: usize = 1_000;

/// Runs that a status lists; more: [`Scheduler::history`].
const RUNS: usize = 20;

/// The jobs and their ledger: `due = ran + superseded + skipped + pending`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct JobsStatus {
    /// Jobs that there are.
    pub total: usize,
    /// Of these, those that come due: not paused, disabled or faulted.
    pub active: usize,
    /// Runs that came due.
    pub due: u64,
    /// Runs that began.
    pub ran: u64,
    /// Runs replaced by a newer one before they began.
    pub superseded: u64,
    /// Runs left out, by reason.
    pub skipped: BTreeMap<SkipReason, u64>,
    /// Runs that wait.
    pub pending: u64,
    /// Runs under way; part of `ran`.
    pub running: u64,
    /// Runs that succeeded; part of `ran`.
    pub ok: u64,
    /// Runs that failed; part of `ran`.
    pub failed: u64,
    /// The share that succeeded of those that succeeded or failed, 0 to 1.
    pub success_rate: Option<f64>,
    /// Tries of runs beyond the first.
    pub retries: u64,
    /// Mean time of a run, of all jobs that there are.
    pub mean_ms: Option<f64>,
    /// Each job by its name, at most 1,000.
    pub list: BTreeMap<String, JobStatus>,
    /// How many more there are than are listed.
    pub more: usize,
    /// The last runs that ended, oldest first, at most 20.
    pub history: Vec<RunStatus>,
}

/// One job. Times are in milliseconds; moments are counted from 1970.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct JobStatus {
    /// The sources that can serve it.
    pub sources: Vec<String>,
    /// How much it matters, 1 (most) to 5.
    pub priority: u8,
    /// `scheduled`, `waiting_deps`, `ready`, `running`, `backoff`, `paused`, `disabled`, `quarantined` or `faulted`.
    pub state: &'static str,
    /// Whether it comes due: not paused, disabled or faulted.
    pub enabled: bool,
    /// Whether a run has outlived its timeout and goes on.
    pub stuck: bool,
    /// When it comes due next.
    pub next_run_ms: Option<i64>,
    /// When its last run that has ended began.
    pub last_run_ms: Option<i64>,
    /// How that ended: `ok`, `failed`, `panicked`, `timed_out`, `cancelled` or `deferred`.
    pub last_outcome: Option<&'static str>,
    /// The moment of its last success.
    pub last_success_ms: Option<i64>,
    /// Why the last of its failed runs failed, if that is among its last 8.
    pub last_error: Option<String>,
    /// When that ended.
    pub last_error_ms: Option<i64>,
    /// Runs that came due.
    pub due: u64,
    /// Runs that began.
    pub ran: u64,
    /// Runs that succeeded.
    pub ok: u64,
    /// Runs that failed.
    pub failed: u64,
    /// Failed runs in a row, those included in which only the exchange was ill.
    pub consecutive_failures: u32,
    /// Runs replaced by a newer one before they began.
    pub superseded: u64,
    /// Runs left out.
    pub skipped: u64,
    /// Runs that wait.
    pub pending: u64,
    /// Mean time of a run.
    pub mean_ms: Option<f64>,
    /// The longest run.
    pub longest_ms: Option<f64>,
    /// The longest that a run came late.
    pub latest_ms: Option<f64>,
}

/// One run that has ended.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct RunStatus {
    /// The job.
    pub job: String,
    /// The source that was asked.
    pub source: Option<String>,
    /// The moment that it stood for, in milliseconds since 1970.
    pub nominal_ms: i64,
    /// When it began, in milliseconds since 1970.
    pub start_ms: i64,
    /// How long it took, retries included.
    pub duration_ms: f64,
    /// `ok`, `failed`, `panicked`, `timed_out`, `cancelled` or `deferred`.
    pub outcome: &'static str,
    /// Why, where it failed.
    pub error: Option<String>,
    /// How many tries it took.
    pub attempts: u32,
}

/// The jobs that ask one source.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct SourceJobs {
    /// Jobs that name it.
    pub total: usize,
    /// Of these, those that come due.
    pub active: usize,
    /// Runs that began.
    pub ran: u64,
    /// Runs that succeeded.
    pub ok: u64,
    /// Runs that failed.
    pub failed: u64,
    /// How long its jobs wait because it cannot be asked.
    pub parked_ms: Option<u64>,
    /// What its jobs ask of its budget, in percent.
    pub load_percent: Option<u32>,
}

fn failed(ledger: &Ledger) -> u64 {
    ledger.outcomes.failed + ledger.outcomes.panicked + ledger.outcomes.timed_out
}

/// Milliseconds since 1970.
fn moment(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

const fn comes_due(state: JobState) -> bool {
    !matches!(
        state,
        JobState::Paused | JobState::Disabled | JobState::Faulted | JobState::Removing
    )
}

const fn word(state: JobState) -> &'static str {
    match state {
        JobState::Scheduled => "scheduled",
        JobState::WaitingDeps => "waiting_deps",
        JobState::Ready => "ready",
        JobState::Running => "running",
        JobState::Backoff => "backoff",
        JobState::Paused => "paused",
        JobState::Disabled => "disabled",
        JobState::Quarantined => "quarantined",
        JobState::Faulted => "faulted",
        JobState::Removing => "removing",
        _ => "other",
    }
}

fn outcome(outcome: &Outcome) -> (&'static str, Option<String>) {
    match outcome {
        Outcome::Ok => ("ok", None),
        Outcome::Failed(text) => ("failed", Some(text.to_string())),
        Outcome::Panicked => ("panicked", Some("the handler panicked".to_owned())),
        Outcome::TimedOut => ("timed_out", Some("it took too long".to_owned())),
        Outcome::Cancelled => ("cancelled", None),
        Outcome::Deferred => ("deferred", None),
        _ => ("other", None),
    }
}

impl JobsStatus {
    /// All jobs, and those of each source by its name.
    pub(super) fn of(scheduler: &Scheduler) -> (Self, BTreeMap<String, SourceJobs>) {
        let ledger = scheduler.ledger();
        let jobs = scheduler.jobs();
        let mut sources = sources(scheduler);
        for job in jobs.iter().filter(|job| comes_due(job.state)) {
            for name in &job.sources {
                if let Some(source) = sources.get_mut(&**name) {
                    source.active += 1;
                }
            }
        }
        let listed = jobs.iter().take(LISTED_MAX);
        let list: BTreeMap<_, _> = listed
            .map(|job| (job.name.to_string(), JobStatus::of(job, scheduler)))
            .collect();
        let history = scheduler.history();
        let newest = history.iter().skip(history.len().saturating_sub(RUNS));
        let runs: u64 = jobs.iter().map(|job| job.aggregate.runs).sum();
        let total: Duration = jobs.iter().map(|job| job.aggregate.total).sum();
        let mean = total.checked_div(u32::try_from(runs).unwrap_or(u32::MAX));
        let (ok, failed) = (ledger.outcomes.ok, failed(&ledger));
        let status = Self {
            total: jobs.len(),
            active: jobs.iter().filter(|job| comes_due(job.state)).count(),
            due: ledger.due,
            ran: ledger.ran,
            superseded: ledger.superseded,
            skipped: ledger.skipped,
            pending: ledger.pending,
            running: ledger.running,
            ok,
            failed,
            success_rate: share(ok, ok + failed),
            retries: ledger.retries,
            mean_ms: mean.map(ms),
            more: jobs.len() - list.len(),
            list,
            history: newest.map(RunStatus::of).collect(),
        };
        (status, sources)
    }
}

fn sources(scheduler: &Scheduler) -> BTreeMap<String, SourceJobs> {
    let sources = scheduler.sources().into_iter().map(|source| {
        let jobs = SourceJobs {
            total: source.jobs,
            active: 0,
            ran: source.ledger.ran,
            ok: source.ledger.outcomes.ok,
            failed: failed(&source.ledger),
            parked_ms: source.parked.map(whole_ms),
            load_percent: source.load_percent,
        };
        (source.name.to_string(), jobs)
    });
    sources.collect()
}

impl JobStatus {
    fn of(job: &robust_scheduler::JobStatus, scheduler: &Scheduler) -> Self {
        let last = scheduler.job_history(job.id).unwrap_or_default();
        let newest = last.iter().max_by_key(|run| run.start);
        let mut bad = last.iter().rev();
        let bad = bad.find_map(|run| Some((moment(run.end), outcome(&run.outcome).1?)));
        let ran = |time: Duration| (job.aggregate.runs > 0).then(|| ms(time));
        Self {
            sources: job.sources.iter().map(ToString::to_string).collect(),
            priority: job.priority,
            state: word(job.state),
            enabled: comes_due(job.state),
            stuck: job.stuck,
            next_run_ms: job.next.map(moment),
            last_run_ms: newest.map(|run| moment(run.start)),
            last_outcome: newest.map(|run| outcome(&run.outcome).0),
            last_success_ms: job.last_success.map(moment),
            last_error_ms: bad.as_ref().map(|(at, _)| *at),
            last_error: bad.map(|(_, text)| text),
            due: job.ledger.due,
            ran: job.ledger.ran,
            ok: job.ledger.outcomes.ok,
            failed: failed(&job.ledger),
            consecutive_failures: job.failed_in_a_row,
            superseded: job.ledger.superseded,
            skipped: job.ledger.skipped_total(),
            pending: job.ledger.pending,
            mean_ms: ran(job.aggregate.mean()),
            longest_ms: ran(job.aggregate.longest),
            latest_ms: ran(job.aggregate.longest_lag),
        }
    }
}

impl RunStatus {
    fn of(run: &Record) -> Self {
        let (word, error) = outcome(&run.outcome);
        Self {
            job: run.job.to_string(),
            source: run.source.as_ref().map(ToString::to_string),
            nominal_ms: moment(run.nominal),
            start_ms: moment(run.start),
            duration_ms: ms(run.ran_for()),
            outcome: word,
            error,
            attempts: run.attempts,
        }
    }
}
