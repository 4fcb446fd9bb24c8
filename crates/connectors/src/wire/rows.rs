//! Lists of records, read in one pass while they are sound and one by one when they are not.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use robust_market::DefectKind;
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Order, Raw};

/// The first `N` cells of a JSON array. Cells that are not there are missing; further ones are skipped, for exchanges add some.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a, const N: usize>(pub(crate) [Raw<'a>; N]);

impl<'de: 'a, 'a, const N: usize> Deserialize<'de> for Cells<'a, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CellsVisitor<'a, const N: usize>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a, const N: usize> Visitor<'de> for CellsVisitor<'a, N> {
            type Value = Cells<'a, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a row of cells")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut cells = [Raw::MISSING; N];
                for cell in &mut cells {
                    match seq.next_element()? {
                        Some(found) => *cell = found,
                        None => return Ok(Cells(cells)),
                    }
                }
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Cells(cells))
            }
        }

        deserializer.deserialize_seq(CellsVisitor(PhantomData))
    }
}

impl<'a, const N: usize> Cells<'a, N> {
    /// Reads the array that a field holds.
    pub(crate) fn read(raw: Raw<'a>) -> Result<Self, DefectKind> {
        match raw.json() {
            None => Err(DefectKind::Missing),
            Some("null") => Err(DefectKind::Null),
            Some(json) => serde_json::from_str(json).map_err(|_| DefectKind::WrongType),
        }
    }
}

/// The members of a JSON object in the order of the wire.
#[derive(Debug, Clone)]
pub(crate) struct Entries<'a, T>(pub(crate) Vec<(Cow<'a, str>, T)>);

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Entries<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor<'a, T>(PhantomData<(&'a (), T)>);

        impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<'a, T> {
            type Value = Entries<'a, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(Key(key)) = map.next_key::<Key<'a>>()? {
                    entries.push((key, map.next_value()?));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor(PhantomData))
    }
}

/// A key of an object, borrowed where it has no escapes.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub(crate) struct Key<'a>(#[serde(borrow)] pub(crate) Cow<'a, str>);

/// The records of a list: all of one shape, or each on its own because one is not.
#[derive(Debug)]
pub(crate) enum Rows<'a, T> {
    /// Every record has the shape that is expected; its fields may still be broken.
    Sound(Vec<T>),
    /// At least one record has not; each is read on its own.
    Mixed(Vec<Raw<'a>>),
}

impl<'a, T: Deserialize<'a>> Rows<'a, T> {
    /// Reads a JSON array.
    pub(crate) fn of(json: &'a str) -> serde_json::Result<Self> {
        serde_json::from_str(json)
            .map(Self::Sound)
            .or_else(|_| serde_json::from_str(json).map(Self::Mixed))
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Sound(rows) => rows.len(),
            Self::Mixed(rows) => rows.len(),
        }
    }

    /// The same records from the oldest to the newest, by the time or number that `key` reads of each; see [`Order::of`].
    pub(crate) fn oldest_first<K: PartialOrd>(
        self,
        documented: Order,
        key: impl Fn(&T) -> Option<K>,
    ) -> Self {
        match self {
            Self::Sound(rows) => Self::Sound(documented.oldest_first(rows, key)),
            Self::Mixed(rows) => {
                let key = |raw: &Raw<'a>| key(&raw.read().ok()?);
                Self::Mixed(documented.oldest_first(rows, key))
            }
        }
    }

    /// The first `most` records.
    pub(crate) fn cut_to(mut self, most: usize) -> Self {
        match &mut self {
            Self::Sound(rows) => rows.truncate(most),
            Self::Mixed(rows) => rows.truncate(most),
        }
        self
    }

    /// Hands out each record with its position, or the text of one that has another shape.
    pub(crate) fn for_each(self, mut each: impl FnMut(usize, Result<T, Raw<'a>>)) {
        match self {
            Self::Sound(rows) => {
                for (index, row) in rows.into_iter().enumerate() {
                    each(index, Ok(row));
                }
            }
            Self::Mixed(rows) => {
                for (index, raw) in rows.into_iter().enumerate() {
                    each(index, raw.read());
                }
            }
        }
    }
}

impl<T> Default for Rows<'_, T> {
    fn default() -> Self {
        Self::Sound(Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_rows_are_read() {
        let Cells([a, b, c]) = serde_json::from_str::<Cells<'_, 3>>("[1,\"2\"]").unwrap();
        assert_eq!(
            (a.json(), b.json(), c.json()),
            (Some("1"), Some("\"2\""), None)
        );
        let Cells([a]) = serde_json::from_str::<Cells<'_, 1>>("[1,[2],{}]").unwrap();
        assert_eq!(a.json(), Some("1"));
        let Cells([none]) = serde_json::from_str::<Cells<'_, 1>>("[]").unwrap();
        assert!(none.is_missing());
        for other in [r#"{"a":1}"#, "7", "null"] {
            assert!(
                serde_json::from_str::<Cells<'_, 1>>(other).is_err(),
                "{other}"
            );
        }
    }

    #[test]
    fn one_broken_record_does_not_take_the_others_along() {
        for broken in ["null", "7", "1e999", "\"\\ud800\"", "{}", "true"] {
            let json = format!("[[1],{broken},[3]]");
            let mut seen = Vec::new();
            Rows::<Cells<'_, 1>>::of(&json)
                .unwrap()
                .for_each(|index, row| seen.push((index, row.is_ok())));
            assert_eq!(seen, [(0, true), (1, false), (2, true)], "{broken}");
        }
    }

    #[test]
    fn members_keep_the_order_of_the_wire() {
        let Entries(entries) =
            serde_json::from_str::<Entries<'_, u8>>(r#"{"b":1,"a":2,"b":3}"#).unwrap();
        let keys: Vec<_> = entries
            .iter()
            .map(|(key, value)| (&**key, *value))
            .collect();
        assert_eq!(keys, [("b", 1), ("a", 2), ("b", 3)]);
    }
}
