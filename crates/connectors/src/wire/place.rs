//! Records that are filled where they will stay: each value is read straight to its place.
//!
//! A value that is handed on through results and options is copied at each step, and a decimal is as long as what is read of it. Here the
//! record is put into its list first and its fields are set while serde_json reads on. A surprise anywhere ends the direct way, so
//! nobody sees a record that is half filled.

use std::fmt;
use std::marker::PhantomData;

use robust_market::{Candle, Timestamp, Trade, decimal};
use rust_decimal::Decimal;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::Raw;

/// A bar before its row has been read.
pub(crate) const BLANK_CANDLE: Candle = Candle {
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

/// A trade before its row has been read.
pub(crate) const BLANK_TRADE: Trade = Trade {
    id: None,
    price: Decimal::ZERO,
    amount: Decimal::ZERO,
    side: None,
    time: Timestamp::EPOCH,
};

/// The values of a record, one after the other.
pub(crate) trait Values<'de> {
    type Error: Error;

    /// The next value. It is an error where there is none.
    fn next<T: Deserialize<'de>>(&mut self) -> Result<T, Self::Error>;

    /// A string without escapes.
    #[inline]
    fn text(&mut self) -> Result<&'de str, Self::Error> {
        self.next()
    }

    /// Any value, as it stands in the answer.
    #[inline]
    fn raw(&mut self) -> Result<Raw<'de>, Self::Error> {
        self.next()
    }

    /// A value that nobody reads.
    #[inline]
    fn skip(&mut self) -> Result<(), Self::Error> {
        self.next::<IgnoredAny>().map(|_| ())
    }

    /// A decimal in a string.
    #[inline]
    fn decimal(&mut self, place: &mut Decimal) -> Result<(), Self::Error> {
        exact(self.text()?, place)
    }

    /// A decimal in a number.
    #[inline]
    fn number(&mut self, place: &mut Decimal) -> Result<(), Self::Error> {
        exact(self.next::<&'de RawValue>()?.get(), place)
    }

    /// Whole milliseconds since 1970.
    #[inline]
    fn millis(&mut self) -> Result<Timestamp, Self::Error> {
        some(Timestamp::from_ms(self.next()?))
    }

    /// Whole seconds since 1970.
    #[inline]
    fn seconds(&mut self) -> Result<Timestamp, Self::Error> {
        let seconds = i64::try_from(self.next::<u64>()?).ok();
        some(seconds.and_then(Timestamp::from_secs))
    }

    /// What `read` makes of any value.
    #[inline]
    fn read<T, X>(
        &mut self,
        read: impl FnOnce(Raw<'de>) -> Result<T, X>,
    ) -> Result<T, Self::Error> {
        some(read(self.raw()?).ok())
    }
}

#[inline]
fn exact<E: Error>(text: &str, place: &mut Decimal) -> Result<(), E> {
    match decimal::parse(text) {
        Ok(value) => {
            *place = value;
            Ok(())
        }
        Err(_) => Err(surprise()),
    }
}

/// What is there, or a surprise.
#[inline]
pub(crate) fn some<T, E: Error>(value: Option<T>) -> Result<T, E> {
    value.ok_or_else(surprise)
}

#[cold]
fn surprise<E: Error>() -> E {
    E::custom("not a sound record")
}

/// The cells of a row.
#[derive(Debug)]
pub(crate) struct RowValues<A>(A);

impl<'de, A: SeqAccess<'de>> RowValues<A> {
    /// Any value, where the row does not end before it.
    pub(crate) fn raw_if_there(&mut self) -> Result<Option<Raw<'de>>, A::Error> {
        self.0.next_element()
    }
}

impl<'de, A: SeqAccess<'de>> Values<'de> for RowValues<A> {
    type Error = A::Error;

    #[inline]
    fn next<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        some(self.0.next_element()?)
    }
}

/// The value of a member of an object.
#[derive(Debug)]
pub(crate) struct MemberValue<'m, A>(&'m mut A);

impl<'de, A: MapAccess<'de>> Values<'de> for MemberValue<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        self.0.next_value()
    }
}

/// How a record is filled, whatever its JSON is.
pub(crate) trait Fill {
    type Record;

    /// A record before anything has been read.
    const BLANK: Self::Record;

    /// Fills a record from one JSON value.
    ///
    /// # Errors
    ///
    /// Whatever is a surprise.
    fn fill<'de, D: Deserializer<'de>>(
        record: &mut Self::Record,
        deserializer: D,
    ) -> Result<(), D::Error>;
}

/// A record that is written as a list.
pub(crate) trait FillRow {
    type Record;

    /// A record before anything has been read.
    const BLANK: Self::Record;

    /// Reads the cells. Those that are left are skipped, for exchanges add some.
    fn cells<'de, A: SeqAccess<'de>>(
        record: &mut Self::Record,
        row: &mut RowValues<A>,
    ) -> Result<(), A::Error>;
}

/// A record that is written as an object.
pub(crate) trait FillObject {
    type Record;

    /// A record before anything has been read.
    const BLANK: Self::Record;

    /// The bits of the members that every record has.
    const NEEDED: u32;

    /// Reads a member to its place and says which it was: a bit of its own, or 0 for a member that nobody reads. Two of one bit are a
    /// surprise.
    fn member<'de, V: Values<'de>>(
        record: &mut Self::Record,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error>;
}

/// Records in rows.
#[derive(Debug)]
pub(crate) struct InRows<F>(PhantomData<F>);

/// Records in objects.
#[derive(Debug)]
pub(crate) struct InObjects<F>(PhantomData<F>);

impl<F: FillRow> Fill for InRows<F> {
    type Record = F::Record;

    const BLANK: F::Record = F::BLANK;

    #[inline]
    fn fill<'de, D: Deserializer<'de>>(
        record: &mut F::Record,
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
                let mut row = RowValues(seq);
                F::cells(self.0, &mut row)?;
                while row.0.next_element::<IgnoredAny>()?.is_some() {}
                Ok(())
            }
        }

        deserializer.deserialize_seq(RowVisitor::<F>(record))
    }
}

impl<F: FillObject> Fill for InObjects<F> {
    type Record = F::Record;

    const BLANK: F::Record = F::BLANK;

    #[inline]
    fn fill<'de, D: Deserializer<'de>>(
        record: &mut F::Record,
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

        deserializer.deserialize_map(ObjectVisitor::<F>(record))
    }
}

/// One record, filled where it stands.
struct Place<'r, F: Fill>(&'r mut F::Record);

impl<'de, F: Fill> DeserializeSeed<'de> for Place<'_, F> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        F::fill(self.0, deserializer)
    }
}

/// The records of a list in which nothing is broken, each filled where it stays. It is an error where something is.
#[derive(Debug)]
pub(crate) struct Filled<F: Fill>(pub(crate) Vec<F::Record>);

/// Records of a list of rows.
pub(crate) type FilledRows<F> = Filled<InRows<F>>;

/// Records of a list of objects.
pub(crate) type FilledObjects<F> = Filled<InObjects<F>>;

impl<'de, F: Fill> Deserialize<'de> for Filled<F> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<F>(PhantomData<F>);

        impl<'de, F: Fill> Visitor<'de> for ListVisitor<F> {
            type Value = Filled<F>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of sound records")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                /// What most lists have room for: fewer moves of what has been read.
                const ROOM: usize = 32;
                let mut records = Vec::with_capacity(ROOM);
                loop {
                    records.push(F::BLANK);
                    let place = some(records.last_mut())?;
                    if seq.next_element_seed(Place::<F>(place))?.is_none() {
                        records.pop();
                        return Ok(Filled(records));
                    }
                }
            }
        }

        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}
