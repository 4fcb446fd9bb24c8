//! What the coming hours bring: how many runs, how much each source is asked, what a clock change
//! does. Moments alone are simulated; how runs end is not foreseen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::cron::{Cron, Upcoming, upcoming};
use crate::moment::{Nanos, SECOND, length, system};
use crate::trigger::Timetable;

/// The longest time that is looked into.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// Most moments of a job that are looked at one by one. A week of seconds is less.
const LOOKED_THROUGH: usize = 1_000_000;

/// How many runs that a clock change moves are listed; all are counted.
const LISTED: usize = 100;

/// What the coming hours bring, from [`Scheduler::forecast`](crate::Scheduler::forecast).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Forecast {
    /// From when.
    pub from: SystemTime,
    /// How far.
    pub span: Duration,
    /// Runs that come by a clock. Those that come by the success of others are not foreseen.
    pub runs: u64,
    /// By source; jobs without one are under `None`. A job of several sources goes to each in turn.
    pub sources: BTreeMap<Option<Arc<str>>, SourceForecast>,
    /// Whether a job has more moments than are looked through, so that all numbers are at least these:
    /// a million a job, where they lie on no plain grid.
    pub at_least: bool,
    /// How many runs a clock change moves, doubles or leaves out.
    pub clock_changes: u64,
    /// The first 100 of them, with the job.
    pub changed: Vec<(Arc<str>, Upcoming)>,
}

/// What a source is asked in the coming hours.
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct SourceForecast {
    /// Runs.
    pub runs: u64,
    /// Their cost.
    pub cost: u64,
    /// The cost as a share of the budget over the whole time, in percent.
    pub load_percent: Option<f64>,
    /// The highest cost of one second.
    pub peak: u64,
    /// When the highest cost of one second is asked.
    pub peak_at: Option<SystemTime>,
    /// How long the last of a crowd waits at worst, if the source gives out its budget evenly and
    /// nothing else asks it.
    pub longest_wait: Option<Duration>,
}

/// A job as a forecast needs it.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) job: Arc<str>,
    pub(crate) source: Option<Arc<str>>,
    /// Which of its sources this is, and how many there are: each has every so-manieth run.
    pub(crate) turn: (usize, usize),
    pub(crate) budget: Option<(u32, Duration)>,
    pub(crate) cost: u32,
    /// The next moment and its job's own time now.
    pub(crate) next: Nanos,
    pub(crate) now: Nanos,
    pub(crate) delay: Nanos,
    pub(crate) timetable: Timetable,
    pub(crate) cron: Option<Cron>,
}

/// Looks through all moments of these jobs, source by source.
pub(crate) fn forecast(mut plan: Vec<Planned>, from: Nanos, span: Duration) -> Forecast {
    let span = span.min(LONGEST);
    let seconds = usize::try_from(span.as_secs()).unwrap_or(0) + 1;
    let mut all = Forecast {
        from: system(from),
        span,
        runs: 0,
        sources: BTreeMap::new(),
        at_least: false,
        clock_changes: 0,
        changed: Vec::new(),
    };
    plan.sort_by(|one, other| one.source.cmp(&other.source));
    let mut buckets = Vec::new();
    for group in plan.chunk_by(|one, other| one.source == other.source) {
        buckets.clear();
        buckets.resize(seconds, 0_u64);
        let mut of = SourceForecast::default();
        for job in group {
            let end = job.now.saturating_add(length(span));
            all.note_left_out(job, end);
            if of.count_grid(job, end, &mut buckets) {
                continue;
            }
            let mut next = Some(job.next);
            let (turn, turns) = job.turn;
            for nth in 0_usize.. {
                let Some(moment) = next else {
                    break;
                };
                let release = moment.saturating_add(job.delay);
                if release > end {
                    break;
                }
                if nth >= LOOKED_THROUGH {
                    all.at_least = true;
                    break;
                }
                next = job.timetable.next_after(moment);
                if nth % turns.max(1) != turn {
                    continue;
                }
                of.runs += 1;
                of.cost += u64::from(job.cost);
                let second = usize::try_from(release.saturating_sub(job.now) / SECOND).unwrap_or(0);
                if let Some(bucket) = buckets.get_mut(second) {
                    *bucket += u64::from(job.cost);
                }
                all.note_change(job, moment);
            }
        }
        all.runs += of.runs;
        let Some(first) = group.first() else {
            continue;
        };
        of.weigh(&buckets, first.budget, span, from);
        all.sources.insert(first.source.clone(), of);
    }
    all
}

impl Forecast {
    /// What a change leaves out is in no timetable. A job of several sources is noted once.
    fn note_left_out(&mut self, job: &Planned, end: Nanos) {
        let Some(cron) = job.cron.as_ref().filter(|_| job.turn.0 == 0) else {
            return;
        };
        for listed in cron.left_out(job.now, end) {
            self.clock_changes += 1;
            if self.changed.len() < LISTED {
                self.changed.push((Arc::clone(&job.job), listed));
            }
        }
    }

    fn note_change(&mut self, job: &Planned, moment: Nanos) {
        let Some(cron) = &job.cron else {
            return;
        };
        let hit = cron.hit(moment.saturating_sub(1));
        let Some(change) = hit.and_then(|hit| hit.change) else {
            return;
        };
        self.clock_changes += 1;
        if self.changed.len() < LISTED {
            let listed = upcoming(cron.in_zone(), moment, Some(change));
            self.changed.push((Arc::clone(&job.job), listed));
        }
    }
}

impl SourceForecast {
    /// Counts a job whose moments lie on a grid second by second, by arithmetic; says whether it has
    /// done so. A grid of seconds or more has no more moments than there are seconds.
    fn count_grid(&mut self, job: &Planned, end: Nanos, buckets: &mut [u64]) -> bool {
        let Some(period) = job.timetable.grid().filter(|period| *period < SECOND) else {
            return false;
        };
        let (turn, turns) = job.turn;
        let scaled = |by: usize| Nanos::try_from(by).unwrap_or(Nanos::MAX);
        // Of its own runs, every so-manieth is this source's.
        let first = period.saturating_mul(scaled(turn)).saturating_add(job.next);
        let first = first.saturating_add(job.delay);
        let period = period.saturating_mul(scaled(turns.max(1)));
        // Releases up to a moment, itself included.
        let up_to = |moment: Nanos| match moment.checked_sub(first) {
            Some(since) if since >= 0 => u64::try_from(since / period).unwrap_or(0) + 1,
            _ => 0,
        };
        let mut counted = 0;
        for (second, bucket) in buckets.iter_mut().enumerate() {
            let last = scaled(second + 1).saturating_mul(SECOND) - 1;
            let runs = up_to(job.now.saturating_add(last).min(end)) - counted;
            counted += runs;
            *bucket += runs * u64::from(job.cost);
        }
        self.runs += counted;
        self.cost += counted * u64::from(job.cost);
        true
    }

    fn weigh(
        &mut self,
        buckets: &[u64],
        budget: Option<(u32, Duration)>,
        span: Duration,
        from: Nanos,
    ) {
        let peak = buckets
            .iter()
            .enumerate()
            .rev()
            .max_by_key(|(_, cost)| **cost);
        if let Some((second, cost)) = peak.filter(|(_, cost)| **cost > 0) {
            let second = Nanos::try_from(second).unwrap_or(0);
            self.peak = *cost;
            self.peak_at = Some(system(from.saturating_add(second * SECOND)));
        }
        let Some((cost, per)) = budget.filter(|(cost, per)| *cost > 0 && !per.is_zero()) else {
            return;
        };
        let rate = f64::from(cost) / per.as_secs_f64();
        self.load_percent = Some(self.cost as f64 / (rate * span.as_secs_f64()) * 100.0);
        // What is asked within the budget of one period is given at once; the rest at its rate.
        let (mut owed, mut most) = (-f64::from(cost), 0.0_f64);
        for asked in buckets {
            owed = (owed - rate).max(-f64::from(cost)) + *asked as f64;
            most = most.max(owed);
        }
        let wait = Duration::try_from_secs_f64(most / rate);
        self.longest_wait = Some(wait.unwrap_or(Duration::MAX));
    }
}
