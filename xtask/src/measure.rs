//! `cargo xtask bench`, `cargo xtask fuzz` and `cargo xtask quality`: build and start the measuring programs of `crates/proof` and `bench/peers`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, root};

/// What `bench` times beside peers, and the program of `bench/peers` that does it.
const BESIDE_PEERS: [(&str, &str); 4] = [
    ("resilience", "peers-stack"),
    ("http", "peers-stack"),
    ("behaviour", "peers-stack"),
    ("scheduler", "peers-scheduler"),
];

/// `bench decode|quality|resilience|http|behaviour|scheduler [--seconds N] [--json FILE] [--peers]`: hands every argument on.
///
/// What stands beside peers is built in `bench/peers` first; `decode` has peers only with `--peers`. `quality` counts allocations in a
/// program of its own, which lies beside it.
pub(crate) fn bench(mut arguments: Vec<OsString>) -> Result<ExitCode> {
    let what = arguments.first().and_then(|what| what.to_str());
    let beside = BESIDE_PEERS.iter().find(|(name, _)| what == Some(name));
    if let Some((_, program)) = beside {
        let mut command = Command::new(peers(program)?);
        return exit_code(command.args(arguments));
    }
    match arguments.first().and_then(|what| what.to_str()) {
        Some("decode") => {
            let before = arguments.len();
            arguments.retain(|argument| argument != "--peers");
            if arguments.len() < before {
                arguments.push("--peers-program".into());
                arguments.push(peers("peers-decode")?.into());
            }
            proof("bench", arguments)
        }
        Some("quality") => {
            build_counter()?;
            proof("bench", arguments)
        }
        _ => Err(lexopt::Error::from(
            "name what to time: decode, quality, resilience, http, behaviour or scheduler",
        )
        .into()),
    }
}

/// `chaos source [--seeds N | --seed N]`, `chaos soak [--for TIME] [--rate N]`, both with `[--json FILE]`: hands every argument on.
pub(crate) fn chaos(arguments: Vec<OsString>) -> Result<ExitCode> {
    proof("chaos", arguments)
}

/// `fuzz [TARGET] [--seconds N] [--seed N] [--json FILE]`: hands every argument on. With `--guided` the targets run under libFuzzer.
pub(crate) fn fuzz(arguments: Vec<OsString>) -> Result<ExitCode> {
    if arguments.iter().any(|argument| argument == "--guided") {
        return crate::guided::run(arguments);
    }
    proof("fuzz", arguments)
}

/// `quality [--data DIR] [--n N] [--cases DIR] [--mutate] [--json FILE]`: hands every argument on.
pub(crate) fn quality(arguments: Vec<OsString>) -> Result<ExitCode> {
    proof("quality", arguments)
}

/// Builds one program of the peers in their own workspace. The first time it takes minutes.
///
/// Not `--locked`: our crates are in that lock too, and whatever they gain would stop every measurement until it is written again.
fn peers(package: &str) -> Result<PathBuf> {
    let folder = root().join("bench/peers");
    let target = folder.join("target");
    let mut command = cargo(["build", "--release", "--manifest-path"]);
    command
        .arg(folder.join("Cargo.toml"))
        .args(["--package", package])
        .arg("--target-dir")
        .arg(&target);
    let status = command.status().context("cannot build bench/peers")?;
    if !status.success() {
        bail!("{package} in bench/peers does not build");
    }
    let name = format!("{package}{}", std::env::consts::EXE_SUFFIX);
    Ok(target.join("release").join(name))
}

/// Builds the program that counts allocations where [`proof`] builds its own.
fn build_counter() -> Result<()> {
    let mut command = cargo(["build", "--quiet", "--release", "--manifest-path"]);
    command.arg(root().join("Cargo.toml")).args([
        "--package",
        "robust-proof",
        "--bin",
        "proof-allocations",
    ]);
    let status = command.status().context("cannot build proof-allocations")?;
    if !status.success() {
        bail!("proof-allocations in crates/proof does not build");
    }
    Ok(())
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
    exit_code(&mut command)
}

fn exit_code(command: &mut Command) -> Result<ExitCode> {
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
