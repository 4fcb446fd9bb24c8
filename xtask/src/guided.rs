//! `cargo xtask fuzz --guided`: the targets of `fuzz/` under libFuzzer, which looks for inputs that reach new code.
//!
//! `cargo fuzz` does the same with a nightly toolchain and sanitizers. Nothing here is `unsafe`, so the sanitizers would watch the libraries only;
//! what guides libFuzzer is compiled in by flags that the stable toolchain has. It needs a C++ compiler, for libFuzzer itself.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use lexopt::prelude::*;

use crate::cargo::{cargo, root};

/// What `cargo fuzz` sets too, without its sanitizer: counters at each edge, and what is compared with what.
const INSTRUMENTED: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// `fuzz --guided [TARGET] [--seconds 60] [--seed N]`.
///
/// What is found to be worth keeping stays in `target/fuzz/corpus` and is where the next run begins. The same seed on the same corpus makes the same inputs.
pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let plan = Plan::parse(arguments)?;
    let folder = root().join("target/fuzz");
    build(&folder)?;
    let mut whole = true;
    for target in &plan.targets {
        whole &= one(target, &plan, &folder)?;
    }
    Ok(if whole {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

struct Plan {
    targets: Vec<String>,
    seconds: u32,
    seed: u32,
}

impl Plan {
    fn parse(arguments: Vec<OsString>) -> Result<Self> {
        let known = targets()?;
        let mut plan = Self {
            targets: Vec::new(),
            seconds: 60,
            // 0 would let libFuzzer draw one.
            seed: 1,
        };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("guided") => {}
                Long("seconds") => plan.seconds = parser.value()?.parse()?,
                Long("seed") => plan.seed = parser.value()?.parse()?,
                Value(name) => {
                    let name = name.string()?;
                    if !known.contains(&name) {
                        let known = known.join(", ");
                        return Err(lexopt::Error::from(format!(
                            "there is no target {name:?}; there are {known}"
                        ))
                        .into());
                    }
                    plan.targets.push(name);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        if plan.targets.is_empty() {
            plan.targets = known;
        }
        Ok(plan)
    }
}

/// The names of the files in `fuzz/fuzz_targets`, sorted.
fn targets() -> Result<Vec<String>> {
    let folder = root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).context("fuzz/fuzz_targets cannot be read")? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            names.extend(
                path.file_stem()
                    .map(|stem| stem.to_string_lossy().into_owned()),
            );
        }
    }
    names.sort();
    Ok(names)
}

/// Builds all targets in a folder of their own. The first time it takes minutes.
fn build(folder: &Path) -> Result<()> {
    let host = host()?;
    let mut command = cargo(["build", "--release", "--manifest-path"]);
    command
        .arg(root().join("fuzz/Cargo.toml"))
        // With a target named, build scripts and macros are built without the flags.
        .args(["--target", &host, "--target-dir"])
        .arg(folder)
        .env("RUSTFLAGS", INSTRUMENTED)
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        // An overflow or a broken promise is a finding.
        .env("CARGO_PROFILE_RELEASE_OVERFLOW_CHECKS", "true")
        .env("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true");
    let status = command.status().context("cannot build fuzz/")?;
    if !status.success() {
        bail!("fuzz/ does not build; libFuzzer needs a C++ compiler");
    }
    Ok(())
}

/// The system that the compiler runs on and builds for.
fn host() -> Result<String> {
    let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(compiler)
        .arg("-vV")
        .output()
        .context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned)
        .context("rustc -vV does not name its host")
}

/// Runs one target; false when it found something.
fn one(target: &str, plan: &Plan, folder: &Path) -> Result<bool> {
    let corpus = folder.join("corpus").join(target);
    let found = folder.join("found").join(target);
    for folder in [&corpus, &found] {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let program = folder
        .join(host()?)
        .join("release")
        .join(format!("{target}{}", std::env::consts::EXE_SUFFIX));
    let output = Command::new(program)
        .arg(&corpus)
        .arg(format!("-max_total_time={}", plan.seconds))
        .arg(format!("-seed={}", plan.seed))
        .arg(format!(
            "-artifact_prefix={}{}",
            found.display(),
            std::path::MAIN_SEPARATOR
        ))
        .args(["-timeout=10", "-print_final_stats=1"])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {target}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let log: PathBuf = folder.join(format!("{target}.log"));
    fs::write(&log, &said).with_context(|| format!("cannot write {}", log.display()))?;
    let held = output.status.success();
    println!("{target:<15} {}", summary(&said, held));
    if !held {
        println!("  {} and {} have it", log.display(), found.display());
    }
    Ok(held)
}

/// One line of what libFuzzer said at length.
fn summary(said: &str, held: bool) -> String {
    let last = |what: &str| {
        said.lines()
            .filter_map(|line| line.split_once(what))
            .filter_map(|(_, rest)| rest.split_whitespace().next())
            .next_back()
            .unwrap_or("?")
            .to_owned()
    };
    format!(
        "{} executions, {} edges reached, {} MB at most, {}",
        last("number_of_executed_units:"),
        last(" cov: "),
        last("peak_rss_mb:"),
        if held { "holds" } else { "FOUND something" },
    )
}

#[cfg(test)]
mod tests {
    use super::{Plan, summary};

    #[test]
    fn unknown_target_is_named_beside_those_there_are() {
        let arguments = ["--guided", "kraken"].map(Into::into).to_vec();
        let error = Plan::parse(arguments).err().unwrap();
        assert!(error.is::<lexopt::Error>());
        let text = error.to_string();
        assert!(
            text.contains("\"kraken\"") && text.contains("kraken_decode"),
            "{text}"
        );
    }

    #[test]
    fn without_a_name_all_targets_run_for_a_minute() {
        let plan = Plan::parse(vec!["--guided".into()]).unwrap();
        assert!(plan.targets.len() >= 8, "{:?}", plan.targets);
        assert_eq!((plan.seconds, plan.seed), (60, 1));
    }

    #[test]
    fn what_libfuzzer_says_at_length_is_one_line() {
        let said = "#2\tINITED cov: 7 ft: 7\n#9\tDONE   cov: 1757 ft: 1867 corp: 49/818b\n\
                    stat::number_of_executed_units: 136789\nstat::peak_rss_mb:              31\n";
        assert_eq!(
            summary(said, true),
            "136789 executions, 1757 edges reached, 31 MB at most, holds"
        );
        assert!(summary("", false).ends_with("FOUND something"));
    }
}
