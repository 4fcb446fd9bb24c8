//! `cargo xtask conformance`: builds and starts the conformance program of `crates/proof`.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::cargo::{cargo, root};

/// Hands every argument to the program. Paths are relative to the folder of the caller, and the exit
/// code is the program's own (1 when a goal does not hold).
pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    let mut command = cargo(["run", "--quiet", "--release", "--manifest-path"]);
    command
        .arg(root().join("Cargo.toml"))
        .args([
            "--package",
            "robust-proof",
            "--bin",
            "proof",
            "--",
            "conformance",
        ])
        .args(arguments)
        .current_dir(here);
    let status = command
        .status()
        .context("cannot start the conformance program")?;
    let code = status
        .code()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(1);
    Ok(ExitCode::from(code))
}
