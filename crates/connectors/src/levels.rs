//! The two sides of an order book, which all exchanges write alike.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Level, OrderBook, Payload, Symbol};
use serde::Deserialize;
use serde::de::SeqAccess;

use crate::wire::{
    Cells, Fields, FillObject, FillRow, InList, InRow, Notes, Object, Raw, RowValues, Rows, Values,
};

/// An order book on the wire: `{"bids": [[price, size, …]], "asks": […], "lastUpdateId": …}`.
#[derive(Debug, Deserialize)]
#[serde(bound = "S: Deserialize<'de>")]
pub(crate) struct BookWire<'a, S> {
    #[serde(default = "Option::default")]
    bids: Option<S>,
    #[serde(default = "Option::default")]
    asks: Option<S>,
    #[serde(borrow, default, rename = "lastUpdateId")]
    sequence: Raw<'a>,
}

/// A level, `[price, size, …]`.
type LevelWire<'a> = Cells<'a, 2>;

/// One side of a book whose levels all have the shape of a level.
pub(crate) type Levels<'a> = Vec<LevelWire<'a>>;

/// The levels of a side in which nothing is broken.
pub(crate) type DirectSide<L> = InList<InRow<L>>;

/// A level whose price and size are strings.
#[derive(Debug)]
pub(crate) struct Strings;

/// A level whose price and size are numbers.
#[derive(Debug)]
pub(crate) struct Numbers;

impl FillRow for Strings {
    type Record = Level;

    fn cells<'de, A: SeqAccess<'de>>(
        level: &mut Level,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.decimal(&mut level.price)?;
        row.decimal(&mut level.size)
    }
}

impl FillRow for Numbers {
    type Record = Level;

    fn cells<'de, A: SeqAccess<'de>>(
        level: &mut Level,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.number(&mut level.price)?;
        row.number(&mut level.size)
    }
}

/// A book in which nothing is broken; prices and sizes are strings.
#[derive(Debug)]
pub(crate) struct DirectBook;

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
                .fill::<DirectSide<Strings>>(&mut book.bids)
                .map(|()| 1),
            "asks" => value
                .fill::<DirectSide<Strings>>(&mut book.asks)
                .map(|()| 2),
            "lastUpdateId" => {
                book.sequence = Some(value.next()?);
                Ok(4)
            }
            _ => value.skip().map(|()| 0),
        }
    }
}

/// The book that `fill` makes of an answer in which nothing is broken.
pub(crate) fn direct_book(
    symbol: &Symbol,
    fill: impl FnOnce(&mut OrderBook) -> Option<()>,
) -> Option<Payload> {
    let mut book = OrderBook::new(symbol.clone());
    fill(&mut book)?;
    Some(Payload::OrderBook(book))
}

/// A book whose levels all have the shape of a level.
pub(crate) type SoundBook<'a> = Object<BookWire<'a, Levels<'a>>>;

/// One side of a book, or what stands in its place.
type Side<'a> = Result<Rows<'a, LevelWire<'a>>, Raw<'a>>;

/// Leaves the first `depth` levels of each side.
pub(crate) fn cut_to(book: &mut OrderBook, depth: Option<u32>) {
    if let Some(depth) = depth.and_then(|depth| usize::try_from(depth).ok()) {
        book.bids.truncate(depth);
        book.asks.truncate(depth);
    }
}

/// An order book that has been read as far as its levels.
#[derive(Debug)]
pub(crate) struct BookText<'a> {
    bids: Side<'a>,
    asks: Side<'a>,
    sequence: Raw<'a>,
}

impl<'a> BookText<'a> {
    /// Reads a book, level by level where one is broken; `None` when it is no book at all.
    pub(crate) fn read(json: &'a str) -> Option<Self> {
        if let Ok(sound) = serde_json::from_str::<SoundBook<'a>>(json) {
            return Self::sound(sound);
        }
        let Object(wire): Object<BookWire<'a, Raw<'a>>> = serde_json::from_str(json).ok()?;
        Self::of_raw(wire.bids, wire.asks, wire.sequence)
    }

    /// Takes a book whose levels are sound.
    pub(crate) fn sound(Object(wire): SoundBook<'a>) -> Option<Self> {
        Self::of_sound(wire.bids, wire.asks, wire.sequence)
    }

    /// Takes the parts of a book whose levels are sound, whatever the exchange calls them.
    pub(crate) fn of_sound(
        bids: Option<Levels<'a>>,
        asks: Option<Levels<'a>>,
        sequence: Raw<'a>,
    ) -> Option<Self> {
        let side = |rows: Option<Levels<'a>>| rows.map(Rows::Sound).ok_or(Raw::MISSING);
        Self::with_a_side(side(bids), side(asks), sequence)
    }

    /// Reads the parts of a book level by level.
    pub(crate) fn of_raw(
        bids: Option<Raw<'a>>,
        asks: Option<Raw<'a>>,
        sequence: Raw<'a>,
    ) -> Option<Self> {
        let side = |raw: Option<Raw<'a>>| {
            let raw = raw.unwrap_or(Raw::MISSING);
            raw.json().and_then(|json| Rows::of(json).ok()).ok_or(raw)
        };
        Self::with_a_side(side(bids), side(asks), sequence)
    }

    /// The first `depth` levels of each side, where the exchange sends more than were asked for.
    pub(crate) fn cut_to(mut self, depth: Option<u32>) -> Self {
        if let Some(depth) = depth.and_then(|depth| usize::try_from(depth).ok()) {
            self.bids = self.bids.map(|rows| rows.cut_to(depth));
            self.asks = self.asks.map(|rows| rows.cut_to(depth));
        }
        self
    }

    fn with_a_side(bids: Side<'a>, asks: Side<'a>, sequence: Raw<'a>) -> Option<Self> {
        (bids.is_ok() || asks.is_ok()).then_some(Self {
            bids,
            asks,
            sequence,
        })
    }

    /// Puts the levels, and the counter where there is one, into a book.
    pub(crate) fn fill(self, book: &mut OrderBook, notes: &mut Notes) {
        book.sequence = Fields::new(notes, None).may("sequence", self.sequence, Raw::count);
        let bids_on_wire = self.bids.as_ref().map_or(0, Rows::len);
        book.bids = levels(self.bids, notes, 0, &BIDS);
        book.asks = levels(self.asks, notes, bids_on_wire, &ASKS);
    }
}

struct Names {
    side: &'static str,
    price: &'static str,
    size: &'static str,
}

const BIDS: Names = Names {
    side: "bids",
    price: "bids.price",
    size: "bids.size",
};
const ASKS: Names = Names {
    side: "asks",
    price: "asks.price",
    size: "asks.size",
};

fn levels(side: Side<'_>, notes: &mut Notes, offset: usize, names: &Names) -> Vec<Level> {
    let rows = match side {
        Ok(rows) => rows,
        Err(raw) => {
            Fields::new(notes, None).not_a_record(names.side, raw);
            return Vec::new();
        }
    };
    let mut levels = Vec::with_capacity(rows.len());
    rows.for_each(|index, row| {
        let mut fields = Fields::new(notes, Some(offset + index));
        let level = match row {
            Ok(Cells([price, size])) => {
                let price = fields.need(names.price, price, Raw::decimal);
                let size = fields.need(names.size, size, Raw::decimal);
                price.zip(size).map(|(price, size)| Level { price, size })
            }
            Err(raw) => {
                fields.not_a_record(names.side, raw);
                None
            }
        };
        match level {
            Some(level) => levels.push(level),
            None => fields.exclude(),
        }
    });
    levels
}
