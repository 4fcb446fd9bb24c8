//! Depth: `{"bids": [[price, size]], "asks": […], "version": …, "ts": ms}`, best prices first.
//!
//! `ts` inside is the time of the quotes. The one outside is the time of the answer, milliseconds later in captured answers, and stands
//! in where there is none inside.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, OrderBook, Payload, Symbol, Timestamp};
use serde::Deserialize;

use super::envelope::{fill_payload, open_about};
use crate::levels::{BookText, DirectSide, Levels, Numbers, cut_to, direct_book};
use crate::wire::{Fields, FillObject, InObject, Notes, Object, Raw, Values};
use crate::{Context, Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
#[serde(bound = "S: Deserialize<'de>")]
struct BookWire<'a, S> {
    #[serde(default = "Option::default")]
    bids: Option<S>,
    #[serde(default = "Option::default")]
    asks: Option<S>,
    #[serde(borrow, default)]
    version: Raw<'a>,
    #[serde(borrow, default)]
    ts: Raw<'a>,
}

/// A book in which nothing is broken.
#[derive(Debug)]
struct DirectBook;

impl FillObject for DirectBook {
    type Record = OrderBook;

    const NEEDED: u32 = 1 | 2;

    fn member<'de, V: Values<'de>>(
        book: &mut OrderBook,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        match key {
            "bids" => value
                .fill::<DirectSide<Numbers>>(&mut book.bids)
                .map(|()| 1),
            "asks" => value
                .fill::<DirectSide<Numbers>>(&mut book.asks)
                .map(|()| 2),
            "version" => {
                book.sequence = Some(value.next()?);
                Ok(4)
            }
            "ts" => {
                book.time = Some(value.millis()?);
                Ok(8)
            }
            _ => value.skip().map(|()| 0),
        }
    }
}

pub(super) fn direct(
    symbol: &Symbol,
    depth: Option<u32>,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Option<Payload> {
    direct_book(symbol, |book| {
        let answered = fill_payload::<InObject<DirectBook>>(reply, symbol, context, book)?;
        book.time = Some(book.time.or(answered)?);
        cut_to(book, depth);
        Some(())
    })
}

/// The time of the quotes, or else of the answer.
fn time(quotes: Raw<'_>, answer: Raw<'_>, fields: &mut Fields<'_>) -> Option<Timestamp> {
    let time = if quotes.is_missing() { answer } else { quotes };
    fields.need("time", time, Raw::millis)
}

pub(super) fn book(
    symbol: &Symbol,
    depth: Option<u32>,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let opened = open_about::<Object<BookWire<'_, Levels<'_>>>>(reply, symbol, context)?;
    let (text, quotes) = match opened.payload {
        Ok(Object(wire)) => (
            BookText::of_sound(wire.bids, wire.asks, wire.version),
            wire.ts,
        ),
        Err(raw) => match raw.read::<Object<BookWire<'_, Raw<'_>>>>() {
            Ok(Object(wire)) => (
                BookText::of_raw(wire.bids, wire.asks, wire.version),
                wire.ts,
            ),
            Err(_) => (None, Raw::MISSING),
        },
    };
    let text = text.ok_or_else(|| answer::malformed(reply, "no order book"))?;
    let mut notes = Notes::clean(());
    let mut book = OrderBook::new(symbol.clone());
    book.time = time(quotes, opened.ts, &mut Fields::new(&mut notes, None));
    text.cut_to(depth).fill(&mut book, &mut notes);
    Ok(notes.map(|()| Payload::OrderBook(book)))
}
