//! Finds the hint in the headers of an answer.

use std::time::SystemTime;

use http::{HeaderMap, HeaderName, header};

use super::{Hint, Reader, Unreadable};

/// Azure's and OpenAI's headers in milliseconds, more exact than the `Retry-After` beside them.
const IN_MILLIS: [HeaderName; 2] = [
    HeaderName::from_static("retry-after-ms"),
    HeaderName::from_static("x-ms-retry-after-ms"),
];

/// The hint in the headers of an answer that came at `received`; `None` when there is no such header.
///
/// `retry-after-ms` and `x-ms-retry-after-ms` are read before `Retry-After`, being more exact. Of
/// several `Retry-After` the longest counts.
///
/// # Errors
///
/// The `Some` holds the reason when there is such a header and none of them can be read.
///
/// # Examples
///
/// ```
/// use http::{HeaderMap, header::RETRY_AFTER};
/// use robust_backoff::retry_after::{Reader, from_headers};
///
/// let mut headers = HeaderMap::new();
/// assert!(from_headers(&headers, Reader::new(), None).is_none());
/// headers.insert(RETRY_AFTER, http::HeaderValue::from_static("30"));
/// let hint = from_headers(&headers, Reader::new(), None).expect("a header");
/// assert_eq!(hint.map(|hint| hint.wait.as_secs()), Ok(30));
/// ```
#[must_use]
pub fn from_headers(
    headers: &HeaderMap,
    reader: Reader,
    received: Option<SystemTime>,
) -> Option<Result<Hint, Unreadable>> {
    let date = headers
        .get(header::DATE)
        .and_then(|date| date.to_str().ok());
    let mut reason = None;
    for (name, reader) in IN_MILLIS
        .iter()
        .map(|name| (name, reader.millis()))
        .chain([(&header::RETRY_AFTER, reader)])
    {
        let mut longest: Option<Hint> = None;
        for value in headers.get_all(name) {
            let read = value
                .to_str()
                .map_err(|_| Unreadable::NotText)
                .and_then(|value| reader.read(value, date, received));
            match read {
                Ok(hint) if longest.is_none_or(|longest| longest.wait < hint.wait) => {
                    longest = Some(hint);
                }
                Ok(_) => {}
                Err(unreadable) => reason = Some(unreadable),
            }
        }
        if let Some(hint) = longest {
            return Some(Ok(hint));
        }
    }
    reason.map(Err)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn headers(lines: &[(&'static str, &[u8])]) -> HeaderMap {
        lines
            .iter()
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_bytes(value).unwrap(),
                )
            })
            .fold(HeaderMap::new(), |mut map, (name, value)| {
                map.append(name, value);
                map
            })
    }

    fn wait(lines: &[(&'static str, &[u8])]) -> Option<Result<Duration, Unreadable>> {
        from_headers(&headers(lines), Reader::new(), None).map(|read| read.map(|hint| hint.wait))
    }

    #[test]
    fn the_hint_is_found_and_measured_against_the_date_beside_it() {
        let ms = Duration::from_millis;
        let date: (&str, &[u8]) = ("date", b"Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(wait(&[]), None);
        assert_eq!(wait(&[date]), None);
        assert_eq!(wait(&[("retry-after", b"2")]), Some(Ok(ms(2_000))));
        assert_eq!(
            wait(&[("retry-after", b"Wed, 21 Oct 2026 07:28:05 GMT"), date]),
            Some(Ok(ms(5_000)))
        );
        assert_eq!(
            wait(&[("retry-after", b"2"), ("retry-after-ms", b"1250")]),
            Some(Ok(ms(1_250)))
        );
        assert_eq!(
            wait(&[
                ("retry-after", b"2"),
                ("retry-after", b"9"),
                ("retry-after", b"x")
            ]),
            Some(Ok(ms(9_000)))
        );
        assert_eq!(
            wait(&[("x-ms-retry-after-ms", b"?"), ("retry-after", b"2")]),
            Some(Ok(ms(2_000)))
        );
        assert_eq!(
            wait(&[("retry-after", b"\xff")]),
            Some(Err(Unreadable::NotText))
        );
        assert_eq!(
            wait(&[("retry-after", b"soon")]),
            Some(Err(Unreadable::NeitherNumberNorDate))
        );
    }
}
