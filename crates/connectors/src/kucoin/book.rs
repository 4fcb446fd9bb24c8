//! Order book: `{"time": ms, "sequence": "…", "bids": [[price, size]], "asks": […]}`, best prices first.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, OrderBook, Payload, Symbol};
use serde::Deserialize;

use super::envelope::{fill_data, open};
use crate::levels::{BookText, DirectSide, Levels, Strings, cut_to, direct_book};
use crate::wire::{Fields, FillObject, InObject, Notes, Object, Raw, Values, some};
use crate::{Reply, Verdict, answer};

/// A book; the time is a number, the rest are strings.
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

/// A book in which nothing is broken.
#[derive(Debug)]
struct DirectBook;

impl FillObject for DirectBook {
    type Record = OrderBook;

    const NEEDED: u32 = 1 | 2 | 4;

    fn member<'de, V: Values<'de>>(
        book: &mut OrderBook,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        match key {
            "bids" => value
                .fill::<DirectSide<Strings>>(&mut book.bids)
                .map(|()| 1),
            "asks" => value
                .fill::<DirectSide<Strings>>(&mut book.asks)
                .map(|()| 2),
            "time" => {
                book.time = Some(value.millis()?);
                Ok(4)
            }
            "sequence" => {
                book.sequence = Some(some(value.text()?.parse().ok())?);
                Ok(8)
            }
            _ => value.skip().map(|()| 0),
        }
    }
}

pub(super) fn direct(symbol: &Symbol, depth: Option<u32>, reply: &Reply<'_>) -> Option<Payload> {
    direct_book(symbol, |book| {
        fill_data::<InObject<DirectBook>>(reply, book)?;
        cut_to(book, depth);
        Some(())
    })
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
