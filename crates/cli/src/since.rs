//! A moment on the command line.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat};
use robust_data_manager::market::Timestamp;

/// A number below this one would be a time before 2000: seconds, most likely, where milliseconds belong.
const YEAR_2000_MS: i64 = 946_684_800_000;

/// When a series begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    At(Timestamp),
    Ago(Duration),
}

impl Since {
    /// The moment that is meant, by a clock that shows `now`. `None` when it has not come yet.
    pub(crate) fn before(self, now: Timestamp) -> Option<Timestamp> {
        let at = match self {
            Self::At(at) => at,
            Self::Ago(span) => now.saturating_sub(span),
        };
        (at <= now).then_some(at)
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => {
                let at = DateTime::from_timestamp(at.as_secs(), 0).unwrap_or_default();
                f.write_str(&at.to_rfc3339_opts(SecondsFormat::Secs, true))
            }
            Self::Ago(span) => write!(f, "{} ago", humantime::format_duration(*span)),
        }
    }
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let forms = || {
            "write 2026-11-01T00:00:00Z, 2026-11-01, milliseconds since 1970, or a span such as \"3h ago\""
                .to_owned()
        };
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let ms: i64 = text.parse().map_err(|_| forms())?;
            if ms < YEAR_2000_MS {
                return Err(
                    "a bare number is milliseconds since 1970, such as 1795317943086".to_owned(),
                );
            }
            return Timestamp::from_ms(ms).map(Self::At).ok_or_else(forms);
        }
        let utc = |at: DateTime<chrono::Utc>| {
            let ns = at
                .timestamp_nanos_opt()
                .filter(|ns| ns / 1_000_000 >= YEAR_2000_MS);
            ns.map(|ns| Self::At(Timestamp::from_ns(ns)))
        };
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return utc(at.to_utc()).ok_or_else(|| "use a time from 2000 to 2262".to_owned());
        }
        if let Ok(day) = text.parse::<NaiveDate>() {
            let midnight = day.and_time(chrono::NaiveTime::MIN).and_utc();
            return utc(midnight).ok_or_else(|| "use a time from 2000 to 2262".to_owned());
        }
        let span = text.strip_suffix("ago").map_or(text, str::trim_end);
        humantime::parse_duration(span)
            .map(Self::Ago)
            .map_err(|_| forms())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        match text.parse::<Since>() {
            Ok(Since::At(at)) => at.as_ms(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_written_form_of_a_moment_is_read() {
        for text in [
            "2025-06-15T15:06:40Z",
            "2025-06-15T17:06:40+02:00",
            "2025-06-15t15:06:40.000z",
            "1750000000000",
        ] {
            assert_eq!(at(text), 1_750_000_000_000, "{text}");
        }
        assert_eq!(at("2025-06-15"), 1_749_945_600_000);
        let span = Since::Ago(Duration::from_secs(3 * 3_600));
        for text in ["3h ago", "3h", "180m ago", "3hours  ago"] {
            assert_eq!(text.parse(), Ok(span), "{text}");
        }
    }

    #[test]
    fn what_is_no_moment_is_refused_with_a_remedy() {
        for (text, remedy) in [
            ("", "write 2026-11-01T00:00:00Z"),
            ("yesterday", "write 2026-11-01T00:00:00Z"),
            ("-3h", "write 2026-11-01T00:00:00Z"),
            ("ago", "write 2026-11-01T00:00:00Z"),
            ("1750000000", "milliseconds since 1970"),
            ("99999999999999999999", "write 2026-11-01T00:00:00Z"),
            ("1969-12-31T00:00:00Z", "from 2000 to 2262"),
            ("9999-01-01", "from 2000 to 2262"),
            ("2026-02-30", "write 2026-11-01T00:00:00Z"),
        ] {
            let error = text.parse::<Since>().unwrap_err();
            assert!(error.contains(remedy), "{text}: {error}");
        }
    }

    #[test]
    fn what_has_not_come_yet_is_no_beginning() {
        let now = Timestamp::from_ns(1_750_000_000_000_000_000);
        let hour = Duration::from_secs(3_600);
        assert_eq!(Since::Ago(hour).before(now), Some(now.saturating_sub(hour)));
        assert_eq!(Since::At(now).before(now), Some(now));
        assert_eq!(Since::At(now.saturating_add(hour)).before(now), None);
    }
}
