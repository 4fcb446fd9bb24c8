//! The measuring programs, one subcommand each.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program shows its result"
)]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use robust_proof::conformance::{self, Options};
use robust_proof::report::Report;
use robust_proof::{api, bench, chaos, fuzz, quality, soak};

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
    /// Times what is said to be fast.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Compares the public API of crates with the lists in their folders.
    Api {
        /// Folder of rustdoc's JSON.
        #[arg(long)]
        doc: PathBuf,
        /// Folder of the crates.
        #[arg(long)]
        crates: PathBuf,
        /// Writes the lists anew.
        #[arg(long)]
        bless: bool,
        /// Folders of crates.
        rooms: Vec<String>,
    },
    /// Labelled faults and sound data through the quality rules.
    Quality(quality::Arguments),
    /// Storms: random calls and faults on a clock of their own.
    Chaos {
        #[command(subcommand)]
        what: Chaos,
    },
    /// Whatever a server sends, through decoders, headers and the HTTP client: no panic, nothing lost.
    Fuzz {
        /// `kraken_decode`, `binance_decode`, `kucoin_decode`, `htx_decode`, `retry_after`, `headers`, `http_answer` or `quality_judge`; all of them without it.
        target: Option<String>,
        /// Time for each target, in seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
        /// The same seed makes the same changes.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// File to write the report to.
        #[arg(long)]
        json: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Decoding, beside plain serde into borrowed text.
    Decode {
        /// Time for all comparisons together, in seconds.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// The program of the peers, `bench/peers`, to time beside.
        #[arg(long)]
        peers_program: Option<PathBuf>,
        /// File to write the report to.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Judging, beside the decoding of the same bytes.
    Quality {
        /// Time for all comparisons together, in seconds.
        #[arg(long, default_value_t = 20)]
        seconds: u64,
        /// The program that counts allocations, `proof-allocations`; the one beside this program without it.
        #[arg(long)]
        allocations_program: Option<PathBuf>,
        /// File to write the report to.
        #[arg(long)]
        json: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum Chaos {
    /// A whole source over the simulator's in-memory door.
    Source {
        /// How many storms.
        #[arg(long, default_value_t = 10_000, conflicts_with = "seed")]
        seeds: u64,
        /// Only this storm, with everything that was drawn for it.
        #[arg(long)]
        seed: Option<u64>,
        /// File to write the report to.
        #[arg(long)]
        json: Option<PathBuf>,
    },
    /// Calls over real sockets for a long time, with random faults: nothing may grow.
    Soak {
        /// How long, such as `10m` or `30s`; at least 4s.
        #[arg(long = "for", default_value = "10m", value_parser = long_enough)]
        time: Duration,
        /// Calls a second, over all exchanges.
        #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        rate: u32,
        /// The same seed makes the same calls and the same faults.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// File to write the report to.
        #[arg(long)]
        json: Option<PathBuf>,
    },
}

/// A time in which four quarters can be told apart.
fn long_enough(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if (4..=7 * 86_400).contains(&time.as_secs()) => Ok(time),
        Ok(_) => Err("use 4s to 7days".to_owned()),
        Err(error) => Err(format!("{error}; use a time such as 10m")),
    }
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Program::Conformance {
            dir,
            exchange,
            json,
        } => conformance(dir, exchange, json.as_deref()),
        Program::Bench {
            what:
                Bench::Decode {
                    seconds,
                    peers_program,
                    json,
                },
        } => decode(seconds, peers_program, json.as_deref()),
        Program::Bench {
            what:
                Bench::Quality {
                    seconds,
                    allocations_program,
                    json,
                },
        } => judging(seconds, allocations_program, json.as_deref()),
        Program::Api {
            doc,
            crates,
            bless,
            rooms,
        } => match api::run(&doc, &crates, &rooms, bless) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        },
        Program::Quality(arguments) => quality(&arguments),
        Program::Chaos {
            what: Chaos::Source { seeds, seed, json },
        } => storms(seeds, seed, json.as_deref()),
        Program::Chaos {
            what:
                Chaos::Soak {
                    time,
                    rate,
                    seed,
                    json,
                },
        } => soaked(soak::Options { time, rate, seed }, json.as_deref()),
        Program::Fuzz {
            target,
            seconds,
            seed,
            json,
        } => {
            let options = fuzz::Options {
                time: Duration::from_secs(seconds),
                seed,
            };
            run_targets(target.as_deref(), options, json.as_deref())
        }
    }
}

fn storms(seeds: u64, seed: Option<u64>, json: Option<&Path>) -> ExitCode {
    let storms = match seed {
        Some(seed) => {
            print!("{}", chaos::Plan::draw(seed));
            chaos::Storms::run(seed, 1)
        }
        None => chaos::Storms::run(1, seeds),
    };
    print!("{storms}");
    finish(&Report::new("chaos source", vec![storms.row()]), json)
}

fn soaked(options: soak::Options, json: Option<&Path>) -> ExitCode {
    match soak::run(options) {
        Ok(outcome) => {
            print!("{outcome}");
            finish(&Report::new("chaos soak", outcome.rows()), json)
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn run_targets(name: Option<&str>, options: fuzz::Options, json: Option<&Path>) -> ExitCode {
    let chosen = match name.map(fuzz::Target::named) {
        None => fuzz::Target::ALL.to_vec(),
        Some(Some(target)) => vec![target],
        Some(None) => {
            let known = fuzz::Target::ALL.map(|target| target.to_string());
            let name = robust_market::quote(name.unwrap_or_default());
            eprintln!("target {name}: not known; use {}", known.join(", "));
            return ExitCode::from(2);
        }
    };
    let mut rows = Vec::new();
    for target in chosen {
        let session = fuzz::Session::run(target, options);
        print!("{session}");
        rows.push(session.row());
    }
    finish(&Report::new("fuzz", rows), json)
}

fn decode(seconds: u64, peers: Option<PathBuf>, json: Option<&Path>) -> ExitCode {
    let options = bench::Options {
        budget: Duration::from_secs(seconds),
        peers,
    };
    match bench::Decode::run(&options) {
        Ok(decode) => {
            print!("{decode}");
            finish(&Report::new("bench decode", decode.rows()), json)
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn judging(seconds: u64, allocations: Option<PathBuf>, json: Option<&Path>) -> ExitCode {
    let options = bench::QualityOptions {
        budget: Duration::from_secs(seconds),
        allocations,
    };
    match bench::Judging::run(&options) {
        Ok(judging) => {
            print!("{judging}");
            finish(&Report::new("bench quality", judging.rows()), json)
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn quality(arguments: &quality::Arguments) -> ExitCode {
    match quality::command(arguments) {
        Ok((text, rows)) => {
            print!("{text}");
            finish(&Report::new("quality", rows), arguments.json.as_deref())
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(2)
        }
    }
}

fn conformance(dir: Option<PathBuf>, exchange: Vec<String>, json: Option<&Path>) -> ExitCode {
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
    finish(&Report::new("conformance", outcome.rows()), json)
}

/// Writes the report where it is wanted; the exit code says whether the goals hold.
fn finish(report: &Report, json: Option<&Path>) -> ExitCode {
    if let Some(path) = json
        && let Err(error) = report.write(path)
    {
        eprintln!(
            "json {}: cannot be written ({error}); name a file in a folder that exists",
            path.display()
        );
        return ExitCode::from(2);
    }
    ExitCode::from(u8::from(!report.holds()))
}
