//! The order book: two sides around the last trade, each price with an amount that changes by itself.

use crate::market::feed::Feed;
use crate::market::hash::{mix, unit};

/// One price of a book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// Ticks.
    pub(crate) price: u64,
    /// Lots.
    pub(crate) amount: u64,
    /// When it last changed, nanoseconds since 1970.
    pub(crate) since: i64,
}

/// A book at a time.
#[derive(Debug)]
pub(crate) struct Book {
    /// From the best price downwards.
    pub(crate) bids: Vec<Level>,
    /// From the best price upwards.
    pub(crate) asks: Vec<Level>,
    /// Grows with every change.
    pub(crate) sequence: u64,
}

/// How much of a book, and how fine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    /// Levels a side.
    pub(crate) levels: usize,
    /// Amounts are multiples of so many lots.
    pub(crate) step: u64,
}

/// Books change at most so often; between two such instants only a trade moves them.
const BEAT: i64 = 100_000_000;

impl Feed {
    /// The book at `at`. Its best bid and ask stand around the last trade: a buyer took the ask, a seller the bid.
    pub(crate) fn book(&mut self, at: i64, depth: Depth) -> Option<Book> {
        let last = self.last_before(at + 1)?;
        let beat = at.div_euclid(BEAT);
        let terms = self.terms();
        let widest = (last.price as f64 * 1.5e-4 * unit(mix(terms.seed, 2, last.order))) as u64;
        let width = (1 + widest).min(last.price.saturating_sub(1)).max(1);
        let (bid, ask) = if last.buy {
            (last.price.saturating_sub(width).max(1), last.price)
        } else {
            (last.price, last.price + width)
        };
        let dollar = 10_f64.powi((terms.price_places + terms.lot_places).cast_signed())
            / terms.quote_usd
            / last.price as f64;
        let level = |price: u64, side: u64, best: bool| {
            let key = mix(terms.seed, side, price);
            // A price changes its amount every 2 to 30 s, each on its own beat.
            let period = 20 + i64::try_from(key % 280).unwrap_or(0);
            let shift = i64::try_from((key >> 16) % 300).unwrap_or(0);
            let slot = (beat + shift).div_euclid(period);
            // The best price always has an amount; of the others, two of three.
            if !best && mix(key, 4, slot as u64).is_multiple_of(3) {
                return None;
            }
            let usd = 120.0 * (5.0 * unit(mix(key, 5, slot as u64))).exp();
            let steps = (usd * dollar) as u64 / depth.step.max(1);
            let changed = (slot * period - shift) * BEAT;
            Some(Level {
                price,
                amount: steps.max(1) * depth.step,
                since: if best {
                    changed.max(last.time)
                } else {
                    changed
                },
            })
        };
        let bids = (1..=bid)
            .rev()
            .filter_map(|price| level(price, 3, price == bid))
            .take(depth.levels)
            .collect();
        let asks = (ask..)
            .filter_map(|price| level(price, 6, price == ask))
            .take(depth.levels)
            .collect();
        Some(Book {
            bids,
            asks,
            sequence: u64::try_from(beat).unwrap_or(0) + last.id,
        })
    }
}
