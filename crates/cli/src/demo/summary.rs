//! What a run came to, and whether it kept its promises.

use std::collections::BTreeMap;
use std::fmt;

use robust_data_manager::market::Exchange;
use robust_data_manager::scheduler::SkipReason;
use robust_data_manager::{DataManager, Reads, Status};
use serde::Serialize;

use crate::sim::Running;

/// The figures of one run.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    due: u64,
    ran: u64,
    superseded: u64,
    skipped: u64,
    pending: u64,
    reads: u64,
    late_calls: u64,
    requests: u64,
    retries: u64,
    rejected: u64,
    by_source: BTreeMap<Exchange, BySource>,
    server: BTreeMap<Exchange, Server>,
    skipped_by_reason: BTreeMap<SkipReason, u64>,
    reads_by_outcome: Reads,
}

#[derive(Debug, Serialize)]
struct BySource {
    ran: u64,
    errors: u64,
    p99_ms: Option<f64>,
    superseded: u64,
    last_error: Option<String>,
    breaker: BreakerAtEnd,
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
}

impl Summary {
    /// Takes the figures after the shutdown; the breakers as they were before it.
    pub(super) fn of(manager: &DataManager, before: &Status, running: &[Running]) -> Self {
        let status = manager.status();
        let ledgers = manager.scheduler().group_ledgers();
        let by_source = before
            .sources
            .iter()
            .map(|(exchange, source)| {
                let ledger = ledgers.get(exchange.as_str()).cloned().unwrap_or_default();
                let failed =
                    ledger.outcomes.failed + ledger.outcomes.panicked + ledger.outcomes.timed_out;
                let figures = BySource {
                    ran: ledger.ran,
                    errors: failed,
                    p99_ms: source.p99_ms,
                    superseded: ledger.superseded,
                    last_error: source.last_error.clone(),
                    breaker: BreakerAtEnd {
                        state: source.breaker,
                        opened: source.opened,
                        probe_in_ms: source.probe_in_ms,
                        paused_ms: source.paused_ms,
                    },
                };
                (exchange.clone(), figures)
            })
            .collect();
        let server = running
            .iter()
            .map(|one| {
                let stats = one.sim.stats();
                (
                    one.exchange.clone(),
                    Server {
                        requests: stats.requests,
                        over_limit: stats.over_limit,
                    },
                )
            })
            .collect();
        let sum = |of: fn(&robust_data_manager::SourceStatus) -> u64| {
            status.sources.values().map(of).sum()
        };
        Self {
            due: status.jobs.due,
            ran: status.jobs.ran,
            superseded: status.jobs.superseded,
            skipped: status.jobs.skipped.values().sum(),
            pending: status.jobs.pending,
            reads: status.reads.total,
            late_calls: status.reads.late,
            requests: sum(|source| source.requests),
            retries: sum(|source| source.retries),
            rejected: sum(|source| source.rejected),
            by_source,
            server,
            skipped_by_reason: status.jobs.skipped.clone(),
            reads_by_outcome: status.reads.clone(),
        }
    }

    /// The first promise that the run broke.
    pub(super) fn broken(&self) -> Option<String> {
        if self.due != self.ran + self.superseded + self.skipped + self.pending {
            return Some("demo: due is not ran + superseded + skipped + pending".to_owned());
        }
        if !self.reads_by_outcome.balances() {
            return Some("demo: reads are not the sum of their outcomes".to_owned());
        }
        if self.late_calls > 0 {
            return Some(format!(
                "demo: {} calls ended more than 50 ms after their deadline",
                self.late_calls
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
            "\ndue {} = ran {} + superseded {} + skipped {} + pending {}",
            self.due, self.ran, self.superseded, self.skipped, self.pending
        )?;
        writeln!(
            f,
            "reads {}, late calls {}, requests {}, retries {}, refused here {}",
            self.reads, self.late_calls, self.requests, self.retries, self.rejected
        )?;
        for (exchange, source) in &self.by_source {
            let p99 = source
                .p99_ms
                .map_or_else(|| "–".to_owned(), |p99| format!("{p99:.1} ms"));
            write!(
                f,
                "{exchange}: ran {}, errors {}, p99 {p99}, breaker {}",
                source.ran, source.errors, source.breaker.state
            )?;
            if let Some(server) = self.server.get(exchange) {
                write!(
                    f,
                    "; the server counted {} requests, {} over the limit",
                    server.requests, server.over_limit
                )?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
