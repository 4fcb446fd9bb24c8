//! The unified name of a spot pair.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{InvalidName, quote};

/// The longest leg of a symbol, in bytes.
const MAX_LEG: usize = 32;

/// The unified name of a spot pair: `BASE/QUOTE`, such as `BTC/USD`.
///
/// An open type: any pair of currency codes is a symbol, whether or not an exchange lists it. A leg is 1 to 32 bytes
/// of letters, digits, `.`, `-`, `_`, `*` or `$` (exchanges list names such as `ETH2.S` and names in other scripts). Case is kept:
/// `AAPLx` is not `AAPLX`. Cloning is cheap.
///
/// ```
/// use robust_market::Symbol;
///
/// let symbol: Symbol = "BTC/USD".parse()?;
/// assert_eq!((symbol.base(), symbol.quote()), ("BTC", "USD"));
/// assert!("BTCUSD".parse::<Symbol>().is_err());
/// # Ok::<(), robust_market::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol(Arc<str>);

impl Symbol {
    /// Joins two currency codes to a symbol.
    ///
    /// # Errors
    ///
    /// [`InvalidName`] when a leg is empty, too long or holds a character outside the grammar.
    pub fn new(base: &str, quote: &str) -> Result<Self, InvalidName> {
        format!("{base}/{quote}").parse()
    }

    /// The symbol as text, `BASE/QUOTE`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The currency that is bought and sold.
    #[must_use]
    pub fn base(&self) -> &str {
        self.0.split_once('/').map_or("", |(base, _)| base)
    }

    /// The currency that prices are given in.
    #[must_use]
    pub fn quote(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, quote)| quote)
    }
}

fn leg(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_LEG
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '*' | '$'))
}

impl FromStr for Symbol {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('/') {
            Some((base, quote)) if leg(base) && leg(quote) => Ok(Self(Arc::from(text))),
            _ => Err(InvalidName {
                field: "symbol",
                value: quote(text),
                remedy: Cow::Borrowed("write BASE/QUOTE, such as BTC/USD"),
            }),
        }
    }
}

impl TryFrom<&str> for Symbol {
    type Error = InvalidName;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl TryFrom<&Symbol> for Symbol {
    type Error = InvalidName;

    fn try_from(value: &Symbol) -> Result<Self, Self::Error> {
        Ok(value.clone())
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Symbol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Symbol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_takes_what_exchanges_list() {
        for good in [
            "BTC/USD",
            "ETH2.S/ETH",
            "AAPLx/USD",
            "1INCH/BTC",
            "币安人生/USDT",
        ] {
            assert_eq!(good.parse::<Symbol>().unwrap().as_str(), good);
        }
    }

    #[test]
    fn a_text_outside_the_grammar_is_refused_with_field_value_and_remedy() {
        for bad in [
            "",
            "BTCUSD",
            "/USD",
            "BTC/",
            "B C/USD",
            "BTC/USD/X",
            "BTC/U\u{7}",
        ] {
            let error = bad.parse::<Symbol>().unwrap_err().to_string();
            assert!(error.starts_with("symbol \""), "{error}");
            assert!(
                error.ends_with("write BASE/QUOTE, such as BTC/USD"),
                "{error}"
            );
        }
    }
}
