//! How many bytes a kept value takes, about.

use std::mem::size_of;

use robust_market::{
    Asset, Candle, Instrument, Issue, Level, Payload, Request, Symbol, Ticker, Trade,
};

use crate::cached::Key;
use crate::stored::{Kept, Stored};

/// Texts of one row that are kept beside it: an id, a name. Most are shorter, and an allocation takes some bytes of its own.
const TEXT: usize = 32;

/// The same for each entry: the key, the places of both in the cache's own tables.
const ENTRY: usize = 512;

/// The bytes of one entry: the key, and each answer that is kept under it.
pub(crate) fn of(key: &Key, kept: &Kept) -> u64 {
    let asked = key.1.symbols().len() * (size_of::<Symbol>() + TEXT);
    let answers: usize = kept.each().map(answer).sum();
    (size_of::<Request>() + ENTRY + asked + answers) as u64
}

/// The bytes of one answer: its rows, what they point at by estimate, and its report.
fn answer(stored: &Stored) -> usize {
    let rows = match &*stored.payload {
        Payload::Tickers(rows) => rows.len() * (size_of::<Ticker>() + TEXT),
        Payload::OrderBook(book) => (book.bids.len() + book.asks.len()) * size_of::<Level>(),
        Payload::Candles(candles) => candles.rows.len() * size_of::<Candle>(),
        Payload::Trades(trades) => trades.rows.len() * (size_of::<Trade>() + TEXT),
        Payload::Instruments(rows) => rows.len() * (size_of::<Instrument>() + 6 * TEXT),
        Payload::Assets(rows) => rows.len() * (size_of::<Asset>() + 2 * TEXT),
        _ => 0,
    };
    let report = stored.report.as_ref().map_or(0, |report| {
        report.issues.len() * (size_of::<Issue>() + 4 * TEXT) + ENTRY
    });
    let unreadable = stored.unreadable.as_deref().map_or(0, size_of_val);
    size_of::<Stored>() + size_of::<Payload>() + rows + report + unreadable
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers that `CacheSettings::max_bytes` documents.
    #[test]
    fn the_documented_sizes_are_about_right() {
        for (size, documented) in [
            (size_of::<Level>(), 32),
            (size_of::<Candle>(), 150),
            (size_of::<Trade>() + TEXT, 110),
            (size_of::<Instrument>() + 6 * TEXT, 550),
        ] {
            assert!(
                size.abs_diff(documented) * 5 <= documented,
                "{size}, {documented}"
            );
        }
    }
}
