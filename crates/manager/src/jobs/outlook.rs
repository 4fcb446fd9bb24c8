//! What jobs will do, before anything is asked: the next runs, and what each exchange is asked against what it allows.

use std::collections::BTreeMap;
use std::time::Duration;

use robust_market::{Exchange, Timestamp};
use robust_scheduler::{
    ClockChange, Forecast, JobId, JobMark, MemoryStore, Overload, Scheduler, Settle,
    SourceForecast, Store as _, Trigger, Upcoming,
};
use robust_source::Source;
use serde::Serialize;

use super::gate::UNITS_PER_SECOND;
use super::rates::{Rate, Rates};
use super::run::system;
use super::{DataJob, JobClass, What, describe};
use crate::{DataManager, ScheduleError};

/// How many of the next runs of a job are told.
const NEXT: usize = 3;

/// What jobs will do in some time to come. How runs end is not foreseen, and further attempts are not counted.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Outlook {
    /// From when, in universal time.
    pub from: String,
    /// How far, in seconds; at most a week.
    pub span_s: u64,
    /// Whether every exchange allows what it is asked: [`DataManager::schedule_all`] of a manager without others would add the jobs.
    pub feasible: bool,
    /// Runs in this time.
    pub runs: u64,
    /// The jobs, in their order.
    pub jobs: Vec<JobOutlook>,
    /// What each exchange is asked.
    pub sources: BTreeMap<Exchange, SourceOutlook>,
    /// Runs that a clock change moves, doubles or leaves out.
    pub clock_changes: u64,
    /// The first 100 of them.
    pub changed: Vec<Moment>,
}

/// One job.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct JobOutlook {
    /// Its name.
    pub name: String,
    /// Its name for people.
    pub title: Option<String>,
    /// The exchanges that can serve it.
    pub exchanges: Vec<Exchange>,
    /// What it reads.
    pub kind: &'static str,
    /// When it comes due, in words.
    pub when: String,
    /// 1 (most urgent) to 5.
    pub priority: u8,
    /// What bounds its runs in time.
    pub class: JobClass,
    /// How long a run may take, in milliseconds.
    pub timeout_ms: u64,
    /// How long the one after a run that timed out may take, in milliseconds, where that is longer.
    pub escalated_ms: Option<u64>,
    /// Attempts beyond the first, where it says so.
    pub retries: Option<u32>,
    /// The most requests in a minute, where it says so.
    pub rate: Option<u32>,
    /// Whether it comes due at all.
    pub enabled: bool,
    /// Requests of a run.
    pub requests: u64,
    /// The share of its exchange's budget that it takes in the long run, in percent, were it the only exchange that can serve it; of the
    /// worst of them. `None` where it comes only once.
    pub load_percent: Option<f64>,
    /// The next runs. One whose only moment has passed comes at once.
    pub next: Vec<Moment>,
}

/// A moment to come.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Moment {
    /// The job.
    pub job: String,
    /// What the clocks of the job's zone show, with their offset.
    pub at: String,
    /// When it asks, in universal time, where that is later: the data settle, and runs are spread. Told of the next runs.
    pub asks_at: Option<String>,
    /// `shifted` when a clock change leaves its wall time out and it comes at the change, `left_out` when it then does not come, `doubled`
    /// when its wall time is shown twice.
    pub clock_change: Option<&'static str>,
}

/// What one exchange is asked.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct SourceOutlook {
    /// Runs in this time.
    pub runs: u64,
    /// Requests a minute, in the mean.
    pub requests_per_minute: f64,
    /// The share of what the exchange allows in the long run that the jobs take, in percent, with the guard that the limiter keeps.
    pub load_percent: f64,
    /// How long the last of a crowd waits at worst, in milliseconds.
    pub longest_wait_ms: Option<u64>,
    /// When the most is asked within one second.
    pub peak_at: Option<String>,
    /// Each of its limits.
    pub windows: Vec<WindowOutlook>,
}

/// What is asked of one limit.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct WindowOutlook {
    /// Its name.
    pub name: &'static str,
    /// Units that the exchange allows.
    pub limit: u32,
    /// In this time, in milliseconds.
    pub per_ms: u64,
    /// Units that the jobs ask in the same time, in the mean; of the busiest key where each key has a limit of its own.
    pub asked: f64,
    /// The same in percent of what the limiter grants.
    pub load_percent: f64,
}

impl DataManager {
    /// What these jobs would do if they were added now, to a manager without others. Nothing is added and nothing asked.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    /// use robust_data_manager::market::Exchange;
    /// use robust_data_manager::{DataManager, Plan};
    ///
    /// let manager = DataManager::builder().exchange("kraken").start()?;
    /// let outlook = manager.outlook(&Plan::seed_http().jobs()?, Duration::from_secs(3_600))?;
    /// let kraken = &outlook.sources[&Exchange::KRAKEN];
    /// assert!(outlook.feasible && kraken.load_percent < 35.0);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] for the first job that could not be added, whatever its load.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn outlook(&self, jobs: &[DataJob], span: Duration) -> Result<Outlook, ScheduleError> {
        self.outlook_after(jobs, span, &[])
    }

    /// The same for jobs that go on where these marks of a [journal](crate::Config::journal_marks) say.
    ///
    /// # Errors
    ///
    /// As for [`outlook`](Self::outlook).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn outlook_after(
        &self,
        jobs: &[DataJob],
        span: Duration,
        marks: &[JobMark],
    ) -> Result<Outlook, ScheduleError> {
        let feasible = match self.check_jobs(jobs) {
            Ok(()) => true,
            Err(ScheduleError::Overload { .. }) => false,
            Err(error) => return Err(error),
        };
        let (scheduler, ids) = self.rehearse(jobs, Overload::Warn, marks)?;
        // What is not enabled can be, and counts for what its exchange bears.
        let often: Vec<f64> = ids
            .iter()
            .map(|id| scheduler.rate(*id).unwrap_or_default())
            .collect();
        let weighed = scheduler.sources();
        for (id, _) in ids.iter().zip(jobs).filter(|(_, job)| !job.enabled) {
            let _ = scheduler.disable(*id, robust_scheduler::Dependents::Detach);
        }
        let mut forecast = scheduler.forecast(span);
        let mut told = Vec::with_capacity(jobs.len());
        for ((id, job), often) in ids.iter().zip(jobs).zip(&often) {
            let next = scheduler.preview(*id, NEXT).unwrap_or_default();
            let delay = scheduler.delay(*id).unwrap_or_default();
            let mut outlook = self.job_outlook(job, *often, &next, delay)?;
            let has_passed = matches!(job.trigger, Trigger::At(moment) if moment <= forecast.from);
            // What has come due already: a moment that has passed, or by the journal what was missed.
            let came_due = scheduler
                .job_ledger(*id)
                .is_some_and(|ledger| ledger.due > 0);
            let comes_at_once = came_due && (has_passed || !marks.is_empty());
            if job.enabled && has_passed && !comes_at_once {
                outlook.when.push_str(", which has passed: it has run");
            }
            if job.enabled && comes_at_once {
                outlook.when.push_str(match has_passed {
                    true => ", which has passed: once, at once",
                    false => "; first what was missed, at once",
                });
                let at_once = Moment {
                    job: job.name.clone(),
                    at: utc(forecast.from),
                    asks_at: None,
                    clock_change: None,
                };
                outlook.next.insert(0, at_once);
                outlook.next.truncate(NEXT);
                forecast.runs += 1;
                if let Some(exchange) = job.exchanges.first() {
                    let name = Some(exchange.as_str().into());
                    forecast.sources.entry(name).or_default().runs += 1;
                }
            }
            told.push(outlook);
        }
        let mut sources = BTreeMap::new();
        for source in self.each_source() {
            let foreseen = forecast
                .sources
                .iter()
                .find(|(name, _)| name.as_deref() == Some(source.exchange().as_str()));
            let foreseen = foreseen
                .map(|(_, foreseen)| foreseen.clone())
                .unwrap_or_default();
            let demand = weighed
                .iter()
                .find(|one| &*one.name == source.exchange().as_str())
                .map_or(0.0, |one| one.demand);
            let jobs = jobs.iter().zip(often.iter().copied());
            let outlook = source_outlook(source, jobs, demand, &foreseen)?;
            sources.insert(source.exchange(), outlook);
        }
        Ok(Outlook {
            feasible,
            jobs: told,
            sources,
            ..frame(&forecast)
        })
    }

    /// Whether a manager without other jobs would take these, all of them. Nothing is added and nothing asked.
    ///
    /// # Errors
    ///
    /// [`ScheduleError`] for the first job that it would refuse, [`ScheduleError::Overload`] when all else is in order.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn check_jobs(&self, jobs: &[DataJob]) -> Result<(), ScheduleError> {
        self.rehearse(jobs, Overload::Refuse, &[]).map(drop)
    }

    /// The jobs in a scheduler of their own, which asks nobody.
    fn rehearse(
        &self,
        jobs: &[DataJob],
        overload: Overload,
        marks: &[JobMark],
    ) -> Result<(Scheduler, Vec<JobId>), ScheduleError> {
        let clock = self.clock();
        let mut scheduler = Scheduler::builder().clock(move || system(clock.now()));
        if !marks.is_empty() {
            // Whether a job is enabled is for its settings to say, and one that was quarantined is tried at once.
            let marks: Vec<JobMark> = marks
                .iter()
                .map(|mark| JobMark {
                    disabled: false,
                    quarantined: false,
                    ..mark.clone()
                })
                .collect();
            let mut store = MemoryStore::default();
            // Memory takes all.
            let _ = store.append(&marks);
            scheduler = scheduler.store(store);
        }
        let scheduler = scheduler.start();
        for source in self.each_source() {
            scheduler.source(describe(source, overload, usize::MAX));
        }
        let mut idle = Vec::with_capacity(jobs.len());
        for job in jobs {
            let (spec, _) = self.prepare(job)?;
            // The first run of a job that comes at its start is in nobody's timetable.
            idle.push(spec.run_at_start(false).handler(|_| async { Ok(()) }));
        }
        let added = scheduler.add_all(idle);
        let ids = added.map_err(|(index, error)| self.explained(jobs.get(index), error))?;
        Ok((scheduler, ids))
    }

    fn job_outlook(
        &self,
        job: &DataJob,
        often: f64,
        next: &[Upcoming],
        delay: Duration,
    ) -> Result<JobOutlook, ScheduleError> {
        let mut requests = 0;
        let mut load: Option<f64> = None;
        for source in self.each_source().filter(|source| job.asks_of(source)) {
            let connector = &**source.connector();
            let usual = job.requests(connector, &source.exchange())?;
            requests = requests.max(usual.len() as u64);
            let rates = Rates::of(source);
            let times = usual.iter().map(|request| rates.share(connector, request));
            let time: Duration = times.sum();
            if often > 0.0 {
                let percent = time.as_secs_f64() * often * 100.0;
                load = Some(load.map_or(percent, |known| known.max(percent)));
            }
        }
        let timeout = job.timeout.unwrap_or_else(|| job.class.usual());
        Ok(JobOutlook {
            name: job.name.clone(),
            title: job.title.clone(),
            exchanges: job.exchanges.clone(),
            kind: match &job.what {
                What::One(query) => query.request().kind().as_str(),
                What::Many { kind, .. } => kind.as_str(),
            },
            when: job.when(),
            priority: job.rank(),
            class: job.class,
            timeout_ms: whole_ms(timeout),
            escalated_ms: job.class.escalated(timeout).map(whole_ms),
            retries: job.retries,
            rate: job.rate,
            enabled: job.enabled,
            requests,
            load_percent: load.map(rounded),
            next: next
                .iter()
                .map(|upcoming| Moment {
                    asks_at: (!delay.is_zero()).then(|| utc(upcoming.at + delay)),
                    ..moment(&job.name, upcoming)
                })
                .collect(),
        })
    }
}

impl DataJob {
    /// When it comes due, in words.
    #[must_use]
    pub fn when(&self) -> String {
        when(&self.trigger, self.splay)
    }

    fn asks_of(&self, source: &Source) -> bool {
        self.exchanges.contains(&source.exchange())
    }
}

fn frame(forecast: &Forecast) -> Outlook {
    Outlook {
        from: utc(forecast.from),
        span_s: forecast.span.as_secs(),
        feasible: false,
        runs: forecast.runs,
        jobs: Vec::new(),
        sources: BTreeMap::new(),
        clock_changes: forecast.clock_changes,
        changed: forecast
            .changed
            .iter()
            .map(|(job, upcoming)| moment(job, upcoming))
            .collect(),
    }
}

fn moment(job: &str, upcoming: &Upcoming) -> Moment {
    Moment {
        job: job.to_owned(),
        at: upcoming.local.clone(),
        asks_at: None,
        clock_change: upcoming.change.map(|change| match change {
            ClockChange::Shifted => "shifted",
            ClockChange::LeftOut => "left_out",
            _ => "doubled",
        }),
    }
}

/// What jobs that come so often a second ask of an exchange, limit by limit. A job that several exchanges can serve asks each for its
/// part, at what it costs there. `demand` is what the scheduler weighs.
fn source_outlook<'a>(
    source: &Source,
    jobs: impl Iterator<Item = (&'a DataJob, f64)>,
    demand: f64,
    foreseen: &SourceForecast,
) -> Result<SourceOutlook, ScheduleError> {
    let (connector, rates) = (&**source.connector(), Rates::of(source));
    let mut used: BTreeMap<(usize, u64), f64> = BTreeMap::new();
    let mut requests = 0.0;
    for (job, often) in jobs.filter(|(job, often)| *often > 0.0 && job.asks_of(source)) {
        let often = often / job.exchanges.len().max(1) as f64;
        for request in job.requests(connector, &source.exchange())? {
            requests += often;
            for one in rates.uses(connector, &request) {
                *used.entry((one.window, one.key)).or_default() += often * f64::from(one.units);
            }
        }
    }
    let windows = rates.windows.iter().enumerate().map(|(index, rate)| {
        let keys = used.iter().filter(|((window, _), _)| *window == index);
        let a_second = keys.map(|(_, units)| *units).fold(0.0, f64::max);
        window(rate, a_second)
    });
    let wait = foreseen.longest_wait.map(|wait| wait.as_millis());
    Ok(SourceOutlook {
        runs: foreseen.runs,
        requests_per_minute: rounded(requests * 60.0),
        load_percent: rounded(demand / f64::from(UNITS_PER_SECOND) * 100.0),
        longest_wait_ms: wait.and_then(|wait| u64::try_from(wait).ok()),
        peak_at: foreseen.peak_at.map(utc),
        windows: windows.collect(),
    })
}

fn window(rate: &Rate, a_second: f64) -> WindowOutlook {
    let granted = f64::from(rate.granted) / rate.horizon.as_secs_f64().max(1e-3);
    WindowOutlook {
        name: rate.name,
        limit: rate.limit,
        per_ms: u64::try_from(rate.per.as_millis()).unwrap_or(u64::MAX),
        asked: rounded(a_second * rate.per.as_secs_f64()),
        load_percent: rounded(a_second / granted * 100.0),
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Three digits behind the point.
fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn utc(time: std::time::SystemTime) -> String {
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    let time = i64::try_from(ms).ok().and_then(Timestamp::from_ms);
    time.map(|time| time.to_string()).unwrap_or_default()
}

/// A trigger in the words of a config file.
fn when(trigger: &Trigger, splay: Duration) -> String {
    let mut text = match trigger {
        Trigger::Every { period, .. } => format!("every {period:?}"),
        Trigger::Aligned { interval, settle } => {
            let settle = match settle {
                Settle::Fixed(settle) => format!("{settle:?}"),
                _ => "a learned time".to_owned(),
            };
            format!("aligned to {interval:?} + {settle}")
        }
        Trigger::Cron(cron) => format!("cron {cron}"),
        Trigger::At(moment) => format!("at {}", utc(*moment)),
        Trigger::OnSuccess(names) => format!("on success of {}", names.join(", ")),
        Trigger::AnyOf(all) => {
            let all = all.iter().map(|one| when(one, Duration::ZERO));
            all.collect::<Vec<_>>().join(" or ")
        }
        _ => "by a trigger of its own".to_owned(),
    };
    if !splay.is_zero() {
        text.push_str(&format!(", spread over {splay:?}"));
    }
    text
}
