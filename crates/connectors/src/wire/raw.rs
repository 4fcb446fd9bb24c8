//! One JSON value as the text that came.

use std::borrow::Cow;

use robust_market::decimal::{self, DecimalError};
use robust_market::{DefectKind, Timestamp, TradeId};
use rust_decimal::Decimal;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One JSON value as the text that came, or nothing where the field is not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Raw<'a> {
    /// There is no such field.
    #[default]
    Missing,
    /// Any value, as it stands in the answer.
    Json(&'a str),
}

/// What a value is, as far as a scalar field cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape<'a> {
    /// A string, unescaped.
    Text(Cow<'a, str>),
    /// A number, digit for digit.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self::Json(raw.get()))
    }
}

impl<'a> Raw<'a> {
    /// A field that is not there.
    pub(crate) const MISSING: Self = Self::Missing;

    /// The value's JSON text, where there is one.
    pub(crate) const fn json(self) -> Option<&'a str> {
        match self {
            Self::Json(json) => Some(json),
            Self::Missing => None,
        }
    }

    pub(crate) const fn is_missing(self) -> bool {
        matches!(self, Self::Missing)
    }

    /// The value as a record of its own; gives the text back where it has another shape.
    pub(crate) fn read<T: Deserialize<'a>>(self) -> Result<T, Self> {
        let read = self.json().map(serde_json::from_str);
        read.and_then(Result::ok).ok_or(self)
    }

    /// What a defect shows of the value: a string without its quotes, everything else as it stands.
    #[inline]
    pub(crate) fn shown(self) -> Option<&'a str> {
        match self {
            Self::Missing => None,
            Self::Json(json) => Some(inner(json).unwrap_or(json)),
        }
    }

    /// The value as a scalar.
    pub(crate) fn scalar(self) -> Result<Shape<'a>, DefectKind> {
        let json = match self {
            Self::Missing => return Err(DefectKind::Missing),
            Self::Json(json) => json,
        };
        if let Some(text) = inner(json) {
            return if text.contains('\\') {
                serde_json::from_str::<String>(json)
                    .map(|text| Shape::Text(Cow::Owned(text)))
                    .map_err(|_| DefectKind::Unparsable)
            } else {
                Ok(Shape::Text(Cow::Borrowed(text)))
            };
        }
        match json {
            "null" => Err(DefectKind::Null),
            "true" => Ok(Shape::Bool(true)),
            "false" => Ok(Shape::Bool(false)),
            _ if json.starts_with(['[', '{']) => Err(DefectKind::WrongType),
            number => Ok(Shape::Number(number)),
        }
    }

    /// The value's characters, of a string or of a number; exchanges send either for the same field.
    fn characters(self) -> Result<Cow<'a, str>, DefectKind> {
        match self.scalar()? {
            Shape::Text(text) => Ok(text),
            Shape::Number(text) => Ok(Cow::Borrowed(text)),
            Shape::Bool(_) => Err(DefectKind::WrongType),
        }
    }

    /// The value as a string; a number is none.
    pub(crate) fn text(self) -> Result<Cow<'a, str>, DefectKind> {
        match self.scalar()? {
            Shape::Text(text) => Ok(text),
            Shape::Number(_) | Shape::Bool(_) => Err(DefectKind::WrongType),
        }
    }

    /// The value as `true` or `false`.
    pub(crate) fn boolean(self) -> Result<bool, DefectKind> {
        match self.scalar()? {
            Shape::Bool(value) => Ok(value),
            Shape::Text(_) | Shape::Number(_) => Err(DefectKind::WrongType),
        }
    }

    /// The value as an exact decimal, from a string or a number.
    #[inline]
    pub(crate) fn decimal(self) -> Result<Decimal, DefectKind> {
        // Sound fields are told apart from broken ones only after they have failed: the sound ones are nearly all.
        match self.shown().map(decimal::parse) {
            Some(Ok(value)) => Ok(value),
            _ => self.odd_decimal(),
        }
    }

    /// A decimal with escapes, or none at all.
    #[cold]
    fn odd_decimal(self) -> Result<Decimal, DefectKind> {
        let text = self.characters()?;
        decimal::parse(&text).map_err(|error| match error {
            DecimalError::Unparsable => DefectKind::Unparsable,
            DecimalError::NotFinite => DefectKind::NotFinite,
            DecimalError::OutOfRange => DefectKind::OutOfRange,
        })
    }

    /// The value as a name: any text, or the digits of a number, however many.
    fn name(self) -> Result<Cow<'a, str>, DefectKind> {
        match self.scalar()? {
            Shape::Text(text) if text.is_empty() => Err(DefectKind::Unparsable),
            Shape::Text(text) => Ok(text),
            Shape::Number(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => {
                Ok(Cow::Borrowed(digits))
            }
            Shape::Number(_) => Err(DefectKind::Unparsable),
            Shape::Bool(_) => Err(DefectKind::WrongType),
        }
    }

    /// The value as an identifier.
    pub(crate) fn identifier(self) -> Result<Box<str>, DefectKind> {
        self.name().map(Into::into)
    }

    /// The value as the name of a trade.
    pub(crate) fn trade_id(self) -> Result<TradeId, DefectKind> {
        self.name().map(TradeId::from)
    }

    /// The value as a count.
    pub(crate) fn count(self) -> Result<u64, DefectKind> {
        if let Some(Ok(count)) = self.json().map(str::parse) {
            return Ok(count);
        }
        let text = self.characters()?;
        text.parse().map_err(|_| whole_number_defect(&text))
    }

    /// The value as a whole number.
    pub(crate) fn integer(self) -> Result<i64, DefectKind> {
        if let Some(Ok(number)) = self.json().map(str::parse) {
            return Ok(number);
        }
        let text = self.characters()?;
        text.parse().map_err(|_| whole_number_defect(&text))
    }

    /// The value as a time in milliseconds since 1970.
    pub(crate) fn millis(self) -> Result<Timestamp, DefectKind> {
        Timestamp::from_ms(self.integer()?).ok_or(DefectKind::OutOfRange)
    }

    /// The value as a time in seconds since 1970 with any fraction down to nanoseconds, exact.
    pub(crate) fn seconds(self) -> Result<Timestamp, DefectKind> {
        match self.shown().map(seconds) {
            Some(Ok(time)) => Ok(time),
            _ => seconds(&self.characters()?),
        }
    }
}

fn inner(json: &str) -> Option<&str> {
    json.strip_prefix('"')?.strip_suffix('"')
}

fn whole_number_defect(text: &str) -> DefectKind {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        DefectKind::OutOfRange
    } else {
        DefectKind::Unparsable
    }
}

/// Whole seconds with at most nine digits behind the point: nearly all times.
#[inline]
fn plain_seconds(text: &str) -> Option<Timestamp> {
    // The standard library takes a plus, and an exchange writes none.
    let number = |part: &str| {
        let is_plain = part.bytes().next().is_some_and(|b| b.is_ascii_digit());
        part.parse::<i64>().ok().filter(|_| is_plain)
    };
    let point = text.bytes().position(|b| b == b'.').unwrap_or(text.len());
    let nanos = match text.get(point + 1..) {
        Some(fraction) => {
            let missing = u32::try_from(fraction.len()).ok()?;
            number(fraction)? * 10_i64.pow(NANOS.checked_sub(missing)?)
        }
        None => 0,
    };
    let whole = number(text.get(..point)?)?.checked_mul(1_000_000_000)?;
    whole.checked_add(nanos).map(Timestamp::from_ns)
}

/// The places of a second down to a nanosecond.
const NANOS: u32 = 9;

/// Reads seconds since 1970, such as `1762795433.9717445`, to the exact nanosecond.
fn seconds(text: &str) -> Result<Timestamp, DefectKind> {
    if let Some(time) = plain_seconds(text) {
        return Ok(time);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(fraction) {
        return match decimal::parse(text) {
            Err(DecimalError::NotFinite) => Err(DefectKind::NotFinite),
            Err(DecimalError::OutOfRange) => Err(DefectKind::OutOfRange),
            Err(DecimalError::Unparsable) => Err(DefectKind::Unparsable),
            // An exponent or a sign: the same number, written plainly.
            Ok(value) if value.is_sign_negative() => Err(DefectKind::OutOfRange),
            Ok(value) => seconds(&value.to_string()),
        };
    }
    let fraction = fraction.trim_end_matches('0');
    let places = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    let missing = NANOS.checked_sub(places).ok_or(DefectKind::OutOfRange)?;
    let nanos = if fraction.is_empty() {
        0
    } else {
        fraction
            .parse::<i64>()
            .ok()
            .and_then(|digits| digits.checked_mul(10_i64.pow(missing)))
            .ok_or(DefectKind::OutOfRange)?
    };
    whole
        .parse::<i64>()
        .ok()
        .and_then(|whole| whole.checked_mul(1_000_000_000))
        .and_then(|whole| whole.checked_add(nanos))
        .map(Timestamp::from_ns)
        .ok_or(DefectKind::OutOfRange)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(json: &str) -> Raw<'_> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn numbers_and_strings_of_numbers_are_the_same_decimal() {
        for (json, shown) in [
            ("\"0.10000000\"", "0.10000000"),
            ("0.10000000", "0.10000000"),
            ("9.68E-7", "0.000000968"),
            ("\"9.68E-7\"", "0.000000968"),
            (" 12 ", "12"),
            (r#""1\u0032""#, "12"),
        ] {
            assert_eq!(raw(json).decimal().unwrap().to_string(), shown, "{json}");
        }
    }

    #[test]
    fn what_is_no_decimal_is_told_apart() {
        for (json, kind) in [
            ("null", DefectKind::Null),
            ("true", DefectKind::WrongType),
            ("[1]", DefectKind::WrongType),
            ("{}", DefectKind::WrongType),
            ("\"\"", DefectKind::Unparsable),
            ("\"abc\"", DefectKind::Unparsable),
            ("\"NaN\"", DefectKind::NotFinite),
            ("1e999", DefectKind::OutOfRange),
            ("\"12345678901234567890123456789\"", DefectKind::OutOfRange),
        ] {
            assert_eq!(raw(json).decimal(), Err(kind), "{json}");
        }
        assert_eq!(Raw::MISSING.decimal(), Err(DefectKind::Missing));
    }

    #[test]
    fn an_identifier_of_28_digits_is_kept() {
        assert_eq!(
            &*raw("1234567890123456789012345678").identifier().unwrap(),
            "1234567890123456789012345678"
        );
        assert_eq!(&*raw("\"a-1\"").identifier().unwrap(), "a-1");
        assert_eq!(raw("1.5").identifier(), Err(DefectKind::Unparsable));
    }

    #[test]
    fn seconds_with_a_fraction_are_exact_nanoseconds() {
        for (text, ns) in [
            ("1762795433.9717445", 1_762_795_433_971_744_500),
            ("1710327959.1733468", 1_710_327_959_173_346_800),
            ("1548111600", 1_548_111_600_000_000_000),
            ("0.000000001", 1),
            ("1.7e9", 1_700_000_000_000_000_000),
            ("1.5000000000000000", 1_500_000_000),
        ] {
            assert_eq!(seconds(text).map(Timestamp::as_ns), Ok(ns), "{text}");
        }
        for (text, kind) in [
            ("", DefectKind::Unparsable),
            ("1.", DefectKind::Unparsable),
            ("soon", DefectKind::Unparsable),
            ("NaN", DefectKind::NotFinite),
            ("-1", DefectKind::OutOfRange),
            ("1.0000000001", DefectKind::OutOfRange),
            ("99999999999999", DefectKind::OutOfRange),
        ] {
            assert_eq!(seconds(text), Err(kind), "{text}");
        }
    }

    proptest! {
        #[test]
        fn seconds_are_what_the_decimal_says(text in "[0-9]{1,10}([.][0-9]{1,9})?") {
            let value = decimal::parse(&text).unwrap();
            let nanos = value.mantissa() * 10_i128.pow(NANOS - value.scale());
            let time = i64::try_from(nanos).map(Timestamp::from_ns);
            prop_assert_eq!(seconds(&text), time.map_err(|_| DefectKind::OutOfRange), "{}", text);
        }

        #[test]
        fn only_plain_numbers_are_read_the_plain_way(text in "[-+]?[0-9_.]{0,22}") {
            if let Some(time) = plain_seconds(&text) {
                let value = decimal::parse(&text).unwrap();
                prop_assert_eq!(value.mantissa() * 10_i128.pow(NANOS - value.scale()), i128::from(time.as_ns()));
            }
        }
    }

    #[test]
    fn a_time_in_milliseconds_is_a_whole_number() {
        assert_eq!(
            raw("1588749117459").millis().unwrap().as_ms(),
            1_588_749_117_459
        );
        assert_eq!(
            raw("\"1588749117459\"").millis().unwrap().as_ms(),
            1_588_749_117_459
        );
        assert_eq!(
            raw("1588749117459000000000").millis(),
            Err(DefectKind::OutOfRange)
        );
        assert_eq!(
            raw("15887491174590000").millis(),
            Err(DefectKind::OutOfRange)
        );
        assert_eq!(raw("1.5").millis(), Err(DefectKind::Unparsable));
    }
}
