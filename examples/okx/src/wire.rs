//! JSON values as the text that came, and the notes on those that cannot be read. Nothing here goes through a float.

use std::borrow::Cow;

use robust_market::decimal::{self, DecimalError};
use robust_market::{Decoded, Defect, DefectKind, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One JSON value as the text that came, or nothing where the field is not there.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Raw<'a>(Option<&'a str>);

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self(Some(raw.get())))
    }
}

impl<'a> Raw<'a> {
    /// The value as a record of its own.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Result<T, DefectKind> {
        match self.0 {
            None => Err(DefectKind::Missing),
            Some("null") => Err(DefectKind::Null),
            Some(json) => serde_json::from_str(json).map_err(|_| DefectKind::WrongType),
        }
    }

    /// The value as a string; OKX writes everything as strings, numbers too. A bare number is taken for its digits.
    pub(crate) fn text(self) -> Result<Cow<'a, str>, DefectKind> {
        let json = self.0.ok_or(DefectKind::Missing)?;
        match json.as_bytes().first() {
            Some(b'"') => match json.get(1..json.len().saturating_sub(1)) {
                Some(text) if !text.contains('\\') => Ok(Cow::Borrowed(text)),
                _ => serde_json::from_str(json)
                    .map(Cow::Owned)
                    .map_err(|_| DefectKind::Unparsable),
            },
            Some(b'n') => Err(DefectKind::Null),
            Some(b'{' | b'[' | b't' | b'f') => Err(DefectKind::WrongType),
            _ => Ok(Cow::Borrowed(json)),
        }
    }

    /// The value as a name or an identifier, which is never empty.
    pub(crate) fn name(self) -> Result<Cow<'a, str>, DefectKind> {
        self.text().and_then(|text| {
            if text.is_empty() {
                Err(DefectKind::Unparsable)
            } else {
                Ok(text)
            }
        })
    }

    /// The value as an exact decimal.
    pub(crate) fn decimal(self) -> Result<Decimal, DefectKind> {
        decimal::parse(&self.text()?).map_err(|error| match error {
            DecimalError::Unparsable => DefectKind::Unparsable,
            DecimalError::NotFinite => DefectKind::NotFinite,
            DecimalError::OutOfRange => DefectKind::OutOfRange,
        })
    }

    /// The value as a time in milliseconds since 1970.
    pub(crate) fn millis(self) -> Result<Timestamp, DefectKind> {
        let ms = self.text()?.parse().map_err(|_| DefectKind::Unparsable)?;
        Timestamp::from_ms(ms).ok_or(DefectKind::OutOfRange)
    }

    /// The value as a count.
    pub(crate) fn count(self) -> Result<u64, DefectKind> {
        self.text()?.parse().map_err(|_| DefectKind::Unparsable)
    }
}

/// Everything that was broken in one answer, while its value is being built.
pub(crate) type Notes = Decoded<()>;

/// The record that is being read, for its defects.
pub(crate) struct Record<'n> {
    pub(crate) notes: &'n mut Notes,
    pub(crate) position: Option<usize>,
}

impl<'n> Record<'n> {
    pub(crate) fn new(notes: &'n mut Notes, position: usize) -> Self {
        Self {
            notes,
            position: Some(position),
        }
    }

    pub(crate) fn broken(&mut self, field: &'static str, kind: DefectKind, raw: Raw<'_>) {
        self.notes
            .note(Defect::new(self.position, field, kind, raw.0));
    }

    /// A field that every record has.
    pub(crate) fn need<'a, T>(
        &mut self,
        field: &'static str,
        raw: Raw<'a>,
        read: impl FnOnce(Raw<'a>) -> Result<T, DefectKind>,
    ) -> Option<T> {
        read(raw).map_err(|kind| self.broken(field, kind, raw)).ok()
    }

    /// A field that OKX leaves empty where it has no value.
    pub(crate) fn may<'a, T>(
        &mut self,
        field: &'static str,
        raw: Raw<'a>,
        read: impl FnOnce(Raw<'a>) -> Result<T, DefectKind>,
    ) -> Option<T> {
        match raw.0 {
            None | Some(r#""""#) => None,
            Some(_) => self.need(field, raw, read),
        }
    }

    /// Leaves the record out; its position stays known.
    pub(crate) fn exclude(self) {
        self.notes.excluded.extend(self.position);
    }
}
