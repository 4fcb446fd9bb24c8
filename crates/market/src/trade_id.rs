//! The exchange's name of a trade.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::ops::Deref;

use compact_str::CompactString;
use serde::{Serialize, Serializer};

/// The exchange's name of a trade, kept as text: HTX's have 28 digits, more than any integer of the machine.
///
/// Up to 24 bytes are kept in place, which is nearly every id: a page of a thousand trades needs one allocation and not a thousand. On a
/// machine of 32 bits it is 12 bytes.
///
/// ```
/// use robust_market::TradeId;
///
/// let id = TradeId::from("61044952");
/// assert_eq!(&*id, "61044952");
/// assert_eq!(id.parse::<u128>()?, 61_044_952);
/// # Ok::<(), std::num::ParseIntError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TradeId(CompactString);

impl TradeId {
    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for TradeId {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for TradeId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for TradeId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for TradeId {
    #[inline]
    fn from(text: &str) -> Self {
        Self(CompactString::new(text))
    }
}

impl From<String> for TradeId {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<Box<str>> for TradeId {
    fn from(text: Box<str>) -> Self {
        Self(text.into())
    }
}

impl From<Cow<'_, str>> for TradeId {
    fn from(text: Cow<'_, str>) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for TradeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for TradeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_of_any_length_is_kept_as_it_came() {
        for text in [
            "",
            "0",
            "0061044952",
            "123456789012345678901234",
            "1370054451093592864103237660",
            "币-1",
        ] {
            let ids = [
                TradeId::from(text),
                TradeId::from(text.to_owned()),
                TradeId::from(Box::<str>::from(text)),
                TradeId::from(Cow::Borrowed(text)),
            ];
            for id in ids {
                assert_eq!((id.as_str(), id.len()), (text, text.len()));
                assert_eq!(format!("{id} {id:?}"), format!("{text} {text:?}"));
                assert_eq!(serde_json::to_value(&id).unwrap(), text);
            }
        }
    }

    #[test]
    fn usual_ids_need_no_allocation() {
        // The text lies inside of the id itself.
        let ids = vec![TradeId::from("61044952"); 2];
        let inside = |id: &TradeId| {
            let start = std::ptr::from_ref(id).addr();
            (start..start + size_of::<TradeId>()).contains(&id.as_ptr().addr())
        };
        assert!(ids.iter().all(inside));
        assert_eq!(size_of::<Option<TradeId>>(), size_of::<String>());
    }
}
