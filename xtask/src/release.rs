//! `cargo xtask release`: what would be published, in which order. Nothing leaves this machine without
//! `--execute`.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, describe, root, succeed};
use crate::metadata::{Package, Workspace};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Shows the crates in order.
    Plan,
    /// Packs and builds the archives that publishing would upload.
    Prepare,
    /// Uploads them with `--execute`; the same as `Prepare` without.
    Publish,
}

pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    let (stage, execute) = parse(arguments)?;
    let workspace = Workspace::members_only()?;
    let order = publish_order(&workspace)?;
    let changes = uncommitted()?;
    if stage == Stage::Plan {
        print_plan(&order, &changes);
        return Ok(ExitCode::SUCCESS);
    }
    if !changes.is_empty() {
        bail!(
            "{} files differ from the last commit, the first is {}; commit them before a release",
            changes.len(),
            changes.first().map_or("", String::as_str)
        );
    }
    let command = command(stage, execute);
    println!("{}", describe(&command));
    succeed(command)?;
    Ok(ExitCode::SUCCESS)
}

fn parse(arguments: Vec<OsString>) -> Result<(Stage, bool), lexopt::Error> {
    use lexopt::prelude::{Long, Value, ValueExt as _};
    let mut stage = Stage::Plan;
    let mut execute = false;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("execute") => execute = true,
            Long("dry-run") => execute = false,
            Value(name) => {
                stage = match name.string()?.as_str() {
                    "plan" => Stage::Plan,
                    "prepare" => Stage::Prepare,
                    "publish" => Stage::Publish,
                    other => return Err(format!("there is no stage `{other}`").into()),
                };
            }
            other => return Err(other.unexpected()),
        }
    }
    Ok((stage, execute))
}

/// The cargo call of a stage. Cargo itself leaves out unpublished crates and keeps the order
/// (`--workspace` with `publish` needs cargo 1.90 or later; the libraries build with older ones).
fn command(stage: Stage, execute: bool) -> Command {
    let mut command = cargo(["publish", "--workspace", "--locked"]);
    if stage != Stage::Publish || !execute {
        command.arg("--dry-run");
    }
    command
}

/// The published crates, each after those that it depends on.
fn publish_order(workspace: &Workspace) -> Result<Vec<&Package>> {
    let mut waiting: Vec<&Package> = workspace.members().filter(|p| p.publishable).collect();
    let mut order: Vec<&Package> = Vec::new();
    while !waiting.is_empty() {
        // A registry also resolves dev-dependencies that carry a version, so they count.
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.iter().copied().partition(|package| {
            !package.dependencies.iter().any(|dependency| {
                dependency.name != package.name
                    && waiting.iter().any(|other| other.name == dependency.name)
            })
        });
        if ready.is_empty() {
            let names: Vec<_> = rest.iter().map(|p| p.name.as_str()).collect();
            bail!("these crates depend on each other: {}", names.join(", "));
        }
        order.extend(ready);
        waiting = rest;
    }
    Ok(order)
}

/// Files that differ from the last commit.
fn uncommitted() -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["status", "--porcelain"])
        .current_dir(root())
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!("git status failed");
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.get(3..).map(str::to_owned))
        .collect())
}

fn print_plan(order: &[&Package], changes: &[String]) {
    for (at, package) in order.iter().enumerate() {
        println!("{:>3}  {:<24} {}", at + 1, package.name, package.version);
    }
    match changes {
        [] => println!("the tree is clean"),
        [first, ..] => println!("{} files are not committed, e.g. {first}", changes.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Stage, command, parse, publish_order};
    use crate::cargo::describe;
    use crate::metadata::{Dependency, Kind, Package, Workspace};

    fn package(name: &str, on: &[(&str, Kind)]) -> Package {
        Package {
            name: name.to_owned(),
            member: true,
            publishable: true,
            dependencies: on
                .iter()
                .map(|&(name, kind)| Dependency {
                    name: name.to_owned(),
                    kind,
                })
                .collect(),
            ..Package::default()
        }
    }

    #[test]
    fn a_crate_follows_everything_that_it_depends_on() {
        let mut tool = package("tool", &[]);
        tool.publishable = false;
        let workspace = Workspace {
            packages: vec![
                package("facade", &[("part", Kind::Normal), ("sim", Kind::Dev)]),
                tool,
                package("sim", &[("nouns", Kind::Normal)]),
                package("part", &[("nouns", Kind::Normal), ("serde", Kind::Normal)]),
                package("nouns", &[]),
            ],
        };
        let order = publish_order(&workspace).unwrap();
        let names: Vec<_> = order.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names, ["nouns", "sim", "part", "facade"]);
    }

    #[test]
    fn a_circle_is_named() {
        let workspace = Workspace {
            packages: vec![
                package("a", &[("b", Kind::Normal)]),
                package("b", &[("a", Kind::Dev)]),
            ],
        };
        let error = publish_order(&workspace).unwrap_err().to_string();
        assert_eq!(error, "these crates depend on each other: a, b");
    }

    #[test]
    fn nothing_is_uploaded_without_the_word() {
        assert_eq!(parse(vec![]).unwrap(), (Stage::Plan, false));
        assert_eq!(
            parse(vec!["publish".into(), "--dry-run".into()]).unwrap(),
            (Stage::Publish, false)
        );
        assert!(parse(vec!["upload".into()]).is_err());
        for (stage, execute) in [
            (Stage::Prepare, false),
            (Stage::Prepare, true),
            (Stage::Publish, false),
        ] {
            let line = describe(&command(stage, execute));
            assert!(line.ends_with("--dry-run"), "{line}");
        }
        assert!(!describe(&command(Stage::Publish, true)).contains("--dry-run"));
    }
}
