//! Documents: every page is in the table of contents, every relative link leads to a file.

use super::facts::{Facts, SourceFile};

const CONTENTS: &str = "docs/SUMMARY.md";

/// Every page below `docs/` is linked from the table of contents.
pub(crate) fn listed(facts: &Facts) -> Vec<String> {
    let Some(contents) = facts.file(CONTENTS) else {
        return vec![format!("{CONTENTS} is missing")];
    };
    let linked: Vec<String> = links_of(contents)
        .map(|link| resolve(contents, link))
        .collect();
    facts
        .files
        .iter()
        .map(|file| file.path.as_str())
        .filter(|path| path.starts_with("docs/") && path.ends_with(".md") && *path != CONTENTS)
        .filter(|path| !linked.iter().any(|link| link == path))
        .map(|path| format!("{path} is not in {CONTENTS}"))
        .collect()
}

/// Every relative link of a page leads to a file or folder of the repository.
pub(crate) fn links(facts: &Facts) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in facts.files.iter().filter(|file| file.path.ends_with(".md")) {
        for link in links_of(file) {
            let target = resolve(file, link);
            let folder = format!("{}/", target.trim_end_matches('/'));
            let exists = facts.others.contains(&target)
                || facts
                    .files
                    .iter()
                    .any(|other| other.path == target || other.path.starts_with(&folder));
            if !exists {
                complaints.push(format!("{}: `{link}` leads nowhere", file.path));
            }
        }
    }
    complaints
}

/// No page has a place that was to be filled with a measured number and was not: a name in capitals between two at signs.
pub(crate) fn filled(facts: &Facts) -> Vec<String> {
    let is_name = |text: &&str| {
        let capital = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(capital)
    };
    let mut complaints = Vec::new();
    for file in facts.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (at, line) in file.text.lines().enumerate() {
            let parts: Vec<&str> = line.split('@').collect();
            let between = parts.get(1..parts.len() - 1).unwrap_or_default();
            for name in between.iter().copied().filter(is_name) {
                let at = at + 1;
                complaints.push(format!("{}:{at} `@{name}@` is not filled in", file.path));
            }
        }
    }
    complaints
}

/// The relative links of a page, without their anchors: `](target)`.
fn links_of(file: &SourceFile) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    file.text
        .lines()
        .filter(move |line| {
            let fence = line.trim_start().starts_with("```");
            in_code ^= fence;
            !in_code && !fence
        })
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')').map(|(link, _)| link))
        .map(|link| link.split_once('#').map_or(link, |(path, _)| path))
        .filter(|link| !link.is_empty() && !link.contains("://") && !link.starts_with("mailto:"))
}

/// A link of a page as a path of the repository.
fn resolve(from: &SourceFile, link: &str) -> String {
    let mut parts: Vec<&str> = from.path.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{filled, links, listed};
    use crate::tidy::facts::Facts;

    #[test]
    fn a_place_that_was_not_filled_in_is_found() {
        let page = "x\n| @KRAKEN@ | 2.8 % | @DAY_2@ |\nmail a@B.c or @daily, @Weekly@\n";
        let facts = Facts::of_files(&[("docs/a.md", page)]);
        assert_eq!(
            filled(&facts),
            [
                "docs/a.md:2 `@KRAKEN@` is not filled in",
                "docs/a.md:2 `@DAY_2@` is not filled in",
            ]
        );
    }

    #[test]
    fn every_page_is_in_the_contents() {
        let facts = Facts::of_files(&[
            (
                "docs/SUMMARY.md",
                "- [A](a.md)\n- [One](decisions/0001-x.md)\n",
            ),
            ("docs/a.md", ""),
            ("docs/decisions/0001-x.md", ""),
            ("docs/lost.md", ""),
            ("README.md", ""),
        ]);
        assert_eq!(listed(&facts), ["docs/lost.md is not in docs/SUMMARY.md"]);
        assert_eq!(listed(&Facts::default()), ["docs/SUMMARY.md is missing"]);
    }

    #[test]
    fn a_link_leads_to_a_file_or_a_folder() {
        let page = "\
            [up](../README.md#top) and [folder](../crates/a) and [web](https://example.com)\n\
            ```text\n[not](a-link.md)\n```\n\
            [here](#part) [lost](gone.md)\n";
        let facts = Facts::of_files(&[
            ("docs/a.md", page),
            ("README.md", ""),
            ("crates/a/src/lib.rs", ""),
        ]);
        assert_eq!(links(&facts), ["docs/a.md: `gone.md` leads nowhere"]);
    }
}
