//! Depth: `{"XXBTZUSD": {"asks": [[price, size, seconds]], "bids": […]}}`.
//!
//! There is no sequence number and no time of the snapshot; the seconds of a level are of its last change.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, OrderBook, Payload, Symbol};

use super::envelope::{FillPair, fill_pair, open_pair};
use crate::levels::{BookText, DirectBook, SoundBook, direct_book};
use crate::wire::{InObject, Notes, Values};
use crate::{Context, Reply, Verdict, answer};

impl FillPair for DirectBook {
    type Place = OrderBook;

    fn record<'de, V: Values<'de>>(book: &mut OrderBook, value: &mut V) -> Result<(), V::Error> {
        value.fill::<InObject<Self>>(book)
    }
}

pub(super) fn direct(symbol: &Symbol, context: &Context<'_>, reply: &Reply<'_>) -> Option<Payload> {
    direct_book(symbol, |book| {
        fill_pair::<DirectBook>(reply, symbol, context, book)
    })
}

pub(super) fn book(
    symbol: &Symbol,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let text = match open_pair::<SoundBook<'_>>(reply, symbol, context)?.value {
        Ok(sound) => BookText::sound(sound),
        Err(raw) => raw.json().and_then(BookText::read),
    };
    let text = text.ok_or_else(|| answer::malformed(reply, "no order book"))?;
    let mut notes = Notes::clean(());
    let mut book = OrderBook::new(symbol.clone());
    text.fill(&mut book, &mut notes);
    Ok(notes.map(|()| Payload::OrderBook(book)))
}
