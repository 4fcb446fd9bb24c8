//! How HTX says no.

use http::StatusCode;
use robust_market::Timestamp;

use crate::reply::Reply;

/// An error of the API: HTTP 200 and `status` "error" (huobiapi/docs, "Common Error Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// `invalid-parameter`, with its text.
    Parameter(&'static str),
    /// `api-signature-not-valid`
    Signature,
    /// The form of the second version: code 1001.
    Url,
    /// The form of the second version: code 2002.
    Field(&'static str),
}

impl Refusal {
    pub(crate) fn reply(self, now: Timestamp) -> Reply {
        match self {
            Self::Parameter(text) => dated(StatusCode::OK, now, "invalid-parameter", text),
            Self::Signature => say(
                StatusCode::OK,
                "api-signature-not-valid",
                "Signature not valid: Incorrect Access key",
            ),
            Self::Url => json(
                StatusCode::OK,
                "{\"code\":1001,\"message\":\"invalid URL\"}".to_owned(),
            ),
            Self::Field(name) => json(
                StatusCode::OK,
                format!("{{\"code\":2002,\"message\":\"invalid field value in {name}\"}}"),
            ),
        }
    }
}

fn json(status: StatusCode, body: String) -> Reply {
    Reply::new(status, "application/json;charset=utf-8", body)
}

fn say(status: StatusCode, code: &str, text: &str) -> Reply {
    json(
        status,
        format!(
            "{{\"status\":\"error\",\"err-code\":\"{code}\",\"err-msg\":\"{text}\",\"data\":null}}"
        ),
    )
}

fn dated(status: StatusCode, now: Timestamp, code: &str, text: &str) -> Reply {
    json(
        status,
        format!(
            "{{\"ts\":{},\"status\":\"error\",\"err-code\":\"{code}\",\"err-msg\":\"{text}\",\"data\":null}}",
            now.as_ms()
        ),
    )
}

/// Over the limit: HTTP 200 without `Retry-After`.
pub(crate) fn too_many() -> Reply {
    slow_down(StatusCode::OK)
}

/// The same with another status: an injected 429, or 418 for a ban.
pub(crate) fn slow_down(status: StatusCode) -> Reply {
    say(status, "rate-too-many-requests", "exceeded rate limit")
}

/// An injected 5xx: a page of the gateway, not of the API.
pub(crate) fn unavailable(status: StatusCode) -> Reply {
    page(status)
}

pub(crate) fn page(status: StatusCode) -> Reply {
    Reply::html(status, format!("<html><body>{status}</body></html>\n"))
}

/// A request that no recorded case answers.
pub(crate) fn not_recorded(now: Timestamp) -> Reply {
    dated(StatusCode::NOT_FOUND, now, "bad-request", "not recorded")
}
