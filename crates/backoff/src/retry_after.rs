//! What a server means by its `Retry-After`, in every form that is met.
//!
//! | form | example | meaning |
//! |---|---|---|
//! | seconds | `120` | RFC 9110 §10.2.3 |
//! | fractional seconds | `1.5` | not in the RFC, met often |
//! | HTTP date, all three forms | `Wed, 21 Oct 2026 07:28:00 GMT` | measured against the answer's own `Date`, so that a wrong clock on either side does not matter |
//! | Unix seconds, milliseconds, microseconds, nanoseconds | `1792567680`, `1792567680000`, … | the same; told from a span, and from each other, by their size |
//! | milliseconds | `1500` in `retry-after-ms` | [`Reader::millis`] |
//!
//! A time that is past means now, a very long one, up to the year 9999 and beyond, is
//! [bounded](Reader::max) and [says so](Hint::bounded), and what cannot be read is refused with the
//! [reason](Unreadable). The weekday of a date is not looked at: the rest says it all. Nothing that a server can send panics.
//!
//! ```
//! use robust_backoff::retry_after::{Form, Reader};
//! use std::time::Duration;
//!
//! let reader = Reader::new();
//! let date = Some("Wed, 21 Oct 2026 07:28:00 GMT");
//! let hint = reader.read("Wed, 21 Oct 2026 07:30:00 GMT", date, None)?;
//! assert_eq!((hint.wait, hint.form), (Duration::from_secs(120), Form::HttpDate));
//! assert_eq!(reader.read("1.5", None, None)?.wait, Duration::from_millis(1_500));
//! assert!(reader.read("soon", None, None).is_err());
//! # Ok::<(), robust_backoff::retry_after::Unreadable>(())
//! ```
//!
//! With the feature `http`, [`from_headers`] finds the header and the `Date` in a header map.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[cfg(feature = "http")]
mod headers;
#[cfg(test)]
mod tests;

#[cfg(feature = "http")]
pub use headers::from_headers;

/// Longer than the longest ban that we have seen documented, which is three days.
const MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A number from here on is a moment: 10⁹ s is September 2001, and a wait of 31 years is none.
const UNIX_SECONDS: f64 = 1e9;

/// A number from here on counts milliseconds since 1970: 10¹² ms is the same moment, and 10¹² s the year 33,658. So the
/// year 9999, which stands for never, is far away in each of these units.
const UNIX_MILLIS: f64 = 1e12;

/// The same for microseconds, and for nanoseconds.
const UNIX_MICROS: f64 = 1e15;
const UNIX_NANOS: f64 = 1e18;

/// A number from here on is none of these.
const BEYOND: f64 = 1e21;

/// As dates of HTTP name them.
const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// How to read the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    max: Duration,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
}

/// What the server asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hint {
    /// How long to stay away, from when the answer came.
    pub wait: Duration,
    /// In which form it was said.
    pub form: Form,
    /// It was longer than the reader's maximum, and cut to it.
    pub bounded: bool,
}

/// The form in which a server said when to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Form {
    /// A span of seconds, with a fraction or without.
    Seconds,
    /// A span of milliseconds.
    Millis,
    /// A date of HTTP: IMF-fixdate, RFC 850 or asctime.
    HttpDate,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
    /// Microseconds since 1970.
    UnixMicros,
    /// Nanoseconds since 1970.
    UnixNanos,
}

/// Why a value could not be read. The value itself is not repeated: it is the server's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unreadable {
    /// There is nothing in it.
    #[error("the value is empty")]
    Empty,
    /// It is not printable ASCII.
    #[error("the value is not text")]
    NotText,
    /// It is neither a number nor a date of HTTP.
    #[error("the value is neither a number nor a date")]
    NeitherNumberNorDate,
    /// It names a moment, and neither a readable `Date` nor the time of receipt tells how far off
    /// that is.
    #[error("the value is a moment, and there is no clock to measure it against")]
    NoClock,
}

impl Reader {
    /// Plain numbers are seconds, as in `Retry-After`; nothing is longer than seven days.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max: MAX,
            unit: Unit::Seconds,
        }
    }

    /// Plain numbers are milliseconds, as in `retry-after-ms`.
    #[must_use]
    pub const fn millis(mut self) -> Self {
        self.unit = Unit::Millis;
        self
    }

    /// Cuts longer waits to `max`.
    #[must_use]
    pub const fn max(mut self, max: Duration) -> Self {
        self.max = max;
        self
    }

    /// Reads a value.
    ///
    /// Moments are measured against `date`, the answer's own `Date` header; if that is missing or
    /// unreadable, against `received`, the wall clock when the answer came.
    ///
    /// # Errors
    ///
    /// With the reason when the value cannot be read.
    pub fn read(
        &self,
        value: &str,
        date: Option<&str>,
        received: Option<SystemTime>,
    ) -> Result<Hint, Unreadable> {
        let value = value.trim();
        if value.is_empty() {
            return Err(Unreadable::Empty);
        }
        if !value.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            return Err(Unreadable::NotText);
        }
        let clock = || {
            date.and_then(moment)
                .or(received)
                .ok_or(Unreadable::NoClock)
        };
        if let Some(number) = number(value) {
            return self.number(number, clock);
        }
        let moment = moment(value).ok_or(Unreadable::NeitherNumberNorDate)?;
        Ok(self.hint(until(moment, clock()?), Form::HttpDate))
    }

    fn number(
        &self,
        number: f64,
        clock: impl FnOnce() -> Result<SystemTime, Unreadable>,
    ) -> Result<Hint, Unreadable> {
        let (divisor, form) = match self.unit {
            Unit::Seconds => (1.0, Form::Seconds),
            Unit::Millis => (1_000.0, Form::Millis),
        };
        let span = number / divisor;
        if span < UNIX_SECONDS || number >= BEYOND {
            return Ok(self.hint(seconds(span), form));
        }
        let (since_1970, form) = if number < UNIX_MILLIS {
            (number, Form::UnixSeconds)
        } else if number < UNIX_MICROS {
            (number / 1e3, Form::UnixMillis)
        } else if number < UNIX_NANOS {
            (number / 1e6, Form::UnixMicros)
        } else {
            (number / 1e9, Form::UnixNanos)
        };
        let moment = UNIX_EPOCH.checked_add(seconds(since_1970));
        let wait = match moment {
            Some(moment) => until(moment, clock()?),
            None => Duration::MAX,
        };
        Ok(self.hint(wait, form))
    }

    fn hint(&self, wait: Duration, form: Form) -> Hint {
        Hint {
            wait: wait.min(self.max),
            form,
            bounded: wait > self.max,
        }
    }
}

impl Default for Reader {
    fn default() -> Self {
        Self::new()
    }
}

/// A date of HTTP. Its weekday says nothing that the rest does not say, and may be wrong.
fn moment(value: &str) -> Option<SystemTime> {
    httpdate::parse_http_date(value).ok().or_else(|| {
        let end = value.find([',', ' '])?;
        let (named, rest) = value.split_at(end);
        // One form has the whole name, the others three letters.
        let long = DAYS.contains(&named);
        let known = long || DAYS.iter().any(|day| day.get(..3) == Some(named));
        known
            .then(|| {
                DAYS.iter().map(|day| {
                    if long {
                        day
                    } else {
                        day.get(..3).unwrap_or(day)
                    }
                })
            })?
            .find_map(|day| httpdate::parse_http_date(&format!("{day}{rest}")).ok())
    })
}

/// Digits with at most one point and a sign before them; `inf`, `nan` and `1e3` are words here.
fn number(value: &str) -> Option<f64> {
    let digits = value.strip_prefix(['-', '+']).unwrap_or(value);
    let plain = digits
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if !plain {
        return None;
    }
    value.parse().ok()
}

/// A negative number, the rest of a time that is over, is no wait; one too large for a `Duration`
/// is the longest.
fn seconds(number: f64) -> Duration {
    if number <= 0.0 {
        Duration::ZERO
    } else {
        Duration::try_from_secs_f64(number).unwrap_or(Duration::MAX)
    }
}

fn until(moment: SystemTime, now: SystemTime) -> Duration {
    moment.duration_since(now).unwrap_or(Duration::ZERO)
}
