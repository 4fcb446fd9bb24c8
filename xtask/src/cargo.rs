//! How this program calls cargo: one feature set everywhere, a clean environment, streamed output.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;

use anyhow::{Context, Result, bail};

/// What every build, lint, document and test run selects. One feature set for all of them, so that
/// nothing is compiled twice; HTTP/2 is in it so that the feature is linted and tested at all.
pub(crate) const SELECTION: &[&str] = &["--workspace", "--features", "robust-http/http2"];

/// The folder of the workspace.
pub(crate) fn root() -> PathBuf {
    // Set by `cargo run`; the compiled-in value serves a copy of the program that is started by hand.
    let here = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    match here.parent() {
        Some(parent) => parent.to_path_buf(),
        None => here,
    }
}

/// A cargo call in the workspace's folder, with closed standard input.
pub(crate) fn cargo<I, A>(arguments: I) -> Command
where
    I: IntoIterator<Item = A>,
    A: AsRef<OsStr>,
{
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(arguments)
        .current_dir(root())
        .stdin(Stdio::null());
    // `cargo run` describes *this* package to its child. Build scripts that watch those variables
    // (ring's does) would take the change for a reason to build again.
    for (name, _) in std::env::vars_os() {
        if is_package_variable(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command
}

/// Is this one of the variables by which `cargo run` tells a program which package it is?
fn is_package_variable(name: &str) -> bool {
    name.starts_with("CARGO_PKG_")
        || name.starts_with("CARGO_MANIFEST_")
        || name.starts_with("CARGO_BIN_")
        || matches!(
            name,
            "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE" | "OUT_DIR"
        )
}

/// Runs a command with its output shown as it comes.
///
/// # Errors
/// When the program cannot be started, or ends unsuccessfully.
pub(crate) fn succeed(mut command: Command) -> Result<()> {
    let line = describe(&command);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// What a command said, with colours removed, while it was also shown as it came.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    /// Both streams; the order of lines between the two is not kept.
    pub(crate) text: String,
}

/// Runs a command, shows its output as it comes and keeps a copy.
///
/// # Errors
/// When the program cannot be started or its output cannot be read.
pub(crate) fn listen(mut command: Command) -> Result<Said> {
    let line = describe(&command);
    if std::io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let (out, err) = match (child.stdout.take(), child.stderr.take()) {
        (Some(out), Some(err)) => (out, err),
        _ => bail!("`{line}` has no output to read"),
    };
    let (out, err) = thread::scope(|scope| {
        let err = scope.spawn(|| tee(err, std::io::stderr()));
        (tee(out, std::io::stdout()), err.join())
    });
    let Ok(err) = err else {
        bail!("reading the output of `{line}` failed");
    };
    let status = child.wait()?;
    let text = format!("{}\n{}", out?, err?);
    Ok(Said {
        status,
        text: without_colours(&text),
    })
}

/// Copies `from` to `to` line by line and returns all of it.
fn tee(from: impl Read, mut to: impl Write) -> std::io::Result<String> {
    let mut from = BufReader::new(from);
    let mut all = String::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.read_until(b'\n', &mut line)? == 0 {
            return Ok(all);
        }
        // A closed terminal must not stop the tests.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        all.push_str(&String::from_utf8_lossy(&line));
    }
}

/// Removes ANSI colour sequences (`ESC [ … m`).
fn without_colours(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        rest = after
            .find(|c: char| c.is_ascii_alphabetic())
            .and_then(|end| after.get(end + 1..))
            .unwrap_or("");
    }
    plain.push_str(rest);
    plain
}

/// The command as a person would type it.
pub(crate) fn describe(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let mut line = program.file_stem().map_or_else(
        || command.get_program().to_string_lossy().into_owned(),
        |name| name.to_string_lossy().into_owned(),
    );
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{cargo, describe, is_package_variable, root, tee, without_colours};

    #[test]
    fn colours_are_removed_and_text_is_kept() {
        let text = "\u{1b}[32;1m     Summary\u{1b}[0m [ 0.1s] \u{1b}[1m3\u{1b}[0m passed";
        assert_eq!(without_colours(text), "     Summary [ 0.1s] 3 passed");
        assert_eq!(without_colours("a\u{1b}["), "a");
    }

    #[test]
    fn tee_keeps_what_it_shows() {
        let mut shown = Vec::new();
        let kept = tee("one\ntwo".as_bytes(), &mut shown).unwrap();
        assert_eq!(kept, "one\ntwo");
        assert_eq!(shown, b"one\ntwo");
    }

    #[test]
    fn the_child_does_not_inherit_this_package() {
        assert!(is_package_variable("CARGO_PKG_NAME"));
        assert!(is_package_variable("CARGO_MANIFEST_DIR"));
        assert!(!is_package_variable("CARGO_TARGET_DIR"));
        assert!(!is_package_variable("CARGO_TERM_COLOR"));
        assert!(!is_package_variable("CARGO_HOME"));
    }

    #[test]
    fn cargo_is_called_in_the_workspace_and_described_as_typed() {
        let command = cargo(["fmt", "--all"]);
        assert_eq!(command.get_current_dir(), Some(root().as_path()));
        assert!(root().join("Cargo.lock").exists());
        assert_eq!(describe(&command), "cargo fmt --all");
    }
}
