//! Logarithms of near prices and middles of many values, in the time that a page of bars allows.

/// ln(to / from) of prices above zero; of near ones by the first terms of its series, less than 2e-13 of it from the truth.
pub(super) fn logarithm(from: f64, to: f64) -> f64 {
    let part = (to - from) / (to + from);
    if part.abs() > 0.02 {
        return (to / from).ln();
    }
    let square = part * part;
    let tail = 1.0 / 3.0 + square * (1.0 / 5.0 + square * (1.0 / 7.0));
    2.0 * part * (1.0 + square * tail)
}

/// A number that is ordered among integers as the other is among numbers (`f64::total_cmp`), and back.
const fn key(bits: i64) -> i64 {
    bits ^ (((bits >> 63).cast_unsigned()) >> 1).cast_signed()
}

/// The middle one of some values; `keys` is room to work in. Integers are picked out in half of the time.
pub(super) fn middle(values: impl Iterator<Item = f64>, keys: &mut Vec<i64>) -> Option<f64> {
    keys.clear();
    keys.extend(values.map(|value| key(value.to_bits().cast_signed())));
    let place = keys.len().checked_sub(1)? / 2;
    let (_, middle, _) = keys.select_nth_unstable(place);
    Some(f64::from_bits(key(*middle).cast_unsigned())).filter(|middle| middle.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_middle_is_that_of_sorting(values in prop::collection::vec(-1e9..1e9f64, 1..200)) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            let found = middle(values.iter().copied(), &mut Vec::new());
            prop_assert_eq!(found, sorted.get((sorted.len() - 1) / 2).copied());
        }

        #[test]
        fn near_prices_have_the_logarithm_of_their_ratio(from in 1e-9..1e9f64, ratio in 0.5..2.0f64) {
            for ratio in [ratio, ratio.powf(0.01), ratio.powf(1e-5)] {
                let exact = (from * ratio / from).ln();
                let found = logarithm(from, from * ratio);
                prop_assert!((found - exact).abs() <= 2e-13 * exact.abs() + 1e-15, "{} {}", found, exact);
            }
        }
    }

    #[test]
    fn no_value_has_no_middle() {
        assert_eq!(middle(std::iter::empty(), &mut Vec::new()), None);
        assert_eq!(middle([f64::INFINITY].into_iter(), &mut Vec::new()), None);
    }
}
