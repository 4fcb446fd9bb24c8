//! `cargo xtask bench` and `cargo xtask fuzz`: build and start the measuring programs of `crates/proof`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, root};

/// `bench decode [--seconds N] [--json FILE] [--peers]`: hands every argument on; `--peers` builds `bench/peers` first.
pub(crate) fn bench(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.first().is_none_or(|what| what != "decode") {
        return Err(lexopt::Error::from("name what to time: decode").into());
    }
    let before = arguments.len();
    arguments.retain(|argument| argument != "--peers");
    if arguments.len() < before {
        arguments.push("--peers-program".into());
        arguments.push(peers()?.into());
    }
    proof("bench", arguments)
}

/// `fuzz [TARGET] [--seconds N] [--seed N] [--json FILE]`: hands every argument on.
pub(crate) fn fuzz(arguments: Vec<OsString>) -> Result<ExitCode> {
    proof("fuzz", arguments)
}

/// Builds the program of the peers in its own workspace; it takes minutes, for it brings a trading library along.
fn peers() -> Result<PathBuf> {
    let folder = root().join("bench/peers");
    let target = folder.join("target");
    let mut command = cargo(["build", "--release", "--locked", "--manifest-path"]);
    command
        .arg(folder.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target);
    let status = command.status().context("cannot build bench/peers")?;
    if !status.success() {
        bail!("bench/peers does not build");
    }
    let name = format!("peers{}", std::env::consts::EXE_SUFFIX);
    Ok(target.join("release").join(name))
}

/// Paths are relative to the folder of the caller, and the exit code is the program's own (1 when a goal does not hold).
fn proof(program: &str, arguments: Vec<OsString>) -> Result<ExitCode> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let mut command = cargo(["run", "--quiet", "--release", "--manifest-path"]);
    command
        .arg(root().join("Cargo.toml"))
        .args(["--package", "robust-proof", "--bin", "proof", "--"])
        .arg(program)
        .args(arguments)
        .current_dir(here);
    let status = command
        .status()
        .context("cannot start the measuring program")?;
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(ExitCode::from(code))
}

#[cfg(test)]
mod tests {
    use super::bench;

    #[test]
    fn what_to_time_has_to_be_named() {
        for arguments in [vec![], vec!["everything".into()], vec!["--peers".into()]] {
            let error = bench(arguments).unwrap_err();
            assert!(error.is::<lexopt::Error>(), "{error}");
        }
    }
}
