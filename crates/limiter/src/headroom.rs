//! How much of each window is for whom.

use crate::log::{Nanos, Shape};
use crate::recovery::WHOLE;

/// How much of each window each class may fill, in percent.
///
/// A priority queue alone is not enough: with a window of a minute, work that nobody waits for can spend the minute before the
/// important call comes. A class is granted only what leaves the window at most this full. A single call that is larger than the
/// share of its class is refused at once as [`Rejected::TooLarge`](crate::Rejected::TooLarge), with that share as the limit: in an
/// empty window it would leave nothing to the classes above for as long as the window is. Give it a class that may, or a share.
///
/// The default is 60, 75, 90 and 100 %, the least important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headroom {
    pub(crate) percent: [u8; 4],
}

impl Headroom {
    /// The shares of low, medium and high; critical has all. Above 100 is 100.
    #[must_use]
    pub fn new(low: u8, medium: u8, high: u8) -> Self {
        Self {
            percent: [low, medium, high, 100].map(|percent| percent.min(100)),
        }
    }
}

impl Default for Headroom {
    fn default() -> Self {
        Self::new(60, 75, 90)
    }
}

/// All that makes a window smaller than its limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shares {
    /// How much each class may fill, in percent.
    pub(crate) headroom: [u8; 4],
    /// How much is left to callers outside of this process, in percent.
    pub(crate) outside: u8,
    /// How much of the rest is used at present, in permille.
    pub(crate) factor: u32,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            headroom: [100; 4],
            outside: 0,
            factor: 1_000,
        }
    }
}

impl Shares {
    /// Puts what follows from the limit into `shape`.
    pub(crate) fn apply(&self, shape: &mut Shape) {
        shape.reserved = shape
            .limit
            .saturating_mul(u64::from(self.outside))
            .div_ceil(100);
        let ours = shape.limit.saturating_sub(shape.reserved);
        let reserved = shape.reserved;
        let part = |percent: u8, factor: u32| {
            u128::from(ours) * u128::from(u64::from(percent) * u64::from(factor))
        };
        let share = |part: u128| reserved.saturating_add(Nanos::try_from(part).unwrap_or(ours));
        shape.ceilings = self
            .headroom
            .map(|percent| share(part(percent, self.factor) / 100_000));
        // Rounded up: of one unit there is no share.
        shape.shares = self
            .headroom
            .map(|percent| share(part(percent, WHOLE).div_ceil(100_000)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Class;

    #[test]
    fn what_is_left_to_others_comes_first_then_the_factor_then_the_class() {
        let mut shape = Shape::plain(1_000, 1);
        let shares = Shares {
            headroom: Headroom::default().percent,
            outside: 10,
            factor: 500,
        };
        shares.apply(&mut shape);
        assert_eq!(shape.reserved, 100);
        assert_eq!(shape.ceilings, [370, 437, 505, 550]);
        assert_eq!(shape.ceiling(Class::Low, 10), 370);
        assert_eq!(shape.ceiling(Class::Low, 400), 500, "goes alone");
        assert_eq!(shape.shares, [640, 775, 910, 1_000]);
        assert_eq!(
            shape.ceiling(Class::Low, 2_000),
            640,
            "no more than its share"
        );
        assert_eq!(
            Class::ALL.map(|class| shape.most(class)),
            [540, 675, 810, 900]
        );
    }

    #[test]
    fn by_default_everyone_has_everything() {
        let mut shape = Shape::plain(7, 1);
        Shares::default().apply(&mut shape);
        assert_eq!((shape.reserved, shape.ceilings), (0, [7; 4]));
    }
}
