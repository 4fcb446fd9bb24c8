//! What is done with each subject. One scenario of one subject is one process, so that none pays for what another left behind.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep, sleep_until};

use super::process::Usage;
use super::record::Recorder;
use super::subject::Subject;
use crate::bench::pairs::on_core;

/// Threads of the runtime, for every subject.
const WORKERS: usize = 2;

/// How long the last moments of a window have to be run.
const TAIL: Duration = Duration::from_millis(1_500);

/// What to do with a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Adds jobs of an hour to empty schedulers one after the other.
    Add {
        /// How many jobs.
        jobs: usize,
    },
    /// Jobs with periods from 1 to 10 s, to the millisecond where the subject knows such.
    Load {
        /// How many jobs.
        jobs: usize,
        /// Seconds before anything counts. After ten every job has run.
        warm: u64,
        /// Seconds that count.
        seconds: u64,
    },
    /// Jobs that are due once, all at one instant.
    Burst {
        /// How many jobs.
        jobs: usize,
    },
    /// A hundred jobs with periods of 1, 2 and 3 s; after 4 s every thread of the runtime is blocked for 3.5 s.
    Stall,
    /// Jobs of an hour, none of which is due.
    Idle {
        /// How many jobs.
        jobs: usize,
        /// Seconds that count.
        seconds: u64,
    },
    /// The shipped plan `default` on simulated exchanges; of the orchestrator only.
    Plan {
        /// Seconds that count.
        seconds: u64,
    },
    /// Jobs that read simulated exchanges, in paused time; of the orchestrator only.
    Memory {
        /// How many jobs.
        jobs: usize,
    },
    /// The shipped plan `default` for a day of paused time, once with sources that answer at once and once through the whole stack
    /// with simulated exchanges; of the orchestrator only.
    Day {
        /// Seconds of the day that go through the whole stack.
        seconds: u64,
    },
}

/// Numbers by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Measured(pub BTreeMap<String, f64>);

impl Measured {
    /// A number.
    ///
    /// # Errors
    ///
    /// It was not measured.
    pub fn get(&self, name: &str) -> Result<f64> {
        let number = self.0.get(name).copied();
        number.with_context(|| format!("{name} was not measured"))
    }

    pub(super) fn of<const N: usize>(numbers: [(&str, f64); N]) -> Self {
        let named = numbers.map(|(name, number)| (name.to_owned(), number));
        Self(BTreeMap::from(named))
    }
}

impl Scenario {
    /// Does it and says what came of it.
    ///
    /// # Errors
    ///
    /// A job was not added, or the system does not tell what a process uses.
    pub fn run<S: Subject>(self) -> Result<Measured> {
        // Stalling a runtime means blocking all of its threads, which is easiest with one.
        let runtime = match self {
            Self::Stall => Builder::new_current_thread().enable_time().build()?,
            _ => runtime()?,
        };
        runtime.block_on(async {
            match self {
                Self::Add { jobs } => add::<S>(jobs).await,
                Self::Load {
                    jobs,
                    warm,
                    seconds,
                } => load::<S>(jobs, warm, seconds).await,
                Self::Burst { jobs } => burst::<S>(jobs).await,
                Self::Stall => stall::<S>().await,
                Self::Idle { jobs, seconds } => idle::<S>(jobs, seconds).await,
                Self::Plan { .. } | Self::Memory { .. } | Self::Day { .. } => {
                    bail!("{self}: of the orchestrator only")
                }
            }
        })
    }
}

/// The runtime of every subject.
fn runtime() -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    Ok(builder.worker_threads(WORKERS).enable_time().build()?)
}

const HOUR: Duration = Duration::from_secs(3_600);

/// How many empty schedulers.
const ADDS: usize = 15;

async fn add<S: Subject>(jobs: usize) -> Result<Measured> {
    let (mut walls, mut cores) = (Vec::new(), Vec::new());
    for _ in 0..ADDS {
        let recorder = Arc::new(Recorder::new(vec![Some(HOUR); jobs]));
        let subject = S::start().await?;
        let (begun, core) = (Instant::now(), on_core());
        subject.add_every(&recorder).await?;
        cores.push((on_core() - core) / 1e6);
        walls.push(begun.elapsed().as_secs_f64() * 1_000.0);
        drop(subject);
    }
    let (ms, core) = (
        crate::bench::median(&mut walls),
        crate::bench::median(&mut cores),
    );
    let of = |times: &[f64], place: Option<usize>| {
        let time = place.and_then(|place| times.get(place));
        time.copied().unwrap_or(f64::NAN)
    };
    Ok(Measured::of([
        ("ms", ms),
        ("least_ms", of(&walls, Some(0))),
        ("most_ms", of(&walls, walls.len().checked_sub(1))),
        ("core_ms", core),
        ("most_core_ms", of(&cores, cores.len().checked_sub(1))),
    ]))
}

async fn load<S: Subject>(jobs: usize, warm: u64, seconds: u64) -> Result<Measured> {
    let mut draw = fastrand::Rng::with_seed(7);
    let grain = u64::try_from(S::GRAIN.as_millis())?.max(1);
    let period = |_| {
        let drawn = draw.u64(1_000..=10_000);
        Some(Duration::from_millis(drawn / grain * grain))
    };
    let recorder = Arc::new(Recorder::new((0..jobs).map(period)));
    let subject = S::start().await?;
    let from = Instant::now() + Duration::from_secs(warm);
    let to = from + Duration::from_secs(seconds);
    recorder.count_between(from, to);
    subject.add_every(&recorder).await?;
    sleep_until(from).await;
    let (before, at) = (Usage::of_others()?, Instant::now());
    sleep_until(to).await;
    let used = Usage::of_others()?.since(before);
    let share = used.time.as_secs_f64() / at.elapsed().as_secs_f64();
    sleep(TAIL).await;
    let (expected, runs) = (count(recorder.expected()), count(recorder.runs()));
    drop(subject);
    Ok(Measured::of([
        ("cpu_pct", share * 100.0),
        ("expected", expected),
        ("runs", runs),
        ("told", count(recorder.told())),
        ("lost", count(recorder.lost())),
        ("p50_ms", recorder.lateness_ms(0.5)),
        ("p99_ms", recorder.lateness_ms(0.99)),
        ("max_ms", recorder.lateness_ms(1.0)),
    ]))
}

async fn burst<S: Subject>(jobs: usize) -> Result<Measured> {
    let recorder = Arc::new(Recorder::new(vec![None; jobs]));
    let subject = S::start().await?;
    // Far enough away that every subject has added all of them by then.
    let due = Instant::now() + Duration::from_secs(4);
    subject.add_once(&recorder, due).await?;
    let early = recorder.runs();
    sleep_until(due + Duration::from_secs(4)).await;
    let drained = recorder.last_run().saturating_duration_since(due);
    drop(subject);
    Ok(Measured::of([
        ("lost", count(recorder.lost())),
        ("runs", count(recorder.runs())),
        ("early", count(early)),
        ("drained_ms", drained.as_secs_f64() * 1_000.0),
    ]))
}

async fn stall<S: Subject>() -> Result<Measured> {
    let periods = (0..100).map(|job| Some(Duration::from_secs(1 + job % 3)));
    let recorder = Arc::new(Recorder::new(periods));
    let subject = S::start().await?;
    subject.add_every(&recorder).await?;
    let begun = Instant::now();
    let at = |ms| begun + Duration::from_millis(ms);
    recorder.count_between(at(0), at(18_500));
    sleep_until(at(4_200)).await;
    block(Duration::from_millis(3_500));
    // From here to the end of the window are six whole seconds, a cycle of all periods.
    sleep_until(at(12_500)).await;
    let before = recorder.runs();
    sleep_until(at(20_000)).await;
    let after = recorder.runs() - before;
    drop(subject);
    Ok(Measured::of([
        ("lost", count(recorder.lost())),
        ("expected", count(recorder.expected())),
        ("runs", count(recorder.runs())),
        ("told", count(recorder.told())),
        ("runs_a_second_after", count(after) / 6.0),
    ]))
}

#[allow(
    clippy::disallowed_methods,
    reason = "the runtime is to be blocked, which is what sleeping on its clock would not do"
)]
fn block(time: Duration) {
    std::thread::sleep(time);
}

async fn idle<S: Subject>(jobs: usize, seconds: u64) -> Result<Measured> {
    let recorder = Arc::new(Recorder::new(vec![Some(HOUR); jobs]));
    let subject = S::start().await?;
    subject.add_every(&recorder).await?;
    sleep(Duration::from_secs(2)).await;
    let (before, at) = (Usage::of_others()?, Instant::now());
    sleep(Duration::from_secs(seconds)).await;
    let used = Usage::of_others()?.since(before);
    let time = at.elapsed().as_secs_f64();
    drop(subject);
    Ok(Measured::of([
        ("wakes_a_second", count(used.wakes) / time),
        ("cpu_pct", used.time.as_secs_f64() / time * 100.0),
    ]))
}

#[allow(clippy::cast_precision_loss, reason = "counts of some million at most")]
const fn count(number: u64) -> f64 {
    number as f64
}

/// As it is handed to a process of its own.
impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { jobs } => write!(f, "add:{jobs}"),
            Self::Load {
                jobs,
                warm,
                seconds,
            } => write!(f, "load:{jobs}:{warm}:{seconds}"),
            Self::Burst { jobs } => write!(f, "burst:{jobs}"),
            Self::Stall => f.write_str("stall"),
            Self::Idle { jobs, seconds } => write!(f, "idle:{jobs}:{seconds}"),
            Self::Plan { seconds } => write!(f, "plan:{seconds}"),
            Self::Memory { jobs } => write!(f, "memory:{jobs}"),
            Self::Day { seconds } => write!(f, "day:{seconds}"),
        }
    }
}

impl FromStr for Scenario {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut words = text.split(':');
        let name = words.next().unwrap_or_default();
        let numbers: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>()?;
        let jobs = |jobs: u64| usize::try_from(jobs);
        Ok(match (name, numbers.as_slice()) {
            ("add", [n]) => Self::Add { jobs: jobs(*n)? },
            ("load", [n, warm, seconds]) => Self::Load {
                jobs: jobs(*n)?,
                warm: *warm,
                seconds: *seconds,
            },
            ("burst", [n]) => Self::Burst { jobs: jobs(*n)? },
            ("stall", []) => Self::Stall,
            ("idle", [n, seconds]) => Self::Idle {
                jobs: jobs(*n)?,
                seconds: *seconds,
            },
            ("plan", [seconds]) => Self::Plan { seconds: *seconds },
            ("memory", [n]) => Self::Memory { jobs: jobs(*n)? },
            ("day", [seconds]) => Self::Day { seconds: *seconds },
            _ => bail!("{text}: is no scenario"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Heap, Ours};
    use super::*;
    use robust_scheduler::SimClock;
    use std::time::SystemTime;

    #[test]
    fn a_scenario_goes_to_another_process_and_is_the_same() {
        let all = [
            Scenario::Add { jobs: 5 },
            Scenario::Load {
                jobs: 5,
                warm: 6,
                seconds: 7,
            },
            Scenario::Burst { jobs: 5 },
            Scenario::Stall,
            Scenario::Idle {
                jobs: 5,
                seconds: 6,
            },
            Scenario::Plan { seconds: 6 },
            Scenario::Memory { jobs: 5 },
            Scenario::Day { seconds: 6 },
        ];
        for scenario in all {
            assert_eq!(scenario.to_string().parse::<Scenario>().unwrap(), scenario);
        }
        assert!("load:5".parse::<Scenario>().is_err());
    }

    /// Ours on a clock that goes with the paused one.
    struct Simulated(Ours);

    impl Subject for Simulated {
        async fn start() -> Result<Self> {
            let clock = SimClock::at(SystemTime::UNIX_EPOCH + 20_000 * 24 * HOUR);
            Ok(Self(Ours::on(Arc::new(clock))))
        }

        async fn add_every(&self, recorder: &Arc<Recorder>) -> Result<()> {
            self.0.add_every(recorder).await
        }

        async fn add_once(&self, recorder: &Arc<Recorder>, at: Instant) -> Result<()> {
            self.0.add_once(recorder, at).await
        }
    }

    /// Starts only every second job.
    struct Half(Simulated);

    impl Subject for Half {
        async fn start() -> Result<Self> {
            Ok(Self(Simulated::start().await?))
        }

        async fn add_every(&self, recorder: &Arc<Recorder>) -> Result<()> {
            self.0.add_every(recorder).await
        }

        async fn add_once(&self, recorder: &Arc<Recorder>, at: Instant) -> Result<()> {
            recorder.all_begin(at);
            let recorder = Arc::clone(recorder);
            tokio::spawn(async move {
                sleep_until(at).await;
                let every_second = (0..recorder.jobs()).step_by(2);
                every_second.for_each(|job| recorder.ran(job, 0));
            });
            Ok(())
        }
    }

    fn lost(measured: &Measured) -> (f64, f64) {
        (measured.0["lost"], measured.0["runs"])
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_loses_nothing() {
        let ours = burst::<Simulated>(2_000).await.unwrap();
        assert_eq!(lost(&ours), (0.0, 2_000.0));
        let inline = burst::<Heap>(2_000).await.unwrap();
        assert_eq!(lost(&inline), (0.0, 2_000.0));
        let spawning = burst::<Heap<true>>(2_000).await.unwrap();
        assert_eq!(lost(&spawning), (0.0, 2_000.0));
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_scheduler_loses_is_counted() {
        let measured = burst::<Half>(100).await.unwrap();
        assert_eq!(lost(&measured), (50.0, 50.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_load_has_all_its_runs() {
        let runtime = runtime().unwrap();
        let load = runtime.block_on(load::<Ours>(200, 0, 2)).unwrap();
        assert!(load.0["expected"] > 10.0, "{load:?}");
        assert_eq!(load.0["lost"], 0.0, "{load:?}");
        assert!(load.0["p50_ms"] <= load.0["p99_ms"], "{load:?}");
    }
}
