//! What an exchange documents for one endpoint.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt;

use robust_market::Kind;

use super::drift::Drift;
use super::path::{self, Step};
use super::shape::{NotJson, Shape};
use super::tree::{Place, Tree};
use super::types::Types;

/// What we do with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// We read it, and it is in every record.
    Required,
    /// We read it, and at least one record has it: records of several kinds share a list, as Binance's filters do.
    Somewhere,
    /// We read it where it is there.
    Optional,
    /// We do not read it, nor anything below it.
    Ignored,
}

impl Mark {
    const ALL: [Self; 4] = [
        Self::Required,
        Self::Somewhere,
        Self::Optional,
        Self::Ignored,
    ];

    /// Its name, as the lists write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Somewhere => "somewhere",
            Self::Optional => "optional",
            Self::Ignored => "ignored",
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One path of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) mark: Mark,
    pub(super) types: Types,
}

/// Why a text is no list of paths.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct InvalidList {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: &'static str,
}

/// The documented paths of one endpoint's answer.
///
/// Its text has a line for each path, `required data[].price string`, after a `path` line with the endpoint's path and a `kinds` line with
/// the kinds of data that are read from it; what follows a `#` is a comment.
#[derive(Debug, Clone)]
pub struct Known {
    pub(super) tree: Tree<Option<Entry>>,
    path: Box<str>,
    kinds: Vec<Kind>,
    preamble: Vec<Box<str>>,
}

impl Known {
    pub(super) const ROOT: Place = Tree::<Option<Entry>>::ROOT;

    /// Reads a list.
    ///
    /// # Errors
    ///
    /// [`InvalidList`] for the first line that is none, a path that stands there twice, or one whose parent does not stand before it.
    pub fn parse(text: &str) -> Result<Self, InvalidList> {
        let mut known = Self {
            tree: Tree::new(),
            path: Box::default(),
            kinds: Vec::new(),
            preamble: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let refused = |reason| InvalidList {
                line: index + 1,
                reason,
            };
            if let Some(comment) = line.strip_prefix('#') {
                if known.path.is_empty() {
                    known.preamble.push(comment.trim().into());
                }
                continue;
            }
            let line = line.split_once('#').map_or(line, |(line, _)| line);
            let words: Vec<&str> = line.split_whitespace().collect();
            match *words.as_slice() {
                [] => {}
                ["path", path] => known.path = path.into(),
                ["kinds", ref kinds @ ..] => {
                    let kinds = kinds.iter().map(|kind| kind.parse());
                    known.kinds = kinds
                        .collect::<Result<_, _>>()
                        .map_err(|_| refused("a kind that is none"))?;
                }
                [mark, path, types] => known.add(mark, path, types).map_err(refused)?,
                _ => {
                    return Err(refused(
                        "write MARK PATH TYPES, such as required data[].price string",
                    ));
                }
            }
        }
        Ok(known)
    }

    fn add(&mut self, mark: &str, path: &str, types: &str) -> Result<(), &'static str> {
        let mark = Mark::ALL.into_iter().find(|known| known.as_str() == mark);
        let mark = mark.ok_or("the mark is one of required, somewhere, optional and ignored")?;
        let types = Types::parse(types).ok_or("the types are such as string or string|null")?;
        let steps = path::parse(path).ok_or("the path is such as result.*.a[0] or [].symbol")?;
        let mut at = Self::ROOT;
        for step in steps {
            if self.entry(at).is_none() {
                return Err("the path above this one has to stand before it");
            }
            at = self.tree.grow(at, step).ok_or("a cell is left out")?;
        }
        match self.tree.value_mut(at) {
            Some(entry @ None) => *entry = Some(Entry { mark, types }),
            _ => return Err("the path stands there twice"),
        }
        Ok(())
    }

    /// The endpoint's path, such as `/0/public/Ticker`; a `*` at its end stands for anything.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) fn serves(&self, path: &str) -> bool {
        match self.path.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == &*self.path,
        }
    }

    /// The kinds of data that are read from it.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// How the shape of a body differs from the list.
    ///
    /// # Errors
    ///
    /// [`NotJson`] for a body that is none.
    pub fn compare(&self, body: &[u8]) -> Result<Drift, NotJson> {
        Shape::read(body, self).map(|shape| Drift::of(self, &shape))
    }

    /// The list's text with what a body has beside it: new types behind the known ones, and new paths as ignored ones. For review: the
    /// mark of a path that shall be read has to be changed by hand. Comments stay where they stand above the first line.
    ///
    /// # Errors
    ///
    /// [`NotJson`] for a body that is none.
    pub fn renewed(&self, body: &[u8]) -> Result<String, NotJson> {
        let shape = Shape::read(body, self)?;
        let mut lines: Vec<String> = self
            .preamble
            .iter()
            .map(|line| format!("# {line}"))
            .collect();
        let kinds: Vec<&str> = self.kinds.iter().map(|kind| kind.as_str()).collect();
        if !self.path.is_empty() {
            lines.push(format!("path {}", self.path));
            lines.push(format!("kinds {}", kinds.join(" ")));
            lines.push(String::new());
        }
        self.list(&shape, (Self::ROOT, Some(Shape::ROOT)), "", &mut lines);
        lines.push(String::new());
        Ok(lines.join("\n"))
    }

    fn list(
        &self,
        shape: &Shape,
        (at, seen): (Place, Option<Place>),
        path: &str,
        lines: &mut Vec<String>,
    ) {
        let Some(entry) = self.entry(at) else {
            return;
        };
        let types = entry.types.or(shape.found(seen).types());
        let shown = if path.is_empty() { "." } else { path };
        lines.push(format!("{:<9} {shown} {types}", entry.mark));
        let below = |step: Step<'_>| {
            let mut path = path.to_owned();
            step.write(&mut path);
            path
        };
        for (step, child) in self.tree.children(at) {
            let seen = shape.step(seen, step);
            self.list(shape, (child, seen), &below(step), lines);
        }
        if entry.mark == Mark::Ignored {
            return;
        }
        for (step, new) in shape.children(seen) {
            if self.tree.child(at, step).is_none() {
                let (path, types) = (below(step), shape.found(Some(new)).types());
                // A key that is no word cannot stand in a list; whoever reviews it shall see it.
                let mark = path::parse(&path).map_or("# new:", |_| "ignored  ");
                lines.push(format!("{mark} {path} {types}"));
            }
        }
    }

    pub(super) fn entry(&self, at: Place) -> Option<Entry> {
        self.tree.value(at).copied().flatten()
    }
}
