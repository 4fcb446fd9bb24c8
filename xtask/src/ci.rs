//! `cargo xtask ci`: everything that `.ci/run` checks, in the same order.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::cargo::{SELECTION, cargo, succeed};
use crate::stopwatch::Stopwatch;
use crate::{api, examples, loom, test, tidy};

/// A check of its own; `--only NAME` runs it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Fmt,
    Clippy,
    Doc,
    Tidy,
    Api,
    Loom,
    Examples,
    Test,
}

/// Cheap ones first; the tests last, so that their counts are the last lines.
const STEPS: [Step; 8] = [
    Step::Fmt,
    Step::Clippy,
    Step::Doc,
    Step::Tidy,
    Step::Api,
    Step::Loom,
    Step::Examples,
    Step::Test,
];

impl Step {
    const fn name(self) -> &'static str {
        match self {
            Self::Fmt => "fmt",
            Self::Clippy => "clippy",
            Self::Doc => "doc",
            Self::Tidy => "tidy",
            Self::Api => "api",
            Self::Loom => "loom",
            Self::Examples => "examples",
            Self::Test => "test",
        }
    }

    /// Runs it; the tests leave a report for the closing line.
    fn run(self) -> Result<Option<test::Report>> {
        match self {
            Self::Fmt => succeed(cargo(["fmt", "--all", "--check"]))?,
            Self::Clippy => {
                let mut command = cargo(["clippy", "--all-targets"]);
                command.args(SELECTION).args(["--", "-D", "warnings"]);
                succeed(command)?;
                // The one feature that replaces code: without HTTP/2, as most users build it.
                succeed(cargo([
                    "clippy",
                    "--package",
                    "robust-http",
                    "--",
                    "-D",
                    "warnings",
                ]))?;
            }
            Self::Doc => {
                let mut command = cargo(["doc", "--no-deps"]);
                command.args(SELECTION).env("RUSTDOCFLAGS", "-D warnings");
                succeed(command)?;
            }
            Self::Tidy => tidy::check()?,
            Self::Api => api::check(false)?,
            Self::Loom => loom::check()?,
            Self::Examples => examples::run_named(&[])?,
            Self::Test => return test::run_all().map(Some),
        }
        Ok(None)
    }
}

pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let chosen = parse(arguments)?;
    let mut times = Vec::new();
    let mut failed = Vec::new();
    let mut report = None;
    for step in chosen {
        println!("── {}", step.name());
        let watch = Stopwatch::start();
        // A failed step does not hide the next one's findings.
        match step.run() {
            Ok(found) => report = report.or(found),
            Err(error) => {
                eprintln!("{}: {error:#}", step.name());
                failed.push(step.name());
            }
        }
        times.push((step.name(), watch.seconds()));
    }
    println!();
    for (name, seconds) in &times {
        println!("{name:<9}{seconds:>7} s");
    }
    if let Some(report) = &report {
        if !report.holds() {
            failed.push(Step::Test.name());
        }
        report.print_closing_line();
    }
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: Vec<OsString>) -> Result<Vec<Step>, lexopt::Error> {
    use lexopt::prelude::{Long, ValueExt as _};
    let mut only = None;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("only") => {
                let name = parser.value()?.string()?;
                let step = STEPS.into_iter().find(|step| step.name() == name);
                only = Some(step.ok_or_else(|| format!("there is no step `{name}`"))?);
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok(only.map_or_else(|| STEPS.to_vec(), |step| vec![step]))
}

#[cfg(test)]
mod tests {
    use super::{STEPS, Step, parse};
    use crate::cargo::root;

    #[test]
    fn one_step_or_all_of_them() {
        assert_eq!(parse(vec![]).unwrap(), STEPS);
        assert_eq!(
            parse(vec!["--only".into(), "doc".into()]).unwrap(),
            [Step::Doc]
        );
        assert!(parse(vec!["--only".into(), "lint".into()]).is_err());
    }

    #[test]
    fn the_ci_script_runs_the_same_steps_in_the_same_order() {
        let script = std::fs::read_to_string(root().join(".ci/run")).unwrap();
        let expected = STEPS.map(|step| match step {
            Step::Fmt | Step::Clippy | Step::Doc => {
                format!("cargo xtask ci --only {}", step.name())
            }
            Step::Test => "cargo xtask test --require-all".to_owned(),
            Step::Tidy | Step::Api | Step::Loom | Step::Examples => {
                format!("cargo xtask {}", step.name())
            }
        });
        let found: Vec<&str> = script
            .lines()
            .filter(|line| line.starts_with("cargo "))
            .collect();
        assert_eq!(found, expected);
    }
}
