//! `cargo xtask examples`: builds and runs every example; each must succeed and end by itself.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{SELECTION, cargo, root};
use crate::stopwatch::Stopwatch;

/// No example may run longer: a reader tries it in one sitting, and CI tries all of them.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    use lexopt::prelude::{Value as Name, ValueExt as _};
    let mut names = Vec::new();
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Name(name) => names.push(name.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    run_named(&names)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the examples of these names; all of them when there is no name.
///
/// # Errors
/// When an example does not build, fails, runs too long, or when there is none to run.
pub(crate) fn run_named(names: &[String]) -> Result<()> {
    let built = build()?;
    for name in names {
        if !built.contains_key(name) {
            bail!("there is no example `{name}`");
        }
    }
    let chosen: Vec<_> = built
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name))
        .collect();
    if chosen.is_empty() {
        bail!("there is no example");
    }
    let mut failed = Vec::new();
    for (name, program) in chosen {
        let watch = Stopwatch::start();
        let ended = watched(Command::new(program).current_dir(root()), LIMIT)
            .with_context(|| format!("cannot run the example {name}"))?;
        match ended.status {
            Some(status) if status.success() => {
                println!("example {name}: ok in {} s", watch.seconds());
                continue;
            }
            Some(status) => println!("example {name}: FAILED ({status})"),
            None => println!(
                "example {name}: FAILED (still running after {} s)",
                LIMIT.as_secs()
            ),
        }
        println!("{}", ended.output);
        failed.push(name.as_str());
    }
    if !failed.is_empty() {
        bail!("examples failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Builds all examples; returns their programs by name.
fn build() -> Result<BTreeMap<String, String>> {
    let output = cargo([
        "build",
        "--examples",
        "--message-format=json-render-diagnostics",
    ])
    .args(SELECTION)
    .stderr(Stdio::inherit())
    .output()
    .context("cannot start cargo build")?;
    if !output.status.success() {
        bail!("the examples do not build ({})", output.status);
    }
    Ok(programs(&String::from_utf8_lossy(&output.stdout)))
}

/// Reads cargo's messages, one JSON value a line.
fn programs(messages: &str) -> BTreeMap<String, String> {
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| {
            let target = message.get("target")?;
            let is_example = target
                .get("kind")?
                .as_array()?
                .iter()
                .any(|kind| kind == "example");
            let name = target.get("name")?.as_str()?;
            let program = message.get("executable")?.as_str()?;
            is_example.then(|| (name.to_owned(), program.to_owned()))
        })
        .collect()
}

/// How a program ended.
struct Ended {
    /// `None`: it was stopped at the limit.
    status: Option<ExitStatus>,
    /// Both streams.
    output: String,
}

/// Runs a program without input, stops it at the limit.
fn watched(command: &mut Command, limit: Duration) -> Result<Ended> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let (Some(mut out), Some(mut err)) = (child.stdout.take(), child.stderr.take()) else {
        bail!("the program has no output to read");
    };
    let watch = Stopwatch::start();
    thread::scope(|scope| {
        // Both pipes are emptied at the same time, so that a full one never blocks the program.
        let out = scope.spawn(move || drain(&mut out));
        let err = scope.spawn(move || drain(&mut err));
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break Some(status);
            }
            if watch.elapsed() >= limit {
                child.kill()?;
                child.wait()?;
                break None;
            }
            thread::park_timeout(Duration::from_millis(20));
        };
        let output = format!(
            "{}{}",
            out.join().unwrap_or_default(),
            err.join().unwrap_or_default()
        );
        Ok(Ended { status, output })
    })
}

fn drain(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    // What was read before an error is still worth showing.
    let _ = from.read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::{programs, watched};

    #[test]
    fn programs_are_examples_with_an_executable() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"a"},"executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["example"],"name":"e"},"executable":"/t/e"}"#,
            "\n",
            r#"{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"b"},"executable":"/t/b"}"#,
            "\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        let found = programs(messages);
        assert_eq!(found.len(), 1);
        assert_eq!(found["e"], "/t/e");
    }

    #[test]
    fn output_and_status_are_kept() {
        let ended = watched(
            Command::new("cargo").arg("--version"),
            Duration::from_secs(60),
        )
        .unwrap();
        assert!(ended.status.unwrap().success());
        assert!(ended.output.starts_with("cargo "));
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_does_not_end_is_stopped() {
        let ended = watched(Command::new("sleep").arg("600"), Duration::from_millis(50)).unwrap();
        assert!(ended.status.is_none());
    }
}
