//! What every crate brings: lints, one MSRV, a README, a doctest, an example, one test binary.

use super::facts::Facts;
use crate::metadata::Package;

/// The lock file is committed, so that everyone builds what was tested.
pub(crate) fn lock_is_committed(facts: &Facts) -> Vec<String> {
    if facts.lock_is_committed {
        Vec::new()
    } else {
        vec!["Cargo.lock is not committed: git add Cargo.lock".to_owned()]
    }
}

/// All crates state the same minimal Rust version, and the workflow tests that one.
pub(crate) fn one_rust_version(facts: &Facts) -> Vec<String> {
    const WORKFLOW: &str = ".github/workflows/ci.yml";
    let mut complaints = Vec::new();
    let mut first: Option<&str> = None;
    for package in facts.workspace.members() {
        match (package.rust_version.as_deref(), first) {
            (None, _) => complaints.push(format!("{} states no rust-version", package.name)),
            (Some(version), Some(other)) if version != other => complaints.push(format!(
                "{} has rust-version {version}, others {other}",
                package.name
            )),
            (version, None) => first = version,
            _ => {}
        }
    }
    if let (Some(version), Some(workflow)) = (first, facts.file(WORKFLOW))
        && !workflow.text.contains(&format!("MSRV: \"{version}\""))
    {
        complaints.push(format!("{WORKFLOW} does not test Rust {version}"));
    }
    complaints
}

/// All crates take the lints of the workspace.
pub(crate) fn lints(facts: &Facts) -> Vec<String> {
    facts
        .workspace
        .members()
        .filter(|package| {
            let manifest = facts.file(&format!("{}/Cargo.toml", package.folder));
            !manifest.is_some_and(|file| file.text.contains("[lints]\nworkspace = true"))
        })
        .map(|package| format!("{} does not take the workspace's lints", package.name))
        .collect()
}

/// Every published library has a README.
pub(crate) fn readme(facts: &Facts) -> Vec<String> {
    libraries(facts)
        .filter(|package| {
            facts
                .file(&format!("{}/README.md", package.folder))
                .is_none()
        })
        .map(|package| format!("{}/README.md is missing", package.folder))
        .collect()
}

/// The front page of every published library has an example that runs.
pub(crate) fn doctest(facts: &Facts) -> Vec<String> {
    libraries(facts)
        .flat_map(|package| package.targets_of("lib"))
        .filter(|target| {
            !facts
                .file(&target.path)
                .is_some_and(|file| has_running_doctest(&file.text))
        })
        .map(|target| format!("{} has no doctest that runs", target.path))
        .collect()
}

/// Does the page begin a code block that rustdoc runs?
fn has_running_doctest(text: &str) -> bool {
    let mut inside = false;
    for line in text.lines() {
        let Some(fence) = line.trim().strip_prefix("//! ```") else {
            continue;
        };
        if !inside
            && fence
                .split(',')
                .all(|word| matches!(word.trim(), "" | "rust"))
        {
            return true;
        }
        inside = !inside;
    }
    false
}

/// Every published library has a program that shows it.
pub(crate) fn example(facts: &Facts) -> Vec<String> {
    libraries(facts)
        .filter(|package| package.targets_of("example").next().is_none())
        .map(|package| format!("{} has no example", package.folder))
        .collect()
}

/// Integration tests are one binary: one link, and no file that is silently never compiled. Models of lock-free code are a binary of
/// their own, `tests/loom.rs`, that is empty in every other build.
pub(crate) fn one_integration_binary(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in facts.workspace.members() {
        let expected = format!("{}/tests/it/main.rs", package.folder);
        for target in package.targets_of("test") {
            let is_model = target.path == format!("{}/tests/loom.rs", package.folder)
                && facts
                    .file(&target.path)
                    .is_some_and(|file| file.text.contains("\n#![cfg(loom)]\n"));
            if target.path != expected && !is_model {
                complaints.push(format!("{}: move it into {expected}", target.path));
            }
        }
        if package.is_published_library() && facts.file(&expected).is_none() {
            complaints.push(format!("{expected} is missing"));
        }
        let folder = format!("{}/tests/it/", package.folder);
        let tests = format!("{}/tests/", package.folder);
        for file in facts.files_of(package) {
            let is_stray = file.path.ends_with(".rs")
                && file.path.starts_with(&tests)
                && !file.path.starts_with(&folder)
                && package.targets_of("test").all(|t| t.path != file.path);
            if is_stray {
                complaints.push(format!("{} is never compiled", file.path));
            }
        }
    }
    complaints
}

fn libraries(facts: &Facts) -> impl Iterator<Item = &Package> {
    facts
        .workspace
        .members()
        .filter(|package| package.is_published_library())
}

#[cfg(test)]
mod tests {
    use super::{
        doctest, example, has_running_doctest, lints, lock_is_committed, one_integration_binary,
        one_rust_version, readme,
    };
    use crate::metadata::Package;
    use crate::tidy::facts::Facts;
    use crate::tidy::facts::build::{library, target};

    #[test]
    fn the_lock_file_must_be_committed() {
        let mut facts = Facts::default();
        assert_eq!(lock_is_committed(&facts).len(), 1);
        facts.lock_is_committed = true;
        assert!(lock_is_committed(&facts).is_empty());
    }

    #[test]
    fn rust_versions_are_equal_and_tested() {
        let with = |name: &str, version: Option<&str>| Package {
            rust_version: version.map(str::to_owned),
            ..library(name)
        };
        let workflow = (".github/workflows/ci.yml", "env:\n  MSRV: \"1.88\"\n");
        let good = Facts::of_files(&[workflow]).with(&[with("a", Some("1.88"))]);
        assert!(one_rust_version(&good).is_empty());

        let bad = Facts::of_files(&[workflow]).with(&[
            with("a", Some("1.90")),
            with("b", Some("1.88")),
            with("c", None),
        ]);
        assert_eq!(
            one_rust_version(&bad),
            [
                "b has rust-version 1.88, others 1.90",
                "c states no rust-version",
                ".github/workflows/ci.yml does not test Rust 1.90",
            ]
        );
    }

    #[test]
    fn a_crate_without_the_lints_is_named() {
        let facts = Facts::of_files(&[
            ("crates/a/Cargo.toml", "[lints]\nworkspace = true\n"),
            ("crates/b/Cargo.toml", "[package]\n"),
        ])
        .with(&[library("a"), library("b")]);
        assert_eq!(lints(&facts), ["b does not take the workspace's lints"]);
    }

    #[test]
    fn a_published_library_brings_a_readme_a_doctest_and_an_example() {
        let mut tool = library("tool");
        tool.publishable = false;
        let mut whole = library("whole");
        whole
            .targets
            .push(target("example", "crates/whole/examples/show.rs"));
        let facts = Facts::of_files(&[
            ("crates/whole/README.md", ""),
            (
                "crates/whole/src/lib.rs",
                "//! X.\n//!\n//! ```\n//! x();\n//! ```\n",
            ),
            ("crates/bare/src/lib.rs", "//! X.\n"),
        ])
        .with(&[whole, library("bare"), tool]);
        assert_eq!(readme(&facts), ["crates/bare/README.md is missing"]);
        assert_eq!(
            doctest(&facts),
            ["crates/bare/src/lib.rs has no doctest that runs"]
        );
        assert_eq!(example(&facts), ["crates/bare has no example"]);
    }

    #[test]
    fn only_a_block_that_runs_is_a_doctest() {
        assert!(has_running_doctest("//! ```\n//! x();\n//! ```"));
        assert!(has_running_doctest(
            "//! ```text\n//! a\n//! ```\n//! ```rust\n//! ```"
        ));
        assert!(!has_running_doctest("//! ```no_run\n//! x();\n//! ```"));
        assert!(!has_running_doctest("//! ```text\n//! a -> b\n//! ```"));
        assert!(!has_running_doctest("/// ```\n/// x();\n/// ```"));
    }

    #[test]
    fn integration_tests_are_one_binary() {
        let mut package = library("a");
        package.targets.extend([
            target("test", "crates/a/tests/it/main.rs"),
            target("test", "crates/a/tests/more.rs"),
            target("test", "crates/a/tests/loom.rs"),
        ]);
        let mut other = library("b");
        other.targets.push(target("test", "crates/b/tests/loom.rs"));
        let facts = Facts::of_files(&[
            ("crates/a/tests/it/main.rs", ""),
            ("crates/a/tests/it/sub.rs", ""),
            ("crates/a/tests/more.rs", ""),
            ("crates/a/tests/lost/file.rs", ""),
            ("crates/a/tests/loom.rs", "//! Models.\n#![cfg(loom)]\n"),
            ("crates/b/tests/loom.rs", "//! In every build.\n"),
            ("crates/b/src/lib.rs", ""),
        ])
        .with(&[package, other]);
        assert_eq!(
            one_integration_binary(&facts),
            [
                "crates/a/tests/more.rs: move it into crates/a/tests/it/main.rs",
                "crates/a/tests/lost/file.rs is never compiled",
                "crates/b/tests/loom.rs: move it into crates/b/tests/it/main.rs",
                "crates/b/tests/it/main.rs is missing",
            ]
        );
    }
}
