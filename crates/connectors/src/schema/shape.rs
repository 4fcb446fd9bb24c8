//! What a body is made of.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::known::{Known, Mark};
use super::path::Step;
use super::tree::{Place, Tree};
use super::types::{JsonType, Types};

/// The deepest path: the deepest documented one has six steps.
const DEEPEST: usize = 24;

/// A body that is no JSON text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no JSON: {reason} at line {line}, column {column}")]
pub struct NotJson {
    /// What is wrong, without anything of the body.
    pub reason: &'static str,
    /// Where, counted from 1.
    pub line: usize,
    /// Where, counted from 1; 0 before the first character of a line.
    pub column: usize,
}

impl From<serde_json::Error> for NotJson {
    fn from(error: serde_json::Error) -> Self {
        use serde_json::error::Category;
        Self {
            reason: match error.classify() {
                Category::Eof => "cut off",
                Category::Syntax => "a mistake",
                Category::Io | Category::Data => "a value that cannot be read",
            },
            line: error.line(),
            column: error.column(),
        }
    }
}

/// How often each type was found at one place.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found([u64; JsonType::ALL.len()]);

impl Found {
    fn add(&mut self, kind: JsonType) {
        if let Some(count) = self.0.get_mut(kind as usize) {
            *count += 1;
        }
    }

    pub(super) fn count(self, kind: JsonType) -> u64 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    pub(super) fn total(self) -> u64 {
        self.0.iter().sum()
    }

    pub(super) fn types(self) -> Types {
        let found = JsonType::ALL
            .into_iter()
            .filter(|kind| self.count(*kind) > 0);
        found.fold(Types::default(), Types::with)
    }
}

/// Which paths a body has, with which types, and how often: its values are not in here.
///
/// At most 2,048 paths of 24 steps are kept, whatever the body is; of a body with more, the first ones.
#[derive(Debug, Clone)]
pub struct Shape {
    tree: Tree<Found>,
    cut: bool,
}

impl Shape {
    /// Reads the shape of a body; `known` says which keys are data, which lists are rows, and where not to look.
    ///
    /// Reads the body once, without keeping any value, in time proportional to its length.
    ///
    /// # Errors
    ///
    /// [`NotJson`] for anything but one JSON text that is nested less than 128 deep, with nothing behind it.
    pub fn read(body: &[u8], known: &Known) -> Result<Self, NotJson> {
        let mut shape = Self {
            tree: Tree::new(),
            cut: false,
        };
        let walk = Walk {
            shape: &mut shape,
            known,
            at: Self::ROOT,
            listed: Some(Known::ROOT),
            depth: 0,
        };
        let mut json = serde_json::Deserializer::from_slice(body);
        walk.deserialize(&mut json)?;
        json.end()?;
        Ok(shape)
    }

    /// Every path with the types found there and how often, in the order of a tree, its root first.
    #[must_use]
    pub fn paths(&self) -> Vec<(String, Types, u64)> {
        let mut paths = Vec::new();
        self.list(Self::ROOT, "", &mut paths);
        paths
    }

    fn list(&self, at: Place, path: &str, paths: &mut Vec<(String, Types, u64)>) {
        let found = self.found(Some(at));
        let shown = if path.is_empty() { "." } else { path };
        paths.push((shown.to_owned(), found.types(), found.total()));
        for (step, child) in self.tree.children(at) {
            let mut path = path.to_owned();
            step.write(&mut path);
            self.list(child, &path, paths);
        }
    }

    /// Whether the body has more paths, or longer ones, than are kept.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        self.cut
    }

    pub(super) const ROOT: Place = Tree::<Found>::ROOT;

    /// One step down from a place that the body may not have.
    pub(super) fn step(&self, at: Option<Place>, step: Step<'_>) -> Option<Place> {
        self.tree.child(at?, step)
    }

    pub(super) fn children(&self, at: Option<Place>) -> Vec<(Step<'_>, Place)> {
        at.map(|at| self.tree.children(at)).unwrap_or_default()
    }

    pub(super) fn found(&self, at: Option<Place>) -> Found {
        let found = at.and_then(|at| self.tree.value(at));
        found.copied().unwrap_or_default()
    }
}

/// The value that is being read.
struct Walk<'w> {
    shape: &'w mut Shape,
    known: &'w Known,
    at: Place,
    /// The same place in the list, if it is there.
    listed: Option<Place>,
    depth: usize,
}

impl Walk<'_> {
    fn is(&mut self, kind: JsonType) {
        if let Some(found) = self.shape.tree.value_mut(self.at) {
            found.add(kind);
        }
    }

    /// Whether nobody reads what is below.
    fn is_over(&mut self) -> bool {
        let too_deep = self.depth >= DEEPEST;
        self.shape.cut |= too_deep;
        let entry = self.listed.and_then(|at| self.known.entry(at));
        too_deep || entry.is_some_and(|entry| entry.mark == Mark::Ignored)
    }

    /// The walk one step further down; `None` where there is no more room.
    fn step<'s>(&'s mut self, step: Step<'_>) -> Option<Walk<'s>> {
        let at = self.shape.tree.grow(self.at, step);
        self.shape.cut |= at.is_none();
        Some(Walk {
            at: at?,
            listed: self.listed.and_then(|at| self.known.tree.child(at, step)),
            known: self.known,
            depth: self.depth + 1,
            shape: &mut *self.shape,
        })
    }

    fn is_data(&self, key: &str) -> bool {
        self.listed.is_some_and(|at| {
            let tree = &self.known.tree;
            tree.child(at, Step::Key(key)).is_none() && tree.child(at, Step::Any).is_some()
        })
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(mut self) -> Result<(), E> {
        self.is(JsonType::Null);
        Ok(())
    }

    fn visit_bool<E: Error>(mut self, _: bool) -> Result<(), E> {
        self.is(JsonType::Bool);
        Ok(())
    }

    fn visit_i64<E: Error>(mut self, _: i64) -> Result<(), E> {
        self.is(JsonType::Number);
        Ok(())
    }

    fn visit_u64<E: Error>(mut self, _: u64) -> Result<(), E> {
        self.is(JsonType::Number);
        Ok(())
    }

    fn visit_f64<E: Error>(mut self, _: f64) -> Result<(), E> {
        self.is(JsonType::Number);
        Ok(())
    }

    fn visit_str<E: Error>(mut self, _: &str) -> Result<(), E> {
        self.is(JsonType::String);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        self.is(JsonType::Array);
        let over = self.is_over();
        let row = self.listed.is_some_and(|at| self.known.tree.is_row(at));
        if over {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        for index in 0.. {
            let step = if row { Step::Cell(index) } else { Step::Item };
            if seq.next_element_seed(Element(&mut self, step))?.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.is(JsonType::Object);
        let over = self.is_over();
        if over {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while let Some(value) = map.next_key_seed(Key(&mut self))? {
            match value {
                Some(walk) => map.next_value_seed(walk)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// An element, if there is one: a list that is empty leaves no path behind.
struct Element<'e, 'w>(&'e mut Walk<'w>, Step<'static>);

impl<'de> DeserializeSeed<'de> for Element<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match self.0.step(self.1) {
            Some(walk) => walk.deserialize(deserializer),
            None => IgnoredAny::deserialize(deserializer).map(drop),
        }
    }
}

/// A key, which says where its value goes.
struct Key<'k, 'w>(&'k mut Walk<'w>);

impl<'de, 'k> DeserializeSeed<'de> for Key<'k, '_> {
    type Value = Option<Walk<'k>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'k> Visitor<'_> for Key<'k, '_> {
    type Value = Option<Walk<'k>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        Ok(if self.0.is_data(key) {
            self.0.step(Step::Any)
        } else {
            self.0.step(Step::Key(key))
        })
    }
}
