//! The long run: thousands of calls a second over real sockets, with everything going wrong at random, and nothing that grows.
//!
//! Four sources ask four simulated exchanges on loopback through one HTTP client. Exchanges and connectors know no limits here, so that the
//! calls get through the whole stack; everything else is as it is in the product. Once a second the process is looked at:
//! memory, tasks, descriptors. What must hold is in [`Outcome::rows`].

mod exchanges;
mod gauge;
mod outcome;
mod traffic;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use robust_http::Client;
use robust_source::{Source, SourceConfig, over};
use tokio::runtime::Builder;
use tokio::time::{Instant, sleep, sleep_until};

use exchanges::Exchanges;
use gauge::Gauge;
pub use gauge::{Cores, Sample};
pub use outcome::Outcome;
use traffic::Traffic;

/// How to run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long calls are made.
    pub time: Duration,
    /// Calls a second, over all exchanges.
    pub rate: u32,
    /// Which calls and which faults; not which of them meet.
    pub seed: u64,
}

/// The pause between two looks at the process.
const LOOK: Duration = Duration::from_secs(1);

/// How long after the last call everything has to be over: the longest call, and what the client closes afterwards.
const REST: Duration = Duration::from_secs(10);

/// Runs it, on two threads of its own and one for the exchanges.
///
/// # Errors
///
/// When no runtime, socket or source can be had.
pub fn run(options: Options) -> Result<Outcome> {
    let exchanges = Exchanges::start(options.seed)?;
    // Beside this one, so that its tasks are those of sources and client alone.
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("no runtime")?;
    let outcome = runtime.block_on(soak(options, &exchanges));
    drop(exchanges);
    outcome
}

/// Everything short, so that the breakers open and close hundreds of times.
fn config() -> SourceConfig {
    let mut config = SourceConfig::default();
    config.timeout = Duration::from_millis(500);
    config.max_timeout = Duration::from_secs(2);
    config.retries = 2;
    config.backoff_base = Duration::from_millis(20);
    config.backoff_max = Duration::from_millis(200);
    config.breaker_failures = 20;
    config.breaker_open = Duration::from_millis(200);
    config.breaker_open_factor = 1.5;
    config.breaker_open_max = Duration::from_secs(1);
    config.half_open_permits = 3;
    config.half_open_ratio = 0.6;
    config
}

async fn soak(options: Options, exchanges: &Exchanges) -> Result<Outcome> {
    let mut gauge = Gauge::new(options.time);
    let before = gauge.look(Duration::ZERO);
    let client = Client::builder()
        .seed(options.seed)
        .build()
        .context("no client")?;
    let mut sources = Vec::new();
    for (connector, address) in exchanges.all() {
        let source = Source::builder(connector)
            .config(config())
            .base_url(address)
            .seed(options.seed)
            .build(over(&client))?;
        sources.push(source);
    }
    let cores = Cores::now();
    let began = Instant::now();
    let end = began + options.time;
    let traffic = Arc::new(Traffic::new(options, sources.clone()));
    let calls = tokio::spawn(Arc::clone(&traffic).make(began, end));
    let faults = tokio::spawn(exchanges.weather(options.seed, end));
    let mut next = began + LOOK;
    while next <= end {
        sleep_until(next).await;
        gauge.keep(next - began);
        next += LOOK;
    }
    let panics = calls.await.context("the traffic stopped")?;
    let changes = faults.await.context("the weather stopped")?;
    let took = began.elapsed();
    let cores = Cores::now().zip(cores);
    exchanges.calm();
    let held = held(&sources, &client);
    let mut totals = traffic.totals();
    totals.panics = panics;
    let mut outcome = Outcome::new(options, took, totals, changes);
    outcome.held = held;
    outcome.cores = cores.map(|(now, before)| now.since(before));
    outcome.client = client.stats();
    for source in &sources {
        outcome.add(source);
    }
    drop((traffic, sources, client));
    // What a client leaves behind ends by itself, soon.
    let patience = Instant::now() + REST;
    let mut after = gauge.look(took);
    while after.tasks > before.tasks && Instant::now() < patience {
        sleep(Duration::from_millis(50)).await;
        after = gauge.look(took);
    }
    outcome.left = after.tasks.saturating_sub(before.tasks);
    outcome.samples = gauge.into_samples();
    Ok(outcome)
}

/// What is still held, queued or under way when nobody calls any more.
fn held(sources: &[Source], client: &Client) -> u64 {
    let of = |source: &Source| {
        let limiter = source.limiter().snapshot();
        limiter.held() + (limiter.queued.iter().sum::<usize>() + limiter.in_flight) as u64
    };
    let stats = client.stats();
    sources.iter().map(of).sum::<u64>() + (stats.in_flight + stats.waiting) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_run_loses_nothing_and_leaves_nothing() {
        let options = Options {
            time: Duration::from_secs(3),
            rate: 300,
            seed: 3,
        };
        let outcome = run(options).unwrap();
        let totals = outcome.totals();
        assert!(totals.calls >= 890, "{outcome}");
        assert_eq!(totals.ended(), totals.calls, "{outcome}");
        assert_eq!(
            (
                totals.panics,
                outcome.unaccounted(),
                outcome.held,
                outcome.left
            ),
            (0, 0, 0, 0),
            "{outcome}"
        );
        assert!(totals.ok > 0, "{outcome}");
        assert_eq!(outcome.samples.len(), 3, "{outcome}");
    }
}
