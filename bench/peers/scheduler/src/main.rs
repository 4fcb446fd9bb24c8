//! `peers-scheduler scheduler`: our scheduler, a raw heap and the peers in one run. Started by `cargo xtask bench scheduler`.
//!
//! It starts itself with `measure SUBJECT SCENARIO` for each number that needs a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use peers_scheduler::{TOKIO_CRON_SCHEDULER, TokioCronScheduler};
use robust_proof::bench::scheduler::{self, Options, Scenario};
use robust_proof::report::Report;

#[derive(Debug, Parser)]
#[command(
    name = "peers-scheduler",
    about = "Our scheduler, a raw heap and the peers in one run."
)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Everything.
    Scheduler {
        /// File to write the report to.
        #[arg(long)]
        json: Option<PathBuf>,
        /// Only a fraction of everything, to see that it works; the numbers are worth little.
        #[arg(long)]
        quick: bool,
    },
    /// One subject in one scenario; prints its numbers as JSON.
    Measure {
        /// Its name.
        subject: String,
        /// Such as `burst:10000`.
        scenario: Scenario,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().what) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(what: What) -> Result<bool> {
    let (json, quick) = match what {
        What::Scheduler { json, quick } => (json, quick),
        What::Measure { subject, scenario } => {
            let measured = match subject.as_str() {
                TOKIO_CRON_SCHEDULER => scenario.run::<TokioCronScheduler>()?,
                other => scheduler::measure(other, scenario)?,
            };
            println!("{}", serde_json::to_string(&measured)?);
            return Ok(true);
        }
    };
    let program = std::env::current_exe()?;
    let name = format!("peers-scheduler-memory{}", std::env::consts::EXE_SUFFIX);
    let rows = scheduler::run(&Options {
        memory_program: program.with_file_name(name),
        program,
        peers: vec![TOKIO_CRON_SCHEDULER],
        quick,
    })?;
    println!();
    for row in &rows {
        let word = if row.holds { "holds" } else { "MISSED" };
        println!(
            "{:<36} {:>10.3} {:<8} goal {:<9.3} {word:<7} {}",
            row.id, row.value, row.unit, row.goal, row.note
        );
        for (peer, value) in &row.peers {
            println!("    {peer:<50} {value:.3}");
        }
    }
    let report = Report::new("bench scheduler", rows);
    if let Some(path) = &json {
        let written = report.write(path);
        written.with_context(|| format!("json {}: cannot be written", path.display()))?;
    }
    Ok(report.holds())
}
