//! What an answer says before its body is looked at: status, headers, and bodies that are no JSON.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::Duration;

use chrono::DateTime;
use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use robust_market::Timestamp;

use crate::{Class, Reply, Verdict};

/// The longest wait that is taken from a server's word. Longer ones are cut to it: Binance's longest ban is three days.
const LONGEST_WAIT: Duration = Duration::from_secs(7 * 24 * 3_600);

/// What an HTTP status means when the body says nothing better.
///
/// 403 is the exchanges' web firewall, which blocks callers that ask too often; 451 is a country block and will not go away.
/// A redirect is never followed, so it is no answer.
pub(crate) fn class_of_status(status: StatusCode) -> Class {
    match status.as_u16() {
        418 => Class::Banned,
        403 | 429 => Class::RateLimited,
        401 => Class::Auth,
        408 => Class::Transient,
        400..=499 => Class::Permanent,
        500..=599 => Class::Transient,
        _ => Class::Malformed,
    }
}

/// The verdict on an answer whose body says nothing: by its status, with what was found instead.
pub(crate) fn by_status(reply: &Reply<'_>) -> Verdict {
    let class = if is_cloudflare_limit(reply.body) {
        Class::RateLimited
    } else {
        class_of_status(reply.status)
    };
    Verdict::new(class, reply.status.as_u16(), None, &found(reply.body))
}

/// The verdict on an answer that has another shape than it should.
pub(crate) fn malformed(reply: &Reply<'_>, why: &str) -> Verdict {
    if is_cloudflare_limit(reply.body) {
        return by_status(reply);
    }
    let message = format!("{why}: {}", found(reply.body));
    Verdict::new(Class::Malformed, reply.status.as_u16(), None, &message)
}

impl Reply<'_> {
    /// The verdict on an answer whose body says nothing: by its status, with what was found instead.
    ///
    /// 429 and 403 are [`Class::RateLimited`], 418 is [`Class::Banned`], 401 [`Class::Auth`], other 4xx [`Class::Permanent`], 5xx and 408
    /// [`Class::Transient`], everything else [`Class::Malformed`].
    #[must_use]
    pub fn by_status(&self) -> Verdict {
        by_status(self)
    }

    /// The verdict on an answer that has another shape than it should: [`Class::Malformed`], with what was found.
    #[must_use]
    pub fn malformed(&self, why: &str) -> Verdict {
        malformed(self, why)
    }

    /// The server's word on how long to wait: `Retry-After` in seconds, or as a date, which is read against the server's own clock where
    /// it tells it. At most a week.
    #[must_use]
    pub fn retry_after(&self, now: Timestamp) -> Option<Duration> {
        retry_after(self.headers, now)
    }
}

/// Cloudflare's own words for "too many requests", which it also sends with other statuses.
fn is_cloudflare_limit(body: &[u8]) -> bool {
    body.starts_with(b"error code: 1015")
}

/// Says in words what a body is.
fn found(body: &[u8]) -> String {
    const SHOWN: usize = 80;
    let start: String = String::from_utf8_lossy(body.get(..4 * SHOWN).unwrap_or(body))
        .trim_start()
        .chars()
        .take(SHOWN)
        .collect();
    if start.is_empty() {
        "an empty body".to_owned()
    } else if start.starts_with('<') {
        format!("HTML, {start}")
    } else if start.starts_with(['{', '[']) {
        format!("{} bytes of JSON, {start}", body.len())
    } else {
        format!("text, {start}")
    }
}

/// The server's word on how long to wait: seconds, or a date, which is read against the server's own clock where it tells it.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let server_now = headers.get(DATE).and_then(|date| date.to_str().ok());
            let server_now = server_now.and_then(date).unwrap_or(now);
            date(text)?.since(server_now)
        }
    };
    Some(wait.min(LONGEST_WAIT))
}

fn date(text: &str) -> Option<Timestamp> {
    let date = DateTime::parse_from_rfc2822(text.trim()).ok()?;
    Timestamp::from_secs(date.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn wait(retry_after_text: &str, date_text: Option<&str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(
            RETRY_AFTER,
            HeaderValue::from_str(retry_after_text).unwrap(),
        );
        if let Some(date) = date_text {
            headers.insert(DATE, HeaderValue::from_str(date).unwrap());
        }
        retry_after(&headers, Timestamp::from_secs(1_700_000_000).unwrap())
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_against_the_servers_clock() {
        let hour = Duration::from_secs(3_600);
        let server = Some("Sun, 06 Nov 1994 07:49:37 GMT");
        assert_eq!(wait("17", None), Some(Duration::from_secs(17)));
        assert_eq!(wait(" 0 ", None), Some(Duration::ZERO));
        assert_eq!(wait("Sun, 06 Nov 1994 08:49:37 GMT", server), Some(hour));
        // Without the server's clock ours has to do.
        assert_eq!(wait("Tue, 14 Nov 2023 23:13:20 GMT", None), Some(hour));
        assert_eq!(
            wait("Sun, 06 Nov 1994 06:49:37 GMT", server),
            Some(Duration::ZERO)
        );
        assert_eq!(wait("soon", None), None);
        assert_eq!(wait("-3", None), None);
        assert_eq!(wait("99999999999", None), Some(LONGEST_WAIT));
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::EPOCH), None);
    }

    #[test]
    fn a_status_alone_is_enough_for_a_class() {
        for (status, class) in [
            (429, Class::RateLimited),
            (403, Class::RateLimited),
            (418, Class::Banned),
            (451, Class::Permanent),
            (404, Class::Permanent),
            (401, Class::Auth),
            (408, Class::Transient),
            (500, Class::Transient),
            (502, Class::Transient),
            (520, Class::Transient),
            (599, Class::Transient),
            (200, Class::Malformed),
            (302, Class::Malformed),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(class_of_status(status), class, "{status}");
        }
    }
}
