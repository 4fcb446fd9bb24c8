//! `cargo xtask loom`: every interleaving of the lock-free parts, as far as loom's models go.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;

use crate::cargo::{cargo, root, succeed};

/// The rooms with a `tests/loom.rs`.
const ROOMS: [&str; 2] = ["breaker", "limiter"];

pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    if let Some(extra) = lexopt::Parser::from_args(arguments).next()? {
        return Err(extra.unexpected().into());
    }
    check()?;
    Ok(ExitCode::SUCCESS)
}

/// Runs the models. They build everything below them once more, with `--cfg loom`, hence a folder of their own.
///
/// # Errors
/// When a model does not build or an interleaving breaks it.
pub(crate) fn check() -> Result<()> {
    for room in ROOMS {
        let mut command = cargo(["test", "--quiet", "--release", "--test", "loom"]);
        command
            .args(["--package", &format!("robust-{room}")])
            .arg("--target-dir")
            .arg(root().join("target/loom"))
            .env("RUSTFLAGS", "--cfg loom");
        succeed(command)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::ROOMS;
    use crate::cargo::root;

    #[test]
    fn every_model_is_run() {
        let crates = std::fs::read_dir(root().join("crates")).unwrap();
        let mut found: Vec<String> = crates
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.path().join("tests/loom.rs").is_file())
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        found.sort();
        assert_eq!(found, ROOMS);
    }
}
