//! The direct way from an answer to its records, for answers in which nothing is broken.
//!
//! Strings are read as borrowed text and records are made row by row while serde_json reads on: no value is scanned twice, nothing is kept
//! about the wire. The same code makes the records as on the tolerant way, from the same structs with other cells ([`Text`] instead of
//! [`Raw`]). Whatever is a surprise, a field of another type, an escape, a record that cannot be made, ends the direct way; the
//! answer is then read from its beginning by the tolerant way, which says what was wrong with it.

use std::fmt;
use std::marker::PhantomData;

use robust_market::{Decoded, Payload};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Fields, Notes, Object, Raw, Reading, Row};
use crate::{Context, Reply, Verdict, Way, answer};

/// A cell of a record: [`Raw`] takes any value, [`Text`] a string.
pub(crate) trait Cell<'a>: Copy + Default + Deserialize<'a> + Into<Raw<'a>> {}

impl<'a> Cell<'a> for Raw<'a> {}

impl<'a> Cell<'a> for Text<'a> {}

/// The characters of a string without escapes, or nothing where the field is not there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Text<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de str>::deserialize(deserializer).map(|text| Self(Some(text)))
    }
}

impl<'a> From<Text<'a>> for Raw<'a> {
    fn from(text: Text<'a>) -> Self {
        text.0.map_or(Self::Missing, Self::Text)
    }
}

/// A record of the wire, and what becomes of it.
pub(crate) trait Wire {
    type Record;

    /// Makes the record.
    ///
    /// # Errors
    ///
    /// The time of one that cannot be made, where at least that is readable.
    fn record(&self, fields: &mut Fields<'_>) -> Reading<Self::Record>;
}

impl<W: Wire> Wire for Object<W> {
    type Record = W::Record;

    fn record(&self, fields: &mut Fields<'_>) -> Reading<W::Record> {
        self.0.record(fields)
    }
}

impl<W: Wire> Wire for Row<W> {
    type Record = W::Record;

    fn record(&self, fields: &mut Fields<'_>) -> Reading<W::Record> {
        self.0.record(fields)
    }
}

/// The records of a list in which nothing is broken. It is an error where something is.
#[derive(Debug)]
pub(crate) struct Direct<W: Wire>(pub(crate) Vec<W::Record>);

impl<'de, W: Wire + Deserialize<'de>> Deserialize<'de> for Direct<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DirectVisitor<W>(PhantomData<W>);

        impl<'de, W: Wire + Deserialize<'de>> Visitor<'de> for DirectVisitor<W> {
            type Value = Direct<W>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sound records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut records = Vec::new();
                while let Some(wire) = seq.next_element::<W>()? {
                    let record = clean(|fields| wire.record(fields).ok());
                    records.push(record.ok_or_else(|| A::Error::custom("a broken record"))?);
                }
                Ok(Direct(records))
            }
        }

        deserializer.deserialize_seq(DirectVisitor(PhantomData))
    }
}

/// Reads an answer in the way that the context says.
pub(crate) fn either(
    context: &Context<'_>,
    reply: &Reply<'_>,
    direct: impl FnOnce() -> Option<Decoded<Payload>>,
    tolerant: impl FnOnce() -> Result<Decoded<Payload>, Verdict>,
) -> Result<Decoded<Payload>, Verdict> {
    match context.way {
        Way::Either => direct().map_or_else(tolerant, Ok),
        Way::Direct => direct().ok_or_else(|| answer::malformed(reply, "nothing to read directly")),
        Way::Tolerant => tolerant(),
    }
}

/// What `read` makes of fields, where none of them is broken.
pub(crate) fn clean<T>(read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
    let mut notes = Notes::clean(());
    let value = read(&mut Fields::new(&mut notes, None));
    value.filter(|_| notes.defects.is_empty())
}
