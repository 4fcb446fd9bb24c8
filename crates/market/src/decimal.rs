//! One way from wire text to an exact decimal.

use atoi::FromRadix10Checked;
use rust_decimal::Decimal;

/// Why a text is not a decimal that can be kept exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// The text is not a number: empty, letters, two points, a sign in the middle.
    #[error("not a decimal number")]
    Unparsable,
    /// The text spells a value that is not a finite number, such as `NaN` or `Infinity`.
    #[error("not a finite number")]
    NotFinite,
    /// The value needs more than the 28 digits that are kept, so keeping it would round it.
    #[error("more than 28 significant digits")]
    OutOfRange,
}

/// The most digits a value may need, before or after the point.
const MAX_DIGITS: usize = 28;

/// Reads a decimal number from wire text without ever rounding it.
///
/// Digits and trailing zeros are kept as they came: `0.10000000` stays eight places long. An exponent is resolved by
/// shifting the point in the text (`9.68E-7` is `0.000000968`), never through a float. A value that needs more than 28
/// digits is an error, never rounded; zeros that end a fraction beyond the 28th digit are no value, and are the one thing that is dropped.
///
/// ```
/// use robust_market::decimal;
///
/// assert_eq!(decimal::parse("9.68E-7")?.to_string(), "0.000000968");
/// assert_eq!(decimal::parse("0.10000000")?.to_string(), "0.10000000");
/// # Ok::<(), decimal::DecimalError>(())
/// ```
///
/// # Errors
///
/// [`DecimalError`] says whether the text was no number, not finite, or too long to be exact.
pub fn parse(text: &str) -> Result<Decimal, DecimalError> {
    let mut value = Decimal::ZERO;
    parse_into(text, &mut value)?;
    Ok(value)
}

/// [`parse`] to where the value stays. What stands there is left as it is where the text is no decimal.
///
/// A decimal that is handed on through results is written in quarters and read again whole, which a processor has to wait for.
///
/// # Errors
///
/// As [`parse`].
pub fn parse_into(text: &str, place: &mut Decimal) -> Result<(), DecimalError> {
    match short(text) {
        Some(value) => *place = value,
        None => *place = parse_any(text)?,
    }
    Ok(())
}

/// Powers of ten that `i64` holds.
const POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut places = 1;
    while places < powers.len() {
        powers[places] = 10 * powers[places - 1];
        places += 1;
    }
    powers
};

/// The way of nearly every price: the whole numbers on both sides of the point, read by `atoi`, are one whole number whose point stands
/// where it stood. No sign, only digits on both sides of at most one point, no more than `i64` holds; the rest is left to [`plain`].
/// Decision 0003 says why, and `the_short_way_and_the_library_agree` that nothing is read in another way.
#[inline]
fn short(text: &str) -> Option<Decimal> {
    let text = text.as_bytes();
    let (whole, digits) = i64::from_radix_10_checked(text);
    if digits == 0 {
        return None;
    }
    let (mantissa, places) = match text.get(digits..)? {
        [] => (whole?, 0),
        [b'.', fraction @ ..] => {
            let (part, places) = i64::from_radix_10_checked(fraction);
            if places == 0 || places != fraction.len() {
                return None;
            }
            let shifted = whole?.checked_mul(*POWERS.get(places)?)?;
            (shifted.checked_add(part?)?, places)
        }
        _ => return None,
    };
    Decimal::try_new(mantissa, u32::try_from(places).ok()?).ok()
}

/// A number without an exponent, of digits that the library keeps.
fn plain(text: &str) -> Option<Decimal> {
    let value = Decimal::from_str_exact(text).ok()?;
    is_plain(text, value.scale()).then_some(value)
}

/// Signs, long numbers, exponents, more than 28 digits, and whatever is no number.
#[inline(never)]
fn parse_any(text: &str) -> Result<Decimal, DecimalError> {
    match plain(text).or_else(|| scientific(text)) {
        Some(value) => Ok(value),
        None => parse_slow(text),
    }
}

/// A short number with an exponent that leaves every digit where it is: `5.98E1`, and not `5E3`.
fn scientific(text: &str) -> Option<Decimal> {
    let at = text.bytes().position(|byte| matches!(byte, b'e' | b'E'))?;
    let (mantissa, exponent) = (text.get(..at)?, text.get(at + 1..)?);
    let mut value = plain(mantissa)?;
    let places = i64::from(value.scale()).checked_sub(exponent.parse().ok()?)?;
    value.set_scale(u32::try_from(places).ok()?).ok()?;
    Some(value)
}

/// Whether a text that the library takes, with so many places, has nothing that we refuse: a plus, an underscore, a point at an edge, a 29th digit.
#[inline]
fn is_plain(text: &str, places: u32) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    // Where the point is followed by as many bytes as there are places, each of them is a digit.
    let whole = match usize::try_from(places) {
        Ok(0) => Some(digits),
        Ok(places) => digits
            .len()
            .checked_sub(places + 1)
            .and_then(|point| digits.split_at_checked(point))
            .and_then(|(whole, rest)| rest.starts_with(b".").then_some(whole)),
        Err(_) => None,
    };
    // Of what the library takes before the point only the underscore has this bit.
    let is_plain = |whole: &[u8]| {
        whole.first().is_some_and(u8::is_ascii_digit)
            && whole.last().is_some_and(u8::is_ascii_digit)
            && whole.iter().fold(0, |bits, byte| bits | byte) & 0x40 == 0
    };
    bytes.len() <= MAX_DIGITS && whole.is_some_and(is_plain)
}

/// Digits with at most one point, and at least one digit on each side that exists.
fn well_formed(digits: &str) -> bool {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    !whole.is_empty()
        && !fraction.is_empty()
        && whole.bytes().all(|b| b.is_ascii_digit())
        && fraction.bytes().all(|b| b.is_ascii_digit())
}

#[cold]
fn parse_slow(text: &str) -> Result<Decimal, DecimalError> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let negative = text.starts_with('-');
    if ["nan", "inf", "infinity"]
        .iter()
        .any(|name| unsigned.eq_ignore_ascii_case(name))
    {
        return Err(DecimalError::NotFinite);
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent_of(exponent)?),
        None => (unsigned, 0),
    };
    if !well_formed(mantissa) {
        return Err(DecimalError::Unparsable);
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    // Where the point stands in `digits`, counted from its left end.
    let point = i64::try_from(whole.len())
        .unwrap_or(i64::MAX)
        .saturating_add(exponent);
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        let places = usize::try_from(
            i64::try_from(digits.len())
                .unwrap_or(0)
                .saturating_sub(point),
        )
        .unwrap_or(0);
        let places = u32::try_from(places.min(MAX_DIGITS)).unwrap_or(0);
        return Ok(Decimal::new(0, places));
    }
    let leading = digits.len() - significant.len();
    let point = point.saturating_sub(i64::try_from(leading).unwrap_or(i64::MAX));
    let significant = without_excess_zeros(significant, point);
    let limit = i64::try_from(MAX_DIGITS).unwrap_or(28);
    if significant.len() > MAX_DIGITS || point > limit || point < -limit {
        return Err(DecimalError::OutOfRange);
    }
    let shifted = shift(significant, point);
    let signed = if negative {
        format!("-{shifted}")
    } else {
        shifted
    };
    Decimal::from_str_exact(&signed).map_err(|_| DecimalError::OutOfRange)
}

/// Drops zeros at the end of the fraction, as many as stand beyond the digits that are kept: HTX pads some volumes to 41 digits. What
/// is left is the same value; a zero before the point carries a value and stays.
fn without_excess_zeros(digits: &str, point: i64) -> &str {
    let kept = i64::try_from(MAX_DIGITS).unwrap_or(28) + point.clamp(-28, 0);
    let kept = usize::try_from(kept.max(point)).unwrap_or(0);
    match digits.get(kept..) {
        Some(excess) if excess.bytes().all(|digit| digit == b'0') => {
            digits.get(..kept).unwrap_or(digits)
        }
        _ => digits,
    }
}

fn exponent_of(text: &str) -> Result<i64, DecimalError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Unparsable);
    }
    text.parse().map_err(|_| DecimalError::OutOfRange)
}

/// Writes `digits` with the decimal point after `point` of them.
fn shift(digits: &str, point: i64) -> String {
    match usize::try_from(point) {
        Ok(0) => format!("0.{digits}"),
        Ok(point) if point < digits.len() => {
            let (whole, fraction) = digits.split_at(point);
            format!("{whole}.{fraction}")
        }
        Ok(point) => format!("{digits}{}", "0".repeat(point - digits.len())),
        Err(_) => {
            let zeros = usize::try_from(point.unsigned_abs()).unwrap_or(0);
            format!("0.{}{digits}", "0".repeat(zeros))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exponents_trailing_zeros_and_28_digits_survive() {
        for (text, shown) in [
            ("9.68E-7", "0.000000968"),
            ("2.0E-4", "0.00020"),
            ("1e3", "1000"),
            ("1.50E+1", "15.0"),
            ("0.10000000", "0.10000000"),
            ("-0.5", "-0.5"),
            ("0", "0"),
            ("0.00", "0.00"),
            (
                "1234567890123456789012345678",
                "1234567890123456789012345678",
            ),
            (
                "0.1234567890123456789012345678",
                "0.1234567890123456789012345678",
            ),
            ("123456789.123456789123", "123456789.123456789123"),
            (
                "90090730.707133525077464434840000000000000000",
                "90090730.70713352507746443484",
            ),
            (
                "0.0012340000000000000000000000000000",
                "0.0012340000000000000000000000",
            ),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn what_fits_just_so_is_read_the_short_way_and_as_the_library_reads_it() {
        for text in [
            "0",
            "0.0",
            "0012.500",
            "000000000000000.07",
            "0000000000000000000000000000000000000001.5",
            "99999999.999999999",
            "9223372036854775807",
            "922337203685477580.7",
            "9.223372036854775807",
            "0.000000000000000001",
        ] {
            let read = Decimal::from_str_exact(text).unwrap();
            assert_eq!(short(text).map(digits), Some(digits(read)), "{text}");
        }
    }

    #[test]
    fn what_is_no_short_number_is_left_to_the_library() {
        for text in [
            "",
            ".",
            "1.",
            ".5",
            "-0",
            "-0.0",
            "-1.5",
            "+1",
            "1.+5",
            "1.-5",
            "1_000",
            "1._5",
            "1.5_0",
            "1..5",
            "1.5.0",
            "1e3",
            "1 ",
            " 1",
            "1.5\0",
            "\u{661}",
            "1.\u{665}",
            "1.5\u{ff10}",
            "9223372036854775808",
            "922337203685477580.8",
            "9.223372036854775808",
            "0.0000000000000000001",
        ] {
            assert_eq!(short(text), None, "{text}");
            assert_eq!(
                parse(text).map(digits),
                parse_slow(text).map(digits),
                "{text}"
            );
        }
    }

    /// The digits, the places and the sign: values that are equal can differ in them.
    fn digits(value: Decimal) -> [u8; 16] {
        value.serialize()
    }

    /// Numbers of every length, texts of their letters, and any text.
    fn texts() -> impl Strategy<Value = String> {
        prop_oneof![
            "-?[0-9]{0,22}[.]?[0-9]{0,22}",
            "0{0,40}[0-9]{0,20}([.][0-9]{0,20}0{0,20})?",
            "[0-9]{1,6}[.][0-9]{1,12}",
            "[-+0-9._eE]{0,24}",
            "[0-9.\\p{Nd}]{0,12}",
            ".{0,60}",
        ]
    }

    #[test]
    fn twenty_nine_digits_are_refused_never_rounded() {
        for text in [
            "12345678901234567890123456789",
            "0.12345678901234567890123456789",
            "1.2345678901234567890123456789",
            "90090730.707133525077464434841000000000000000",
            "12345678901234567890123456780",
            "1e29",
            "1e-29",
            "1e999999999999999999999",
        ] {
            assert_eq!(parse(text), Err(DecimalError::OutOfRange), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_told_apart() {
        for text in [
            "", "-", ".", "1.", ".5", "1..2", "1-2", "--1", "abc", "1e", "1e+", " 1", "1 ", "0x10",
            "1,5", "1_000",
        ] {
            assert_eq!(parse(text), Err(DecimalError::Unparsable), "{text:?}");
        }
        for text in ["NaN", "nan", "Infinity", "-inf"] {
            assert_eq!(parse(text), Err(DecimalError::NotFinite), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_short_way_and_the_library_agree(text in texts()) {
            if let Some(short) = short(&text) {
                let exact = Decimal::from_str_exact(&text);
                prop_assert_eq!(Ok(digits(short)), exact.map(digits), "{}", text);
            }
            prop_assert_eq!(parse(&text).map(digits), parse_any(&text).map(digits), "{}", text);
        }

        #[test]
        fn all_ways_agree(text in texts()) {
            prop_assert_eq!(parse(&text).map(digits), parse_slow(&text).map(digits), "{}", text);
        }

        #[test]
        fn all_ways_agree_on_exponents(text in "-?[0-9]{1,18}([.][0-9]{1,18})?[eE][-+]?[0-9]{1,2}") {
            prop_assert_eq!(parse(&text).map(digits), parse_slow(&text).map(digits), "{}", text);
        }

        #[test]
        fn a_text_that_is_refused_leaves_the_place_as_it_was(text in ".{0,60}") {
            let mut place = Decimal::ONE_HUNDRED;
            match parse_into(&text, &mut place) {
                Ok(()) => prop_assert_eq!(parse(&text).map(digits), Ok(digits(place))),
                Err(error) => {
                    prop_assert_eq!(parse(&text), Err(error));
                    prop_assert_eq!(place, Decimal::ONE_HUNDRED);
                }
            }
        }

        #[test]
        fn any_text_gives_a_value_or_an_error(text in ".{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_only_the_library_takes_is_refused(text in "[-+]?[0-9_.]{1,12}") {
            prop_assert_eq!(parse(&text), parse_slow(&text), "{}", text);
            let is_number = text.trim_start_matches(['-', '+']).split('.').count() <= 2
                && !text.contains('_');
            prop_assert!(is_number || parse(&text).is_err(), "{}", text);
        }

        #[test]
        fn a_plain_number_keeps_its_digits(whole in 0u64..=u64::MAX, fraction in "[0-9]{0,8}") {
            let text = if fraction.is_empty() { whole.to_string() } else { format!("{whole}.{fraction}") };
            prop_assert_eq!(parse(&text).unwrap().to_string(), text);
        }

        #[test]
        fn an_exponent_is_the_same_number_written_shorter(mantissa in 1i64..1_000_000_000, exponent in -15i32..=15) {
            let shifted = parse(&format!("{mantissa}e{exponent}")).unwrap();
            let back = parse(&format!("1e{}", -exponent)).unwrap();
            prop_assert_eq!((shifted * back).normalize(), Decimal::from(mantissa).normalize());
        }
    }
}
