//! Order book: `{"time": ms, "sequence": "…", "bids": [[price, size]], "asks": […]}`, best prices first.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, OrderBook, Payload, Symbol};
use serde::Deserialize;

use super::envelope::open;
use crate::levels::{BookText, Levels};
use crate::wire::{Fields, Notes, Object, Raw};
use crate::{Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
#[serde(bound = "S: Deserialize<'de>")]
struct BookWire<'a, S> {
    #[serde(default = "Option::default")]
    bids: Option<S>,
    #[serde(default = "Option::default")]
    asks: Option<S>,
    #[serde(borrow, default)]
    sequence: Raw<'a>,
    #[serde(borrow, default)]
    time: Raw<'a>,
}

pub(super) fn book(
    symbol: &Symbol,
    depth: Option<u32>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let (text, time) = match open::<Object<BookWire<'_, Levels<'_>>>>(reply, Some(symbol))? {
        Ok(Object(wire)) => (
            BookText::of_sound(wire.bids, wire.asks, wire.sequence),
            wire.time,
        ),
        Err(raw) => match raw.read::<Object<BookWire<'_, Raw<'_>>>>() {
            Ok(Object(wire)) => (
                BookText::of_raw(wire.bids, wire.asks, wire.sequence),
                wire.time,
            ),
            Err(_) => (None, Raw::MISSING),
        },
    };
    let text = text.ok_or_else(|| answer::malformed(reply, "no order book"))?;
    let mut notes = Notes::clean(());
    let mut book = OrderBook::new(symbol.clone());
    book.time = Fields::new(&mut notes, None).need("time", time, Raw::millis);
    text.cut_to(depth).fill(&mut book, &mut notes);
    Ok(notes.map(|()| Payload::OrderBook(book)))
}
