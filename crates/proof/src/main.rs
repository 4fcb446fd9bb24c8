//! The measuring programs, one subcommand each.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program shows its result"
)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use robust_proof::conformance::{self, Options};
use robust_proof::report::Report;

#[derive(Debug, Parser)]
#[command(name = "proof", about = "Measures what the workspace promises.")]
struct Arguments {
    #[command(subcommand)]
    command: Program,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Runs recorded cases through the connectors and compares.
    Conformance {
        /// Folder of cases, `<exchange>/<family>/<type>/<name>.json`; the program's own cases without it.
        dir: Option<PathBuf>,
        /// Exchanges to run, separated by commas; all that have a connector without it.
        #[arg(long, value_delimiter = ',')]
        exchange: Vec<String>,
        /// File to write the report to.
        #[arg(long)]
        json: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Program::Conformance {
        dir,
        exchange,
        json,
    } = Arguments::parse().command;
    let options = Options {
        dir: dir.unwrap_or_else(conformance::own_cases),
        exchanges: exchange,
    };
    let outcome = match conformance::run(&options) {
        Ok(outcome) => outcome,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    print!("{outcome}");
    let report = Report::new("conformance", outcome.rows());
    if let Some(path) = json
        && let Err(error) = report.write(&path)
    {
        eprintln!(
            "json {}: cannot be written ({error}); name a file in a folder that exists",
            path.display()
        );
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(!report.holds()))
}
