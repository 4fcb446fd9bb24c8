//! KuCoin's envelope: `{"code": "200000", "data": …}`, or `{"code": "400100", "msg": "…"}`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::marker::PhantomData;

use robust_market::Symbol;
use serde::Deserialize;

use super::errors;
use crate::wire::{Fill, FillObject, InObject, Object, Raw, Rows, Values, fill, only_if};
use crate::{Class, Reply, Verdict, answer};

/// The code of a success.
const SUCCESS: &str = "200000";

#[derive(Debug, Deserialize)]
#[serde(bound = "R: Deserialize<'de>")]
struct Envelope<'a, R> {
    #[serde(borrow, default)]
    code: Raw<'a>,
    #[serde(borrow, default)]
    msg: Raw<'a>,
    #[serde(default = "Option::default")]
    data: Option<R>,
}

/// Data in the shape that is expected, or its text where it has another.
pub(super) type Shaped<'a, R> = Result<R, Raw<'a>>;

/// Opens an envelope that is about everything, or about one pair.
///
/// About a pair that it does not know KuCoin says success and null.
pub(super) fn open<'a, R: Deserialize<'a>>(
    reply: &Reply<'a>,
    about: Option<&Symbol>,
) -> Result<Shaped<'a, R>, Verdict> {
    let Ok(text) = std::str::from_utf8(reply.body) else {
        return Err(no_envelope(reply, "not UTF-8"));
    };
    if reply.status.is_success()
        && let Ok(Object(envelope)) = serde_json::from_str::<Object<Envelope<'a, R>>>(text)
    {
        return judged(reply, envelope, about).map(Ok);
    }
    match serde_json::from_str::<Object<Envelope<'a, Raw<'a>>>>(text) {
        Ok(Object(envelope)) => judged(reply, envelope, about).map(Err),
        Err(_) => Err(no_envelope(reply, "not kucoin's envelope")),
    }
}

/// The envelope of a success.
struct DirectEnvelope<F>(PhantomData<F>);

impl<F: Fill> FillObject for DirectEnvelope<F> {
    type Record = F::Place;

    const NEEDED: u32 = 1 | 2;

    fn member<'de, V: Values<'de>>(
        place: &mut F::Place,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        match key {
            "code" => {
                only_if(value.text()? == SUCCESS)?;
                Ok(1)
            }
            "data" => value.fill::<F>(place).map(|()| 2),
            "msg" => value.skip().map(|()| 4),
            _ => value.skip().map(|()| 0),
        }
    }
}

/// Fills `place` from the data of a success on the direct way.
pub(super) fn fill_data<F: Fill>(reply: &Reply<'_>, place: &mut F::Place) -> Option<()> {
    if !reply.status.is_success() {
        return None;
    }
    let text = std::str::from_utf8(reply.body).ok()?;
    fill::<InObject<DirectEnvelope<F>>>(text, place)
}

/// Opens an envelope whose data has one shape and no other.
pub(super) fn open_exactly<'a, R: Deserialize<'a>>(reply: &Reply<'a>) -> Result<R, Verdict> {
    open(reply, None)?.map_err(|_| wrong_data(reply))
}

/// Opens an envelope whose data is a list of records.
pub(super) fn open_rows<'a, T: Deserialize<'a>>(
    reply: &Reply<'a>,
    about: Option<&Symbol>,
) -> Result<Rows<'a, T>, Verdict> {
    match open::<Vec<T>>(reply, about)? {
        Ok(rows) => Ok(Rows::Sound(rows)),
        Err(raw) => raw
            .json()
            .and_then(|json| Rows::of(json).ok())
            .ok_or_else(|| wrong_data(reply)),
    }
}

pub(super) fn wrong_data(reply: &Reply<'_>) -> Verdict {
    answer::malformed(reply, "other data than was asked for")
}

fn no_envelope(reply: &Reply<'_>, why: &str) -> Verdict {
    if reply.status.is_success() {
        answer::malformed(reply, why)
    } else {
        answer::by_status(reply)
    }
}

fn judged<R>(
    reply: &Reply<'_>,
    envelope: Envelope<'_, R>,
    about: Option<&Symbol>,
) -> Result<R, Verdict> {
    let Ok(code) = envelope.code.identifier() else {
        return Err(no_envelope(reply, "not kucoin's envelope"));
    };
    if *code != *SUCCESS {
        let message = envelope.msg.text().unwrap_or_default();
        return Err(errors::verdict(reply.status, &code, &message));
    }
    if !reply.status.is_success() {
        return Err(answer::by_status(reply));
    }
    envelope.data.ok_or_else(|| match about {
        Some(symbol) if says_null(reply) => Verdict::new(
            Class::Permanent,
            reply.status.as_u16(),
            Some(SUCCESS),
            &format!("no data: {symbol} is not known to kucoin"),
        ),
        _ => answer::malformed(reply, "neither data nor error"),
    })
}

/// Whether the data is there and null, which is an answer, and not left out, which is none.
fn says_null(reply: &Reply<'_>) -> bool {
    #[derive(Deserialize)]
    struct Data<'a> {
        #[serde(borrow, default)]
        data: Raw<'a>,
    }
    let text = std::str::from_utf8(reply.body).unwrap_or_default();
    serde_json::from_str::<Object<Data<'_>>>(text)
        .is_ok_and(|wire| wire.data.json() == Some("null"))
}
