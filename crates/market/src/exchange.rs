//! The name of a trading venue.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{InvalidName, quote};

/// The longest exchange name that is accepted, in bytes.
const MAX_LEN: usize = 32;

/// The name of a trading venue, such as `kraken`.
///
/// An open type: a venue that this workspace has never heard of is a valid name. Names are lower-case ASCII
/// letters, digits, `-` and `_`, start with a letter and are at most 32 bytes long. Cloning is cheap.
///
/// ```
/// use robust_market::Exchange;
///
/// assert_eq!("kraken".parse::<Exchange>()?, Exchange::KRAKEN);
/// assert!("Kraken!".parse::<Exchange>().is_err());
/// # Ok::<(), robust_market::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Exchange(Name);

#[derive(Clone)]
enum Name {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Exchange {
    /// Kraken spot.
    pub const KRAKEN: Self = Self::from_static("kraken");
    /// Binance spot.
    pub const BINANCE: Self = Self::from_static("binance");
    /// KuCoin spot.
    pub const KUCOIN: Self = Self::from_static("kucoin");
    /// HTX spot, Huobi by its older name.
    pub const HTX: Self = Self::from_static("htx");

    /// Names a venue at compile time. The text is not checked: keep to the grammar of the type.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        Self(Name::Static(name))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl Name {
    fn as_str(&self) -> &str {
        match self {
            Self::Static(text) => text,
            Self::Shared(text) => text,
        }
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Name {}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl FromStr for Exchange {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let letter_first = text.starts_with(|c: char| c.is_ascii_lowercase());
        let grammar = text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_');
        if letter_first && grammar && text.len() <= MAX_LEN {
            Ok(Self(Name::Shared(Arc::from(text))))
        } else {
            Err(InvalidName {
                field: "exchange",
                value: quote(text),
                remedy: Cow::Borrowed("use a lower-case name such as kraken or binance"),
            })
        }
    }
}

impl TryFrom<&str> for Exchange {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<&Exchange> for Exchange {
    type Error = InvalidName;

    fn try_from(value: &Exchange) -> Result<Self, Self::Error> {
        Ok(value.clone())
    }
}

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl Serialize for Exchange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Exchange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_and_parsed_names_are_one_name() {
        let parsed: Exchange = "kraken".parse().unwrap();
        assert_eq!(parsed, Exchange::KRAKEN);
        assert_eq!(format!("{parsed:>8}|"), "  kraken|");
    }

    #[test]
    fn a_name_outside_the_grammar_is_refused_with_field_value_and_remedy() {
        for bad in ["", "Kraken", "1inch", "kra ken", "k\n", &"k".repeat(33)] {
            let error = bad.parse::<Exchange>().unwrap_err().to_string();
            assert!(error.starts_with("exchange "), "{error}");
            assert!(error.contains("kraken"), "{error}");
            assert!(!error.contains('\n'), "{error}");
        }
    }
}
