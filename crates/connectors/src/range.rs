//! Checking the numbers of a request against what an exchange takes.

use robust_market::{Exchange, Timestamp};

use crate::EncodeError;

/// The most pairs that one request names. 400 names of 16 characters keep the URL below the 8 KiB that web servers take.
pub(crate) const SYMBOLS_MAX: u32 = 400;

/// Passes a number on when it is from 1 to `max`.
pub(crate) fn up_to(
    exchange: Exchange,
    field: &'static str,
    value: Option<u32>,
    max: u32,
) -> Result<Option<u32>, EncodeError> {
    match value {
        Some(number) if number == 0 || number > max => Err(EncodeError::OutOfRange {
            exchange,
            field,
            value: number.into(),
            min: 1,
            max: max.into(),
        }),
        _ => Ok(value),
    }
}

/// Passes a time on when it is not before 1970.
pub(crate) fn since(
    exchange: Exchange,
    value: Option<Timestamp>,
) -> Result<Option<Timestamp>, EncodeError> {
    match value {
        Some(time) if time < Timestamp::EPOCH => Err(EncodeError::OutOfRange {
            exchange,
            field: "since",
            value: time.as_ms(),
            min: 0,
            max: Timestamp::from_ns(i64::MAX).as_ms(),
        }),
        _ => Ok(value),
    }
}

/// Refuses a request about more pairs than one URL holds.
pub(crate) fn too_many(exchange: Exchange, symbols: usize) -> EncodeError {
    EncodeError::OutOfRange {
        exchange,
        field: "symbols",
        value: i64::try_from(symbols).unwrap_or(i64::MAX),
        min: 1,
        max: SYMBOLS_MAX.into(),
    }
}
