//! What a crate offers in public, one item a line, beside the list that was agreed on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The first line of a list names the version of rustdoc's JSON that it was made from.
const HEADING: &str = "# public API, from rustdoc's JSON of version ";

/// The public items of one crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// The version of rustdoc's JSON; another version may write the same item in another way.
    pub version: u64,
    /// One item a line, sorted. Impls that are derived, automatic or for all types are left out.
    pub items: BTreeSet<String>,
}

/// How an API compares with the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// Item for item.
    Same,
    /// The list was made with another compiler: nothing can be said.
    OtherVersion {
        /// The list's.
        listed: u64,
        /// This compiler's.
        here: u64,
    },
    /// What is in one of them only.
    Changed {
        /// Public and not in the list.
        added: Vec<String>,
        /// In the list and no longer public.
        removed: Vec<String>,
    },
}

impl Api {
    /// Lists the public items in a file of rustdoc's JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no such file.
    pub fn read(json: &Path) -> Result<Self> {
        let shown = json.display();
        let text =
            std::fs::read_to_string(json).with_context(|| format!("{shown}: cannot be read"))?;
        let document: serde_json::Value =
            serde_json::from_str(&text).with_context(|| format!("{shown}: is no JSON"))?;
        let version = document.get("format_version").and_then(|v| v.as_u64());
        let version = version.with_context(|| format!("{shown}: has no format_version"))?;
        let api = public_api::Builder::from_rustdoc_json(json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(true)
            .omit_auto_derived_impls(true)
            .build()
            .with_context(|| format!("{shown}: is not understood in version {version}"))?;
        let items = api.items().map(ToString::to_string).collect();
        Ok(Self { version, items })
    }

    /// Reads a list back.
    ///
    /// # Errors
    ///
    /// When its first line names no version.
    pub fn listed(text: &str) -> Result<Self> {
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix(HEADING));
        let version = version.and_then(|version| version.parse().ok());
        Ok(Self {
            version: version.context("the first line names no version; write the list anew")?,
            items: lines.map(str::to_owned).collect(),
        })
    }

    /// The list as it is kept.
    #[must_use]
    pub fn list(&self) -> String {
        let mut text = format!("{HEADING}{}\n", self.version);
        for item in &self.items {
            text.push_str(item);
            text.push('\n');
        }
        text
    }

    /// Compares with what was agreed on.
    #[must_use]
    pub fn compare(&self, listed: &Self) -> Compared {
        if self.version != listed.version {
            return Compared::OtherVersion {
                listed: listed.version,
                here: self.version,
            };
        }
        if self.items == listed.items {
            return Compared::Same;
        }
        Compared::Changed {
            added: self.items.difference(&listed.items).cloned().collect(),
            removed: listed.items.difference(&self.items).cloned().collect(),
        }
    }
}

/// Compares each room's API with `crates/<room>/api.txt`, or writes these files; prints a line a room, and each change.
///
/// # Errors
///
/// When a file cannot be read or written, or an API is not the one that is listed.
#[allow(clippy::print_stdout, reason = "a program shows its result")]
pub fn run(doc: &Path, crates: &Path, rooms: &[String], bless: bool) -> Result<()> {
    let mut changed = Vec::new();
    for room in rooms {
        let api = Api::read(&doc.join(format!("robust_{room}.json")))?;
        let path: PathBuf = crates.join(room).join("api.txt");
        if bless {
            std::fs::write(&path, api.list())
                .with_context(|| format!("{}: cannot be written", path.display()))?;
            println!("robust-{room}: {} items written", api.items.len());
            continue;
        }
        let text = std::fs::read_to_string(&path).with_context(|| {
            format!(
                "{}: cannot be read; cargo xtask api --bless writes it",
                path.display()
            )
        })?;
        match api.compare(&Api::listed(&text)?) {
            Compared::Same => println!("robust-{room}: {} items, as agreed on", api.items.len()),
            Compared::OtherVersion { listed, here } => println!(
                "robust-{room}: not compared: the list is of rustdoc's JSON {listed}, this compiler writes {here}"
            ),
            Compared::Changed { added, removed } => {
                for item in removed {
                    println!("robust-{room}: - {item}");
                }
                for item in added {
                    println!("robust-{room}: + {item}");
                }
                changed.push(room.as_str());
            }
        }
    }
    if !changed.is_empty() {
        bail!(
            "another public API: {}; if that is meant, cargo xtask api --bless",
            changed.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(version: u64, items: &[&str]) -> Api {
        Api {
            version,
            items: items.iter().map(|&item| item.to_owned()).collect(),
        }
    }

    #[test]
    fn a_list_reads_back_as_it_was_written() {
        let one = api(57, &["pub fn a::b()", "pub mod a"]);
        assert_eq!(Api::listed(&one.list()).unwrap(), one);
        assert!(Api::listed("pub mod a\n").is_err());
    }

    #[test]
    fn what_came_and_what_went_is_named_and_another_compiler_is_no_change() {
        let listed = api(57, &["pub fn a::b()", "pub mod a"]);
        assert_eq!(listed.compare(&listed), Compared::Same);
        assert_eq!(
            api(57, &["pub fn a::c()", "pub mod a"]).compare(&listed),
            Compared::Changed {
                added: vec!["pub fn a::c()".to_owned()],
                removed: vec!["pub fn a::b()".to_owned()],
            }
        );
        assert_eq!(
            api(58, &[]).compare(&listed),
            Compared::OtherVersion {
                listed: 57,
                here: 58
            }
        );
    }
}
