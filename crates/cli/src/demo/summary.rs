//! What a run came to, and whether it kept its promises.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use robust_data_manager::market::Exchange;
use robust_data_manager::scheduler::SkipReason;
use robust_data_manager::{DataManager, Reads, SourceStatus, Status};
use serde::Serialize;

use super::board::{Board, Opening, seconds};
use super::proof::{Proof, proofs};
use crate::ledger::JobLedger;
use crate::sim::Running;

/// The figures of one run.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    due: u64,
    ran: u64,
    superseded: u64,
    skipped: u64,
    pending: u64,
    plans: BTreeMap<String, JobLedger>,
    reads: u64,
    late_calls: u64,
    requests: u64,
    retries: u64,
    rejected: u64,
    by_source: BTreeMap<Exchange, BySource>,
    server: BTreeMap<Exchange, Server>,
    lasted_s: f64,
    skipped_by_reason: BTreeMap<SkipReason, u64>,
    reads_by_outcome: Reads,
    events_missed: u64,
    /// Requests over the limit that the exchanges of the second plan counted.
    over_limit_aside: u64,
    /// The reads of the second plan, which keep the same promises.
    reads_aside: Reads,
    /// Runs, values and requests of each exchange, each counted by another; none where the listener has missed events.
    proofs: BTreeMap<Exchange, Proof>,
    /// Those of the second plan.
    proofs_aside: BTreeMap<Exchange, Proof>,
}

#[derive(Debug, Serialize)]
struct BySource {
    ran: u64,
    /// Requests that this side has counted.
    requests: u64,
    errors: u64,
    p99_ms: Option<f64>,
    superseded: u64,
    errors_by_name: BTreeMap<&'static str, u64>,
    last_error: Option<String>,
    breaker: BreakerAtEnd,
    last_opened: Option<Opening>,
}

/// The breaker when the run ended, before the shutdown.
#[derive(Debug, Serialize)]
struct BreakerAtEnd {
    state: &'static str,
    opened: u64,
    probe_in_ms: Option<u64>,
    paused_ms: Option<u64>,
}

/// What the simulator itself has counted.
#[derive(Debug, Serialize)]
struct Server {
    requests: u64,
    over_limit: u64,
    /// Requests that arrived while the breaker was open, be it for failures or for a ban.
    requests_while_open: u64,
    /// Requests that arrived before the `Retry-After` of an earlier answer had passed.
    early: u64,
}

impl Summary {
    /// Takes the figures after the shutdown; the breakers as they were before it.
    pub(super) fn of(
        (manager, other): (&DataManager, &DataManager),
        before: &Status,
        (running, aside): (&[Running], &[Running]),
        (board, heard_aside): (&Board, &Board),
        lasted: Duration,
    ) -> Self {
        let status = manager.status();
        let ledgers = manager.scheduler().source_ledgers();
        let by_source = before.sources.iter().map(|(exchange, source)| {
            let ledger = ledgers.get(exchange.as_str()).cloned().unwrap_or_default();
            let brought = ledger.outcomes.ok + ledger.outcomes.cancelled + ledger.running;
            let figures = BySource {
                ran: ledger.ran,
                requests: status
                    .sources
                    .get(exchange)
                    .map_or(0, |after| after.requests),
                // Each try that brought nothing, those of a run that was put off and tried again included.
                errors: (ledger.ran + ledger.retries).saturating_sub(brought),
                p99_ms: source.p99_ms,
                superseded: ledger.superseded,
                errors_by_name: board.errors.get(exchange).cloned().unwrap_or_default(),
                last_error: source.last_error.clone(),
                breaker: BreakerAtEnd {
                    state: source.breaker,
                    opened: source.opened,
                    probe_in_ms: source.probe_in_ms,
                    paused_ms: source.paused_ms,
                },
                last_opened: board.opened.get(exchange).cloned(),
            };
            (exchange.clone(), figures)
        });
        let over_aside = aside.iter().map(|one| one.sim.stats().over_limit).sum();
        let server = running.iter().map(|one| {
            let stats = one.sim.stats();
            let counted = Server {
                requests: stats.requests,
                over_limit: stats.over_limit,
                requests_while_open: board.while_open(&one.exchange),
                early: stats.early,
            };
            (one.exchange.clone(), counted)
        });
        let sum = |of: fn(&SourceStatus) -> u64| status.sources.values().map(of).sum();
        Self {
            due: status.jobs.due,
            ran: status.jobs.ran,
            superseded: status.jobs.superseded,
            skipped: status.jobs.skipped.values().sum(),
            pending: status.jobs.pending,
            plans: board.ledgers.iter().cloned().collect(),
            reads: status.reads.total,
            late_calls: status.reads.late,
            requests: sum(|source| source.requests),
            retries: sum(|source| source.retries),
            rejected: sum(|source| source.rejected),
            by_source: by_source.collect(),
            server: server.collect(),
            lasted_s: seconds(lasted),
            skipped_by_reason: status.jobs.skipped.clone(),
            reads_by_outcome: status.reads.clone(),
            events_missed: board.missed,
            over_limit_aside: over_aside,
            reads_aside: other.status().reads,
            proofs: proofs(manager, running, board),
            proofs_aside: proofs(other, aside, heard_aside),
        }
    }

    /// The first promise that the run broke.
    pub(super) fn broken(&self) -> Option<String> {
        if self.due != self.ran + self.superseded + self.skipped + self.pending {
            return Some("demo: due is not ran + superseded + skipped + pending".to_owned());
        }
        if let Some((plan, ledger)) = self.plans.iter().find(|(_, ledger)| !ledger.closes()) {
            return Some(format!("demo: a run of plan {plan} is lost: {ledger}"));
        }
        if !self.reads_by_outcome.balances() || !self.reads_aside.balances() {
            return Some("demo: reads are not the sum of their outcomes".to_owned());
        }
        let late = self.late_calls + self.reads_aside.late;
        if late > 0 {
            return Some(format!(
                "demo: {late} calls ended more than 50 ms after their deadline"
            ));
        }
        // What the exchanges have counted, beside what this side says of itself.
        let unknown = self.server.iter().find(|(exchange, server)| {
            let counted = self.by_source.get(*exchange).map(|source| source.requests);
            counted.is_none_or(|counted| server.requests > counted)
        });
        if let Some((exchange, server)) = unknown {
            return Some(format!(
                "demo: {exchange} counted {} requests, more than were accounted for",
                server.requests
            ));
        }
        for (exchange, proof) in self.proofs.iter().chain(&self.proofs_aside) {
            if let Some(contradiction) = proof.contradiction() {
                return Some(format!("demo: {exchange}: {contradiction}"));
            }
        }
        if self.over_limit_aside > 0 {
            return Some(format!(
                "demo: the exchange of the second plan counted {} requests over its limit",
                self.over_limit_aside
            ));
        }
        let over = self.server.iter().find(|(_, server)| server.over_limit > 0);
        over.map(|(exchange, server)| {
            format!(
                "demo: {exchange} counted {} requests over its limit",
                server.over_limit
            )
        })
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n{:.1} s of market data from simulated exchanges\n",
            self.lasted_s
        )?;
        for (plan, ledger) in &self.plans {
            writeln!(f, "plan      {plan}: {ledger}")?;
        }
        writeln!(
            f,
            "reads     {}, {} of them later than their deadline + 50 ms",
            self.reads, self.late_calls
        )?;
        write!(
            f,
            "requests  {} sent, {} of them retries; {} calls were refused here and never sent",
            self.requests, self.retries, self.rejected
        )?;
        for (exchange, source) in &self.by_source {
            write!(f, "\n\n{:<8}  {source}", exchange.as_str())?;
            if let Some(server) = self.server.get(exchange) {
                write!(
                    f,
                    "\n          the server counted {} requests, {} over its limit, {} while the breaker was open",
                    server.requests, server.over_limit, server.requests_while_open
                )?;
            }
            if let Some(proof) = self.proofs.get(exchange) {
                write!(
                    f,
                    "\n          {} runs done, {} values heard, {} lists of pairs, {} attempts without one",
                    proof.done, proof.values, proof.lists, proof.fruitless
                )?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for BySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ran {}, failed {}", self.ran, self.errors)?;
        for (at, (name, count)) in self.errors_by_name.iter().enumerate() {
            let before = if at == 0 { ": " } else { ", " };
            write!(f, "{before}{name} {count}")?;
        }
        if let Some(p99) = self.p99_ms {
            write!(f, "; p99 of an attempt {p99:.1} ms")?;
        }
        if let Some(error) = &self.last_error {
            write!(f, "\n          last failed attempt: {error}")?;
        }
        write!(f, "\n          breaker {}", self.breaker.state)?;
        if let Some(left) = self.breaker.probe_in_ms {
            write!(f, ", probe in {:.1} s", left as f64 / 1e3)?;
        }
        match &self.last_opened {
            Some(last) => write!(
                f,
                "; opened {} time{}, last from {:.1} s to {:.1} s ({})",
                self.breaker.opened,
                if self.breaker.opened == 1 { "" } else { "s" },
                last.at_s,
                last.until_s,
                last.cause
            ),
            None => f.write_str(", never opened"),
        }
    }
}
