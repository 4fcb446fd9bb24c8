//! `peers-stack resilience|http|behaviour`: ours and the peers in one run. Started by `cargo xtask bench`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use peers_stack::{behaviour, http, resilience};
use robust_proof::report::{Report, Row};

#[derive(Debug, Parser)]
#[command(name = "peers-stack", about = "Ours and the peers in one run.")]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Nanoseconds and allocations of a call.
    Resilience {
        #[command(flatten)]
        output: Output,
        /// Time for all rounds together, in seconds.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Requests in a second, over the loopback address.
    Http {
        #[command(flatten)]
        output: Output,
        /// Time for everything, in seconds.
        #[arg(long, default_value_t = 120)]
        seconds: u64,
    },
    /// What reaches a server in a fault.
    Behaviour {
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, clap::Args)]
struct Output {
    /// File to write the report to.
    #[arg(long)]
    json: Option<PathBuf>,
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
    match what {
        What::Resilience { output, seconds } => {
            let budget = Duration::from_secs(seconds);
            let rows = resilience::run(&resilience::Options { budget })?;
            finish("bench resilience", rows, &output)
        }
        What::Http { output, seconds } => finish(
            "bench http",
            http::run(Duration::from_secs(seconds))?,
            &output,
        ),
        What::Behaviour { output } => finish("bench behaviour", behaviour::run()?, &output),
    }
}

/// Prints the rows, writes the report where it is wanted, and says whether every goal holds.
fn finish(command: &str, rows: Vec<Row>, output: &Output) -> Result<bool> {
    println!();
    for row in &rows {
        let word = if row.holds { "holds" } else { "MISSED" };
        println!(
            "{:<44} {:>9.3} {:<12} goal {:<9.3} {word:<7} {}",
            row.id, row.value, row.unit, row.goal, row.note
        );
    }
    let report = Report::new(command, rows);
    if let Some(path) = &output.json {
        let written = report.write(path);
        written.with_context(|| format!("json {}: cannot be written", path.display()))?;
    }
    Ok(report.holds())
}
