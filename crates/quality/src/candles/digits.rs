//! How many decimals do prices need?

use robust_market::Candle;
use rust_decimal::Decimal;

/// Whether numbers are divisible by a power of ten, without a division: by the power of two in their last bits, and by the power of
/// five because only multiples of it times its inverse (modulo 2^64) are small.
#[derive(Debug, Clone, Copy)]
struct Tens {
    mask: u64,
    inverse: u64,
    limit: u64,
}

/// Powers of ten that are told apart: zeros at the end beyond this are not looked for.
const POWERS: usize = 20;

const TENS: [Tens; POWERS] = {
    let one = Tens {
        mask: 0,
        inverse: 1,
        limit: u64::MAX,
    };
    let mut tens = [one; POWERS];
    let mut five = 1_u64;
    let mut at = 1;
    while at < POWERS {
        five *= 5;
        // Newton's method doubles the right bits of an inverse in each round.
        let mut inverse = five;
        let mut round = 0;
        while round < 6 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(five.wrapping_mul(inverse)));
            round += 1;
        }
        tens[at] = Tens {
            mask: (1 << at) - 1,
            inverse,
            limit: u64::MAX / five,
        };
        at += 1;
    }
    tens
};

impl Tens {
    const fn divide(self, number: u64) -> bool {
        number & self.mask == 0 && number.wrapping_mul(self.inverse) <= self.limit
    }
}

/// Whether a price can be written with so many decimals.
fn fits(price: Decimal, decimals: u32) -> bool {
    let zeros = price.scale().saturating_sub(decimals);
    if zeros == 0 {
        return true;
    }
    let tens = usize::try_from(zeros)
        .ok()
        .and_then(|zeros| TENS.get(zeros));
    match (u64::try_from(price.mantissa()), tens) {
        (Ok(number), Some(tens)) => tens.divide(number),
        _ => price.normalize().scale() <= decimals,
    }
}

/// How many decimals the prices of a bar need; `guess` is where to begin: those of the bar before.
pub(super) fn needed(candle: &Candle, guess: u32) -> u32 {
    let prices = [candle.close, candle.open, candle.high, candle.low];
    let all = |decimals| prices.iter().all(|price| fits(*price, decimals));
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
