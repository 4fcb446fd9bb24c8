//! HTX's envelopes: `{"status": "ok", "ch", "ts", "tick" or "data"}` of the first version, `{"code": 200, "data"}` of the second.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::marker::PhantomData;

use robust_market::{Symbol, Timestamp};
use serde::Deserialize;

use super::errors;
use crate::wire::{Fill, FillObject, InObject, Object, Raw, Rows, Values, fill, only_if};
use crate::{Context, Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", bound = "R: Deserialize<'de>")]
struct Envelope<'a, R> {
    #[serde(borrow, default)]
    status: Raw<'a>,
    #[serde(borrow, default)]
    ch: Raw<'a>,
    #[serde(borrow, default)]
    ts: Raw<'a>,
    #[serde(default = "Option::default")]
    tick: Option<R>,
    #[serde(default = "Option::default")]
    data: Option<R>,
    #[serde(borrow, default)]
    err_code: Raw<'a>,
    #[serde(borrow, default)]
    err_msg: Raw<'a>,
    /// As the interfaces for contracts write it.
    #[serde(borrow, default, rename = "err_code")]
    contract_code: Raw<'a>,
    #[serde(borrow, default, rename = "err_msg")]
    contract_msg: Raw<'a>,
    #[serde(borrow, default)]
    code: Raw<'a>,
    #[serde(borrow, default)]
    message: Raw<'a>,
}

/// A payload in the shape that is expected, or its text where it has another.
pub(super) type Shaped<'a, R> = Result<R, Raw<'a>>;

/// What a good envelope holds.
#[derive(Debug)]
pub(super) struct Opened<'a, R> {
    pub(super) payload: R,
    /// When the server answered, in milliseconds.
    pub(super) ts: Raw<'a>,
    /// The channel that was asked for, `market.btcusdt.kline.1min`.
    ch: Raw<'a>,
}

impl<'a, R> Opened<'a, R> {
    fn map<S>(self, f: impl FnOnce(R) -> S) -> Opened<'a, S> {
        Opened {
            payload: f(self.payload),
            ts: self.ts,
            ch: self.ch,
        }
    }
}

/// Opens the envelope of an answer.
pub(super) fn open<'a, R: Deserialize<'a>>(
    reply: &Reply<'a>,
) -> Result<Opened<'a, Shaped<'a, R>>, Verdict> {
    let Ok(text) = std::str::from_utf8(reply.body) else {
        return Err(no_envelope(reply, "not UTF-8"));
    };
    if reply.status.is_success()
        && let Ok(Object(envelope)) = serde_json::from_str::<Object<Envelope<'a, R>>>(text)
    {
        return judged(reply, envelope).map(|opened| opened.map(Ok));
    }
    match serde_json::from_str::<Object<Envelope<'a, Raw<'a>>>>(text) {
        Ok(Object(envelope)) => judged(reply, envelope).map(|opened| opened.map(Err)),
        Err(_) => Err(no_envelope(reply, "not htx's envelope")),
    }
}

/// Opens an envelope about one pair. Its channel names the pair: one that is listed as another pair answers another question.
pub(super) fn open_about<'a, R: Deserialize<'a>>(
    reply: &Reply<'a>,
    symbol: &Symbol,
    context: &Context<'_>,
) -> Result<Opened<'a, Shaped<'a, R>>, Verdict> {
    let opened = open(reply)?;
    let channel = opened.ch.text().unwrap_or_default();
    match other(&channel, symbol, context) {
        Some(other) => {
            let why = format!("the answer is about {other} instead of {symbol}");
            Err(answer::malformed(reply, &why))
        }
        None => Ok(opened),
    }
}

/// A place, the pair that the answer has to be about, and when the server answered.
struct Asked<'c, P> {
    place: &'c mut P,
    symbol: &'c Symbol,
    context: &'c Context<'c>,
    ts: Option<Timestamp>,
}

/// The envelope of a success of the first version, about the pair that was asked for.
struct DirectEnvelope<'c, F>(PhantomData<&'c F>);

impl<'c, F: Fill> FillObject for DirectEnvelope<'c, F> {
    type Record = Asked<'c, F::Place>;

    const NEEDED: u32 = 1 | 2;

    fn member<'de, V: Values<'de>>(
        asked: &mut Self::Record,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        match key {
            "status" => {
                only_if(value.text()? == "ok")?;
                Ok(1)
            }
            "tick" | "data" => value.fill::<F>(asked.place).map(|()| 2),
            "ts" => {
                asked.ts = Some(value.millis()?);
                Ok(4)
            }
            "ch" => {
                only_if(other(value.text()?, asked.symbol, asked.context).is_none())?;
                Ok(8)
            }
            "err-code" => value.skip().map(|()| 0x10),
            "err-msg" => value.skip().map(|()| 0x20),
            "err_code" => value.skip().map(|()| 0x40),
            "err_msg" => value.skip().map(|()| 0x80),
            "code" => value.skip().map(|()| 0x100),
            "message" => value.skip().map(|()| 0x200),
            _ => value.skip().map(|()| 0),
        }
    }
}

/// Fills `place` from the payload of a success about one pair on the direct way; says when the server answered, where the answer does.
pub(super) fn fill_payload<'c, F: Fill>(
    reply: &Reply<'_>,
    symbol: &'c Symbol,
    context: &'c Context<'c>,
    place: &'c mut F::Place,
) -> Option<Option<Timestamp>> {
    if !reply.status.is_success() {
        return None;
    }
    let text = std::str::from_utf8(reply.body).ok()?;
    let mut asked = Asked {
        place,
        symbol,
        context,
        ts: None,
    };
    fill::<InObject<DirectEnvelope<'_, F>>>(text, &mut asked)?;
    Some(asked.ts)
}

/// The pair that a channel is about, where it is listed as another one than was asked for.
fn other<'c>(channel: &str, symbol: &Symbol, context: &Context<'c>) -> Option<&'c Symbol> {
    // Nearly always the name that was asked with.
    let asked = context.symbols.get(symbol);
    let rest =
        asked.and_then(|listing| channel.strip_prefix("market.")?.strip_prefix(&*listing.id));
    if rest.is_some_and(|rest| rest.starts_with('.')) {
        return None;
    }
    let listing = context.symbols.by_id(channel.split('.').nth(1)?)?;
    (listing.symbol != *symbol).then_some(&listing.symbol)
}

/// Opens an envelope whose payload has one shape and no other.
pub(super) fn open_exactly<'a, R: Deserialize<'a>>(reply: &Reply<'a>) -> Result<R, Verdict> {
    open(reply)?.payload.map_err(|_| wrong_payload(reply))
}

/// The records of a payload that is a list.
pub(super) fn rows<'a, T: Deserialize<'a>>(
    reply: &Reply<'_>,
    payload: Shaped<'a, Vec<T>>,
) -> Result<Rows<'a, T>, Verdict> {
    match payload {
        Ok(rows) => Ok(Rows::Sound(rows)),
        Err(raw) => raw
            .json()
            .and_then(|json| Rows::of(json).ok())
            .ok_or_else(|| wrong_payload(reply)),
    }
}

pub(super) fn wrong_payload(reply: &Reply<'_>) -> Verdict {
    answer::malformed(reply, "another payload than was asked for")
}

fn no_envelope(reply: &Reply<'_>, why: &str) -> Verdict {
    if reply.status.is_success() {
        answer::malformed(reply, why)
    } else if errors::is_about_keys(reply.body) {
        // 403 with this text and no envelope, where 403 alone is a limit.
        errors::verdict(reply.status, "", "Incorrect Access key")
    } else {
        answer::by_status(reply)
    }
}

fn judged<'a, R>(reply: &Reply<'_>, envelope: Envelope<'a, R>) -> Result<Opened<'a, R>, Verdict> {
    let is_ok = match (envelope.status.text().as_deref(), envelope.code.integer()) {
        (Ok("ok"), _) | (Err(_), Ok(200)) => true,
        (Ok("error"), _) | (Err(_), Ok(_)) => false,
        _ => return Err(no_envelope(reply, "not htx's envelope")),
    };
    if !is_ok {
        let code = first([envelope.err_code, envelope.contract_code, envelope.code]);
        let message = first([envelope.err_msg, envelope.contract_msg, envelope.message]);
        let code = code.identifier().unwrap_or_default();
        let message = message.text().unwrap_or_default();
        return Err(errors::verdict(reply.status, &code, &message));
    }
    if !reply.status.is_success() {
        return Err(answer::by_status(reply));
    }
    let payload = envelope.tick.or(envelope.data);
    let payload = payload.ok_or_else(|| answer::malformed(reply, "neither payload nor error"))?;
    Ok(Opened {
        payload,
        ts: envelope.ts,
        ch: envelope.ch,
    })
}

/// The first field that is there.
fn first<'a, const N: usize>(fields: [Raw<'a>; N]) -> Raw<'a> {
    let found = fields.into_iter().find(|raw| !raw.is_missing());
    found.unwrap_or(Raw::MISSING)
}
