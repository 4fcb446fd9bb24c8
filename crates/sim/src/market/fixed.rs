//! Whole numbers of ticks and lots as decimal text.

use std::fmt;

/// A whole number of units of 10^-`places`, printed with `shown` decimals.
///
/// Fewer decimals than the unit has are rounded half up; more are filled with zeros.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fixed {
    value: i128,
    places: u32,
    shown: u32,
}

impl Fixed {
    pub(crate) fn new(value: impl Into<i128>, places: u32, shown: u32) -> Self {
        Self {
            value: value.into(),
            places,
            shown,
        }
    }
}

impl Fixed {
    /// For sums.
    pub(crate) fn sum(value: u128, places: u32, shown: u32) -> Self {
        Self::new(i128::try_from(value).unwrap_or(i128::MAX), places, shown)
    }

    /// The text without zeros at the end of its decimals.
    pub(crate) fn trimmed(self) -> String {
        let text = self.to_string();
        if self.shown == 0 {
            return text;
        }
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

/// `value / 10^by`, rounded half away from zero.
pub(crate) fn shrink(value: i128, by: u32) -> i128 {
    let unit = pow10(by);
    (value.abs() + unit / 2) / unit * value.signum()
}

pub(crate) fn pow10(places: u32) -> i128 {
    10_i128.pow(places.min(38))
}

impl fmt::Display for Fixed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = if self.shown < self.places {
            shrink(self.value, self.places - self.shown)
        } else {
            self.value.saturating_mul(pow10(self.shown - self.places))
        };
        let unit = pow10(self.shown);
        let sign = if value < 0 { "-" } else { "" };
        let (whole, part) = (value.abs() / unit, value.abs() % unit);
        if self.shown == 0 {
            write!(f, "{sign}{whole}")
        } else {
            let width = self.shown as usize;
            write!(f, "{sign}{whole}.{part:0width$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_print_with_the_places_of_the_wire() {
        for (value, places, shown, text) in [
            (1_060_382, 1, 5, "106038.20000"),
            (1_060_382, 1, 1, "106038.2"),
            (0, 1, 1, "0.0"),
            (5, 8, 8, "0.00000005"),
            (-7_300, 8, 8, "-0.00007300"),
            (15, 1, 0, "2"),
            (14, 1, 0, "1"),
            (99_995, 4, 3, "10.000"),
            (42, 0, 3, "42.000"),
        ] {
            assert_eq!(Fixed::new(value, places, shown).to_string(), text);
        }
    }

    #[test]
    fn trimming_takes_decimal_zeros_only() {
        for (value, places, text) in [
            (1_200, 0, "1200"),
            (1_200, 2, "12"),
            (1_250, 2, "12.5"),
            (-7_300, 8, "-0.000073"),
            (0, 4, "0"),
            (10_000, 1, "1000"),
        ] {
            assert_eq!(Fixed::new(value, places, places).trimmed(), text);
        }
    }
}
