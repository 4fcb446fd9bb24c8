//! Comparisons of decimals that never round and never overflow.

use rust_decimal::Decimal;

/// Whether `value` is a multiple of `step`; a step that is not above zero is no grid.
pub(crate) fn on_grid(value: Decimal, step: Decimal) -> bool {
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

/// Whether `value` lies in `low` to `high`, each widened by `slack` parts per million. True where that cannot be computed.
pub(crate) fn within(value: Decimal, low: Decimal, high: Decimal, slack: i64) -> bool {
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
    use super::*;

    #[test]
    fn extremes_do_not_panic_and_are_not_objected_to() {
        for value in [Decimal::MAX, Decimal::MIN, Decimal::ZERO] {
            let _ = on_grid(value, Decimal::new(1, 28));
            let _ = last_place(value);
            assert!(scaled(value, 1_000).is_none_or(|scaled| scaled.abs() >= value.abs()));
        }
        assert!(!on_grid(Decimal::new(15, 1), Decimal::ONE));
        assert!(on_grid(Decimal::new(15, 1), Decimal::ZERO));
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
