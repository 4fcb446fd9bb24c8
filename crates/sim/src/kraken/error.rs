//! How Kraken says no.

use http::StatusCode;

use crate::reply::Reply;

/// An error of the API: HTTP 200 and a text in `error` (Kraken support, article 360001491786).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    UnknownPair,
    UnknownAsset,
    InvalidArguments,
    UnknownMethod,
    InvalidKey,
}

impl Refusal {
    pub(crate) fn reply(self) -> Reply {
        say(
            StatusCode::OK,
            match self {
                Self::UnknownPair => "EQuery:Unknown asset pair",
                Self::UnknownAsset => "EQuery:Unknown asset",
                Self::InvalidArguments => "EGeneral:Invalid arguments",
                Self::UnknownMethod => "EGeneral:Unknown method",
                Self::InvalidKey => "EAPI:Invalid key",
            },
        )
    }
}

fn say(status: StatusCode, error: &str) -> Reply {
    Reply::new(
        status,
        "application/json",
        format!("{{\"error\":[\"{error}\"]}}"),
    )
}

/// Over the public limit: HTTP 200 without `Retry-After`.
pub(crate) fn too_many() -> Reply {
    say(StatusCode::OK, "EGeneral:Too many requests")
}

/// An injected 429, or 418 for a ban; the edge in front of Kraken answers so.
pub(crate) fn slow_down(banned: bool) -> Reply {
    let status = if banned {
        StatusCode::IM_A_TEAPOT
    } else {
        StatusCode::TOO_MANY_REQUESTS
    };
    say(status, "EGeneral:Too many requests")
}

/// An injected 5xx: a page of the edge, not of the API.
pub(crate) fn unreachable(status: StatusCode) -> Reply {
    let code = status.as_u16();
    let page = format!(
        "<!DOCTYPE html>\n<html><head><title>api.kraken.com | {code}: server error</title></head><body></body></html>\n"
    );
    Reply::html(status, page)
}

/// "All requests must specify a User-Agent" (docs.kraken.com); how others are refused is not documented, so: as the edge does.
pub(crate) fn no_user_agent() -> Reply {
    Reply::html(
        StatusCode::FORBIDDEN,
        "<!DOCTYPE html>\n<html><head><title>403 Forbidden</title></head><body>No User-Agent.</body></html>\n",
    )
}

/// A request that no recorded case answers.
pub(crate) fn not_recorded() -> Reply {
    say(StatusCode::NOT_FOUND, "EGeneral:Unknown method")
}
