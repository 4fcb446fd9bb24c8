//! How an answer differs from what is documented.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt;

use serde::Serialize;

use super::known::{Entry, Known, Mark};
use super::path::Step;
use super::shape::Shape;
use super::tree::Place;
use super::types::{JsonType, Types};

/// How the shape of an answer differs from the documented one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drift {
    /// Paths that are not documented. Of a new object only the object itself is named.
    pub unknown: Vec<Unknown>,
    /// Paths that we read and that are not in every record. What stands below a missing path is not named.
    pub missing: Vec<Missing>,
    /// Paths that we read and that hold another type of JSON than is documented.
    pub retyped: Vec<Retyped>,
    /// Whether the answer has more paths than are compared.
    pub cut: bool,
}

/// A path that is not documented.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Unknown {
    /// The path.
    pub path: String,
    /// What is there.
    pub types: Types,
    /// How often.
    pub count: u64,
}

/// A path that we read and that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Missing {
    /// The path.
    pub path: String,
    /// What should be there.
    pub types: Types,
    /// In how many records it is missing.
    pub count: u64,
    /// Of how many.
    pub of: u64,
}

/// A path that we read and that holds another type of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Retyped {
    /// The path.
    pub path: String,
    /// What is documented.
    pub was: Types,
    /// What is there instead.
    pub is: Types,
    /// How often.
    pub count: u64,
}

impl Drift {
    /// Whether something that we read has changed.
    #[must_use]
    pub const fn breaks(&self) -> bool {
        !self.missing.is_empty() || !self.retyped.is_empty()
    }

    /// Whether nothing at all has changed.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        !self.breaks() && self.unknown.is_empty() && !self.cut
    }

    pub(super) fn of(known: &Known, shape: &Shape) -> Self {
        let mut drift = Self {
            cut: shape.is_cut(),
            ..Self::default()
        };
        if let Some(entry) = known.entry(Known::ROOT) {
            drift.compare(known, shape, (Known::ROOT, Shape::ROOT), entry, "");
        }
        drift
    }

    /// Compares a place that both have.
    fn compare(
        &mut self,
        known: &Known,
        shape: &Shape,
        (at, seen): (Place, Place),
        entry: Entry,
        path: &str,
    ) {
        if entry.mark == Mark::Ignored {
            return;
        }
        let found = shape.found(Some(seen));
        let others = found.types().iter().filter(|kind| !entry.types.has(*kind));
        let is = others.fold(Types::default(), Types::with);
        if !is.is_empty() {
            self.retyped.push(Retyped {
                path: shown(path),
                was: entry.types,
                is,
                count: is.iter().map(|kind| found.count(kind)).sum(),
            });
        }
        for (step, child) in known.tree.children(at) {
            let Some(entry) = known.entry(child) else {
                continue;
            };
            let path = below(path, step);
            let there = shape.step(Some(seen), step);
            // How many records could have it, and how many do.
            let (of, has) = match step {
                Step::Key(_) => (found.count(JsonType::Object), shape.found(there).total()),
                Step::Cell(_) => (found.count(JsonType::Array), shape.found(there).total()),
                // One key of data is enough; of a list none has to be there.
                Step::Any if there.is_none() => (found.count(JsonType::Object), 0),
                Step::Any | Step::Item => (0, 0),
            };
            let lacking = match entry.mark {
                Mark::Required => has < of,
                Mark::Somewhere => has == 0 && of > 0,
                Mark::Optional | Mark::Ignored => false,
            };
            if lacking {
                self.missing.push(Missing {
                    path: path.clone(),
                    types: entry.types,
                    count: of - has,
                    of,
                });
            }
            if let Some(there) = there {
                self.compare(known, shape, (child, there), entry, &path);
            }
        }
        for (step, new) in shape.children(Some(seen)) {
            // Of a list that should be an object it says enough that it is a list.
            let container = match step {
                Step::Key(_) | Step::Any => JsonType::Object,
                Step::Item | Step::Cell(_) => JsonType::Array,
            };
            if known.tree.child(at, step).is_none() && entry.types.has(container) {
                self.unknown.push(Unknown {
                    path: below(path, step),
                    types: shape.found(Some(new)).types(),
                    count: shape.found(Some(new)).total(),
                });
            }
        }
    }
}

fn below(path: &str, step: Step<'_>) -> String {
    let mut path = path.to_owned();
    step.write(&mut path);
    path
}

fn shown(path: &str) -> String {
    if path.is_empty() { "." } else { path }.to_owned()
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} is new, {} times",
            self.path, self.types, self.count
        )
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, types) = (&self.path, self.types);
        write!(
            f,
            "{path}: {types} is missing in {} of {}",
            self.count, self.of
        )
    }
}

impl fmt::Display for Retyped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} became {}", self.path, self.was, self.is)
    }
}
