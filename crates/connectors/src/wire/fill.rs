//! Records that are filled where they will stay: the direct way from an answer to its value.
//!
//! A value that is handed on through results and options is copied at each step, and a decimal is as long as what is read of it. Here the
//! record is put into its place first and its fields are set while serde_json reads on. A surprise anywhere ends the direct way, so
//! nobody sees a record that is half filled.

use std::fmt;
use std::marker::PhantomData;

use robust_market::{Candle, Level, Timestamp, Trade};
use rust_decimal::Decimal;
use serde::Deserializer;
use serde::de::{DeserializeSeed, MapAccess, SeqAccess, Visitor};

use super::values::{MemberValue, RowValues, Values, some, surprise};

/// How something is filled from one JSON value.
pub(crate) trait Fill {
    /// What is filled.
    type Place;

    /// Fills a place from one JSON value.
    ///
    /// # Errors
    ///
    /// Whatever is a surprise.
    fn fill<'de, D: Deserializer<'de>>(
        place: &mut Self::Place,
        deserializer: D,
    ) -> Result<(), D::Error>;
}

/// A record that is written as a list.
pub(crate) trait FillRow {
    type Record;

    /// Reads the cells. Those that are left are skipped, for exchanges add some.
    fn cells<'de, A: SeqAccess<'de>>(
        record: &mut Self::Record,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error>;
}

/// A record that is written as an object.
pub(crate) trait FillObject {
    type Record;

    /// The bits of the members that every record has.
    const NEEDED: u32;

    /// Reads a member to its place and says which it was: a bit of its own, or 0 for a member that neither way knows. Two of one bit are a
    /// surprise, as two of one name are to the tolerant way: a member that only that one reads has a bit as well.
    fn member<'de, V: Values<'de>>(
        record: &mut Self::Record,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error>;
}

/// Fills `place` from a whole text; `None` where anything is a surprise.
pub(crate) fn fill<F: Fill>(text: &str, place: &mut F::Place) -> Option<()> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    F::fill(place, &mut deserializer).ok()?;
    deserializer.end().ok()
}

/// Room for the records of an answer whose shortest ones take so many bytes: what has been read is not moved when the list grows.
///
/// An answer need not be what was asked for, so there is room for no more than the longest page of any exchange, HTX's.
pub(crate) fn room<T>(body: &[u8], bytes_each: usize) -> Vec<T> {
    const LONGEST_PAGE: usize = 2_000;
    let records = body.len().checked_div(bytes_each).unwrap_or(0);
    Vec::with_capacity(records.min(LONGEST_PAGE))
}

/// A record in a row.
#[derive(Debug)]
pub(crate) struct InRow<F>(PhantomData<F>);

/// A record in an object.
#[derive(Debug)]
pub(crate) struct InObject<F>(PhantomData<F>);

/// Records in a list, each filled where it stays. What is there already stays before them.
#[derive(Debug)]
pub(crate) struct InList<F>(PhantomData<F>);

/// A list each of whose elements is filled into the same place.
#[derive(Debug)]
pub(crate) struct InEach<F>(PhantomData<F>);

/// What a record is before anything has been read of it.
pub(crate) trait Blank {
    const BLANK: Self;
}

impl Blank for Level {
    const BLANK: Self = Self {
        price: Decimal::ZERO,
        size: Decimal::ZERO,
    };
}

impl Blank for Candle {
    const BLANK: Self = Self {
        time: Timestamp::EPOCH,
        open: Decimal::ZERO,
        high: Decimal::ZERO,
        low: Decimal::ZERO,
        close: Decimal::ZERO,
        volume: Decimal::ZERO,
        quote_volume: None,
        vwap: None,
        count: None,
        closed: false,
    };
}

impl Blank for Trade {
    const BLANK: Self = Self {
        id: None,
        price: Decimal::ZERO,
        amount: Decimal::ZERO,
        side: None,
        time: Timestamp::EPOCH,
    };
}

impl<F: FillRow> Fill for InRow<F> {
    type Place = F::Record;

    #[inline]
    fn fill<'de, D: Deserializer<'de>>(
        place: &mut F::Record,
        deserializer: D,
    ) -> Result<(), D::Error> {
        struct RowVisitor<'r, F: FillRow>(&'r mut F::Record);

        impl<'de, F: FillRow> Visitor<'de> for RowVisitor<'_, F> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of cells")
            }

            #[inline]
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<(), A::Error> {
                let mut row = RowValues::new(seq);
                F::cells(self.0, &mut row)?;
                row.end()
            }
        }

        deserializer.deserialize_seq(RowVisitor::<F>(place))
    }
}

impl<F: FillObject> Fill for InObject<F> {
    type Place = F::Record;

    #[inline]
    fn fill<'de, D: Deserializer<'de>>(
        place: &mut F::Record,
        deserializer: D,
    ) -> Result<(), D::Error> {
        struct ObjectVisitor<'r, F: FillObject>(&'r mut F::Record);

        impl<'de, F: FillObject> Visitor<'de> for ObjectVisitor<'_, F> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            #[inline]
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
                let mut seen = 0;
                while let Some(key) = map.next_key::<&'de str>()? {
                    let bit = F::member(self.0, key, &mut MemberValue(&mut map))?;
                    if seen & bit != 0 {
                        return Err(surprise());
                    }
                    seen |= bit;
                }
                if seen & F::NEEDED == F::NEEDED {
                    Ok(())
                } else {
                    Err(surprise())
                }
            }
        }

        deserializer.deserialize_map(ObjectVisitor::<F>(place))
    }
}

impl<F: Fill<Place: Blank>> Fill for InList<F> {
    type Place = Vec<F::Place>;

    fn fill<'de, D: Deserializer<'de>>(
        place: &mut Vec<F::Place>,
        deserializer: D,
    ) -> Result<(), D::Error> {
        struct ListVisitor<'r, F: Fill>(&'r mut Vec<F::Place>);

        impl<'de, F: Fill<Place: Blank>> Visitor<'de> for ListVisitor<'_, F> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sound records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                /// Room for the levels of most books.
                const ROOM: usize = 32;
                let records = self.0;
                if records.capacity() == 0 {
                    records.reserve(ROOM);
                }
                loop {
                    records.push(Blank::BLANK);
                    let place = some(records.last_mut())?;
                    if seq.next_element_seed(Place::<F>(place))?.is_none() {
                        records.pop();
                        return Ok(());
                    }
                }
            }
        }

        deserializer.deserialize_seq(ListVisitor::<F>(place))
    }
}

impl<F: Fill> Fill for InEach<F> {
    type Place = F::Place;

    fn fill<'de, D: Deserializer<'de>>(
        place: &mut F::Place,
        deserializer: D,
    ) -> Result<(), D::Error> {
        struct EachVisitor<'r, F: Fill>(&'r mut F::Place);

        impl<'de, F: Fill> Visitor<'de> for EachVisitor<'_, F> {
            type Value = ();

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sound records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
                while seq.next_element_seed(Place::<F>(self.0))?.is_some() {}
                Ok(())
            }
        }

        deserializer.deserialize_seq(EachVisitor::<F>(place))
    }
}

/// Something that is filled where it stands.
pub(super) struct Place<'r, F: Fill>(pub(super) &'r mut F::Place);

impl<'de, F: Fill> DeserializeSeed<'de> for Place<'_, F> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        F::fill(self.0, deserializer)
    }
}
