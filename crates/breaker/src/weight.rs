//! How much of a call failed.

/// The share of a call that failed, in hundredths from 0 to 1.
///
/// An answer that lacks three of ten symbols is neither a success nor a failure; it is a failure of
/// weight 0.3.
///
/// # Examples
///
/// ```
/// use robust_breaker::Weight;
///
/// assert_eq!(Weight::of(3, 10), Weight::new(0.3));
/// assert_eq!(Weight::new(7.0), Weight::FULL);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Weight(u8);

impl Weight {
    /// Nothing failed: the call counts as a success.
    pub const NONE: Self = Self(0);
    /// All of it failed.
    pub const FULL: Self = Self(100);

    /// A share from 0 to 1, rounded to hundredths; what failed at all counts 0.01 at least. A share
    /// outside of the range is moved to its nearer end, and one that is no number counts as 1.
    #[must_use]
    pub fn new(share: f64) -> Self {
        if share.is_nan() || share >= 1.0 {
            Self::FULL
        } else if share <= 0.0 {
            Self::NONE
        } else {
            // Between 0 and 100 after the checks above.
            Self((share * 100.0).round().max(1.0) as u8)
        }
    }

    /// So many of so many parts failed. Nothing of nothing is a success.
    #[must_use]
    pub fn of(failed: usize, all: usize) -> Self {
        if failed == 0 {
            Self::NONE
        } else {
            Self::new(failed as f64 / all.max(failed) as f64)
        }
    }

    /// The share, from 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    pub(crate) fn hundredths(self) -> u8 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_to_hundredths_and_moved_into_its_range() {
        for (share, hundredths) in [
            (0.0, 0),
            (-0.0, 0),
            (-3.0, 0),
            (f64::NEG_INFINITY, 0),
            (0.000_1, 1),
            (0.3, 30),
            (0.334, 33),
            (0.999, 100),
            (1.0, 100),
            (f64::INFINITY, 100),
            (f64::NAN, 100),
        ] {
            assert_eq!(Weight::new(share).hundredths(), hundredths, "{share}");
        }
        for (failed, all, hundredths) in [
            (0, 0, 0),
            (0, 9, 0),
            (1, 3, 33),
            (5, 0, 100),
            (9, 9, 100),
            (1, 9_999, 1),
        ] {
            assert_eq!(
                Weight::of(failed, all).hundredths(),
                hundredths,
                "{failed}/{all}"
            );
        }
    }
}
