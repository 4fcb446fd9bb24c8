//! What an answer says before its body is looked at: status, headers, and bodies that are no JSON.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::time::{Duration, UNIX_EPOCH};

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderMap, StatusCode, Uri};
use robust_backoff::retry_after::{Reader, from_headers};
use robust_market::Timestamp;

use crate::{Class, Reply, Verdict};

/// What an HTTP status means when the body says nothing better.
///
/// 403 is the exchanges' web firewall, which blocks callers that ask too often; 451 is a country block and will not go away.
/// A redirect is never followed.
pub(crate) fn class_of_status(status: StatusCode) -> Class {
    match status.as_u16() {
        300..=399 => Class::Redirect,
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
    let found = found(reply.body);
    let message = if class == Class::Redirect {
        format!("unexpected redirect{}: {found}", goal(reply.headers))
    } else {
        found
    };
    Verdict::new(class, reply.status.as_u16(), None, &message)
}

/// Where a redirect leads, as far as that may be told: an address may carry what was asked, or a key.
fn goal(headers: &HeaderMap) -> String {
    let location = headers.get(LOCATION).map(|location| location.as_bytes());
    let goal = location.and_then(|location| Uri::try_from(location).ok());
    match goal.as_ref().and_then(Uri::host) {
        Some(host) => format!(" to {host}"),
        None => String::new(),
    }
}

/// The verdict on an answer that has another shape than it should.
pub(crate) fn malformed(reply: &Reply<'_>, why: &str) -> Verdict {
    if is_cloudflare_limit(reply.body) || reply.status.is_redirection() {
        return by_status(reply);
    }
    let class = if is_page(reply) {
        Class::UnexpectedContent
    } else {
        Class::Malformed
    };
    let message = format!("{why}: {}", found(reply.body));
    Verdict::new(class, reply.status.as_u16(), None, &message)
}

/// Whether what came is a page for people, by its first sign or by what it says of itself.
fn is_page(reply: &Reply<'_>) -> bool {
    let body = reply.body.trim_ascii_start();
    let says_html = || {
        let kind = reply.headers.get(CONTENT_TYPE).map(|kind| kind.as_bytes());
        kind.and_then(|kind| kind.get(..9))
            .is_some_and(|kind| kind.eq_ignore_ascii_case(b"text/html"))
    };
    body.starts_with(b"<") || (!body.is_empty() && !body.starts_with(b"{") && says_html())
}

impl Reply<'_> {
    /// The verdict on an answer whose body says nothing: by its status, with what was found instead.
    ///
    /// 429 and 403 are [`Class::RateLimited`], 418 is [`Class::Banned`], 401 [`Class::Auth`], other 4xx [`Class::Permanent`], 5xx and 408
    /// [`Class::Transient`], 3xx [`Class::Redirect`], everything else [`Class::Malformed`].
    #[must_use]
    pub fn by_status(&self) -> Verdict {
        by_status(self)
    }

    /// The verdict on an answer that has another shape than it should: [`Class::Malformed`], or [`Class::UnexpectedContent`] where it is
    /// a page for people, with what was found.
    #[must_use]
    pub fn malformed(&self, why: &str) -> Verdict {
        malformed(self, why)
    }

    /// The server's word on how long to wait: `Retry-After` in any form that [`robust_backoff::retry_after`] reads; a moment is measured
    /// by the server's own clock where it tells it. At most a week.
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

/// The server's word on how long to wait, in any form.
pub(crate) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let received = UNIX_EPOCH.checked_add(now.since(Timestamp::EPOCH));
    let hint = from_headers(headers, Reader::new(), received)?;
    hint.ok().map(|hint| hint.wait)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::{DATE, RETRY_AFTER};

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
    fn retry_after_is_read_in_every_form_and_a_moment_by_the_servers_clock() {
        const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
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
        assert_eq!(wait("1.5", None), Some(Duration::from_millis(1_500)));
        assert_eq!(wait("-3", None), Some(Duration::ZERO));
        assert_eq!(wait("999999999", None), Some(WEEK));
        // Moments since 1970, by our clock and by theirs.
        assert_eq!(wait("1700003600", None), Some(hour));
        assert_eq!(wait("1700003600000", None), Some(hour));
        let server = Some("Tue, 14 Nov 2023 22:43:20 GMT");
        assert_eq!(wait("1700003600", server), Some(hour / 2));
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
            (301, Class::Redirect),
            (302, Class::Redirect),
            (304, Class::Redirect),
            (308, Class::Redirect),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(class_of_status(status), class, "{status}");
        }
    }

    fn reply<'a>(status: u16, headers: &'a HeaderMap, body: &'a str) -> Reply<'a> {
        Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.as_bytes(),
        }
    }

    #[test]
    fn a_redirect_says_to_which_host_and_nothing_else_of_where() {
        for (location, text) in [
            (
                "http://169.254.169.254/latest?key=canary",
                "unexpected redirect to 169.254.169.254: an empty body",
            ),
            ("/login?key=canary", "unexpected redirect: an empty body"),
            ("", "unexpected redirect: an empty body"),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LOCATION, HeaderValue::from_static(location));
            for verdict in [
                reply(302, &headers, "").by_status(),
                reply(307, &headers, "").malformed("no ticker"),
            ] {
                assert_eq!(verdict.class, Class::Redirect);
                assert_eq!(&*verdict.message, text);
            }
        }
    }

    #[test]
    fn a_page_is_told_from_broken_data() {
        let mut html = HeaderMap::new();
        html.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("Text/HTML; charset=utf-8"),
        );
        let plain = HeaderMap::new();
        for (headers, body, class) in [
            (&plain, "<html>", Class::UnexpectedContent),
            (&plain, "\r\n <!DOCTYPE html>", Class::UnexpectedContent),
            (&html, "Just a moment...", Class::UnexpectedContent),
            (&html, "{\"a\":", Class::Malformed),
            (&html, "", Class::Malformed),
            (&plain, "garbage", Class::Malformed),
            (&plain, "{\"a\":", Class::Malformed),
        ] {
            let verdict = reply(200, headers, body).malformed("no ticker");
            assert_eq!(verdict.class, class, "{body}");
        }
    }
}
