//! Comparisons of decimals that never round and never overflow.

use std::cmp::Ordering;

use rust_decimal::Decimal;

use crate::finite::nearest;
use crate::tens::{fits, word};

/// Powers of ten that fit into a word of the machine.
const TENS: [i64; 19] = {
    let mut tens = [1; 19];
    let mut at = 1;
    while at < tens.len() {
        tens[at] = tens[at - 1] * 10;
        at += 1;
    }
    tens
};

/// Both numbers in the finer of their two units; `None` where that is more than a word of the machine.
#[inline]
fn alike(a: Decimal, b: Decimal) -> Option<(i128, i128)> {
    let (first, second) = (a.mantissa(), b.mantissa());
    if a.scale() == b.scale() {
        return Some((first, second));
    }
    let power = |more: u32| TENS.get(usize::try_from(more).ok()?).copied();
    let (small, other) = (i64::try_from(first).ok()?, i64::try_from(second).ok()?);
    Some(if a.scale() < b.scale() {
        (
            i128::from(small) * i128::from(power(b.scale() - a.scale())?),
            second,
        )
    } else {
        (
            first,
            i128::from(other) * i128::from(power(a.scale() - b.scale())?),
        )
    })
}

/// Which of two numbers is larger: the order of decimals, several times as fast for numbers as exchanges write them.
#[inline]
pub(crate) fn compare(a: Decimal, b: Decimal) -> Ordering {
    if a.scale() == b.scale()
        && let (Some(a), Some(b)) = (word(a), word(b))
    {
        return a.cmp(&b);
    }
    match alike(a, b) {
        Some((a, b)) => a.cmp(&b),
        None => a.cmp(&b),
    }
}

/// The multiples of a step, of a price or an amount.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    step: Decimal,
    /// The decimals that they may have, where the step is one unit of the last one, as most are.
    decimals: Option<u32>,
}

impl Steps {
    pub(crate) fn of(step: Decimal) -> Self {
        Self {
            step,
            decimals: (step.mantissa() == 1).then_some(step.scale()),
        }
    }

    /// Whether `value` is one of them; a step that is not above zero is no grid.
    #[inline]
    pub(crate) fn hold(&self, value: Decimal) -> bool {
        match self.decimals {
            Some(decimals) => fits(value, decimals),
            None => is_multiple(value, self.step),
        }
    }
}

fn is_multiple(value: Decimal, step: Decimal) -> bool {
    if let Some((value, step)) = alike(value, step)
        && let (Ok(value), Ok(step)) = (i64::try_from(value), i64::try_from(step))
    {
        return step <= 0 || value % step == 0;
    }
    step <= Decimal::ZERO
        || value
            .checked_rem(step)
            .is_none_or(|remainder| remainder.is_zero())
}

/// `value` moved by a relative `slack` in parts per million; `None` where that overflows.
pub(crate) fn scaled(value: Decimal, parts_per_million: i64) -> Option<Decimal> {
    let factor = Decimal::new(1_000_000_i64.checked_add(parts_per_million)?, 6);
    value.checked_mul(factor)
}

/// Whether a number is above zero.
#[inline]
pub(crate) fn is_positive(value: Decimal) -> bool {
    value.is_sign_positive() && !value.is_zero()
}

/// Whether a number is below zero.
#[inline]
pub(crate) fn is_negative(value: Decimal) -> bool {
    value.is_sign_negative() && !value.is_zero()
}

/// Whether `value` lies in `low` to `high`, which are above zero, beyond any doubt of rounding; widened by less than `slack` parts per
/// million.
#[inline]
pub(crate) fn clearly_within(value: f64, low: f64, high: f64, slack: i32) -> bool {
    let half = f64::from(slack) * 0.5e-6;
    value >= low * (1.0 - half) && value <= high * (1.0 + half)
}

/// Whether `value` lies in `low` to `high`, which are above zero, each widened by `slack` parts per million. True where that cannot be
/// computed.
pub(crate) fn within(value: Decimal, low: Decimal, high: Decimal, slack: i32) -> bool {
    if clearly_within(nearest(value), nearest(low), nearest(high), slack) {
        return true;
    }
    let slack = i64::from(slack);
    let above = scaled(low, -slack).is_none_or(|low| value >= low);
    let below = scaled(high, slack).is_none_or(|high| value <= high);
    above && below
}

/// One unit of the last place that `value` is written with.
pub(crate) fn last_place(value: Decimal) -> Decimal {
    Decimal::new(1, value.scale())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_compare_as_decimals_do(
            a in any::<i64>(), b in any::<i64>(), near in -3i64..3, first in 0u32..=28, second in 0u32..=28,
        ) {
            let pairs = [
                (Decimal::new(a, first), Decimal::new(b, second)),
                (Decimal::new(a, first), Decimal::new(a.saturating_add(near), first)),
                (Decimal::new(near, first), Decimal::new(near * 1_000, second)),
                (Decimal::MAX, Decimal::new(a, first)),
                (Decimal::new(a, first), Decimal::MIN),
            ];
            for (a, b) in pairs {
                prop_assert_eq!(compare(a, b), a.cmp(&b), "{} {}", a, b);
                prop_assert_eq!(compare(b, a), b.cmp(&a), "{} {}", b, a);
                let exactly = b <= Decimal::ZERO || a.checked_rem(b).is_none_or(|rest| rest.is_zero());
                prop_assert_eq!(Steps::of(b).hold(a), exactly, "{} on {}", a, b);
                let unit = Decimal::new(1, first);
                let exactly = a.checked_rem(unit).is_none_or(|rest| rest.is_zero());
                prop_assert_eq!(Steps::of(unit).hold(a), exactly, "{} on {}", a, unit);
            }
        }
    }

    #[test]
    fn extremes_do_not_panic_and_are_not_objected_to() {
        for value in [Decimal::MAX, Decimal::MIN, Decimal::ZERO] {
            let _ = Steps::of(Decimal::new(1, 28)).hold(value);
            let _ = last_place(value);
            assert!(scaled(value, 1_000).is_none_or(|scaled| scaled.abs() >= value.abs()));
        }
        assert!(!Steps::of(Decimal::ONE).hold(Decimal::new(15, 1)));
        assert!(Steps::of(Decimal::ZERO).hold(Decimal::new(15, 1)));
        assert!(within(
            Decimal::new(1001, 0),
            Decimal::ONE,
            Decimal::new(1000, 0),
            1_000
        ));
        assert!(!within(
            Decimal::new(1002, 0),
            Decimal::ONE,
            Decimal::new(1000, 0),
            1_000
        ));
    }
}
