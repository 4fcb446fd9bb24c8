//! Bare JSON numbers as Java prints a `double`.

use std::fmt;

use crate::market::fixed::{pow10, shrink};

/// A double tells so many digits apart.
const DIGITS: u32 = 17;

/// A whole number of units of 10^-`places` as a bare number: `716.0`, `9.2E-7`, `1.657E8`.
///
/// Java writes an exponent below a thousandth and from ten million on, and always a digit after the point.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bare {
    value: i128,
    places: u32,
}

impl Bare {
    pub(crate) fn new(value: impl Into<i128>, places: u32) -> Self {
        Self {
            value: value.into(),
            places,
        }
    }

    /// For sums.
    pub(crate) fn sum(value: u128, places: u32) -> Self {
        Self::new(i128::try_from(value).unwrap_or(i128::MAX), places)
    }
}

fn digits_of(value: u128) -> u32 {
    value.checked_ilog10().map_or(1, |log| log + 1)
}

impl fmt::Display for Bare {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let extra = digits_of(self.value.unsigned_abs()).saturating_sub(DIGITS);
        // A long sum is rounded where a double ends; 99…9 may become a digit longer, which its zeros take back.
        let value = shrink(self.value, extra);
        let places = i64::from(self.places) - i64::from(extra);
        if value == 0 {
            return f.write_str("0.0");
        }
        let sign = if value < 0 { "-" } else { "" };
        let value = value.unsigned_abs();
        let all = value.to_string();
        let exponent = i64::from(digits_of(value)) - 1 - places;
        let digits = all.trim_end_matches('0');
        if (-3..7).contains(&exponent) {
            let unit = pow10(u32::try_from(places.max(0)).unwrap_or(0)).unsigned_abs();
            let scaled = if places < 0 {
                value * pow10(u32::try_from(-places).unwrap_or(0)).unsigned_abs()
            } else {
                value
            };
            let (whole, part) = (scaled / unit, scaled % unit);
            let width = usize::try_from(places.max(0)).unwrap_or(0);
            let part = if width == 0 {
                String::new()
            } else {
                format!("{part:0width$}")
            };
            let part = part.trim_end_matches('0');
            write!(
                f,
                "{sign}{whole}.{}",
                if part.is_empty() { "0" } else { part }
            )
        } else {
            let (first, rest) = digits.split_at(1);
            let rest = if rest.is_empty() { "0" } else { rest };
            write!(f, "{sign}{first}.{rest}E{exponent}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_print_as_java_prints_a_double() {
        for (value, places, text) in [
            (7_160_i128, 1, "716.0"),
            (716, 0, "716.0"),
            (92, 8, "9.2E-7"),
            (968, 9, "9.68E-7"),
            (2, 4, "2.0E-4"),
            (158, 6, "1.58E-4"),
            (1, 3, "0.001"),
            (9_999_999, 0, "9999999.0"),
            (10_000_000, 0, "1.0E7"),
            (16_575_393_849_546_936, 8, "1.6575393849546936E8"),
            (0, 8, "0.0"),
            (-25, 1, "-2.5"),
            (5_006_000_000, 8, "50.06"),
            (123, 20, "1.23E-18"),
        ] {
            assert_eq!(Bare::new(value, places).to_string(), text);
        }
    }

    #[test]
    fn a_long_sum_is_rounded_where_a_double_ends() {
        for (value, places, text) in [
            (123_456_789_012_345_678_i128, 12, "123456.78901234568"),
            (999_999_999_999_999_999, 16, "100.0"),
            (123_456_789_012_345_678_901_234, 0, "1.2345678901234568E23"),
        ] {
            assert_eq!(Bare::new(value, places).to_string(), text);
        }
    }
}
