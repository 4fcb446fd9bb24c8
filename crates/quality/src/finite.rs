//! The one gate between exact decimals and statistics.

use robust_market::Timestamp;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A floating-point number that is neither NaN nor infinite.
///
/// All statistics take this type alone, so a broken number cannot enter a memory. It is written to a saved state as the
/// bits of the number, because a decimal text may come back as its neighbour.
///
/// ```
/// use robust_quality::Finite64;
///
/// assert!(Finite64::new(f64::NAN).is_none());
/// assert_eq!(Finite64::new(1.5).map(Finite64::get), Some(1.5));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Finite64(f64);

impl Finite64 {
    /// Zero.
    pub const ZERO: Self = Self(0.0);

    /// The number, unless it is NaN or infinite.
    #[must_use]
    pub const fn new(value: f64) -> Option<Self> {
        if value.is_finite() {
            Some(Self(value))
        } else {
            None
        }
    }

    /// The natural logarithm of a price above zero.
    #[must_use]
    pub fn ln(price: Decimal) -> Option<Self> {
        let price = nearest(price);
        if price > 0.0 {
            Self::new(price.ln())
        } else {
            None
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl From<Finite64> for u64 {
    fn from(value: Finite64) -> Self {
        value.0.to_bits()
    }
}

impl TryFrom<u64> for Finite64 {
    type Error = NotFinite;

    fn try_from(bits: u64) -> Result<Self, NotFinite> {
        Self::new(f64::from_bits(bits)).ok_or(NotFinite)
    }
}

/// A number of a saved state is NaN or infinite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a number of the saved state is not finite")]
pub struct NotFinite;

/// One unit of the last place, by the number of decimals: at most 28, so the last three are never asked for.
static UNITS: [f64; 32] = [
    1e0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10, 1e-11, 1e-12, 1e-13, 1e-14,
    1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22, 1e-23, 1e-24, 1e-25, 1e-26, 1e-27,
    1e-28, 1e-29, 1e-30, 1e-31,
];

/// The number nearest to a decimal, but for its last bits: a unit is rounded, and so are its product and digits that need more than
/// 53 bits. For statistics, many times as fast as the exact conversion.
#[inline]
pub(crate) fn nearest(value: Decimal) -> f64 {
    // Its three words one by one: a conversion of 128 bits at once costs as much as all of this.
    let parts = value.unpack();
    // A mask in the place of a check of the bounds.
    let unit = UNITS[parts.scale as usize & (UNITS.len() - 1)];
    let size = if parts.hi == 0 && parts.mid < 1 << 31 {
        // 63 bits convert in one step, rounded once as well.
        let word = u64::from(parts.mid) << 32 | u64::from(parts.lo);
        word.cast_signed() as f64
    } else {
        let low = f64::from(parts.mid) * 4_294_967_296.0 + f64::from(parts.lo);
        f64::from(parts.hi) * 18_446_744_073_709_551_616.0 + low
    };
    let number = if parts.negative { -size } else { size };
    number * unit
}

/// Seconds from `from` to `to`, negative where `to` is earlier.
#[inline]
pub(crate) fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.as_ns().saturating_sub(from.as_ns()) as f64 * 1e-9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_come_near() {
        for text in ["0.1", "36500.10000000", "0.0000000000001234", "-7"] {
            let exact: f64 = text.parse().unwrap();
            let near = nearest(robust_market::decimal::parse(text).unwrap());
            assert!(
                (near - exact).abs() <= exact.abs() * 2.0 * f64::EPSILON,
                "{text}"
            );
        }
        for extreme in [Decimal::MAX, Decimal::MIN, Decimal::new(i64::MAX, 28)] {
            assert!(nearest(extreme).is_finite());
        }
    }

    #[test]
    fn only_finite_numbers_pass_the_gate() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(Finite64::new(bad), None);
            assert_eq!(Finite64::try_from(bad.to_bits()), Err(NotFinite));
        }
        for price in [Decimal::ZERO, Decimal::MIN, Decimal::NEGATIVE_ONE] {
            assert_eq!(Finite64::ln(price), None);
        }
        assert_eq!(Finite64::ln(Decimal::ONE), Some(Finite64::ZERO));
        assert!(Finite64::ln(Decimal::MAX).is_some());
        assert!(Finite64::ln(Decimal::new(1, 28)).is_some());
    }
}
