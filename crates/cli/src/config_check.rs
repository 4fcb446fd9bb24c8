//! `rdm config check`: is the file good, and what is in force?

use std::path::Path;

use robust_data_manager::{DataJob, DataManager, OnQuarantine, QualitySettings};

use crate::exit::{Failure, count, print};
use crate::settings;

/// Checks a file the way `start` would, starts nothing that talks, and prints the settings in force.
pub(crate) fn run(file: &Path) -> Result<(), Failure> {
    let mut config = settings::load_whole("config", file)?;
    config
        .check_journal()
        .map_err(|error| settings::named(file, &error))?;
    // Opened, it would be begun where there is none.
    let journal = config.journal.take();
    // Building a manager checks what the text alone cannot show: names, connectors, addresses.
    let manager = DataManager::builder()
        .config(config.clone())
        .start()
        .map_err(|error| settings::named(file, &error))?;
    // What the jobs as a whole cannot do: wait for each other in a circle or for nobody, ask more than they or an exchange may.
    let jobs = manager.configured_jobs();
    let jobs = jobs.map_err(|error| settings::named(file, &error))?;
    manager
        .check_jobs(&jobs)
        .map_err(|error| settings::named(file, &error))?;
    print(&format!("{}: ok", file.display()));
    print(&format!("environment = {:?}", config.environment).to_lowercase());
    print(&format!("cache.capacity = {}", config.cache.capacity));
    if let Some(journal) = &journal {
        print(&format!("journal = {journal:?}"));
    }
    print(&quality(&config.quality));
    for warning in manager.status().warnings {
        print(&format!("warning: {}", warning.text));
    }
    for (name, settings) in &config.exchanges {
        let source = settings.source();
        print(&format!("\n[exchanges.{name}]"));
        if let Some(url) = &settings.base_url {
            print(&format!("base_url = {url:?}"));
        }
        print(&format!(
            "timeout = {:?}, max_timeout = {:?}",
            source.timeout, source.max_timeout
        ));
        print(&format!(
            "retries = {}, backoff_base = {:?}, backoff_max = {:?}",
            source.retries, source.backoff_base, source.backoff_max
        ));
        print(&format!(
            "breaker_failures = {}, breaker_open = {:?}",
            source.breaker_failures, source.breaker_open
        ));
        print(&format!(
            "breaker_open_factor = {}, breaker_open_max = {:?}, half_open_permits = {}, half_open_ratio = {}",
            source.breaker_open_factor,
            source.breaker_open_max,
            source.half_open_permits,
            source.half_open_ratio
        ));
        if let Some(slow) = &source.slow_calls {
            print(&format!(
                "slow_calls: {:?}, a share of {} of {} attempts",
                slow.after, slow.share, slow.of
            ));
        }
        print(&format!(
            "concurrency = {}, outside = {} %",
            source.concurrency, source.outside
        ));
        match source.requests_per_minute {
            Some(rate) => print(&format!(
                "requests_per_minute = {rate}, and the exchange's own limits"
            )),
            None => print("requests_per_minute = the exchange's own limits"),
        };
        for (from, to) in &settings.quote_alias {
            print(&format!("quote_alias: {from} is answered with {to}"));
        }
    }
    if let Some(plan) = &config.plan {
        print(&format!("\nplan = {plan:?}"));
    }
    if jobs.is_empty() {
        print("\nno jobs: rdm run has nothing to do; add a [[jobs]], or plan = \"default\"");
    }
    for job in &config.jobs {
        let pairs: Vec<&str> = job
            .symbol
            .iter()
            .chain(&job.symbols)
            .map(String::as_str)
            .collect();
        let exchanges: Vec<&str> = job.asks().collect();
        let when = job.jobs().map_err(|error| settings::named(file, &error))?;
        let when = when.first().map(DataJob::when).unwrap_or_default();
        print(&format!(
            "\n[[jobs]] {}: {:?} of {} on {} {when}, priority {}",
            job.id,
            job.kind,
            if pairs.is_empty() {
                "all pairs".to_owned()
            } else {
                pairs.join(", ")
            },
            exchanges.join(" or "),
            job.priority
        ));
    }
    Ok(())
}

/// The terms of reads that have none of their own, and what the rules know.
fn quality(settings: &QualitySettings) -> String {
    let otherwise = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    let state = settings.state.as_ref();
    format!(
        "quality.on_quarantine = {}, min_quality = {}, history = {}, state = {}, bounds of {}",
        match settings.on_quarantine {
            OnQuarantine::Deliver => "deliver",
            OnQuarantine::LastGood => "last_good",
            OnQuarantine::Error => "error",
        },
        otherwise(settings.min_quality.map(|score| score.to_string())),
        settings.history,
        otherwise(state.map(|path| path.display().to_string())),
        count(settings.bounds.len() as u64, "pair", "pairs")
    )
}
