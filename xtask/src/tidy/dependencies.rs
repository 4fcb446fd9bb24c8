//! Outside libraries: each is named once in the root manifest, and has a reason in the documents.

use std::collections::BTreeSet;

use super::facts::Facts;

const MANIFEST: &str = "Cargo.toml";
const REASONS: &str = "docs/dependencies.md";

/// An entry of `[workspace.dependencies]`.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'a> {
    name: &'a str,
    /// One of our own crates (it has a path).
    ours: bool,
}

/// Every outside library has a row in `docs/dependencies.md`, and every row a library.
pub(crate) fn reasons(facts: &Facts) -> Vec<String> {
    let Some(manifest) = facts.file(MANIFEST) else {
        return vec![format!("{MANIFEST} is missing")];
    };
    let Some(document) = facts.file(REASONS) else {
        return vec![format!("{REASONS} is missing")];
    };
    let named: BTreeSet<&str> = entries(&manifest.text)
        .iter()
        .filter(|entry| !entry.ours)
        .map(|entry| entry.name)
        .collect();
    let explained: BTreeSet<&str> = rows(&document.text).collect();
    let without_reason = named
        .difference(&explained)
        .map(|name| format!("{REASONS} gives no reason for `{name}`"));
    let without_use = explained
        .difference(&named)
        .map(|name| format!("{REASONS} explains `{name}`, which {MANIFEST} does not name"));
    without_reason.chain(without_use).collect()
}

/// Every library comes from `[workspace.dependencies]`, and every entry there is used.
pub(crate) fn named_once(facts: &Facts) -> Vec<String> {
    let Some(manifest) = facts.file(MANIFEST) else {
        return vec![format!("{MANIFEST} is missing")];
    };
    let entries = entries(&manifest.text);
    let mut complaints = Vec::new();
    let mut used = BTreeSet::new();
    for package in facts.workspace.members() {
        for dependency in &package.dependencies {
            let name = dependency.name.as_str();
            used.insert(name);
            if !entries.iter().any(|entry| entry.name == name) {
                complaints.push(format!(
                    "{} names `{name}` itself: put it into [workspace.dependencies]",
                    package.name
                ));
            }
        }
    }
    for entry in entries {
        if !used.contains(entry.name) {
            complaints.push(format!("no crate uses `{}` of {MANIFEST}", entry.name));
        }
    }
    complaints
}

/// Reads the table of a manifest; enough of TOML for a file that we write ourselves.
fn entries(manifest: &str) -> Vec<Entry<'_>> {
    let mut inside = false;
    let mut entries = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[workspace.dependencies]";
        } else if inside
            && !line.starts_with('#')
            && let Some((key, value)) = line.split_once('=')
        {
            entries.push(Entry {
                name: key.trim(),
                ours: value.contains("path ="),
            });
        }
    }
    entries
}

/// The libraries that the rows of the tables explain: `` | `name` | … ``.
fn rows(document: &str) -> impl Iterator<Item = &str> {
    document.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("| `")?.split_once('`')?;
        Some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::{Entry, entries, named_once, reasons};
    use crate::metadata::Kind;
    use crate::tidy::facts::Facts;
    use crate::tidy::facts::build::library;

    const MANIFEST: &str = "\
[workspace]\nresolver = \"3\"\n\n[workspace.dependencies]\n# ours\n\
own = { path = \"crates/own\", version = \"0.1.0\" }\n\
serde = { version = \"1\", features = [\"derive\"] }\nbytes = \"1\"\n\n[profile.dev]\ndebug = 1\n";

    #[test]
    fn the_manifest_is_read() {
        let entry = |name, ours| Entry { name, ours };
        assert_eq!(
            entries(MANIFEST),
            [
                entry("own", true),
                entry("serde", false),
                entry("bytes", false)
            ]
        );
    }

    #[test]
    fn every_library_has_a_reason_and_every_reason_a_library() {
        let document = "| library | why |\n|---|---|\n| `serde` | reads |\n| `gone` | once |\n";
        let facts =
            Facts::of_files(&[("Cargo.toml", MANIFEST), ("docs/dependencies.md", document)]);
        assert_eq!(
            reasons(&facts),
            [
                "docs/dependencies.md gives no reason for `bytes`",
                "docs/dependencies.md explains `gone`, which Cargo.toml does not name",
            ]
        );
    }

    #[test]
    fn a_library_is_named_in_one_place_and_used() {
        let facts = Facts::of_files(&[("Cargo.toml", MANIFEST)]).with(&[
            library("own").on("serde", Kind::Normal),
            library("other")
                .on("own", Kind::Dev)
                .on("http", Kind::Normal),
        ]);
        assert_eq!(
            named_once(&facts),
            [
                "other names `http` itself: put it into [workspace.dependencies]",
                "no crate uses `bytes` of Cargo.toml",
            ]
        );
    }
}
