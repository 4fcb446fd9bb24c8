//! Words on when to come back, and the other headers that are read: any value, no panic, no wait beyond the bound.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use robust_backoff::retry_after::{Hint, Reader, Unreadable, from_headers};

use super::Finding;
use crate::payloads::Venue;

/// The bound that is examined.
const MAX: Duration = Duration::from_secs(86_400);

/// When the answers came.
const RECEIVED: Duration = Duration::from_secs(1_792_567_680);

/// Reads the first line as a `Retry-After` and the second as the `Date` beside it.
///
/// # Errors
///
/// [`Finding::Broken`] with what does not hold: a wait beyond the bound, two readings that differ, a number of seconds that is read as
/// another one, a shorter wait under a larger bound.
pub fn examine_retry_after(input: &[u8]) -> Result<(), Finding> {
    let text = String::from_utf8_lossy(input);
    let (value, date) = match text.split_once('\n') {
        Some((value, date)) => (value, Some(date)),
        None => (&*text, None),
    };
    let received = SystemTime::UNIX_EPOCH.checked_add(RECEIVED);
    for reader in [Reader::new().max(MAX), Reader::new().max(MAX).millis()] {
        for received in [received, None] {
            let read = reader.read(value, date, received);
            bounded(&read, MAX)?;
            if read != reader.read(value, date, received) {
                return Finding::broken("the same text was read in two ways");
            }
            let unbounded = reader.max(Duration::MAX).read(value, date, received);
            match (&read, &unbounded) {
                (Ok(read), Ok(unbounded)) if read.wait == unbounded.wait.min(MAX) => {}
                (Err(one), Err(other)) if one == other => {}
                _ => {
                    let what = format!("{read:?} with a bound, {unbounded:?} without");
                    return Finding::broken(what);
                }
            }
        }
    }
    // A span, as RFC 9110 writes it.
    if !value.is_empty()
        && value.len() <= 9
        && value.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(seconds) = value.parse()
    {
        let wait = Duration::from_secs(seconds).min(MAX);
        let read = Reader::new().max(MAX).read(value, date, None);
        if read.as_ref().map(|hint| hint.wait) != Ok(wait) {
            return Finding::broken(format!("{wait:?} was read as {read:?}"));
        }
    }
    Ok(())
}

/// Reads each line `name: value` as a header of an answer, and the headers as the backoff and every connector do.
///
/// # Errors
///
/// [`Finding::Broken`] with what does not hold: a wait beyond the bound, a usage of a window that is not there, two readings that differ.
pub fn examine_headers(input: &[u8]) -> Result<(), Finding> {
    let headers = headers(input);
    let received = SystemTime::UNIX_EPOCH.checked_add(RECEIVED);
    let read = || from_headers(&headers, Reader::new().max(MAX), received);
    let hint = read();
    if let Some(hint) = &hint {
        bounded(hint, MAX)?;
    }
    if hint != read() {
        return Finding::broken("the same headers were read in two ways");
    }
    for venue in Venue::ALL {
        let connector = venue.connector();
        let (usages, windows) = (connector.usage(&headers), connector.windows());
        if usages != connector.usage(&headers) {
            return Finding::broken("the same usage was read in two ways");
        }
        for usage in usages {
            if usage.window >= windows.len() {
                let what = format!(
                    "{usage:?} of {} windows of {}",
                    windows.len(),
                    venue.as_str()
                );
                return Finding::broken(what);
            }
        }
    }
    Ok(())
}

fn bounded(read: &Result<Hint, Unreadable>, max: Duration) -> Result<(), Finding> {
    match read {
        Ok(hint) if hint.wait > max => Finding::broken(format!("{hint:?} is beyond {max:?}")),
        _ => Ok(()),
    }
}

/// What is no header of HTTP would not have got here: the client refuses it.
fn headers(input: &[u8]) -> HeaderMap {
    let lines = input.split(|byte| *byte == b'\n').take(100);
    lines
        .filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            let value = value.get(1..)?.trim_ascii();
            Some((
                HeaderName::from_bytes(name.trim_ascii()).ok()?,
                HeaderValue::from_bytes(value).ok()?,
            ))
        })
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
}

/// What `Retry-After` and `Date` look like, as lines.
pub(super) const RETRY_AFTERS: &[&str] = &[
    "120",
    "0",
    "1.5",
    "1e3",
    "999999999",
    "1792567680",
    "1792567680000",
    "99999999999999999999",
    "Wed, 21 Oct 2026 07:28:00 GMT\nWed, 21 Oct 2026 07:27:00 GMT",
    "Wednesday, 21-Oct-26 07:28:00 GMT\nWed, 21 Oct 2026 07:28:00 GMT",
    "Wed Oct 21 07:28:00 2026\nWed, 21 Oct 2026 09:28:00 GMT",
    "Wed, 21 Oct 2026 07:28:60 GMT",
    "-1",
    "soon",
];

/// Headers of exchanges and gateways, as lines.
pub(super) const HEADERS: &[&str] = &[
    "retry-after: 5\ndate: Wed, 21 Oct 2026 07:28:00 GMT",
    "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\ndate: Wed, 21 Oct 2026 07:27:30 GMT",
    "retry-after-ms: 1500\nretry-after: 2",
    "x-ms-retry-after-ms: 250",
    "x-mbx-used-weight: 12\nx-mbx-used-weight-1m: 1200\nx-mbx-order-count-10s: 4",
    "x-mbx-used-weight-1m: 4294967296",
    "gw-ratelimit-limit: 2000\ngw-ratelimit-remaining: 1999\ngw-ratelimit-reset: 29000",
    "gw-ratelimit-limit: 4000\ngw-ratelimit-remaining: 18446744073709551616",
    "ratelimit-limit: 10\nratelimit-remaining: 0\nratelimit-reset: 1",
    "x-hb-ratelimit-requests-remain: 3\nx-hb-ratelimit-requests-expire: 1792567680000",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_runs_start_from_holds() {
        for text in RETRY_AFTERS {
            assert_eq!(examine_retry_after(text.as_bytes()), Ok(()), "{text}");
        }
        for text in HEADERS {
            assert_eq!(examine_headers(text.as_bytes()), Ok(()), "{text}");
            assert_eq!(headers(text.as_bytes()).len(), text.lines().count());
        }
    }

    #[test]
    fn a_wait_beyond_the_bound_would_be_found() {
        let read = Reader::new().read("120", None, None);
        assert_eq!(bounded(&read, Duration::from_secs(120)), Ok(()));
        assert!(bounded(&read, Duration::from_secs(119)).is_err());
    }
}
