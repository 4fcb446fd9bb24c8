//! What a long run came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use robust_http::Stats;
use robust_source::{Source, SourceStats};

use super::gauge::{Cores, Sample};
use super::traffic::Totals;
use super::{Options, traffic};
use crate::report::Row;

/// Memory of the last quarter may be this much of that of the second quarter. The first is warming up: pools, tables and the allocator's
/// own stores fill.
const MEMORY_GROWTH: f64 = 1.05;

/// By how many more tasks and descriptors may be there in the last quarter, of their tenth percentile: what is there even when all is
/// well. What is under way on top of that is the weather's doing, what leaks stays: one task in ten thousand calls would be 60 in
/// five minutes of 2,000 calls a second.
const MORE: f64 = 25.0;

/// Lines of the table.
const LINES: usize = 20;

/// What a long run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    options: Options,
    took: Duration,
    totals: Totals,
    weather: u64,
    sources: SourceStats,
    opened: u64,
    /// Counters of the client, when all was over.
    pub client: Stats,
    /// Permits, places in queues and requests that were still there when nobody called any more.
    pub held: u64,
    /// Tasks that were there when sources and client were gone.
    pub left: usize,
    /// What the process had of the machine, where the system tells.
    pub cores: Option<Cores>,
    /// The process, once a second.
    pub samples: Vec<Sample>,
}

impl Outcome {
    pub(super) fn new(options: Options, took: Duration, totals: Totals, weather: u64) -> Self {
        Self {
            options,
            took,
            totals,
            weather,
            sources: SourceStats::default(),
            opened: 0,
            client: Stats::default(),
            held: 0,
            left: 0,
            cores: None,
            samples: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, source: &Source) {
        let stats = source.stats();
        let sum = &mut self.sources;
        sum.calls += stats.calls;
        sum.ok += stats.ok;
        sum.errors += stats.errors;
        sum.cancelled += stats.cancelled;
        sum.requests += stats.requests;
        sum.retries += stats.retries;
        self.opened += source.breaker().snapshot().opened_times;
    }

    /// What became of the calls, as those say who made them.
    #[must_use]
    pub const fn totals(&self) -> &traffic::Totals {
        &self.totals
    }

    /// Calls by which callers and sources disagree.
    #[must_use]
    pub const fn unaccounted(&self) -> u64 {
        let (by_caller, by_source) = (&self.totals, &self.sources);
        let errors = by_caller.refused + by_caller.failed;
        by_caller.calls.abs_diff(by_caller.ended())
            + by_caller.calls.abs_diff(by_source.calls)
            + by_caller.ok.abs_diff(by_source.ok)
            + errors.abs_diff(by_source.errors)
            + by_caller.dropped.abs_diff(by_source.cancelled)
    }

    /// The rows of the report.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let totals = &self.totals;
        let mut rows = vec![
            self.rate(),
            zero("soak.unaccounted", "calls", self.unaccounted(), {
                "calls by which those who made them and the sources disagree".to_owned()
            }),
            zero("soak.panics", "calls", totals.panics, String::new()),
            zero("soak.late", "calls", totals.late, {
                let latest = totals.latest.as_secs_f64() * 1e3;
                format!("ended over 250 ms after their end; the latest {latest:.0} ms")
            }),
            zero("soak.held", "permits", self.held, {
                "permits, places and requests when nobody called any more".to_owned()
            }),
            zero("soak.tasks_left", "tasks", self.left as u64, {
                "beside those before, when sources and client were gone".to_owned()
            }),
            self.more("soak.tasks_growth", "tasks", |sample| {
                Some(sample.tasks as f64)
            }),
        ];
        let memory = |sample: &Sample| sample.rss_kib.map(|kib| kib as f64);
        let descriptors = |sample: &Sample| sample.descriptors.map(|count| count as f64);
        // Elsewhere than on Linux there is nothing to show, and a row that says that it holds would be a lie.
        if self.samples.iter().any(|sample| sample.rss_kib.is_some()) {
            rows.push(self.memory(memory));
            rows.push(self.more("soak.descriptors_growth", "descriptors", descriptors));
        }
        rows
    }

    fn rate(&self) -> Row {
        let seconds = self.options.time.as_secs_f64();
        let rate = self.totals.calls as f64 / seconds.max(1e-9);
        let goal = 0.99 * f64::from(self.options.rate);
        Row {
            id: "soak.rate".to_owned(),
            value: rate,
            unit: "calls/s",
            goal,
            holds: rate >= goal,
            peers: BTreeMap::new(),
            note: format!("{} calls in {seconds:.0} s", self.totals.calls),
        }
    }

    /// The median of the last quarter beside that of the second.
    fn memory(&self, of: impl Fn(&Sample) -> Option<f64>) -> Row {
        let (second, last) = self.quarters(0.5, of);
        let value = last / second;
        Row {
            id: "soak.rss_growth".to_owned(),
            value,
            unit: "ratio",
            goal: MEMORY_GROWTH,
            holds: value <= MEMORY_GROWTH,
            peers: BTreeMap::new(),
            note: format!(
                "KiB, median of the second quarter of the time and of the last: {second:.0}, {last:.0}"
            ),
        }
    }

    /// The tenth percentile of the last quarter less that of the second.
    fn more(&self, id: &str, unit: &'static str, of: impl Fn(&Sample) -> Option<f64>) -> Row {
        let (second, last) = self.quarters(0.1, of);
        let value = last - second;
        Row {
            id: id.to_owned(),
            value,
            unit,
            goal: MORE,
            holds: value <= MORE,
            peers: BTreeMap::new(),
            note: format!(
                "tenth percentile of the second quarter of the time and of the last: {second:.0}, {last:.0}"
            ),
        }
    }

    /// A percentile in the second quarter and in the last.
    fn quarters(&self, share: f64, of: impl Fn(&Sample) -> Option<f64>) -> (f64, f64) {
        let all: Vec<f64> = self.samples.iter().filter_map(of).collect();
        let quarter = all.len() / 4;
        let second = all.get(quarter..2 * quarter).unwrap_or_default();
        let last = all.get(all.len() - quarter..).unwrap_or_default();
        (percentile(second, share), percentile(last, share))
    }
}

fn zero(id: &str, unit: &'static str, value: u64, note: String) -> Row {
    Row {
        id: id.to_owned(),
        value: value as f64,
        unit,
        goal: 0.0,
        holds: value == 0,
        peers: BTreeMap::new(),
        note,
    }
}

/// Not a number where there is none.
fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::NAN)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (totals, client) = (&self.totals, &self.client);
        writeln!(
            f,
            "{} calls in {:.0} s, seed {}",
            totals.calls,
            self.took.as_secs_f64(),
            self.options.seed
        )?;
        for (what, number) in [
            ("calls answered", totals.ok),
            ("calls refused here", totals.refused),
            ("calls failed", totals.failed),
            ("calls dropped", totals.dropped),
            ("requests sent", self.sources.requests),
            ("of these, retries", self.sources.retries),
            ("connections opened", client.opened),
            ("requests on a kept connection", client.reused),
            ("times a breaker opened", self.opened),
            ("changes of weather", self.weather),
        ] {
            writeln!(f, "{what:<30} {number:>10}")?;
        }
        if let Some(Cores { ran, waited }) = self.cores {
            writeln!(f, "{:<30} {:>10.1}", "seconds on a core", ran.as_secs_f64())?;
            let waited = waited.as_secs_f64();
            writeln!(f, "{:<30} {waited:>10.1}", "seconds waiting for a core")?;
        }
        writeln!(
            f,
            "\n{:>6} {:>10} {:>7} {:>12}",
            "s", "RSS MiB", "tasks", "descriptors"
        )?;
        let step = (self.samples.len() / LINES).max(1);
        let shown = self.samples.iter().enumerate();
        for (_, sample) in shown.filter(|(number, _)| (number + 1) % step == 0) {
            let seconds = sample.at.as_secs();
            let rss = sample
                .rss_kib
                .map_or("-".to_owned(), |kib| format!("{:.1}", kib as f64 / 1024.0));
            let descriptors = sample
                .descriptors
                .map_or("-".to_owned(), |count| count.to_string());
            writeln!(
                f,
                "{seconds:>6} {rss:>10} {:>7} {descriptors:>12}",
                sample.tasks
            )?;
        }
        writeln!(f)?;
        for row in self.rows() {
            let verdict = if row.holds { "holds" } else { "MISSED" };
            writeln!(
                f,
                "{:<26} {:>10.3} {:<8} goal {:<8.2} {verdict:<7} {}",
                row.id, row.value, row.unit, row.goal, row.note
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(samples: impl IntoIterator<Item = (u64, usize)>) -> Outcome {
        let options = Options {
            time: Duration::from_secs(100),
            rate: 10,
            seed: 1,
        };
        let totals = Totals {
            calls: 1_000,
            ..Totals::default()
        };
        let mut outcome = Outcome::new(options, options.time, totals, 0);
        let samples = samples.into_iter().map(|(rss, tasks)| Sample {
            at: Duration::ZERO,
            rss_kib: Some(rss),
            tasks,
            descriptors: Some(tasks),
        });
        outcome.samples = samples.collect();
        outcome
    }

    fn holds(outcome: &Outcome, id: &str) -> bool {
        let rows = outcome.rows();
        rows.iter().find(|row| row.id == id).unwrap().holds
    }

    #[test]
    fn what_grows_does_not_hold_and_what_warms_up_does() {
        let flat = outcome((0..100).map(|n| (if n < 20 { 500 * n } else { 10_000 }, 50)));
        let leaking = outcome((0..100).map(|n| (10_000 + 20 * n, 50 + n as usize)));
        for id in [
            "soak.rss_growth",
            "soak.tasks_growth",
            "soak.descriptors_growth",
        ] {
            assert!(holds(&flat, id), "{flat}");
            assert!(!holds(&leaking, id), "{leaking}");
        }
    }

    #[test]
    fn tasks_of_bad_weather_are_no_leak() {
        let stormy =
            outcome((0..100).map(|n| (10_000, if n > 60 && n % 3 > 0 { 900 } else { 50 })));
        assert!(holds(&stormy, "soak.tasks_growth"), "{stormy}");
    }

    #[test]
    fn a_call_that_nobody_counted_is_seen() {
        let mut lost = outcome([]);
        assert!(!holds(&lost, "soak.unaccounted"));
        lost.totals.ok = 1_000;
        lost.sources.calls = 1_000;
        assert!(
            !holds(&lost, "soak.unaccounted"),
            "the sources know of no answer"
        );
        lost.sources.ok = 1_000;
        assert!(holds(&lost, "soak.unaccounted"));
        assert!(holds(&lost, "soak.rate"));
    }

    #[test]
    fn without_samples_nothing_is_said_to_be_flat() {
        assert!(!holds(&outcome([]), "soak.tasks_growth"));
    }
}
