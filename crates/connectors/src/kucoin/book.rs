//! Order book: `{"time": ms, "sequence": "…", "bids": [[price, size]], "asks": […]}`, best prices first.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, OrderBook, Payload, Symbol};
use serde::Deserialize;

use super::envelope::{self, open};
use crate::levels::{BookText, DirectLevels, Levels, Strings, cut_to, direct_book};
use crate::wire::{Cell, Fields, Notes, Object, Raw, Text, clean};
use crate::{Reply, Verdict, answer};

/// A book; the time is a number, the rest are strings.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Cell<'de>, S: Deserialize<'de>, 'de: 'a")]
struct BookWire<'a, C, S> {
    #[serde(default = "Option::default")]
    bids: Option<S>,
    #[serde(default = "Option::default")]
    asks: Option<S>,
    #[serde(default)]
    sequence: C,
    #[serde(default)]
    time: Raw<'a>,
}

type DirectBook<'a> = Object<BookWire<'a, Text<'a>, DirectLevels<Strings>>>;

pub(super) fn direct(
    symbol: &Symbol,
    depth: Option<u32>,
    reply: &Reply<'_>,
) -> Option<Decoded<Payload>> {
    let Object(wire) = envelope::direct::<DirectBook<'_>>(reply)?;
    let mut book = direct_book(symbol, wire.bids, wire.asks, wire.sequence)?;
    book.time = clean(|fields| fields.need("time", wire.time, Raw::millis));
    cut_to(&mut book, depth);
    book.time
        .is_some()
        .then(|| Decoded::clean(Payload::OrderBook(book)))
}

pub(super) fn book(
    symbol: &Symbol,
    depth: Option<u32>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let (text, time) = match open::<Object<BookWire<'_, Raw<'_>, Levels<'_>>>>(reply, Some(symbol))?
    {
        Ok(Object(wire)) => (
            BookText::of_sound(wire.bids, wire.asks, wire.sequence),
            wire.time,
        ),
        Err(raw) => match raw.read::<Object<BookWire<'_, Raw<'_>, Raw<'_>>>>() {
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
