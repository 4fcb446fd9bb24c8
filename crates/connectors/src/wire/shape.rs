//! Which JSON a record is written as.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A record that is written as an object, and as nothing else.
///
/// Derived code also takes a list for a record, its cells for the fields in their order: two bars would be the two sides of a book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<T>(pub(crate) T);

/// A record that is written as a list, the cells in the order of the fields, and as nothing else.
///
/// Further cells are skipped, for exchanges add some; fields whose cells are not there need a default.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Row<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RowVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for RowVisitor<T> {
            type Value = Row<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of cells")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let record = T::deserialize(SeqAccessDeserializer::new(&mut seq))?;
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Row(record))
            }
        }

        deserializer.deserialize_seq(RowVisitor(PhantomData))
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::super::Raw;
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Pair<'a> {
        #[serde(borrow, default)]
        a: Raw<'a>,
        #[serde(borrow, default)]
        b: Raw<'a>,
    }

    #[test]
    fn a_list_is_no_object() {
        let Object(pair) =
            serde_json::from_str::<Object<Pair<'_>>>(r#"{"c":[],"a":1.50}"#).unwrap();
        assert_eq!((pair.a.json(), pair.b.json()), (Some("1.50"), None));
        assert!(serde_json::from_str::<Pair<'_>>("[1.50]").is_ok());
        assert!(serde_json::from_str::<Object<Pair<'_>>>("[1.50]").is_err());
    }

    #[test]
    fn an_object_is_no_row_and_rows_may_be_short_or_long() {
        for (json, a, b) in [
            ("[1.50]", Some("1.50"), None),
            ("[]", None, None),
            ("[1,\"2\",[3],{}]", Some("1"), Some("\"2\"")),
        ] {
            let Row(pair) = serde_json::from_str::<Row<Pair<'_>>>(json).unwrap();
            assert_eq!((pair.a.json(), pair.b.json()), (a, b), "{json}");
        }
        assert!(serde_json::from_str::<Row<Pair<'_>>>(r#"{"a":1}"#).is_err());
        assert!(serde_json::from_str::<Row<Pair<'_>>>("7").is_err());
    }
}
