//! What a body is made of.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

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

impl NotJson {
    fn not_utf8(body: &[u8], error: &std::str::Utf8Error) -> Self {
        let before = body.get(..error.valid_up_to()).unwrap_or_default();
        let mut lines = before.rsplit(|byte| *byte == b'\n');
        Self {
            reason: "no UTF-8 text",
            column: lines.next().unwrap_or_default().len() + 1,
            line: lines.count() + 1,
        }
    }
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
    /// Keeps no value, and looks at each part of the body once for each step that leads to it.
    ///
    /// # Errors
    ///
    /// [`NotJson`] for anything but one JSON text with nothing behind it.
    pub fn read(body: &[u8], known: &Known) -> Result<Self, NotJson> {
        let mut shape = Self {
            tree: Tree::new(),
            cut: false,
        };
        let text = std::str::from_utf8(body).map_err(|error| NotJson::not_utf8(body, &error))?;
        let walk = Walk {
            shape: &mut shape,
            known,
            at: Self::ROOT,
            listed: Some(Known::ROOT),
            depth: 0,
        };
        walk.read(serde_json::from_str(text)?)?;
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
    /// Counts a value, and goes into it where anybody reads what is below.
    ///
    /// A number is never made of the digits, so none is too long, too large or rounded.
    fn read(mut self, value: &RawValue) -> Result<(), serde_json::Error> {
        let kind = kind(value);
        if let Some(found) = self.shape.tree.value_mut(self.at) {
            found.add(kind);
        }
        if !matches!(kind, JsonType::Array | JsonType::Object) || self.is_ignored() {
            return Ok(());
        }
        if self.depth >= DEEPEST {
            self.shape.cut = true;
            return Ok(());
        }
        let mut json = serde_json::Deserializer::from_str(value.get());
        json.deserialize_any(Inside(&mut self))
    }

    fn is_ignored(&self) -> bool {
        let entry = self.listed.and_then(|at| self.known.entry(at));
        entry.is_some_and(|entry| entry.mark == Mark::Ignored)
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

/// The type of a value by its first character, which is enough once the text is known to be JSON.
fn kind(value: &RawValue) -> JsonType {
    match value.get().bytes().next() {
        Some(b'n') => JsonType::Null,
        Some(b't' | b'f') => JsonType::Bool,
        Some(b'"') => JsonType::String,
        Some(b'[') => JsonType::Array,
        Some(b'{') => JsonType::Object,
        _ => JsonType::Number,
    }
}

/// The members of a list or an object.
struct Inside<'i, 'w>(&'i mut Walk<'w>);

impl<'de> Visitor<'de> for Inside<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Self(walk) = self;
        let row = walk.listed.is_some_and(|at| walk.known.tree.is_row(at));
        let mut index = 0;
        while let Some(value) = seq.next_element::<&RawValue>()? {
            let step = if row { Step::Cell(index) } else { Step::Item };
            if let Some(walk) = walk.step(step) {
                walk.read(value).map_err(A::Error::custom)?;
            }
            index += 1;
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self(walk) = self;
        while let Some(below) = map.next_key_seed(Key(walk))? {
            let value = map.next_value::<&RawValue>()?;
            if let Some(walk) = below {
                walk.read(value).map_err(A::Error::custom)?;
            }
        }
        Ok(())
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
