//! Whether a number ends in zeros, without a division.

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

static TENS: [Tens; POWERS] = {
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

/// The digits of a number that is not negative, where they fit into a word of the machine.
#[inline]
pub(crate) fn word(value: Decimal) -> Option<u64> {
    let parts = value.unpack();
    let number = u64::from(parts.mid) << 32 | u64::from(parts.lo);
    (parts.hi == 0 && !parts.negative).then_some(number)
}

/// Whether a price can be written with so many decimals.
#[inline]
pub(crate) fn fits(price: Decimal, decimals: u32) -> bool {
    let zeros = price.scale().saturating_sub(decimals);
    zeros == 0 || ends_in_zeros(price, zeros)
}

/// Whether the digits of a price end in so many zeros.
#[inline]
pub(crate) fn ends_in_zeros(price: Decimal, zeros: u32) -> bool {
    let tens = usize::try_from(zeros)
        .ok()
        .and_then(|zeros| TENS.get(zeros));
    match (word(price), tens) {
        (Some(number), Some(tens)) => tens.divide(number),
        _ => price.normalize().scale() <= price.scale().saturating_sub(zeros),
    }
}
