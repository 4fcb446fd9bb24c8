//! What `cargo metadata` says about this workspace, reduced to what the commands read.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cargo::cargo;

/// The packages that this workspace is built of.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    /// Ours first, then every package of the lock file, on any platform.
    pub(crate) packages: Vec<Package>,
}

/// One package.
#[derive(Debug, Default, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// One of ours.
    pub(crate) member: bool,
    /// May go to a registry (`publish` is not `false`).
    pub(crate) publishable: bool,
    /// The SPDX expression.
    pub(crate) license: Option<String>,
    pub(crate) rust_version: Option<String>,
    /// The package's folder, relative to the workspace, with `/`; empty for packages of others.
    pub(crate) folder: String,
    pub(crate) dependencies: Vec<Dependency>,
    pub(crate) targets: Vec<Target>,
}

/// An arrow from a package to another, as its manifest states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// For whom a dependency is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The library or program itself.
    Normal,
    /// Tests, examples and benches.
    Dev,
    /// The build script.
    Build,
}

/// A library, program, example or test binary.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// `lib`, `bin`, `example`, `test`, `bench`, …
    pub(crate) kinds: Vec<String>,
    /// Relative to the workspace, with `/`.
    pub(crate) path: String,
}

impl Workspace {
    /// Reads the members alone: fast, needs no registry.
    ///
    /// # Errors
    /// When cargo fails or says something else than expected.
    pub(crate) fn members_only() -> Result<Self> {
        Self::ask(&["--no-deps"])
    }

    /// Reads the members and every package that they depend on.
    ///
    /// # Errors
    /// When cargo fails (e.g. `Cargo.lock` is out of date) or says something else than expected.
    pub(crate) fn read() -> Result<Self> {
        Self::ask(&["--locked"])
    }

    fn ask(arguments: &[&str]) -> Result<Self> {
        let output = cargo(["metadata", "--format-version", "1"])
            .args(arguments)
            .output()
            .context("cannot start cargo metadata")?;
        if !output.status.success() {
            bail!(
                "cargo metadata failed: {}",
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        let value: Value = serde_json::from_slice(&output.stdout)?;
        Self::parse(&value)
    }

    /// Reads the JSON of `cargo metadata --format-version 1`.
    ///
    /// # Errors
    /// When a field is missing that every answer of cargo has.
    fn parse(value: &Value) -> Result<Self> {
        let root = PathBuf::from(text(value, "workspace_root")?);
        let ids: Vec<&str> = list(value, "workspace_members")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut packages = Vec::new();
        for package in list(value, "packages") {
            let member = ids.contains(&text(package, "id")?);
            packages.push(Package::parse(package, member, &root)?);
        }
        packages.sort_by_key(|package| !package.member);
        Ok(Self { packages })
    }

    /// Our own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.member)
    }

    /// Our own package of this name.
    pub(crate) fn member(&self, name: &str) -> Option<&Package> {
        self.members().find(|package| package.name == name)
    }
}

impl Package {
    fn parse(value: &Value, member: bool, root: &Path) -> Result<Self> {
        let manifest = PathBuf::from(text(value, "manifest_path")?);
        let folder = match (member, manifest.parent()) {
            (true, Some(folder)) => relative(folder, root),
            _ => String::new(),
        };
        let dependencies = list(value, "dependencies")
            .iter()
            .map(|dependency| {
                Ok(Dependency {
                    name: text(dependency, "name")?.to_owned(),
                    kind: match dependency.get("kind").and_then(Value::as_str) {
                        Some("dev") => Kind::Dev,
                        Some("build") => Kind::Build,
                        _ => Kind::Normal,
                    },
                })
            })
            .collect::<Result<_>>()?;
        let targets = list(value, "targets")
            .iter()
            .map(|target| {
                Ok(Target {
                    kinds: list(target, "kind")
                        .iter()
                        .filter_map(|kind| kind.as_str().map(str::to_owned))
                        .collect(),
                    path: relative(Path::new(text(target, "src_path")?), root),
                })
            })
            .collect::<Result<_>>()?;
        let optional = |key| value.get(key).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            name: text(value, "name")?.to_owned(),
            version: text(value, "version")?.to_owned(),
            member,
            // null: any registry; []: none.
            publishable: value.get("publish").is_none_or(Value::is_null),
            license: optional("license"),
            rust_version: optional("rust_version"),
            folder,
            dependencies,
            targets,
        })
    }

    /// A crate that strangers read: published, and a library.
    pub(crate) fn is_published_library(&self) -> bool {
        self.publishable && self.targets_of("lib").next().is_some()
    }

    /// The targets of one kind.
    pub(crate) fn targets_of(&self, kind: &str) -> impl Iterator<Item = &Target> {
        self.targets
            .iter()
            .filter(move |target| target.kinds.iter().any(|k| k == kind))
    }
}

/// `path` relative to `root`, with `/` on every system.
fn relative(path: &Path, root: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value
        .get(key)
        .and_then(Value::as_str)
        .with_context(|| format!("cargo metadata has no `{key}`"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Kind, Workspace};

    #[test]
    fn reads_what_cargo_says() {
        let value = json!({
            "workspace_root": "/w",
            "workspace_members": ["a 1"],
            "packages": [
                { "id": "z 1", "name": "z", "version": "1.0.0", "manifest_path": "/r/z/Cargo.toml",
                  "license": "MIT", "dependencies": [], "targets": [] },
                { "id": "a 1", "name": "a", "version": "0.1.0", "manifest_path": "/w/crates/a/Cargo.toml",
                  "rust_version": "1.88", "publish": null,
                  "dependencies": [ { "name": "z", "kind": null }, { "name": "t", "kind": "dev" } ],
                  "targets": [ { "kind": ["lib"], "src_path": "/w/crates/a/src/lib.rs" } ] },
            ],
        });
        let workspace = Workspace::parse(&value).unwrap();
        let [a, z] = workspace.packages.as_slice() else {
            panic!("members come first");
        };
        assert!(a.member && a.publishable && a.is_published_library());
        assert_eq!(a.folder, "crates/a");
        assert_eq!(a.rust_version.as_deref(), Some("1.88"));
        assert_eq!(a.targets[0].path, "crates/a/src/lib.rs");
        let kinds: Vec<_> = a.dependencies.iter().map(|d| d.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Dev]);
        assert!(!z.member);
        assert_eq!(z.license.as_deref(), Some("MIT"));
    }

    #[test]
    fn unpublished_packages_are_known() {
        let value = json!({
            "workspace_root": "/w", "workspace_members": ["a 1"],
            "packages": [ { "id": "a 1", "name": "a", "version": "0.1.0", "publish": [],
                "manifest_path": "/w/a/Cargo.toml", "dependencies": [], "targets": [] } ],
        });
        let workspace = Workspace::parse(&value).unwrap();
        assert!(!workspace.packages[0].publishable);
    }

    #[test]
    fn an_answer_without_packages_names_is_refused() {
        let error = Workspace::parse(&json!({ "workspace_root": "/w", "packages": [ {} ] }));
        assert!(error.unwrap_err().to_string().contains("`id`"));
    }
}
