//! `cargo xtask test`: every test and doctest of the workspace, with counts and wall time at the end.
//!
//! cargo-nextest runs the tests when it is installed, plain `cargo test` otherwise: a fresh clone needs
//! nothing but Rust.

mod counts;
mod needs;

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Result, bail};

use crate::cargo::{SELECTION, Said, cargo, listen};
use crate::stopwatch::Stopwatch;

pub(crate) use counts::Counts;

/// What the caller asked for.
#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    require_all: bool,
    /// Substrings of test names; a test runs when one of them matches. Empty: all tests.
    filters: Vec<String>,
}

/// What a run of the tests came to.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) counts: Counts,
    /// Why the run failed although no test is counted as failed, e.g. something did not compile.
    broken: Option<String>,
}

impl Report {
    /// Everything ran and nothing failed.
    pub(crate) fn holds(&self) -> bool {
        self.counts.failed == 0 && self.broken.is_none()
    }

    /// The closing line, last of everything that a run prints.
    pub(crate) fn print_closing_line(&self) {
        if let Some(reason) = &self.broken {
            eprintln!("xtask test: {reason}");
        }
        println!("{}", self.counts);
    }
}

pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let options = parse(arguments)?;
    let report = execute(&options)?;
    report.print_closing_line();
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All tests, as CI runs them: a missing tool is a failure.
pub(crate) fn run_all() -> Result<Report> {
    execute(&Options {
        require_all: true,
        filters: Vec::new(),
    })
}

fn parse(arguments: Vec<OsString>) -> Result<Options, lexopt::Error> {
    use lexopt::prelude::{Long, Value, ValueExt as _};
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("require-all") => options.require_all = true,
            Value(filter) => options.filters.push(filter.string()?),
            other => return Err(other.unexpected()),
        }
    }
    Ok(options)
}

fn execute(options: &Options) -> Result<Report> {
    let watch = Stopwatch::start();
    let missing = needs::prepare(needs::NEEDS, &mut needs::Host);
    for tool in &missing {
        eprintln!("{tool}");
    }
    if options.require_all && !missing.is_empty() {
        bail!("{} tools are missing (--require-all)", missing.len());
    }
    let mut skipped_modules: Vec<&str> = missing.iter().map(needs::Missing::module).collect();
    let root = crate::cargo::root();
    for recordings in needs::RECORDINGS {
        if !recordings.are_at_hand(std::env::var_os(recordings.variable), &root) {
            eprintln!("{recordings}");
            skipped_modules.push(recordings.module);
        }
    }

    let mut report = Report {
        counts: Counts::default(),
        broken: None,
    };
    let nextest = has_nextest();
    let said = listen(if nextest {
        nextest_command(&options.filters, &skipped_modules)
    } else {
        eprintln!("cargo-nextest is not installed: running cargo test");
        libtest_command(&["--lib", "--bins", "--tests"], options, &skipped_modules)
    })?;
    let tests = if nextest {
        Counts::of_nextest(&said.text)
    } else {
        Counts::of_libtest(&said.text)
    };
    report.add(tests, &said, "the tests", options);

    // Nothing compiled: the documentation would only repeat the errors.
    if report.broken.is_none() {
        let said = listen(libtest_command(&["--doc"], options, &skipped_modules))?;
        report.add(
            Counts::of_libtest(&said.text),
            &said,
            "the doctests",
            options,
        );
    }
    if report.broken.is_none() && report.counts.ran() == 0 {
        report.broken = Some(match options.filters.as_slice() {
            [] => "no test ran".to_owned(),
            filters if skipped_modules.is_empty() => {
                format!("no test name contains {}", filters.join(" or "))
            }
            filters => format!(
                "no test name contains {}, but for those in {}, which are skipped",
                filters.join(" or "),
                skipped_modules.join(" and ")
            ),
        });
    }
    println!("\ntests: {} in {} s", report.counts, watch.seconds());
    Ok(report)
}

impl Report {
    fn add(&mut self, counts: Option<Counts>, said: &Said, what: &str, options: &Options) {
        let mut counts = match counts {
            Some(counts) => counts,
            None => {
                self.broken = Some(format!("{what} did not run ({})", said.status));
                return;
            }
        };
        if !options.filters.is_empty() {
            // Both runners count what a filter leaves out as skipped; nobody asked for those.
            counts.skipped = 0;
        }
        if !said.status.success() && counts.failed == 0 {
            self.broken = Some(format!("{what} ended with {}", said.status));
        }
        self.counts += counts;
    }
}

/// Is `cargo nextest` installed?
fn has_nextest() -> bool {
    cargo(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Property tests draw the same cases in every run, so that the same tree gives the same verdict; the nightly run draws others, and more.
/// Whoever sets these variables decides.
const DRAWS: [(&str, &str); 1] = [("PROPTEST_RNG_SEED", "20240524")];

/// A command with [`DRAWS`] where the caller's environment does not name them.
fn drawn(mut command: Command) -> Command {
    for (name, value) in DRAWS {
        if std::env::var_os(name).is_none() {
            command.env(name, value);
        }
    }
    command
}

fn nextest_command(filters: &[String], skipped_modules: &[&str]) -> Command {
    let mut command = drawn(cargo(["nextest", "run"]));
    command
        .args(SELECTION)
        .args(["--no-fail-fast", "--no-tests=pass"]);
    if !skipped_modules.is_empty() {
        let skip: Vec<String> = skipped_modules
            .iter()
            .map(|module| format!("test({module}::)"))
            .collect();
        command.args(["-E", &format!("not ({})", skip.join(" or "))]);
    }
    command.args(filters);
    command
}

fn libtest_command(kinds: &[&str], options: &Options, skipped_modules: &[&str]) -> Command {
    let mut command = drawn(cargo(["test"]));
    command.args(SELECTION).args(kinds).arg("--no-fail-fast");
    command.arg("--").args(&options.filters);
    for module in skipped_modules {
        command.args(["--skip", &format!("{module}::")]);
    }
    command
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::{Options, libtest_command, nextest_command, parse};
    use crate::cargo::describe;

    #[test]
    fn the_same_tree_draws_the_same_cases() {
        for command in [
            nextest_command(&[], &[]),
            libtest_command(&["--lib"], &Options::default(), &[]),
        ] {
            let names: Vec<_> = command.get_envs().map(|(name, _)| name).collect();
            let set_by_caller = std::env::var_os("PROPTEST_RNG_SEED").is_some();
            assert!(set_by_caller || names.contains(&OsStr::new("PROPTEST_RNG_SEED")));
        }
    }

    #[test]
    fn arguments_are_a_flag_and_filters() {
        let parsed = parse(vec!["breaker".into(), "--require-all".into()]).unwrap();
        assert_eq!(
            parsed,
            Options {
                require_all: true,
                filters: vec!["breaker".to_owned()],
            }
        );
        assert!(parse(vec!["--requireall".into()]).is_err());
    }

    #[test]
    fn tests_and_doctests_are_built_from_one_feature_set() {
        let options = Options::default();
        let nextest = describe(&nextest_command(&[], &[]));
        let doctests = describe(&libtest_command(&["--doc"], &options, &[]));
        for line in [nextest, doctests] {
            assert!(line.contains("--workspace --features robust-http/http2"));
        }
    }

    #[test]
    fn tests_of_a_missing_tool_are_left_out_by_either_runner() {
        let modules = ["needs_redis", "needs_browser"];
        let nextest = describe(&nextest_command(&["cache".to_owned()], &modules));
        assert!(
            nextest.ends_with("-E not (test(needs_redis::) or test(needs_browser::)) cache"),
            "{nextest}"
        );
        let libtest = describe(&libtest_command(
            &["--tests"],
            &Options::default(),
            &modules,
        ));
        assert!(
            libtest.ends_with("-- --skip needs_redis:: --skip needs_browser::"),
            "{libtest}"
        );
    }
}
