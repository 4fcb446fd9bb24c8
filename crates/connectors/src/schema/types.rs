//! The types of JSON.

use std::fmt;

use serde::{Serialize, Serializer};

/// One of the six types of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JsonType {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A text.
    String,
    /// A list.
    Array,
    /// An object.
    Object,
}

impl JsonType {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Null,
        Self::Bool,
        Self::Number,
        Self::String,
        Self::Array,
        Self::Object,
    ];

    /// Its name, as the lists write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "bool",
            Self::Number => "number",
            Self::String => "string",
            Self::Array => "array",
            Self::Object => "object",
        }
    }

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for JsonType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A set of JSON types, written `string|null`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Types(u8);

impl Types {
    /// Whether the type is one of them.
    #[must_use]
    pub const fn has(self, kind: JsonType) -> bool {
        self.0 & kind.bit() != 0
    }

    /// The same set with one more.
    #[must_use]
    pub const fn with(self, kind: JsonType) -> Self {
        Self(self.0 | kind.bit())
    }

    /// Those of either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The types of the set, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = JsonType> {
        JsonType::ALL
            .into_iter()
            .filter(move |kind| self.has(*kind))
    }

    /// Reads `string|null`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.split('|').try_fold(Self::default(), |types, name| {
            Some(types.with(JsonType::named(name)?))
        })
    }
}

impl fmt::Display for Types {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a value usually is stands before what it may be instead.
        let names: Vec<&str> = self.iter().map(JsonType::as_str).collect();
        let names: Vec<&str> = names.into_iter().rev().collect();
        f.pad(&names.join("|"))
    }
}

impl Serialize for Types {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(JsonType::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_back_from_its_text() {
        for text in [
            "string",
            "string|null",
            "object|array|string|number|bool|null",
        ] {
            assert_eq!(Types::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Types::parse("null|string"), Types::parse("string|null"));
        for text in ["", "text", "string|", "|"] {
            assert_eq!(Types::parse(text), None, "{text:?}");
        }
    }
}
