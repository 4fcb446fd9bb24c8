//! `cargo xtask api`: the public API of the crates that are used alone, beside the one that was agreed on.
//!
//! rustdoc describes each crate as JSON, the program of `crates/proof` lists what is public in it and compares with `api.txt` in the
//! crate's folder. `--bless` writes these files anew: a change of the API becomes a change that is seen in review.

use std::ffi::OsString;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::{SELECTION, cargo, root, succeed};

/// The rooms that other projects take alone.
const ROOMS: [&str; 4] = ["backoff", "breaker", "limiter", "http"];

pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let bless = parse(arguments)?;
    check(bless)?;
    Ok(ExitCode::SUCCESS)
}

/// Compares, or writes with `bless`.
///
/// # Errors
/// When a crate does not build, or its API is not the one that was agreed on.
pub(crate) fn check(bless: bool) -> Result<()> {
    let target = root().join("target/api");
    for room in ROOMS {
        let mut command = cargo(["rustdoc", "--quiet", "--lib", "--target-dir"]);
        command
            .arg(&target)
            .args(["--package", &format!("robust-{room}")])
            .args([
                "--",
                "-Z",
                "unstable-options",
                "--output-format",
                "json",
                "--cap-lints",
                "allow",
            ])
            // The JSON is not stable: it has a version, and another one is told apart from another API. The variable makes
            // some crates build again, hence a folder of their own.
            .env("RUSTC_BOOTSTRAP", "1");
        succeed(command)?;
    }
    let mut command = Command::new(program()?);
    command
        .current_dir(root())
        .args(["api", "--doc"])
        .arg(target.join("doc"))
        .arg("--crates")
        .arg(root().join("crates"))
        .args(bless.then_some("--bless"))
        .args(ROOMS);
    succeed(command)
}

fn parse(arguments: Vec<OsString>) -> Result<bool, lexopt::Error> {
    use lexopt::prelude::Long;
    let mut bless = false;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("bless") => bless = true,
            other => return Err(other.unexpected()),
        }
    }
    Ok(bless)
}

/// The measuring program, built with the features that all else is built with.
fn program() -> Result<String> {
    let output = cargo([
        "build",
        "--bin",
        "proof",
        "--message-format=json-render-diagnostics",
    ])
    .args(SELECTION)
    .stderr(Stdio::inherit())
    .output()
    .context("cannot start cargo build")?;
    if !output.status.success() {
        bail!("the program does not build ({})", output.status);
    }
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| {
            let is_proof = message.pointer("/target/name")? == "proof";
            let program = message.get("executable")?.as_str()?.to_owned();
            is_proof.then_some(program)
        })
        .context("cargo names no program `proof`")
}

#[cfg(test)]
mod tests {
    use super::{ROOMS, parse};
    use crate::cargo::root;

    #[test]
    fn each_room_has_the_api_that_was_agreed_on() {
        for room in ROOMS {
            let file = root().join("crates").join(room).join("api.txt");
            assert!(
                file.is_file(),
                "{}: cargo xtask api --bless",
                file.display()
            );
        }
    }

    #[test]
    fn the_only_flag_writes() {
        assert!(!parse(vec![]).unwrap());
        assert!(parse(vec!["--bless".into()]).unwrap());
        assert!(parse(vec!["backoff".into()]).is_err());
    }
}
