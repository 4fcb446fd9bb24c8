//! The values of a record on the direct way, read one after the other straight to their places.

use robust_market::{Timestamp, TradeId, decimal};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess};
use serde_json::value::RawValue;

use super::Raw;
use super::fill::{Fill, Place};

/// The values of a record, one after the other.
pub(crate) trait Values<'de> {
    type Error: Error;

    /// What `seed` makes of the next value. It is an error where there is none.
    fn seeded<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Self::Error>;

    /// The next value. It is an error where there is none.
    fn next<T: Deserialize<'de>>(&mut self) -> Result<T, Self::Error>;

    /// A record or a list, filled where it stays.
    #[inline]
    fn fill<F: Fill>(&mut self, place: &mut F::Place) -> Result<(), Self::Error> {
        self.seeded(Place::<F>(place))
    }

    /// A string without escapes.
    #[inline]
    fn text(&mut self) -> Result<&'de str, Self::Error> {
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

    /// A decimal in a string, of a record that need not have it.
    #[inline]
    fn decimal_of(&mut self, place: &mut Option<Decimal>) -> Result<(), Self::Error> {
        self.decimal(place.insert(Decimal::ZERO))
    }

    /// A decimal in a number, of a record that need not have it.
    #[inline]
    fn number_of(&mut self, place: &mut Option<Decimal>) -> Result<(), Self::Error> {
        self.number(place.insert(Decimal::ZERO))
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

    /// Whole seconds since 1970, in a string.
    #[inline]
    fn seconds_in_text(&mut self) -> Result<Timestamp, Self::Error> {
        let text = self.text()?;
        // The standard library takes a plus, the tolerant way does not.
        let is_plain = text
            .bytes()
            .next()
            .is_some_and(|first| first.is_ascii_digit());
        let seconds = text.parse().ok().filter(|_| is_plain);
        some(seconds.and_then(Timestamp::from_secs))
    }

    /// The name of a trade, in a number.
    #[inline]
    fn trade_id(&mut self) -> Result<TradeId, Self::Error> {
        number_as_id(self.next::<&'de RawValue>()?)
    }
}

#[inline]
fn exact<E: Error>(text: &str, place: &mut Decimal) -> Result<(), E> {
    decimal::parse_into(text, place).map_err(|_| surprise())
}

#[inline]
fn number_as_id<E: Error>(value: &RawValue) -> Result<TradeId, E> {
    let digits = value.get();
    let is_whole = digits.bytes().all(|byte| byte.is_ascii_digit());
    some(is_whole.then(|| TradeId::from(digits)))
}

/// What is there, or a surprise.
#[inline]
pub(crate) fn some<T, E: Error>(value: Option<T>) -> Result<T, E> {
    value.ok_or_else(surprise)
}

/// Goes on where it `is_so`.
#[inline]
pub(crate) fn only_if<E: Error>(is_so: bool) -> Result<(), E> {
    some(is_so.then_some(()))
}

#[cold]
pub(super) fn surprise<E: Error>() -> E {
    E::custom("not a sound record")
}

/// The cells of a row.
#[derive(Debug)]
pub(crate) struct RowValues<A>(A);

impl<'de, A: SeqAccess<'de>> RowValues<A> {
    pub(super) fn new(seq: A) -> Self {
        Self(seq)
    }

    /// The name of a trade in a number, where the row does not end before it.
    #[inline]
    pub(crate) fn trade_id_if_there(&mut self) -> Result<Option<TradeId>, A::Error> {
        let value = self.0.next_element::<&'de RawValue>()?;
        value.map(number_as_id).transpose()
    }

    /// A time in seconds with any fraction, in a number.
    #[inline]
    pub(crate) fn exact_seconds(&mut self) -> Result<Timestamp, A::Error> {
        some(self.next::<Raw<'de>>()?.seconds().ok())
    }

    /// Skips what is left of the row, for exchanges add cells.
    #[inline]
    pub(super) fn end(&mut self) -> Result<(), A::Error> {
        while self.0.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }
}

impl<'de, A: SeqAccess<'de>> Values<'de> for RowValues<A> {
    type Error = A::Error;

    #[inline]
    fn seeded<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        some(self.0.next_element_seed(seed)?)
    }

    #[inline]
    fn next<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        some(self.0.next_element()?)
    }
}

/// The value of a member of an object.
#[derive(Debug)]
pub(crate) struct MemberValue<'m, A>(pub(super) &'m mut A);

impl<'de, A: MapAccess<'de>> Values<'de> for MemberValue<'_, A> {
    type Error = A::Error;

    #[inline]
    fn seeded<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(seed)
    }

    #[inline]
    fn next<T: Deserialize<'de>>(&mut self) -> Result<T, A::Error> {
        self.0.next_value()
    }
}
