//! The two sides of an order book, which all exchanges write alike.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Level, OrderBook, Symbol};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::SeqAccess;

use crate::wire::{
    Cell, Fields, FillRow, Filled, FilledRows, Notes, Object, Raw, Row, RowValues, Rows, Values,
    clean,
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

/// A level; further cells are skipped.
#[derive(Debug, Deserialize)]
#[serde(bound = "C: Cell<'de>")]
pub(crate) struct LevelWire<C> {
    #[serde(default)]
    price: C,
    #[serde(default)]
    size: C,
}

/// One side of a book whose levels all have the shape of a level.
pub(crate) type Levels<'a> = Vec<Row<LevelWire<Raw<'a>>>>;

/// One side of a book in which nothing is broken.
pub(crate) type DirectLevels<L> = FilledRows<L>;

/// A level whose price and size are strings.
#[derive(Debug)]
pub(crate) struct Strings;

/// A level whose price and size are numbers.
#[derive(Debug)]
pub(crate) struct Numbers;

const BLANK: Level = Level {
    price: Decimal::ZERO,
    size: Decimal::ZERO,
};

impl FillRow for Strings {
    type Record = Level;

    const BLANK: Level = BLANK;

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

    const BLANK: Level = BLANK;

    fn cells<'de, A: SeqAccess<'de>>(
        level: &mut Level,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error> {
        row.number(&mut level.price)?;
        row.number(&mut level.size)
    }
}

/// A book in which nothing is broken; prices and sizes are strings.
pub(crate) type DirectBook<'a> = Object<BookWire<'a, DirectLevels<Strings>>>;

/// A book whose levels all have the shape of a level.
pub(crate) type SoundBook<'a> = Object<BookWire<'a, Levels<'a>>>;

/// One side of a book, or what stands in its place.
type Side<'a> = Result<Rows<'a, Row<LevelWire<Raw<'a>>>>, Raw<'a>>;

impl<'a, C: Cell<'a>> LevelWire<C> {
    fn read(&self, names: &Names, fields: &mut Fields<'_>) -> Option<Level> {
        let price = fields.need(names.price, self.price, Raw::decimal);
        let size = fields.need(names.size, self.size, Raw::decimal);
        price.zip(size).map(|(price, size)| Level { price, size })
    }
}

impl BookWire<'_, DirectLevels<Strings>> {
    /// The book.
    pub(crate) fn direct(self, symbol: &Symbol) -> Option<OrderBook> {
        direct_book(symbol, self.bids, self.asks, self.sequence)
    }
}

/// The book of two sides in which nothing is broken; `None` where one is not there.
pub(crate) fn direct_book<'a, L: FillRow<Record = Level>>(
    symbol: &Symbol,
    bids: Option<DirectLevels<L>>,
    asks: Option<DirectLevels<L>>,
    sequence: impl Into<Raw<'a>>,
) -> Option<OrderBook> {
    let mut book = OrderBook::new(symbol.clone());
    let (Filled(bids), Filled(asks)) = bids.zip(asks)?;
    (book.bids, book.asks) = (bids, asks);
    book.sequence = clean(|fields| Some(fields.may("sequence", sequence, Raw::count)))?;
    Some(book)
}

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
            Ok(Row(wire)) => wire.read(names, &mut fields),
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
