//! HTX's own errors, with HTTP 200: `{"status": "error", "err-code": "invalid-parameter", "err-msg": "invalid symbol"}` of the first version,
//! `{"code": 2002, "message": "…"}` of the second.
//!
//! Source: the error tables of huobiapi/docs. `invalid-parameter` is a wrong symbol, which stays wrong, and a request that timed out, which
//! may be answered next time: the words decide.

use http::StatusCode;

use crate::{Class, Verdict, answer};

/// The verdict on an envelope that states an error.
pub(super) fn verdict(status: StatusCode, code: &str, message: &str) -> Verdict {
    let class = class(status, code, &message.to_ascii_lowercase());
    let code = (!code.is_empty()).then_some(code);
    Verdict::new(class, status.as_u16(), code, message)
}

fn class(status: StatusCode, code: &str, words: &str) -> Class {
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if status.as_u16() == 418 {
        return Class::Banned;
    }
    if code.contains("too-many-requests")
        || says(&["rate limit", "too many request"])
        || status == StatusCode::TOO_MANY_REQUESTS
    {
        return Class::RateLimited;
    }
    if says(&["timeout", "timed out", "try again", "maintenance"]) {
        return Class::Transient;
    }
    if says(&["access key", "signature"]) {
        return Class::Auth;
    }
    match code {
        "1006" => Class::RateLimited,
        "1002" | "1003" | "login-required" => Class::Auth,
        "500" | "503" => Class::Transient,
        _ if code.ends_with("timeout") => Class::Transient,
        _ if code.starts_with("api-signature") || code.starts_with("api-key") => Class::Auth,
        _ if code.ends_with("internal-error")
            || code.ends_with("internal_error")
            || code.contains("maintenance") =>
        {
            Class::Transient
        }
        // Parameters, symbols, currencies, addresses, and 1001, 2002 and 2003 of the second version.
        _ if status.is_success() => Class::Permanent,
        _ => match answer::class_of_status(status) {
            Class::Malformed => Class::Permanent,
            class => class,
        },
    }
}

/// Whether a text says that the key is not known.
pub(super) fn is_about_keys(body: &[u8]) -> bool {
    let words = String::from_utf8_lossy(body.get(..200).unwrap_or(body)).to_ascii_lowercase();
    words.contains("incorrect access key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_error_has_its_class() {
        for (code, message, class) in [
            (
                "rate-too-many-requests",
                "exceeded rate limit",
                Class::RateLimited,
            ),
            ("1006", "too many requests", Class::RateLimited),
            ("invalid-parameter", "request timeout", Class::Transient),
            ("timeout", "Request Timeout", Class::Transient),
            (
                "gateway-internal-error",
                "Failed to load data. Try again later.",
                Class::Transient,
            ),
            ("gateway-internal-error", "", Class::Transient),
            ("base-request-timeout", "", Class::Transient),
            ("base-internal-error", "system error", Class::Transient),
            ("internal_error", "", Class::Transient),
            (
                "system-maintenance",
                "System is in maintenance!",
                Class::Transient,
            ),
            ("500", "system error", Class::Transient),
            ("invalid-parameter", "invalid symbol", Class::Permanent),
            ("invalid-parameter", "invalid period", Class::Permanent),
            (
                "invalid-parameter",
                "invalid size, valid range: [1,2000]",
                Class::Permanent,
            ),
            ("bad-request", "invalid symbol", Class::Permanent),
            ("bad-request", "invalid type", Class::Permanent),
            (
                "base-symbol-error",
                "The symbol is invalid",
                Class::Permanent,
            ),
            (
                "base-currency-error",
                "The currency is invalid",
                Class::Permanent,
            ),
            ("1001", "bad url", Class::Permanent),
            (
                "2002",
                "invalid field value in `currency`",
                Class::Permanent,
            ),
            (
                "2003",
                "missing mandatory field `currency`",
                Class::Permanent,
            ),
            (
                "api-signature-not-valid",
                "Signature not valid: Verification failure",
                Class::Auth,
            ),
            ("api-signature-not-valid", "", Class::Auth),
            (
                "login-required",
                "You must be logged in to do that",
                Class::Auth,
            ),
            ("1002", "unauthorized", Class::Auth),
            ("1003", "invalid signature", Class::Auth),
            ("", "Incorrect Access key", Class::Auth),
            ("never-heard-of", "", Class::Permanent),
        ] {
            let found = verdict(StatusCode::OK, code, message);
            assert_eq!(found.class, class, "{code} {message}");
            assert_eq!(found.code.as_deref().unwrap_or_default(), code);
        }
    }

    #[test]
    fn a_status_decides_where_the_code_says_nothing() {
        let class = |status, code| verdict(StatusCode::from_u16(status).unwrap(), code, "").class;
        assert_eq!(class(403, "403"), Class::RateLimited);
        assert_eq!(class(429, "invalid-parameter"), Class::RateLimited);
        assert_eq!(class(418, "invalid-parameter"), Class::Banned);
        assert_eq!(class(502, "never-heard-of"), Class::Transient);
        assert_eq!(class(400, "invalid-parameter"), Class::Permanent);
    }
}
