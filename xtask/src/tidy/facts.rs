//! What the rules look at: the packages as cargo sees them, the files as git sees them.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::cargo::root;
use crate::metadata::{Package, Workspace};

/// Everything that a rule may know.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) workspace: Workspace,
    /// Text files that are committed, or would be by `git add --all`; sorted by path.
    pub(crate) files: Vec<SourceFile>,
    /// Files that are no text, such as pictures; sorted.
    pub(crate) others: Vec<String>,
    /// Is `Cargo.lock` in git's index?
    pub(crate) lock_is_committed: bool,
}

/// A text file of the repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct SourceFile {
    /// Relative to the workspace, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Facts {
    /// Asks cargo and git, and reads the files.
    ///
    /// # Errors
    /// When cargo or git fails.
    pub(crate) fn read() -> Result<Self> {
        let root = root();
        let committed = git_files(&["--cached"])?;
        let mut paths = git_files(&["--cached", "--others", "--exclude-standard"])?;
        paths.sort();
        paths.dedup();
        let mut files = Vec::new();
        let mut others = Vec::new();
        for path in paths {
            match std::fs::read_to_string(root.join(&path)) {
                Ok(text) => files.push(SourceFile { path, text }),
                // A picture is there, but not judged. A deleted file is still in the index, and is neither.
                Err(_) if root.join(&path).is_file() => others.push(path),
                Err(_) => {}
            }
        }
        Ok(Self {
            workspace: Workspace::read()?,
            files,
            others,
            lock_is_committed: committed.iter().any(|path| path == "Cargo.lock"),
        })
    }

    /// The file at a path.
    pub(crate) fn file(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// All Rust files.
    pub(crate) fn rust_files(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The files below a package's folder.
    pub(crate) fn files_of<'a>(
        &'a self,
        package: &'a Package,
    ) -> impl Iterator<Item = &'a SourceFile> {
        self.files.iter().filter(|file| {
            file.path
                .strip_prefix(package.folder.as_str())
                .is_some_and(|rest| rest.starts_with('/'))
        })
    }
}

impl SourceFile {
    /// The lines before the unit tests at the bottom of the file, with their numbers from 1.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let mut lines = self.text.lines().enumerate().peekable();
        std::iter::from_fn(move || {
            let (at, line) = lines.next()?;
            let tests_begin = line.trim() == "#[cfg(test)]"
                && lines
                    .peek()
                    .is_some_and(|(_, next)| next.starts_with("mod ") && next.ends_with('{'));
            (!tests_begin).then_some((at + 1, line))
        })
    }

    /// Holds nothing but tests: an integration test, or a `tests` module in its own file.
    pub(crate) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }
}

fn git_files(which: &[&str]) -> Result<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z"])
        .args(which)
        .current_dir(root())
        .output()
        .context("cannot start git")?;
    if !output.status.success() {
        bail!("git ls-files failed: tidy needs a clone of the repository");
    }
    Ok(String::from_utf8_lossy(&output.stdout)
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect())
}

#[cfg(test)]
impl Facts {
    /// Facts about files alone.
    pub(crate) fn of_files(files: &[(&str, &str)]) -> Self {
        Self {
            files: files
                .iter()
                .map(|&(path, text)| SourceFile {
                    path: path.to_owned(),
                    text: text.to_owned(),
                })
                .collect(),
            ..Self::default()
        }
    }

    /// The same facts with packages of ours.
    pub(crate) fn with(mut self, members: &[Package]) -> Self {
        self.workspace.packages.extend_from_slice(members);
        self
    }
}

#[cfg(test)]
pub(crate) mod build {
    //! Packages for the tests of the rules.

    use crate::metadata::{Dependency, Kind, Package, Target};

    /// A published library of ours in `crates/<name>`.
    pub(crate) fn library(name: &str) -> Package {
        Package {
            name: name.to_owned(),
            member: true,
            publishable: true,
            folder: format!("crates/{name}"),
            targets: vec![target("lib", &format!("crates/{name}/src/lib.rs"))],
            ..Package::default()
        }
    }

    pub(crate) fn target(kind: &str, path: &str) -> Target {
        Target {
            kinds: vec![kind.to_owned()],
            path: path.to_owned(),
        }
    }

    impl Package {
        /// The same package with another arrow.
        pub(crate) fn on(mut self, name: &str, kind: Kind) -> Self {
            self.dependencies.push(Dependency {
                name: name.to_owned(),
                kind,
            });
            self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, SourceFile};
    use crate::tidy::facts::build::library;

    #[test]
    fn code_ends_where_the_unit_tests_begin() {
        let file = SourceFile {
            path: "crates/a/src/x.rs".to_owned(),
            text: "//! X.\n#[cfg(test)]\nuse std::fmt;\nfn x() {}\n#[cfg(test)]\nmod tests {\n}\n"
                .to_owned(),
        };
        let lines: Vec<_> = file.code_lines().map(|(at, _)| at).collect();
        assert_eq!(lines, [1, 2, 3, 4]);
    }

    #[test]
    fn a_package_owns_the_files_below_its_folder() {
        let facts = Facts::of_files(&[
            ("crates/a/src/lib.rs", ""),
            ("crates/ab/src/lib.rs", ""),
            ("README.md", ""),
        ]);
        let package = library("a");
        let paths: Vec<_> = facts.files_of(&package).map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["crates/a/src/lib.rs"]);
    }

    #[test]
    fn facts_are_read_from_this_repository() {
        let facts = Facts::read().unwrap();
        assert!(facts.file("xtask/src/main.rs").is_some());
        assert!(facts.workspace.member("xtask").is_some());
        assert!(facts.workspace.packages.iter().any(|p| p.name == "anyhow"));
    }
}
