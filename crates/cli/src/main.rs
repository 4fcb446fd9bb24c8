//! The `rdm` program: market data in a terminal.
//!
//! `demo` shows the main job with simulated exchanges and faults, `run` runs the jobs of
//! a config file, `jobs` says beforehand when they run and what they ask, `fetch` asks one exchange for one thing, `doctor` says whether
//! the exchanges can be reached, `validate` judges captured data, `sim` runs simulated
//! exchanges on loopback, `config check` reads a config file. Exit codes: 0 ok, 1 no (good) data, 2 usage.

mod args;
mod config_check;
mod coverage;
mod demo;
mod doctor;
mod exit;
mod faults;
mod fetch;
mod file;
mod jobs;
mod json;
mod ledger;
mod refusal;
mod run;
mod settings;
mod show;
mod signals;
mod sim;
mod since;
mod validate;

use std::process::ExitCode;

use args::{Command, ConfigCommand};

fn main() -> ExitCode {
    let command = match args::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(refusal) => return refusal.print(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return exit::Failure::data(format!("cannot start: {error}")).print(),
    };
    let outcome = runtime.block_on(async {
        match command {
            Command::Demo(args) => demo::run(args).await,
            Command::Fetch(args) => fetch::run(args).await,
            Command::Doctor(args) => doctor::run(args).await,
            Command::Run(args) => run::run(args).await,
            Command::Jobs(args) => jobs::run(&args).await,
            Command::Validate(args) => validate::run(&args),
            Command::Sim(args) => sim::run(args).await,
            Command::Config {
                command: ConfigCommand::Check { file },
            } => config_check::run(&file),
        }
    });
    // Work that nobody waits for any more must not delay the end.
    runtime.shutdown_background();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.print(),
    }
}
