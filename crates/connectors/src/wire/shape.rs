//! Which JSON a record is written as.

use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// A record that is written as an object, and as nothing else.
///
/// Derived code also takes a list for a record, its cells for the fields in their order: two bars would be the two sides of a book.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<T>(pub(crate) T);

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
}
