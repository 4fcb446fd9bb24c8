//! How KuCoin says no.

use http::StatusCode;

use crate::kucoin::access::Denied;
use crate::reply::Reply;

/// An error of the API: a code beside the HTTP status (kucoin-api-docs, "Request Error Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400100
    Missing(&'static str),
    /// 400100
    NotValid(&'static str),
    /// 400100
    CandleType,
    /// 400100
    UnsupportedPair,
    /// 900001, with HTTP status 200
    NoSuchSymbol,
    /// 400001 to 400005
    Denied(Denied),
}

impl Refusal {
    pub(crate) fn reply(self) -> Reply {
        let parameter = |text: &str| say(StatusCode::BAD_REQUEST, "400100", text);
        match self {
            Self::Missing(name) => parameter(&format!("{name} can not be empty.")),
            Self::NotValid(name) => parameter(&format!("{name} is not valid.")),
            Self::CandleType => parameter("Incorrect candlestick type."),
            Self::UnsupportedPair => parameter("Unsupported trading pair."),
            Self::NoSuchSymbol => say(StatusCode::OK, "900001", "symbol not exists"),
            Self::Denied(denied) => {
                let (status, code, text) = match denied {
                    Denied::HeaderMissing => (
                        StatusCode::UNAUTHORIZED,
                        "400001",
                        "Please check the header of your request for KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, KC-API-PASSPHRASE",
                    ),
                    Denied::Timestamp => (
                        StatusCode::BAD_REQUEST,
                        "400002",
                        "KC-API-TIMESTAMP Invalid",
                    ),
                    Denied::Key => (StatusCode::UNAUTHORIZED, "400003", "KC-API-KEY not exists"),
                    Denied::Passphrase => (
                        StatusCode::UNAUTHORIZED,
                        "400004",
                        "KC-API-PASSPHRASE error",
                    ),
                    Denied::Signature => (StatusCode::UNAUTHORIZED, "400005", "Signature error"),
                };
                say(status, code, text)
            }
        }
    }
}

fn say(status: StatusCode, code: &str, text: &str) -> Reply {
    Reply::new(
        status,
        "application/json",
        format!("{{\"code\":\"{code}\",\"msg\":\"{text}\"}}"),
    )
}

/// Over a pool: HTTP 429; the headers say when it is full again, there is no `Retry-After`.
pub(crate) fn too_many() -> Reply {
    say(
        StatusCode::TOO_MANY_REQUESTS,
        "429000",
        "Too many requests. System-level rate limit exceeded.",
    )
}

/// An injected ban, in the words of the edge in front of KuCoin.
pub(crate) fn banned() -> Reply {
    say(
        StatusCode::IM_A_TEAPOT,
        "1015",
        "Exceeded the rate limit, please slow down",
    )
}

/// An injected 5xx.
pub(crate) fn unavailable(status: StatusCode) -> Reply {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => say(status, "500000", "Internal Server Error"),
        StatusCode::SERVICE_UNAVAILABLE => say(status, "503000", "Service Unavailable"),
        _ => Reply::html(
            status,
            format!("<html><head><title>{status}</title></head></html>\n"),
        ),
    }
}

pub(crate) fn not_found() -> Reply {
    say(StatusCode::NOT_FOUND, "404000", "Url Not Found")
}

pub(crate) fn wrong_method() -> Reply {
    say(
        StatusCode::METHOD_NOT_ALLOWED,
        "405000",
        "Method Not Allowed",
    )
}
