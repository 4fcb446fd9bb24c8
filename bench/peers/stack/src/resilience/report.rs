//! The rows and the table.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use robust_proof::report::Row;

use super::clock::{CLOCK_READ, REFERENCE_NS};
use super::contention::{Contended, PEER_LOG, contend, contenders};
use super::ours::{
    BREAKER, BREAKER_HANDLE, BREAKER_WINDOW, BULKHEAD, BULKHEAD_READY, LIMITER, LIMITER_HANDLE,
    LIMITER_QUICK, RETRY, RETRY_BUDGET, STACK4, TIMEOUT_LAYER,
};
use super::rounds::{Measured, measure};
use super::source::{SOURCE, SOURCE_QUICK};
use super::{cases, runtime};

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The time for all rounds together; two threads at once take half of it besides.
    pub budget: Duration,
}

/// The stack of the peer that ours is built like.
const PEER_STACK: &str = "tower-resilience retry > breaker > limiter > timeout";

/// Ours, and the peers that give the same guarantee. Those that give less are in the table only: failsafe and recloser let every
/// call through when half-open, governor, leaky-bucket and fixed windows admit twice the limit in one window. By key governor alone
/// limits, with the same fault, and nobody breaks circuits; the limits that adapt, of tower-resilience, drift away (P17).
const SAME_GUARANTEE: [(&str, &str, &[&str]); 9] = [
    (
        "breaker",
        BREAKER,
        &["tower-resilience breaker, consecutive"],
    ),
    (
        "breaker_window",
        BREAKER_WINDOW,
        &["tower-resilience breaker, count window"],
    ),
    ("limiter", LIMITER, &["tower-resilience limiter, log"]),
    ("retry", RETRY, &["tower-resilience retry"]),
    (
        "retry_budget",
        RETRY_BUDGET,
        &["tower-resilience retry, budget", "tower retry, budget"],
    ),
    (
        "timeout",
        TIMEOUT_LAYER,
        &["tower timeout", "tower-resilience timeout"],
    ),
    ("bulkhead", BULKHEAD, &["tower concurrency_limit"]),
    (
        "bulkhead_ready",
        BULKHEAD_READY,
        &["tower concurrency_limit"],
    ),
    ("stack4", STACK4, &[PEER_STACK]),
];

/// Measures everything and prints the table.
pub fn run(options: &Options) -> Result<Vec<Row>> {
    let runtime = runtime()?;
    let mut cases = cases(&runtime);
    let measured = measure(&mut cases, options.budget);
    let contenders = contenders();
    let each = options.budget / 2 / u32::try_from(contenders.len())?;
    let contended = contenders
        .iter()
        .map(|contender| contend(contender, each))
        .collect::<Result<Vec<_>>>()?;
    let table = Table {
        measured,
        contended,
        allocations: allocations()?,
    };
    table.print();
    table.rows()
}

/// Asks the counting program, which lies beside this one.
fn allocations() -> Result<BTreeMap<String, f64>> {
    let name = format!("peers-allocations{}", std::env::consts::EXE_SUFFIX);
    let program = std::env::current_exe()?.with_file_name(name);
    let output = Command::new(&program)
        .output()
        .with_context(|| format!("{} cannot be started", program.display()))?;
    ensure!(output.status.success(), "the counting program failed");
    String::from_utf8(output.stdout)?
        .lines()
        .map(|line| {
            let (name, count) = line.split_once('\t').context("a line without a count")?;
            Ok((name.to_owned(), count.parse()?))
        })
        .collect()
}

struct Table {
    measured: Vec<Measured>,
    contended: Vec<Contended>,
    allocations: BTreeMap<String, f64>,
}

impl Table {
    fn of(&self, name: &str) -> Result<&Measured> {
        let found = self.measured.iter().find(|case| case.name == name);
        found.with_context(|| format!("{name} was not measured"))
    }

    fn allocations_of(&self, name: &str) -> Result<f64> {
        let found = self.allocations.get(name).copied();
        found.with_context(|| format!("{name} was not counted"))
    }

    /// A goal in nanoseconds on this machine.
    fn scaled(&self, ns: f64) -> Result<f64> {
        Ok(ns * self.of(CLOCK_READ)?.ns() / REFERENCE_NS)
    }

    fn peers(&self, names: &[&str]) -> Result<BTreeMap<String, f64>> {
        names
            .iter()
            .map(|name| Ok(((*name).to_owned(), self.of(name)?.ns())))
            .collect()
    }

    fn rows(&self) -> Result<Vec<Row>> {
        let mut rows = vec![self.stack_ratio()?, self.stack_allocations()?];
        rows.extend([self.source_allocations()?, self.source_clock_reads()?]);
        let breakers = [
            "tower-resilience breaker, consecutive",
            "failsafe consecutive",
            "recloser count window",
        ];
        let limiters = [
            "tower-resilience limiter, log",
            "tower-resilience limiter, fixed",
            "governor check",
            "leaky-bucket acquire",
            "tower rate_limit",
        ];
        rows.push(self.ns_row("breaker.ns", BREAKER, BREAKER_HANDLE, 10.0, &breakers)?);
        let mut limiter =
            self.ns_row("limiter.ns", LIMITER_QUICK, LIMITER_HANDLE, 35.0, &limiters)?;
        let slow = self.of(LIMITER)?.ns();
        limiter.note += &format!("; by the counter, as a manager sets it; {slow:.1} by tokio's");
        rows.push(limiter);
        rows.push(self.contended_row()?);
        for (name, own, peers) in SAME_GUARANTEE {
            rows.push(self.not_slower(name, own, peers)?);
        }
        rows.extend(self.not_slower_contended());
        Ok(rows)
    }

    fn stack_ratio(&self) -> Result<Row> {
        const GOAL: f64 = 0.18;
        let (own, peer) = (self.of(STACK4)?, self.of(PEER_STACK)?);
        let (ratio, bound) = own.ratio(peer);
        Ok(Row {
            id: "stack4.ratio".to_owned(),
            value: ratio,
            unit: "ratio",
            goal: GOAL,
            holds: bound.1 <= GOAL,
            peers: self.peers(&[PEER_STACK, "tower retry > buffer > rate_limit > timeout"])?,
            note: format!(
                "{:.0} ns against {:.0} ns; 95 % between {:.3} and {:.3}, {} rounds",
                own.ns(),
                peer.ns(),
                bound.0,
                bound.1,
                own.rounds.len()
            ),
        })
    }

    fn stack_allocations(&self) -> Result<Row> {
        let value = self.allocations_of(STACK4)?;
        let peer = self.allocations_of(PEER_STACK)?;
        Ok(Row {
            id: "stack4.allocs".to_owned(),
            value,
            unit: "allocations",
            goal: 0.0,
            holds: value == 0.0,
            peers: BTreeMap::from([(PEER_STACK.to_owned(), peer)]),
            note: "of one call, after warming up".to_owned(),
        })
    }

    fn source_allocations(&self) -> Result<Row> {
        // By either clock.
        let value = self.allocations_of(SOURCE)?;
        let value = value.max(self.allocations_of(SOURCE_QUICK)?);
        Ok(Row {
            id: "source.allocs".to_owned(),
            value,
            unit: "allocations",
            goal: 0.0,
            holds: value == 0.0,
            peers: BTreeMap::new(),
            note: "of one call through the whole stack of a source, around a venue that is ready"
                .to_owned(),
        })
    }

    fn source_clock_reads(&self) -> Result<Row> {
        const GOAL: f64 = 12.0;
        let own = self.of(SOURCE_QUICK)?;
        let slow = self.of(SOURCE)?;
        let (reads, bound) = own.ratio(self.of(CLOCK_READ)?);
        let (reads_slow, _) = slow.ratio(self.of(CLOCK_READ)?);
        Ok(Row {
            id: "source.clock_reads".to_owned(),
            value: reads,
            unit: "clock reads",
            goal: GOAL,
            holds: bound.1 <= GOAL,
            peers: BTreeMap::new(),
            note: format!(
                "what a call costs, in looks at the clock; {:.0} ns; 95 % between {:.1} and {:.1}; by the counter, as a manager sets it; {reads_slow:.1} and {:.0} ns by tokio's",
                own.ns(),
                bound.0,
                bound.1,
                slow.ns()
            ),
        })
    }

    fn ns_row(&self, id: &str, own: &str, handle: &str, goal: f64, peers: &[&str]) -> Result<Row> {
        let measured = self.of(own)?;
        let bound = measured.bound();
        let scaled = self.scaled(goal)?;
        Ok(Row {
            id: id.to_owned(),
            value: measured.ns(),
            unit: "ns",
            goal: scaled,
            holds: bound.1 <= scaled,
            peers: self.peers(peers)?,
            note: format!(
                "the layer; 95 % between {:.1} and {:.1}; {:.1} without tower; goal {goal} at {REFERENCE_NS} ns a clock read",
                bound.0,
                bound.1,
                self.of(handle)?.ns()
            ),
        })
    }

    fn contended_row(&self) -> Result<Row> {
        let own = self.contended.iter().find(|case| case.name == BREAKER);
        let own = own.context("contention was not measured")?;
        let goal = self.scaled(100.0)?;
        let others = self.contended.iter().filter(|case| case.name != BREAKER);
        Ok(Row {
            id: "breaker.contended_ns".to_owned(),
            value: own.ns.unwrap_or(f64::NAN),
            unit: "ns",
            goal,
            holds: own.ns.is_some() && own.bound.1 <= goal,
            peers: others
                .filter_map(|case| Some((case.name.to_owned(), case.ns?)))
                .collect(),
            note: format!(
                "two threads; 95 % between {:.1} and {:.1}; {} of {} turns were undisturbed",
                own.bound.0, own.bound.1, own.kept, own.turns
            ),
        })
    }

    fn not_slower(&self, name: &str, own: &str, peers: &[&str]) -> Result<Row> {
        let own = self.of(own)?;
        let mut best: Option<&Measured> = None;
        for peer in peers {
            let peer = self.of(peer)?;
            if best.is_none_or(|best| peer.ns() < best.ns()) {
                best = Some(peer);
            }
        }
        let best = best.context("a comparison without peers")?;
        let (ratio, bound) = own.ratio(best);
        Ok(Row {
            id: format!("not_slower.{name}"),
            value: ratio,
            unit: "ratio",
            goal: 1.0,
            holds: bound.1 <= 1.0,
            peers: self.peers(peers)?,
            note: format!(
                "{:.1} ns against {:.1} ns of {}; 95 % between {:.3} and {:.3}",
                own.ns(),
                best.ns(),
                best.name,
                bound.0,
                bound.1
            ),
        })
    }

    /// Two threads on one limiter, beside the peer's that holds its bound; `None` when either had no undisturbed turn.
    fn not_slower_contended(&self) -> Option<Row> {
        let find = |name: &str| {
            let found = self.contended.iter().find(|case| case.name == name)?;
            Some((found, found.ns?))
        };
        let ((own, own_ns), (peer, peer_ns)) = (find(LIMITER)?, find(PEER_LOG)?);
        // Their turns are no pairs: the worst of ours to the best of theirs, and the other way round.
        let bound = (own.bound.0 / peer.bound.1, own.bound.1 / peer.bound.0);
        Some(Row {
            id: "not_slower.limiter_contended".to_owned(),
            value: own_ns / peer_ns,
            unit: "ratio",
            goal: 1.0,
            holds: bound.1 <= 1.0,
            peers: BTreeMap::from([(peer.name.to_owned(), peer_ns)]),
            note: format!(
                "two threads; {own_ns:.1} ns against {peer_ns:.1} ns; between {:.3} and {:.3}, {} and {} undisturbed turns",
                bound.0, bound.1, own.kept, peer.kept
            ),
        })
    }

    fn print(&self) {
        let rounds = self.measured.first().map_or(0, |case| case.rounds.len());
        println!("one thread, {rounds} rounds");
        println!("{:<54} {:>9} {:>19} {:>7}", "case", "ns", "95 %", "allocs");
        for case in &self.measured {
            let (low, high) = case.bound();
            let allocations = self.allocations.get(case.name).copied().unwrap_or(f64::NAN);
            let range = format!("{low:.1}–{high:.1}");
            println!(
                "{:<54} {:>9.1} {range:>19} {allocations:>7.2}",
                case.name,
                case.ns()
            );
        }
        println!("\ntwo threads, one instance");
        println!(
            "{:<54} {:>9} {:>19} {:>13}",
            "case", "ns", "95 %", "turns kept"
        );
        for case in &self.contended {
            let kept = format!("{} of {}", case.kept, case.turns);
            match case.ns {
                Some(ns) => {
                    let range = format!("{:.1}–{:.1}", case.bound.0, case.bound.1);
                    println!("{:<54} {ns:>9.1} {range:>19} {kept:>13}", case.name);
                }
                None => println!("{:<54} {:>9} {:>19} {kept:>13}", case.name, "-", "-"),
            }
        }
    }
}
