//! Answers that are no data: by status, by shape, and with headers that are garbage.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use robust_market::{Request, Timestamp};

use super::{Case, Found, Rule, Subject};
use crate::{Class, Reply};

const PAGE: &str = "<html><head><title>Just a moment...</title></head></html>";

/// Statuses that mean the same at every exchange; each with a body that says nothing.
const STATUSES: &[(u16, &str, Class)] = &[
    (401, "", Class::Auth),
    (302, "", Class::Redirect),
    (404, PAGE, Class::Permanent),
    (418, "", Class::Banned),
    (429, "", Class::RateLimited),
    (429, PAGE, Class::RateLimited),
    (500, "", Class::Transient),
    (502, PAGE, Class::Transient),
    (503, "", Class::Transient),
    (504, PAGE, Class::Transient),
    (520, "garbage", Class::Transient),
];

pub(super) fn look(subject: &Subject<'_>, found: &mut Found) {
    let bodies = no_data();
    for request in subject.supported() {
        statuses(subject, &request, found);
        for (name, body) in &bodies {
            let input = format!("{} answered with 200 and {name}", request.kind());
            let read = subject.read_body(&request, Timestamp::EPOCH, body, found);
            match read {
                Some(Ok(data)) => {
                    found.add(
                        Rule::NoData,
                        input,
                        format!("it is read as {:?}", data.value),
                    );
                }
                Some(Err(verdict)) if !is_no_answer(verdict.class) => {
                    found.add(
                        Rule::NoData,
                        input,
                        format!("it is {}", verdict.class.as_str()),
                    );
                }
                _ => {}
            }
        }
        retry_after(subject, &request, found);
    }
    for request in subject.requests() {
        if !subject.connector.supports(request.kind()) {
            let read = subject.read_body(&request, Timestamp::EPOCH, b"{}", found);
            if let Some(Ok(data)) = read {
                let input = format!("an answer to {}, which is not supported", request.kind());
                found.add(Rule::Support, input, format!("{:?}", data.value));
            }
        }
    }
}

/// Whether a class says that what came is no answer; both are worth another try.
pub(super) fn is_no_answer(class: Class) -> bool {
    matches!(
        class,
        Class::Malformed | Class::UnexpectedContent | Class::Transient
    )
}

fn no_data() -> Vec<(&'static str, Vec<u8>)> {
    const MANY: usize = 10_000;
    let mut nested = br#"{"a":"#.repeat(MANY);
    nested.extend(b"1");
    nested.extend(b"}".repeat(MANY));
    vec![
        ("HTML", PAGE.into()),
        ("an empty body", Vec::new()),
        ("blanks", b" \r\n\t".to_vec()),
        ("a word", b"garbage".to_vec()),
        ("bytes that are no text", b"\xff\xfe\x00\x80".to_vec()),
        ("the start of an object", b"{\"".to_vec()),
        ("null", b"null".to_vec()),
        ("a number", b"7".to_vec()),
        ("true", b"true".to_vec()),
        ("a string", br#""ok""#.to_vec()),
        ("an empty object", b"{}".to_vec()),
        (
            "an object of another shape",
            br#"{"nothing":[1,{"here":null}]}"#.to_vec(),
        ),
        ("64 KiB of one digit", vec![b'9'; 64 * 1_024]),
        ("64 KiB of zeros", vec![0; 64 * 1_024]),
        ("lists in lists without an end", vec![b'['; MANY]),
        ("10,000 objects in each other", nested),
    ]
}

fn statuses(subject: &Subject<'_>, request: &Request, found: &mut Found) {
    let headers = HeaderMap::new();
    for (status, body, class) in STATUSES {
        let Ok(status) = StatusCode::from_u16(*status) else {
            continue;
        };
        let reply = Reply {
            status,
            headers: &headers,
            body: body.as_bytes(),
        };
        let input = format!("{} answered with {status} and {body:?}", request.kind());
        match subject.read(request, Timestamp::EPOCH, &reply, found) {
            Some(Ok(data)) => found.add(Rule::Status, input, format!("read as {:?}", data.value)),
            Some(Err(verdict)) if verdict.class != *class || verdict.status != status.as_u16() => {
                let text = format!("it is {verdict:?}, not {}", class.as_str());
                found.add(Rule::Status, input, text);
            }
            _ => {}
        }
    }
}

fn retry_after(subject: &Subject<'_>, request: &Request, found: &mut Found) {
    const SERVER: &str = "Sun, 06 Nov 1994 07:49:37 GMT";
    let seconds = |n| Some(Duration::from_secs(n));
    for (text, wait) in [
        ("7", seconds(7)),
        ("0", seconds(0)),
        ("Sun, 06 Nov 1994 07:49:54 GMT", seconds(17)),
        ("soon", None),
        ("-3", seconds(0)),
        ("", None),
        ("1e3", None),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(text));
        headers.insert(DATE, HeaderValue::from_static(SERVER));
        let reply = Reply {
            status: StatusCode::TOO_MANY_REQUESTS,
            headers: &headers,
            body: b"",
        };
        let input = format!(
            "{} answered with 429 and Retry-After {text:?}",
            request.kind()
        );
        match subject.read(request, Timestamp::EPOCH, &reply, found) {
            Some(Err(verdict)) if verdict.retry_after != wait => {
                let text = format!("it says to wait {:?}, not {wait:?}", verdict.retry_after);
                found.add(Rule::RetryAfter, input, text);
            }
            _ => {}
        }
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        RETRY_AFTER,
        HeaderValue::from_static("99999999999999999999"),
    );
    let reply = Reply {
        status: StatusCode::TOO_MANY_REQUESTS,
        headers: &headers,
        body: b"",
    };
    let _ = subject.read(request, Timestamp::EPOCH, &reply, found);
}

/// Headers in which exchanges tell what is used up; those of the cases are looked at too.
const USAGE_HEADERS: &[&str] = &[
    "x-mbx-used-weight",
    "x-mbx-used-weight-1m",
    "gw-ratelimit-limit",
    "gw-ratelimit-remaining",
    "gw-ratelimit-reset",
    "ratelimit",
    "ratelimit-remaining",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
];

pub(super) fn look_at_headers(subject: &Subject<'_>, cases: &[Case], found: &mut Found) {
    let of_cases = cases.iter().flat_map(|case| &case.headers);
    let names = of_cases.map(|(name, _)| name.as_str());
    let names: Vec<_> = USAGE_HEADERS.iter().copied().chain(names).collect();
    let windows = subject.connector.windows().len();
    for text in [
        b"".as_slice(),
        b" ",
        b"abc",
        b"-1",
        b"1.5",
        b"1e9",
        b"NaN",
        b"99999999999999999999",
        b"\xff\xfe",
    ] {
        let mut headers = HeaderMap::new();
        for name in &names {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_bytes(text))
            {
                headers.insert(name, value);
            }
        }
        let input = format!("headers that say {:?}", String::from_utf8_lossy(text));
        let usage = || subject.connector.usage(&headers);
        match catch_unwind(AssertUnwindSafe(usage)) {
            Err(_) => found.add(Rule::Panic, input, "it panics"),
            Ok(usages) if !usages.is_empty() => {
                found.add(Rule::Usage, input, format!("they are {usages:?}"));
            }
            Ok(_) => {}
        }
    }
    for case in cases {
        let mut headers = HeaderMap::new();
        for (name, value) in &case.headers {
            if let (Ok(name), Ok(value)) =
                (name.parse::<HeaderName>(), HeaderValue::from_str(value))
            {
                headers.append(name, value);
            }
        }
        for usage in subject.connector.usage(&headers) {
            if usage.window >= windows {
                let input = format!("the headers of case {:?}", case.name);
                found.add(
                    Rule::Usage,
                    input,
                    format!("window {} is not there", usage.window),
                );
            }
        }
    }
}
