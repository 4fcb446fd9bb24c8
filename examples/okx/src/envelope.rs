//! `{"code": "0", "msg": "", "data": […]}`, and what the codes mean.

use robust_connectors::{Class, Reply, Verdict};
use serde::Deserialize;

use crate::wire::Raw;

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    code: Raw<'a>,
    #[serde(borrow, default)]
    msg: Raw<'a>,
    #[serde(borrow, default)]
    data: Raw<'a>,
}

/// The records of an answer, or what it means instead. OKX sends errors with HTTP 200 as well as with 4xx and 5xx, so the body comes first.
pub(crate) fn data<'a>(reply: &Reply<'a>) -> Result<Vec<Raw<'a>>, Verdict> {
    let text = std::str::from_utf8(reply.body).map_err(|_| nothing(reply, "not UTF-8"))?;
    let envelope: Envelope<'a> =
        serde_json::from_str(text).map_err(|_| nothing(reply, "no envelope"))?;
    let code = envelope
        .code
        .text()
        .map_err(|_| nothing(reply, "no code"))?;
    if code != "0" {
        return Err(refusal(
            reply,
            &code,
            &envelope.msg.text().unwrap_or_default(),
        ));
    }
    if !reply.status.is_success() {
        return Err(reply.by_status());
    }
    envelope
        .data
        .read()
        .map_err(|_| reply.malformed("no list of records"))
}

/// The verdict on an answer without an envelope.
fn nothing(reply: &Reply<'_>, why: &str) -> Verdict {
    if reply.status.is_success() {
        reply.malformed(why)
    } else {
        reply.by_status()
    }
}

fn refusal(reply: &Reply<'_>, code: &str, message: &str) -> Verdict {
    let number: u32 = match code.parse() {
        Ok(number) => number,
        Err(_) => return nothing(reply, "no code"),
    };
    let class = match number {
        // Too many requests, of this IP and of a sub-account.
        50011 | 50061 => Class::RateLimited,
        // Unavailable, timeout, offline, busy, system error.
        50001 | 50004 | 50005 | 50013 | 50026 => Class::Transient,
        // Keys, signatures, clocks, addresses that are not listed.
        50100..=50199 => Class::Auth,
        // Parameters, and instruments that do not exist (51001).
        50002..=50099 | 51000..=51999 => Class::Permanent,
        _ if reply.status.is_success() => Class::Permanent,
        _ => return reply.by_status(),
    };
    Verdict::new(class, reply.status.as_u16(), Some(code), message)
}
