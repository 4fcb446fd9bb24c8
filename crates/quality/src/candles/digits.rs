//! How many decimals do prices need?

use robust_market::Candle;
use rust_decimal::Decimal;

use crate::tens::{ends_in_zeros, fits};

/// How many decimals the prices of a bar need; `guess` is where to begin: those of the bar before.
pub(super) fn needed(candle: &Candle, guess: u32) -> u32 {
    let all = |decimals| {
        fits(candle.close, decimals)
            && fits(candle.open, decimals)
            && fits(candle.high, decimals)
            && fits(candle.low, decimals)
    };
    // As many as each of them is written with, and the last one of the close is no zero: most bars.
    let written = candle.close.scale();
    let least = candle
        .open
        .scale()
        .min(candle.high.scale())
        .min(candle.low.scale());
    let most = candle
        .open
        .scale()
        .max(candle.high.scale())
        .max(candle.low.scale());
    if least == written && most == written && !ends_in_zeros(candle.close, 1) {
        return written;
    }
    let mut decimals = guess.min(Decimal::MAX_SCALE);
    if all(decimals) {
        while decimals > 0 && all(decimals - 1) {
            decimals -= 1;
        }
    } else {
        while decimals < Decimal::MAX_SCALE && !all(decimals) {
            decimals += 1;
        }
    }
    decimals
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use robust_market::Timestamp;

    use super::*;

    proptest! {
        #[test]
        fn a_bar_needs_as_many_decimals_as_its_finest_price(
            prices in prop::array::uniform4((0i64..=i64::MAX, 0u32..12, 0u32..=28)),
            huge in any::<i128>(),
            guess in 0u32..40,
        ) {
            let mut decimals = prices.map(|(number, zeros, scale)| {
                let power = 10_i64.pow(zeros);
                Decimal::new(number / power * power, scale)
            });
            if guess % 5 == 0 {
                decimals[1] = Decimal::try_from_i128_with_scale(huge >> 32, 9).unwrap();
            }
            let [open, high, low, close] = decimals;
            let candle = Candle {
                time: Timestamp::EPOCH,
                open,
                high,
                low,
                close,
                volume: Decimal::ONE,
                quote_volume: None,
                vwap: None,
                count: None,
                closed: true,
            };
            let most = decimals.map(|price| price.normalize().scale());
            prop_assert_eq!(needed(&candle, guess), most.into_iter().max().unwrap());
        }
    }
}
