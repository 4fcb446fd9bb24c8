//! Words that may not stand in the repository: paths of a machine, floats where decimals belong, tests
//! that do not run.

use super::facts::{Facts, SourceFile};

/// Folders of people and build machines. Written in halves, as this file is searched as well.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("C:\\", "Users"),
];

/// Prices and amounts are decimals from end to end here; an f64 would round them silently.
const EXACT: &[&str] = &["crates/market/src/", "crates/connectors/src/"];

/// Files in those crates that may use floats, each with its reason.
const INEXACT: &[(&str, &str)] = &[(
    "crates/market/src/report.rs",
    "a quality score from 0 to 100 is a judgement, not a price",
)];

/// No file names a folder of the machine that it was written on.
pub(crate) fn machine_paths(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in &facts.files {
        for (at, line) in numbered(file) {
            for path in MACHINE_PATHS {
                let found = line.match_indices(path).any(|(at, _)| {
                    // `example.com/home/` and `./work/` are not absolute.
                    let before = line.get(..at).and_then(|text| text.chars().next_back());
                    !before.is_some_and(|c| c.is_alphanumeric() || "._-/}*".contains(c))
                });
                if found {
                    complaints.push(format!("{}:{at} names a path of a machine", file.path));
                }
            }
        }
    }
    complaints
}

/// No float in the crates that promise exact decimals.
pub(crate) fn floats(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in facts.rust_files() {
        let exact = EXACT.iter().any(|folder| file.path.starts_with(folder));
        if !exact || INEXACT.iter().any(|(path, _)| *path == file.path) {
            continue;
        }
        for (at, line) in file.code_lines() {
            let code = line.split_once("//").map_or(line, |(code, _)| code);
            if has_word(code, "f64") || has_word(code, "f32") {
                complaints.push(format!(
                    "{}:{at} uses a float; prices and amounts are decimals",
                    file.path
                ));
            }
        }
    }
    complaints
}

/// No test is switched off.
pub(crate) fn ignored_tests(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in facts.rust_files() {
        for (at, line) in numbered(file) {
            if line.trim_start().starts_with("#[ignore") {
                complaints.push(format!(
                    "{}:{at} switches a test off: repair or delete it",
                    file.path
                ));
            }
        }
    }
    complaints
}

fn numbered(file: &SourceFile) -> impl Iterator<Item = (usize, &str)> {
    file.text
        .lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line))
}

/// Does the word stand in the line, not as a part of another?
fn has_word(line: &str, word: &str) -> bool {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|part| part == word)
}

#[cfg(test)]
mod tests {
    use super::{floats, ignored_tests, machine_paths};
    use crate::tidy::facts::Facts;

    #[test]
    fn a_path_of_a_machine_is_found_and_a_relative_one_is_not() {
        let absolute = format!("see {}ann/notes.md\n", concat!("/ho", "me/"));
        let in_quotes = format!("x\nlet p = \"{}x\";\n", concat!("/wo", "rk/"));
        let relative = format!(
            "https://example.com{0}x\n./docs{0}y\n../{1}\n",
            concat!("/ho", "me/"),
            concat!("wo", "rk/")
        );
        let facts = Facts::of_files(&[
            ("docs/a.md", &absolute),
            ("crates/a/src/lib.rs", &in_quotes),
            ("docs/b.md", &relative),
        ]);
        assert_eq!(
            machine_paths(&facts),
            [
                "docs/a.md:1 names a path of a machine",
                "crates/a/src/lib.rs:2 names a path of a machine",
            ]
        );
    }

    #[test]
    fn floats_are_found_where_decimals_belong() {
        let facts = Facts::of_files(&[
            (
                "crates/market/src/price.rs",
                "// never f64\nfn a(x: f64) {}\nfn of64() {}\n#[cfg(test)]\nmod tests {\n    fn b(x: f64) {}\n}\n",
            ),
            ("crates/market/src/report.rs", "fn score(x: f64) {}\n"),
            ("crates/quality/src/score.rs", "fn a(x: f64) {}\n"),
        ]);
        assert_eq!(
            floats(&facts),
            ["crates/market/src/price.rs:2 uses a float; prices and amounts are decimals"]
        );
    }

    #[test]
    fn a_test_that_is_switched_off_is_found() {
        let off = format!("#[test]\n    {}]\nfn a() {{}}\n", "#[ignore");
        let facts = Facts::of_files(&[("crates/a/tests/it/x.rs", &off)]);
        assert_eq!(ignored_tests(&facts).len(), 1);
    }
}
