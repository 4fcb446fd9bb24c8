//! `cargo xtask`: starts the tests, the checks, the measuring programs and the releases.
//!
//! One file a command. This program depends on no workspace crate, so that it builds in two seconds
//! and still runs when a crate does not compile. Avoid adding dependencies to it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a program: its output is what it is for"
)]

mod api;
mod cargo;
mod ci;
mod conformance;
mod examples;
mod guided;
mod loom;
mod measure;
mod metadata;
mod release;
mod stopwatch;
mod test;
mod tidy;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

/// A command of this program: its name, how to call it, what it does, and its entry.
struct Command {
    name: &'static str,
    usage: &'static str,
    about: &'static str,
    run: fn(Vec<OsString>) -> Result<ExitCode>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        usage: "test [--require-all] [FILTER…]",
        about: "all tests and doctests; needs nothing but Rust, prints its counts and its time",
        run: test::run,
    },
    Command {
        name: "tidy",
        usage: "tidy",
        about: "the rules of the house: arrows between crates, licences, file sizes, documents",
        run: tidy::run,
    },
    Command {
        name: "api",
        usage: "api [--bless]",
        about: "the public API of the crates that are used alone, beside the lists in their folders",
        run: api::run,
    },
    Command {
        name: "loom",
        usage: "loom",
        about: "every interleaving of the lock-free parts of breaker and limiter",
        run: loom::run,
    },
    Command {
        name: "examples",
        usage: "examples [NAME…]",
        about: "builds and runs every example; each must end by itself",
        run: examples::run,
    },
    Command {
        name: "conformance",
        usage: "conformance [DIR] [--exchange A,B] [--json FILE]",
        about: "exchange payloads through the public connector API; without DIR our own cases",
        run: conformance::run,
    },
    Command {
        name: "bench",
        usage: "bench decode|quality|resilience|http|behaviour|scheduler [--seconds N] [--json FILE] [--peers]",
        about: "decoding beside plain serde (--peers: and beside a library); judging beside decoding; calls, HTTP, what happens in a fault and the scheduler beside the peers, which are built first",
        run: measure::bench,
    },
    Command {
        name: "chaos",
        usage: "chaos source [--seeds 10000 | --seed N] | soak [--for 10m] [--rate 2000] [--seed N] [--json FILE]",
        about: "storms on a whole source: random calls, settings and faults under a clock of their own; a seed is a storm",
        run: measure::chaos,
    },
    Command {
        name: "fuzz",
        usage: "fuzz [--guided] [TARGET] [--seconds 60] [--seed N] [--json FILE]",
        about: "changed answers through every connector: no panic, nothing lost; --guided: under libFuzzer, built first",
        run: measure::fuzz,
    },
    Command {
        name: "quality",
        usage: "quality [--data DIR] [--n 200] [--cases DIR] [--mutate] [--json FILE]",
        about: "labelled faults and sound data through the quality rules: what is found, what is blamed",
        run: measure::quality,
    },
    Command {
        name: "ci",
        usage: "ci [--only fmt|clippy|doc|tidy|api|loom|examples|test]",
        about: "everything that .ci/run checks, in the same order",
        run: ci::run,
    },
    Command {
        name: "release",
        usage: "release plan|prepare|publish [--execute]",
        about: "what would be published, in which order; changes nothing without --execute",
        run: release::run,
    },
];

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(name) = arguments.next() else {
        print!("{}", help());
        return ExitCode::SUCCESS;
    };
    let name = name.to_string_lossy().into_owned();
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprint!("xtask: unknown command `{name}`\n\n{}", help());
        return ExitCode::from(2);
    };
    let rest: Vec<OsString> = arguments.collect();
    // A command that hands its arguments on has its own help.
    let hands_on = ["conformance", "bench", "chaos", "fuzz", "quality"].contains(&command.name);
    if !hands_on && rest.iter().any(|a| a == "--help" || a == "-h") {
        println!("cargo xtask {}\n  {}", command.usage, command.about);
        return ExitCode::SUCCESS;
    }
    match (command.run)(rest) {
        Ok(code) => code,
        Err(error) => {
            // A wrong argument is the caller's mistake (2), everything else is the run's (1).
            if let Some(mistake) = error.downcast_ref::<lexopt::Error>() {
                eprintln!("xtask {name}: {mistake}");
                eprintln!("usage: cargo xtask {}", command.usage);
                return ExitCode::from(2);
            }
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The text that `cargo xtask` prints without arguments.
fn help() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("usage: cargo xtask COMMAND\n\n");
    for command in COMMANDS {
        let _ = writeln!(text, "  {}\n      {}", command.usage, command.about);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{COMMANDS, help};

    #[test]
    fn help_names_every_command() {
        let text = help();
        for command in COMMANDS {
            assert!(command.usage.starts_with(command.name));
            assert!(text.contains(command.usage), "{} is missing", command.name);
            assert!(text.contains(command.about), "{} is missing", command.name);
        }
    }

    #[test]
    fn command_names_are_unique() {
        let mut names: Vec<_> = COMMANDS.iter().map(|c| c.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COMMANDS.len());
    }
}
