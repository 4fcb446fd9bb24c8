//! Binance's own errors: `{"code": -1121, "msg": "Invalid symbol."}`.
//!
//! Source: errors.md and the section "LIMITS" of rest-api.md (binance/binance-spot-api-docs, 2026-07).

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use http::StatusCode;
use robust_market::Timestamp;
use serde::Deserialize;

use crate::wire::{Object, Raw};
use crate::{Class, Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
struct ErrorWire<'a> {
    #[serde(borrow, default)]
    code: Raw<'a>,
    #[serde(borrow, default)]
    msg: Raw<'a>,
}

/// What a code means; `None` for one that is not in the list.
const fn class_of_code(code: i64) -> Option<Class> {
    Some(match code {
        // Too much weight, too many orders, too many connections.
        -1003 | -1015 | -1034 => Class::RateLimited,
        // Unknown, disconnected, busy, unexpected response, timeout, overloaded.
        -1000 | -1001 | -1004 | -1006 | -1007 | -1008 => Class::Transient,
        // Not authorised, IP not listed, clock, signature, key.
        -1002 | -1005 | -1011 | -1021 | -1022 | -1099 | -2008 | -2014 | -2015 => Class::Auth,
        // Service gone, unsupported, bad range.
        -1016 | -1020 | -1023 => Class::Permanent,
        // Filters and parameters: illegal, missing, empty, unreadable, unknown symbol or interval, twice in the list.
        -1013 | -1010 | -1014 => Class::Permanent,
        -1299..=-1100 => Class::Permanent,
        _ => return None,
    })
}

/// The verdict on an answer whose status is no success; `None` for 2xx.
pub(super) fn refusal(reply: &Reply<'_>) -> Option<Verdict> {
    if reply.status.is_success() {
        None
    } else {
        Some(from_body(reply).unwrap_or_else(|| answer::by_status(reply)))
    }
}

/// The verdict that the body states; `None` when it states none.
pub(super) fn from_body(reply: &Reply<'_>) -> Option<Verdict> {
    let text = std::str::from_utf8(reply.body).ok()?;
    let wire: Object<ErrorWire<'_>> = serde_json::from_str(text).ok()?;
    let code = wire.code.integer().ok()?;
    // Data never carries a code; the country block does, a zero.
    if code >= 0 && reply.status.is_success() {
        return None;
    }
    let message = wire.msg.text().unwrap_or_default();
    let banned_until = banned_until(&message);
    let class = class(reply.status, code, banned_until.is_some());
    let shown = code.to_string();
    let verdict = Verdict::new(class, reply.status.as_u16(), Some(&shown), &message);
    Some(verdict.with_until(banned_until))
}

/// The status decides where Binance gives it a meaning of its own, the code everywhere else: 503 comes with "overloaded" and with
/// "no longer available".
fn class(status: StatusCode, code: i64, is_banned: bool) -> Class {
    match status.as_u16() {
        418 => Class::Banned,
        451 => Class::Permanent,
        _ if is_banned => Class::Banned,
        429 => Class::RateLimited,
        _ => class_of_code(code).unwrap_or_else(|| match answer::class_of_status(status) {
            // An unknown code with a success: Binance has understood and refused.
            Class::Malformed => Class::Permanent,
            class => class,
        }),
    }
}

/// The end of a ban: "Way too much request weight used; IP banned until 1697000000000."
fn banned_until(message: &str) -> Option<Timestamp> {
    let (_, rest) = message.split_once("banned until ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit());
    let digits = end.map_or(Some(rest), |end| rest.get(..end))?;
    Timestamp::from_ms(digits.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn verdict(status: u16, body: &str) -> Option<Verdict> {
        from_body(&Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &HeaderMap::new(),
            body: body.as_bytes(),
        })
    }

    #[test]
    fn every_documented_code_has_its_class() {
        for (status, code, class) in [
            (429, -1003, Class::RateLimited),
            (400, -1015, Class::RateLimited),
            (400, -1034, Class::RateLimited),
            (418, -1003, Class::Banned),
            (400, -1000, Class::Transient),
            (500, -1001, Class::Transient),
            (400, -1006, Class::Transient),
            (500, -1007, Class::Transient),
            (503, -1008, Class::Transient),
            (400, -1013, Class::Permanent),
            (503, -1016, Class::Permanent),
            (400, -1100, Class::Permanent),
            (400, -1102, Class::Permanent),
            (400, -1108, Class::Permanent),
            (400, -1111, Class::Permanent),
            (400, -1112, Class::Permanent),
            (400, -1120, Class::Permanent),
            (400, -1121, Class::Permanent),
            (400, -1122, Class::Permanent),
            (400, -1127, Class::Permanent),
            (400, -1128, Class::Permanent),
            (400, -1130, Class::Permanent),
            (400, -1151, Class::Permanent),
            (400, -1220, Class::Permanent),
            (451, 0, Class::Permanent),
            (401, -1002, Class::Auth),
            (400, -1021, Class::Auth),
            (400, -1022, Class::Auth),
            (401, -2014, Class::Auth),
            (401, -2015, Class::Auth),
            (200, -1121, Class::Permanent),
            (200, -1003, Class::RateLimited),
            (400, -9999, Class::Permanent),
            (502, -9999, Class::Transient),
            (200, -9999, Class::Permanent),
        ] {
            let body = format!("{{\"code\":{code},\"msg\":\"text\"}}");
            let found = verdict(status, &body).unwrap();
            assert_eq!(found.class, class, "{status} {code}");
            assert_eq!(found.code.as_deref(), Some(&*code.to_string()));
        }
    }

    #[test]
    fn the_end_of_a_ban_is_read_from_the_text() {
        let body = r#"{"code":-1003,"msg":"Way too much request weight used; IP banned until 1697000000000. Please use WebSocket Streams."}"#;
        for status in [418, 429] {
            let found = verdict(status, body).unwrap();
            assert_eq!(found.class, Class::Banned);
            assert_eq!(found.until.map(Timestamp::as_ms), Some(1_697_000_000_000));
        }
        assert_eq!(banned_until("banned until tomorrow"), None);
        assert_eq!(
            banned_until("IP banned until 1697000000000").map(Timestamp::as_ms),
            Some(1_697_000_000_000)
        );
    }

    #[test]
    fn data_is_no_error() {
        assert_eq!(verdict(200, r#"{"status":0,"msg":"normal"}"#), None);
        assert_eq!(verdict(200, r#"{"code":0,"msg":"ok"}"#), None);
        assert_eq!(verdict(200, "[1]"), None);
    }
}
