//! KuCoin's own errors: `{"code": "400100", "msg": "…"}`, with HTTP 200 or a status that fits.
//!
//! Source: the error tables of kucoin-api-docs. One number means different things in different families of endpoints (200002 is too many
//! requests, and a suspended cancellation of orders), so the words are read too.

use std::time::Duration;

use http::StatusCode;

use crate::{Class, Verdict, answer};

/// How long Cloudflare shuts out an IP that made more than 500 requests in 10 seconds; the answer itself does not say.
const BLOCK_OF_CLOUDFLARE: Duration = Duration::from_secs(30);
/// How long an endpoint stays shut after 200002; the answer itself does not say.
const BLOCK_OF_ENDPOINT: Duration = Duration::from_secs(10);

/// The verdict on an envelope whose code is not that of success.
pub(super) fn verdict(status: StatusCode, code: &str, message: &str) -> Verdict {
    let class = class(status, code, message);
    let verdict = Verdict::new(class, status.as_u16(), Some(code), message);
    match (class, code) {
        (Class::RateLimited, "1015") => verdict.with_retry_after(Some(BLOCK_OF_CLOUDFLARE)),
        (Class::RateLimited, "200002") => verdict.with_retry_after(Some(BLOCK_OF_ENDPOINT)),
        _ => verdict,
    }
}

fn class(status: StatusCode, code: &str, message: &str) -> Class {
    if status.as_u16() == 418 {
        return Class::Banned;
    }
    let words = message.to_ascii_lowercase();
    let speaks_of_limits = ["too many requests", "rate limit", "too frequent"]
        .iter()
        .any(|limit| words.contains(limit));
    if speaks_of_limits || status == StatusCode::TOO_MANY_REQUESTS {
        return Class::RateLimited;
    }
    match code {
        "429000" | "1015" => Class::RateLimited,
        "200002" if words.contains("suspend") || words.contains("cancel") => Class::Transient,
        "200002" => Class::RateLimited,
        "500000" => Class::Transient,
        // Headers, time, key, passphrase, signature, IP list, permission; a frozen account.
        "400001" | "400002" | "400003" | "400004" | "400005" | "400006" | "400007" | "411100" => {
            Class::Auth
        }
        // Parameters, country, address, type of content, pair.
        "400100" | "400500" | "404000" | "415000" | "900001" => Class::Permanent,
        _ => match answer::class_of_status(status) {
            // An unknown code with a success: KuCoin has understood and refused.
            Class::Malformed => Class::Permanent,
            class => class,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_code_has_its_class() {
        for (status, code, message, class) in [
            (
                429,
                "429000",
                "Too many requests. System-level rate limit exceeded.",
                Class::RateLimited,
            ),
            (200, "429000", "", Class::RateLimited),
            (
                200,
                "200002",
                "Too many requests in a short period of time, please retry later--kucoin",
                Class::RateLimited,
            ),
            (200, "200002", "", Class::RateLimited),
            (200, "200002", "Order cancel suspended", Class::Transient),
            (
                403,
                "1015",
                "Exceeded the rate limit, please slow down",
                Class::RateLimited,
            ),
            (403, "403000", "too many requests", Class::RateLimited),
            (418, "400100", "", Class::Banned),
            (500, "500000", "Internal Server Error", Class::Transient),
            (200, "500000", "Internal Server Error", Class::Transient),
            (503, "503000", "Service Unavailable", Class::Transient),
            (
                400,
                "400100",
                "Parameter Error -- You tried to access the resource with invalid parameters",
                Class::Permanent,
            ),
            (200, "400100", "Unsupported trading pair.", Class::Permanent),
            (200, "900001", "symbol not exists", Class::Permanent),
            (404, "404000", "Url Not Found", Class::Permanent),
            (415, "415000", "Unsupported Media Type", Class::Permanent),
            (
                200,
                "400500",
                "Your located country/region is currently not supported for the trading of this token",
                Class::Permanent,
            ),
            (
                400,
                "400001",
                "Any of KC-API-KEY, KC-API-SIGN, KC-API-TIMESTAMP, KC-API-PASSPHRASE is missing",
                Class::Auth,
            ),
            (400, "400002", "KC-API-TIMESTAMP Invalid", Class::Auth),
            (400, "400003", "KC-API-KEY not exists", Class::Auth),
            (400, "400004", "KC-API-PASSPHRASE error", Class::Auth),
            (400, "400005", "Signature error", Class::Auth),
            (
                400,
                "400006",
                "The requested ip address is not in the api whitelist",
                Class::Auth,
            ),
            (403, "400007", "Access Denied", Class::Auth),
            (200, "411100", "User are frozen", Class::Auth),
            (200, "999999", "never heard of", Class::Permanent),
            (502, "999999", "never heard of", Class::Transient),
        ] {
            let found = verdict(StatusCode::from_u16(status).unwrap(), code, message);
            assert_eq!(found.class, class, "{status} {code} {message}");
            assert_eq!(found.code.as_deref(), Some(code));
        }
    }

    #[test]
    fn blocks_whose_length_is_known_say_it() {
        let wait = |code, message| verdict(StatusCode::FORBIDDEN, code, message).retry_after;
        assert_eq!(wait("1015", "rate limit"), Some(BLOCK_OF_CLOUDFLARE));
        assert_eq!(wait("200002", "too many requests"), Some(BLOCK_OF_ENDPOINT));
        assert_eq!(wait("429000", "too many requests"), None);
    }
}
