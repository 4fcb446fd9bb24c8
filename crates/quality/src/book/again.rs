//! Is it the book before again, or an older one, or is a price in it twice?

use robust_market::{Dimension, OrderBook, Severity};
use rust_decimal::Decimal;

use super::Side;
use crate::rules::{K_SEQ_REGRESS, U_CONFLICT, U_DUP_LEVEL};
use crate::tally::{Place, Tally};
use crate::{SymbolState, seen};

pub(super) fn sequence(tally: &mut Tally, book: &OrderBook, state: &SymbolState) {
    if let (Some(sequence), Some(last)) = (book.sequence, state.last_sequence()) {
        tally.checked(Dimension::Consistency, 1);
        if sequence < last {
            tally.whole(&K_SEQ_REGRESS, Severity::Error, Some("sequence"), || {
                format!("{sequence} is before the last accepted {last}")
            });
        }
    }
}

/// Whether a book has as many levels a side as are compared; one that is cut shorter is not another one.
pub(super) fn is_deep(book: &OrderBook) -> bool {
    book.bids.len().min(book.asks.len()) >= seen::LEVELS
}

/// Objects to a book with the number of the last one and other best levels.
pub(super) fn conflict(
    tally: &mut Tally,
    book: &OrderBook,
    content: u64,
    sides: [&Side<'_>; 2],
    state: &SymbolState,
) {
    let again = book.sequence.is_some() && book.sequence == state.last_sequence();
    // A level that could not be read makes the others move up.
    let whole = sides
        .iter()
        .all(|side| side.good.len() == side.count() && side.lacking == 0);
    let other = state
        .seen
        .last_content
        .is_some_and(|known| known != content);
    if again && whole && other && is_deep(book) {
        tally.whole(&U_CONFLICT, Severity::Error, Some("sequence"), || {
            "the sequence number of the last answer with other levels".to_owned()
        });
    }
}

pub(super) fn twice(tally: &mut Tally, side: &Side<'_>) {
    let mut prices: Vec<(Decimal, usize)> = side
        .good
        .iter()
        .map(|level| (level.price, level.position))
        .collect();
    prices.sort();
    for pair in prices.windows(2) {
        let [(first, _), (second, position)] = pair else {
            continue;
        };
        if first == second {
            let place = Place {
                field: Some(side.name),
                ..Place::row(*position)
            };
            tally.object(&U_DUP_LEVEL, Severity::Error, place, || {
                format!("price {second} is there twice")
            });
        }
    }
}
