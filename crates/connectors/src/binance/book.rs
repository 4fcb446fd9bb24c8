//! Order book: `{"lastUpdateId": …, "bids": [[price, size]], "asks": […]}`, without a time.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, OrderBook, Payload, Symbol};

use crate::levels::{BookText, DirectBook, direct_book};
use crate::wire::{InObject, Notes, fill};

pub(super) fn direct(symbol: &Symbol, body: &str) -> Option<Payload> {
    direct_book(symbol, |book| fill::<InObject<DirectBook>>(body, book))
}

pub(super) fn book(symbol: &Symbol, body: &str) -> Result<Decoded<Payload>, String> {
    let text = BookText::read(body).ok_or_else(|| "no order book".to_owned())?;
    let mut notes = Notes::clean(());
    let mut book = OrderBook::new(symbol.clone());
    text.fill(&mut book, &mut notes);
    Ok(notes.map(|()| Payload::OrderBook(book)))
}
