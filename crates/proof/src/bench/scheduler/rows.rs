//! The rows: each number beside its goal, the floor and the peers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{
    Crashes, Dst, HEAP, HEAP_SPAWN, Measured, ORCHESTRATOR, OURS, OURS_ALL, Options, Scenario,
    clocks, day, next, orchestrator, priority, process, traces,
};
use crate::bench::median;
use crate::report::Row;

/// What each job may take, everything included.
const BYTES_GOAL: f64 = 2_048.0;
/// Milliseconds for adding ten thousand.
const ADD_GOAL: f64 = 20.0;
/// Milliseconds beyond the floor's.
const LATENESS_GOAL: f64 = 15.0;
/// Wakes in a second in which nothing is due.
const WAKES_GOAL: f64 = 1.0;
/// Percent of one core.
const CPU_GOAL: f64 = 10.0;

/// Measures what needs processes of its own.
pub(super) fn of_processes(options: &Options) -> Result<Vec<Row>> {
    let with = Programs(options);
    let rows = [
        Programs::bytes,
        Programs::add,
        Programs::lateness,
        Programs::burst,
        Programs::stall,
        Programs::idle,
        Programs::cpu,
        Programs::jobs_memory,
        Programs::plan_cpu,
        Programs::simulated_day,
    ];
    rows.iter().map(|row| said(loaded(row(&with)?))).collect()
}

/// Measures what is right or wrong, and who waits.
pub(super) fn of_answers(options: &Options) -> Result<Vec<Row>> {
    // What is right or wrong does not take the machine, so it is never cut short.
    let mut rows = vec![said(Dst::run(32, 1)?.row())?];
    rows.push(said(loaded(next::row()?))?);
    let (turns, seconds) = if options.quick { (1, 2) } else { (3, 6) };
    rows.push(said(loaded(priority::urgent(turns, seconds)?))?);
    rows.push(said(priority::unimportant(5)?)?);
    for row in Crashes::run(100)?.rows() {
        rows.push(said(row)?);
    }
    rows.push(said(traces(20, 10)?)?);
    rows.push(said(clocks::row()?)?);
    Ok(rows)
}

/// What depends on the machine's time says how busy the machine was when it was done.
fn loaded(mut row: Row) -> Row {
    if let Some(load) = process::load() {
        row.note.push_str(&format!("; load {load:.1} at its end"));
    }
    row
}

/// A run takes minutes: each row is told as it comes.
#[allow(
    clippy::print_stderr,
    clippy::unnecessary_wraps,
    reason = "a program shows where it is; used where rows come as results"
)]
fn said(row: Row) -> Result<Row> {
    let load = process::load().map_or_else(String::new, |load| format!(", load {load:.1}"));
    eprintln!("{}: {:.3} {}{load}", row.id, row.value, row.unit);
    Ok(row)
}

struct Programs<'a>(&'a Options);

impl Programs<'_> {
    fn measure(&self, subject: &str, scenario: Scenario) -> Result<Measured> {
        let scenario = scenario.to_string();
        ask(&self.0.program, &["measure", subject, &scenario])
    }

    fn memory(&self, subject: &str, jobs: u32) -> Result<Measured> {
        ask(&self.0.memory_program, &[subject, &jobs.to_string()])
    }

    fn peers(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.0.peers.iter().copied()
    }

    /// Everything or a fraction of it.
    fn times(&self, full: u64, quick: u64) -> u64 {
        if self.0.quick { quick } else { full }
    }

    fn bytes(&self) -> Result<Row> {
        let (mut most, mut words) = (0.0_f64, Vec::new());
        for jobs in [1_000, 10_000] {
            let ours = self.memory(OURS, jobs)?;
            let (added, ran, runs) = (ours.get("added")?, ours.get("ran")?, ours.get("runs")?);
            ensure!(runs >= 9.0, "the jobs have run {runs} times");
            most = most.max(added).max(ran);
            words.push(format!(
                "{jobs}: {added:.0} after adding, {ran:.0} after {runs:.0} runs of each"
            ));
        }
        let mut peers = BTreeMap::new();
        for peer in self.peers().chain([HEAP]) {
            let bytes = self.memory(peer, 10_000)?.get("added")?;
            peers.insert(format!("{peer}, after adding 10000"), bytes);
        }
        Ok(Row {
            id: "sched.bytes_per_job".to_owned(),
            value: most,
            unit: "bytes",
            goal: BYTES_GOAL,
            holds: most <= BYTES_GOAL,
            peers,
            note: format!(
                "allocated, the scheduler itself included; {}",
                words.join("; ")
            ),
        })
    }

    fn add(&self) -> Result<Row> {
        let scenario = Scenario::Add { jobs: 10_000 };
        let ours = self.measure(OURS, scenario)?;
        let mut peers = BTreeMap::from([("ours, by the clock".to_owned(), ours.get("ms")?)]);
        for peer in self.peers().chain([HEAP]) {
            let ms = self.measure(peer, scenario)?.get("ms")?;
            peers.insert(format!("{peer}, by the clock"), ms);
        }
        let ms = ours.get("core_ms")?;
        Ok(Row {
            id: "sched.add_10k_ms".to_owned(),
            value: ms,
            unit: "ms",
            goal: ADD_GOAL,
            holds: ms <= ADD_GOAL,
            peers,
            note: format!(
                "of a core, which is the time of the call where nobody else wants the core: 10000 jobs made and added in one call, the \
                 middle one of fifteen, at most {:.1}; by the clock {:.1} ms, {:.1} to {:.1}",
                ours.get("most_core_ms")?,
                ours.get("ms")?,
                ours.get("least_ms")?,
                ours.get("most_ms")?
            ),
        })
    }

    fn lateness(&self) -> Result<Row> {
        let scenario = Scenario::Load {
            jobs: 10_000,
            warm: 1,
            seconds: self.times(8, 3),
        };
        let (mut over, mut ours, mut floor) = (Vec::new(), Vec::new(), Vec::new());
        let mut lost = 0.0;
        for turn in 0..self.times(5, 1) {
            // In turns, and each begins as often as the other.
            let pair = if turn % 2 == 0 {
                [OURS, HEAP]
            } else {
                [HEAP, OURS]
            };
            for subject in pair {
                let measured = self.measure(subject, scenario)?;
                if subject == OURS {
                    lost += measured.get("lost")?;
                    ours.push(measured.get("p99_ms")?);
                } else {
                    floor.push(measured.get("p99_ms")?);
                }
            }
            if let (Some(ours), Some(floor)) = (ours.last(), floor.last()) {
                over.push(ours - floor);
            }
        }
        let mut peers = BTreeMap::new();
        let (mut words, turns) = (Vec::new(), over.len());
        for peer in self.peers().chain([HEAP_SPAWN]) {
            let measured = self.measure(peer, scenario)?;
            peers.insert(format!("{peer}, p99"), measured.get("p99_ms")?);
            words.push(format!(
                "{peer} ran {:.0} of {:.0}",
                measured.get("runs")?,
                measured.get("expected")?
            ));
        }
        peers.insert(format!("{HEAP}, p99"), median(&mut floor));
        let value = median(&mut over);
        Ok(Row {
            id: "sched.lateness_p99_over_heap_ms".to_owned(),
            value,
            unit: "ms",
            goal: LATENESS_GOAL,
            holds: value <= LATENESS_GOAL && lost == 0.0,
            peers,
            note: format!(
                "10000 jobs, 1 to 10 s; p99 {:.2} ms, heap {:.2} ms, the middle of {turns} turns, {:.2} to {:.2} ms over it; {lost} lost; {}",
                median(&mut ours),
                median(&mut floor),
                over.first().copied().unwrap_or(f64::NAN),
                over.last().copied().unwrap_or(f64::NAN),
                words.join(", ")
            ),
        })
    }

    fn burst(&self) -> Result<Row> {
        let (mut lost, mut words, mut peers) = (0.0, Vec::new(), BTreeMap::new());
        for jobs in [10_000, 30_000] {
            let scenario = Scenario::Burst { jobs };
            let ours = self.measure(OURS, scenario)?;
            lost += ours.get("lost")?;
            words.push(format!("{jobs}: all in {:.0} ms", ours.get("drained_ms")?));
            let heap = self.measure(HEAP_SPAWN, scenario)?;
            words.push(format!("{HEAP_SPAWN} {:.0} ms", heap.get("drained_ms")?));
            for peer in self.peers() {
                let measured = self.measure(peer, scenario)?;
                peers.insert(format!("{peer}, of {jobs}"), measured.get("lost")?);
            }
        }
        Ok(Row {
            id: "sched.burst_lost".to_owned(),
            value: lost,
            unit: "runs",
            goal: 0.0,
            holds: lost == 0.0,
            peers,
            note: format!("jobs due once, at one instant; {}", words.join(", ")),
        })
    }

    fn stall(&self) -> Result<Row> {
        // All at once: each sleeps nearly all the time, and a lost run is none of time.
        let subjects: Vec<_> = [OURS, OURS_ALL]
            .into_iter()
            .chain(self.peers())
            .chain([HEAP])
            .collect();
        let measured: Vec<Measured> = std::thread::scope(|scope| {
            let started: Vec<_> = subjects
                .iter()
                .map(|subject| scope.spawn(|| self.measure(subject, Scenario::Stall)))
                .collect();
            let ended = started.into_iter().map(|thread| {
                let measured = thread.join().ok();
                measured.context("the thread of a measurement panicked")?
            });
            ended.collect::<Result<_>>()
        })?;
        let of = |name: &str| {
            let place = subjects.iter().position(|subject| *subject == name);
            let measured = place.and_then(|place| measured.get(place));
            measured.context("every subject is measured")
        };
        let (ours, all) = (of(OURS)?, of(OURS_ALL)?);
        let lost = ours.get("lost")?;
        let mut peers = BTreeMap::from([(OURS_ALL.to_owned(), all.get("lost")?)]);
        let rate = |measured: &Measured| measured.get("runs_a_second_after");
        let mut words = vec![format!("{:.1} a second by us", rate(ours)?)];
        for peer in self.peers().chain([HEAP]) {
            let measured = of(peer)?;
            peers.insert(peer.to_owned(), measured.get("lost")?);
            words.push(format!("{:.1} by {peer}", rate(measured)?));
        }
        Ok(Row {
            id: "sched.stall_lost".to_owned(),
            value: lost,
            unit: "runs",
            goal: 0.0,
            holds: lost == 0.0 && all.get("lost")? == 0.0,
            peers,
            note: format!(
                "100 jobs of 1, 2 and 3 s, the runtime blocked for 3.5 s; {:.0} due: {:.0} ran, {:.0} more were told to a later run as \
                 missed; runs afterwards: {}",
                ours.get("expected")?,
                ours.get("runs")?,
                ours.get("told")?,
                words.join(", ")
            ),
        })
    }

    fn idle(&self) -> Result<Row> {
        let scenario = Scenario::Idle {
            jobs: 10_000,
            seconds: self.times(20, 5),
        };
        let ours = self.measure(OURS, scenario)?;
        let wakes = ours.get("wakes_a_second")?;
        let mut peers = BTreeMap::new();
        for peer in self.peers().chain([HEAP]) {
            let measured = self.measure(peer, scenario)?;
            peers.insert(peer.to_owned(), measured.get("wakes_a_second")?);
        }
        Ok(Row {
            id: "sched.idle_wakes_per_s".to_owned(),
            value: wakes,
            unit: "wakes",
            goal: WAKES_GOAL,
            holds: wakes <= WAKES_GOAL,
            peers,
            note: format!(
                "10000 jobs of an hour, threads of the runtime that went to sleep; {:.4} % of a core",
                ours.get("cpu_pct")?
            ),
        })
    }

    fn cpu(&self) -> Result<Row> {
        let scenario = Scenario::Load {
            jobs: 100_000,
            // After ten seconds every period has begun.
            warm: self.times(11, 2),
            seconds: self.times(12, 3),
        };
        let ours = self.measure(OURS, scenario)?;
        let mut peers = BTreeMap::new();
        for floor in [HEAP, HEAP_SPAWN] {
            let measured = self.measure(floor, scenario)?;
            peers.insert(floor.to_owned(), measured.get("cpu_pct")?);
        }
        let cpu = ours.get("cpu_pct")?;
        let seconds = u32::try_from(self.times(12, 3))?;
        Ok(Row {
            id: "sched.cpu_100k_pct".to_owned(),
            value: cpu,
            unit: "percent",
            goal: CPU_GOAL,
            holds: cpu <= CPU_GOAL && ours.get("lost")? == 0.0,
            peers,
            note: format!(
                "of one core; 100000 jobs, 1 to 10 s, {:.0} runs a second; p99 {:.1} ms late, {:.0} lost, {:.0} told as missed",
                ours.get("runs")? / f64::from(seconds),
                ours.get("p99_ms")?,
                ours.get("lost")?,
                ours.get("told")?
            ),
        })
    }
}

impl Programs<'_> {
    fn jobs_memory(&self) -> Result<Row> {
        let measured = self.measure(ORCHESTRATOR, Scenario::Memory { jobs: 1_000 })?;
        orchestrator::memory_row(&measured)
    }

    fn plan_cpu(&self) -> Result<Row> {
        let seconds = self.times(45, 10);
        let measured = self.measure(ORCHESTRATOR, Scenario::Plan { seconds })?;
        orchestrator::cpu_row(&measured, seconds)
    }

    fn simulated_day(&self) -> Result<Row> {
        // A run through the whole stack costs hundreds of times what the plan alone does: an hour of it says enough.
        let seconds = self.times(3_600, 600);
        day::row(&self.measure(ORCHESTRATOR, Scenario::Day { seconds })?)
    }
}

/// Starts a program and reads what it measured.
fn ask(program: &Path, arguments: &[&str]) -> Result<Measured> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("{}: cannot be started", program.display()))?;
    ensure!(
        output.status.success(),
        "{}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout)
        .with_context(|| format!("{}: prints no numbers", arguments.join(" ")))
}
