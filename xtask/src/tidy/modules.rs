//! Rust files as a reader finds them: a first line that says what it is, a name that says something, and
//! none that is never compiled.

use super::facts::Facts;

/// Names under which everything and nothing lives.
const VAGUE: &[&str] = &["utils", "util", "common", "helpers", "helper", "misc"];

/// Every Rust file begins with `//!`.
pub(crate) fn first_line(facts: &Facts) -> Vec<String> {
    facts
        .rust_files()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| format!("{} does not begin with `//! ` and what it is", file.path))
        .collect()
}

/// No file or folder of code has a vague name.
pub(crate) fn names(facts: &Facts) -> Vec<String> {
    facts
        .rust_files()
        .filter_map(|file| {
            let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
            let vague = stem.split('/').find(|part| VAGUE.contains(part))?;
            Some(format!(
                "{}: `{vague}` does not say what is in it",
                file.path
            ))
        })
        .collect()
}

/// Every file below `src` and `tests/it` is named by a `mod` of its parent; otherwise it is never
/// compiled, and its tests never run.
pub(crate) fn reached(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for package in facts.workspace.members() {
        for file in facts.files_of(package) {
            let is_root = package.targets.iter().any(|t| t.path == file.path);
            let is_module = file.path.ends_with(".rs")
                && ["src", "tests/it"].iter().any(|folder| {
                    file.path
                        .starts_with(&format!("{}/{folder}/", package.folder))
                });
            if is_root || !is_module {
                continue;
            }
            let (parents, name) = parents(&file.path);
            let declared = parents
                .iter()
                .filter_map(|parent| facts.file(parent))
                .any(|parent| declares(&parent.text, name) || selects(&parent.text, &file.path));
            if !declared {
                complaints.push(format!(
                    "{} is never compiled: no `mod {name};` leads to it",
                    file.path
                ));
            }
        }
    }
    complaints
}

/// The files that may declare the module at `path`, and its name.
fn parents(path: &str) -> (Vec<String>, &str) {
    let stem = path
        .strip_suffix("/mod.rs")
        .or_else(|| path.strip_suffix(".rs"))
        .unwrap_or(path);
    let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
    let candidates = ["lib.rs", "main.rs", "mod.rs"]
        .iter()
        .map(|file| format!("{folder}/{file}"))
        .chain([format!("{folder}.rs")])
        .collect();
    (candidates, name)
}

/// Does the text have `mod name;`, public or not?
fn declares(text: &str, name: &str) -> bool {
    let end = format!("mod {name};");
    text.lines().map(str::trim).any(|line| {
        line.strip_suffix(end.as_str())
            .is_some_and(|before| before.is_empty() || before.starts_with("pub"))
    })
}

/// Does the text have `#[path = "file.rs"]`, alone or in a `cfg_attr`?
fn selects(text: &str, path: &str) -> bool {
    let file = path.rsplit_once('/').map_or(path, |(_, file)| file);
    text.contains(&format!("path = \"{file}\""))
}

#[cfg(test)]
mod tests {
    use super::{first_line, names, reached};
    use crate::tidy::facts::Facts;
    use crate::tidy::facts::build::library;

    #[test]
    fn a_file_begins_with_what_it_is() {
        let facts = Facts::of_files(&[
            ("crates/a/src/lib.rs", "//! What it is.\n"),
            ("crates/a/src/x.rs", "use std::fmt;\n"),
            ("crates/a/src/y.rs", "//!\n"),
            ("README.md", "# A\n"),
        ]);
        let complaints = first_line(&facts);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].starts_with("crates/a/src/x.rs"));
        assert!(complaints[1].starts_with("crates/a/src/y.rs"));
    }

    #[test]
    fn a_name_says_what_is_in_it() {
        let facts = Facts::of_files(&[
            ("crates/a/src/window.rs", ""),
            ("crates/a/src/utils.rs", ""),
            ("crates/a/tests/it/common/mod.rs", ""),
            ("docs/utils/x.md", ""),
        ]);
        let complaints = names(&facts);
        assert_eq!(complaints.len(), 2, "{complaints:?}");
        assert!(complaints[0].contains("`utils`"));
        assert!(complaints[1].contains("`common`"));
    }

    #[test]
    fn a_file_that_no_module_names_is_found() {
        let facts = Facts::of_files(&[
            (
                "crates/a/src/lib.rs",
                "mod x;\npub mod y;\npub(crate) mod z;\n#[path = \"v_off.rs\"]\nmod v;\n// mod w;\n",
            ),
            ("crates/a/src/x.rs", ""),
            ("crates/a/src/y/mod.rs", "mod inner;\n"),
            ("crates/a/src/y/inner.rs", ""),
            ("crates/a/src/z.rs", "mod inner;\n"),
            ("crates/a/src/z/inner.rs", ""),
            ("crates/a/src/v_off.rs", ""),
            ("crates/a/src/w.rs", ""),
            ("crates/a/tests/it/main.rs", "mod one;\n"),
            ("crates/a/tests/it/one.rs", ""),
            ("crates/a/tests/it/two.rs", ""),
            ("crates/a/examples/show.rs", ""),
        ]);
        let mut package = library("a");
        package.targets.push(crate::tidy::facts::build::target(
            "test",
            "crates/a/tests/it/main.rs",
        ));
        assert_eq!(
            reached(&facts.with(&[package])),
            [
                "crates/a/src/w.rs is never compiled: no `mod w;` leads to it",
                "crates/a/tests/it/two.rs is never compiled: no `mod two;` leads to it",
            ]
        );
    }
}
