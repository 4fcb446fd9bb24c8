//! How values are written in the exchange format: decimals as text, times as integers.

use rust_decimal::Decimal;
use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};

use crate::Timestamp;

/// A decimal, written as text with the digits of the wire.
pub(crate) struct Text<'a>(pub(crate) &'a Decimal);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self.0)
    }
}

/// Writes an optional decimal as text or null.
pub(crate) fn optional<S: SerializeMap>(
    map: &mut S,
    name: &'static str,
    value: Option<&Decimal>,
) -> Result<(), S::Error> {
    map.serialize_entry(name, &value.map(Text))
}

/// Writes `time_ms`, and `time_ns` where the wire had more than milliseconds.
pub(crate) fn time<S: SerializeMap>(map: &mut S, time: Option<Timestamp>) -> Result<(), S::Error> {
    map.serialize_entry("time_ms", &time.map(Timestamp::as_ms))?;
    if let Some(time) = time.filter(|time| time.is_finer_than_ms()) {
        map.serialize_entry("time_ns", &time.as_ns().to_string())?;
    }
    Ok(())
}

/// Appends an optional decimal to a row as text or null.
pub(crate) fn cell<S: SerializeSeq>(row: &mut S, value: Option<&Decimal>) -> Result<(), S::Error> {
    row.serialize_element(&value.map(Text))
}
