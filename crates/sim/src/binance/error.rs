//! How Binance says no.

use std::borrow::Cow;

use http::StatusCode;
use robust_market::Timestamp;

use crate::reply::Reply;

/// An error of the API: HTTP 400 and a code (errors.md of binance-spot-api-docs).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// -1100
    IllegalCharacters(&'static str, &'static str),
    /// -1101
    TooManyParameters { read: usize, sent: usize },
    /// -1101
    Duplicate,
    /// -1102
    Mandatory(&'static str),
    /// -1104
    Unread { read: usize, sent: usize },
    /// -1120
    Interval,
    /// -1121
    Symbol,
    /// -1128
    Combination,
    /// -1130
    NotValid(&'static str),
    /// -1151
    SymbolTwice,
}

impl Refusal {
    pub(crate) fn reply(&self) -> Reply {
        let (code, text): (i32, Cow<'_, str>) = match self {
            Self::IllegalCharacters(name, range) => (
                -1100,
                format!("Illegal characters found in parameter '{name}'; legal range is '{range}'.").into(),
            ),
            Self::TooManyParameters { read, sent } => (
                -1101,
                format!("Too many parameters; expected '{read}' and received '{sent}'.").into(),
            ),
            Self::Duplicate => (-1101, "Duplicate values for a parameter detected.".into()),
            Self::Mandatory(name) => (
                -1102,
                format!("Mandatory parameter '{name}' was not sent, was empty/null, or malformed.").into(),
            ),
            Self::Unread { read, sent } => (
                -1104,
                format!("Not all sent parameters were read; read '{read}' parameter(s) but was sent '{sent}'.").into(),
            ),
            Self::Interval => (-1120, "Invalid interval.".into()),
            Self::Symbol => (-1121, "Invalid symbol.".into()),
            Self::Combination => (-1128, "Combination of optional parameters invalid.".into()),
            Self::NotValid(name) => (
                -1130,
                format!("Data sent for parameter '{name}' is not valid.").into(),
            ),
            Self::SymbolTwice => (-1151, "Symbol is present multiple times in the list.".into()),
        };
        say(StatusCode::BAD_REQUEST, code, &text)
    }
}

fn say(status: StatusCode, code: i32, text: &str) -> Reply {
    // The texts hold backslashes and quotes.
    let text = serde_json::Value::from(text);
    Reply::json(status, format!("{{\"code\":{code},\"msg\":{text}}}"))
}

/// 429: over the limit.
pub(crate) fn too_much() -> Reply {
    say(
        StatusCode::TOO_MANY_REQUESTS,
        -1003,
        "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid polling the API.",
    )
}

/// 418: banned.
pub(crate) fn banned(until: Timestamp) -> Reply {
    let text = format!(
        "Way too much request weight used; IP banned until {}. Please use WebSocket Streams for live updates to avoid bans.",
        until.as_ms()
    );
    say(StatusCode::IM_A_TEAPOT, -1003, &text)
}

/// An injected 5xx.
pub(crate) fn unavailable(status: StatusCode) -> Reply {
    let (code, text) = match status {
        StatusCode::SERVICE_UNAVAILABLE => (
            -1008,
            "Server is currently overloaded with other requests. Please try again in a few minutes.",
        ),
        StatusCode::GATEWAY_TIMEOUT => (
            -1007,
            "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
        ),
        _ => (
            -1001,
            "Internal error; unable to process your request. Please try again.",
        ),
    };
    say(status, code, text)
}

/// A request that no recorded case answers.
pub(crate) fn not_recorded() -> Reply {
    say(
        StatusCode::NOT_FOUND,
        -1128,
        "Nothing was recorded for these parameters.",
    )
}
