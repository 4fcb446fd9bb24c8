//! Kraken's envelope: `{"error": [...], "result": ...}`, and the pair key inside the result.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use robust_market::Symbol;
use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::errors;
use crate::wire::{Entries, FillObject, InObject, Key, Object, Raw, Values, fill, only_if};
use crate::{Context, Reply, Verdict, answer};

#[derive(Debug, Deserialize)]
#[serde(bound = "R: Deserialize<'de>")]
struct Envelope<'a, R> {
    #[serde(borrow, default)]
    error: Raw<'a>,
    #[serde(default = "Option::default")]
    result: Option<R>,
}

/// A result in the shape that is expected, or its text where it has another.
pub(super) type Shaped<'a, R> = Result<R, Raw<'a>>;

/// Opens the envelope.
///
/// The body decides before the status does: Kraken sends its own errors with HTTP 200, and another status means that a server
/// before Kraken's has answered, mostly in HTML.
pub(super) fn open<'a, R: Deserialize<'a>>(reply: &Reply<'a>) -> Result<Shaped<'a, R>, Verdict> {
    let Ok(text) = std::str::from_utf8(reply.body) else {
        return Err(no_envelope(reply, "not UTF-8"));
    };
    if reply.status.is_success()
        && let Ok(Object(envelope)) = serde_json::from_str::<Object<Envelope<'a, R>>>(text)
    {
        return judged(reply, envelope).map(Ok);
    }
    match serde_json::from_str::<Object<Envelope<'a, Raw<'a>>>>(text) {
        Ok(Object(envelope)) => judged(reply, envelope).map(Err),
        Err(_) => Err(no_envelope(reply, "not kraken's envelope")),
    }
}

/// What of an answer about one pair is filled on the direct way: the record under the pair's key, and the cursor beside it.
pub(super) trait FillPair {
    type Place;

    /// Fills the place from the record.
    fn record<'de, V: Values<'de>>(place: &mut Self::Place, value: &mut V) -> Result<(), V::Error>;

    /// Reads `last`.
    fn last<'de, V: Values<'de>>(_place: &mut Self::Place, value: &mut V) -> Result<(), V::Error> {
        value.skip()
    }
}

/// A place, and the pair that the answer has to be about.
struct Asked<'c, P> {
    place: &'c mut P,
    symbol: &'c Symbol,
    context: &'c Context<'c>,
}

/// An envelope without errors and warnings.
struct DirectEnvelope<'c, F>(PhantomData<&'c F>);

/// A result about the pair that was asked for, and no other.
struct DirectResult<'c, F>(PhantomData<&'c F>);

impl<'c, F: FillPair> FillObject for DirectEnvelope<'c, F> {
    type Record = Asked<'c, F::Place>;

    const NEEDED: u32 = 1 | 2;

    fn member<'de, V: Values<'de>>(
        asked: &mut Self::Record,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        match key {
            "error" => value.next::<[IgnoredAny; 0]>().map(|_| 1),
            "result" => value
                .fill::<InObject<DirectResult<'c, F>>>(asked)
                .map(|()| 2),
            _ => value.skip().map(|()| 0),
        }
    }
}

impl<'c, F: FillPair> FillObject for DirectResult<'c, F> {
    type Record = Asked<'c, F::Place>;

    const NEEDED: u32 = 1;

    fn member<'de, V: Values<'de>>(
        asked: &mut Self::Record,
        key: &str,
        value: &mut V,
    ) -> Result<u32, V::Error> {
        if key == "last" {
            return F::last(asked.place, value).map(|()| 2);
        }
        only_if(!is_other(key, asked.symbol, asked.context))?;
        F::record(asked.place, value).map(|()| 1)
    }
}

/// Fills `place` from an answer about one pair on the direct way: no errors, no warnings, and the pair that was asked for.
pub(super) fn fill_pair<'c, F: FillPair>(
    reply: &Reply<'_>,
    symbol: &'c Symbol,
    context: &'c Context<'c>,
    place: &'c mut F::Place,
) -> Option<()> {
    if !reply.status.is_success() {
        return None;
    }
    let text = std::str::from_utf8(reply.body).ok()?;
    let mut asked = Asked {
        place,
        symbol,
        context,
    };
    fill::<InObject<DirectEnvelope<'_, F>>>(text, &mut asked)
}

/// Whether a key is listed as another pair, so that the answer is one to another question.
fn is_other(key: &str, symbol: &Symbol, context: &Context<'_>) -> bool {
    let listing = context.symbols.by_id(key);
    listing.is_some_and(|listing| listing.symbol != *symbol)
}

/// Opens an envelope whose result has one shape and no other.
pub(super) fn open_exactly<'a, R: Deserialize<'a>>(reply: &Reply<'a>) -> Result<R, Verdict> {
    open(reply)?.map_err(|_| wrong_result(reply))
}

/// A record under Kraken's name for it.
pub(super) type Named<'a, T> = (Cow<'a, str>, Shaped<'a, T>);

/// Opens an envelope about many things, each under its name.
pub(super) fn open_records<'a, T: Deserialize<'a>>(
    reply: &Reply<'a>,
) -> Result<Vec<Named<'a, T>>, Verdict> {
    match open::<Entries<'a, T>>(reply)? {
        Ok(Entries(records)) => Ok(records
            .into_iter()
            .map(|(name, record)| (name, Ok(record)))
            .collect()),
        Err(raw) => {
            let Entries::<Raw<'a>>(records) = raw.read().map_err(|_| wrong_result(reply))?;
            let records = records.into_iter();
            Ok(records.map(|(name, raw)| (name, raw.read())).collect())
        }
    }
}

fn wrong_result(reply: &Reply<'_>) -> Verdict {
    answer::malformed(reply, "another result than was asked for")
}

fn no_envelope(reply: &Reply<'_>, why: &str) -> Verdict {
    if reply.status.is_success() {
        answer::malformed(reply, why)
    } else {
        answer::by_status(reply)
    }
}

fn judged<R>(reply: &Reply<'_>, envelope: Envelope<'_, R>) -> Result<R, Verdict> {
    let errors: Vec<Cow<'_, str>> = match envelope.error.json() {
        // One error on its own has been seen without its list.
        Some(json) if json.starts_with('"') => envelope.error.text().into_iter().collect(),
        Some(json) => match serde_json::from_str::<Vec<Key<'_>>>(json) {
            Ok(errors) => errors.into_iter().map(|Key(error)| error).collect(),
            Err(_) => return Err(no_envelope(reply, "an unreadable list of errors")),
        },
        None => return Err(no_envelope(reply, "not kraken's envelope")),
    };
    if let Some(verdict) = errors::verdict(reply.status.as_u16(), &errors) {
        return Err(verdict);
    }
    if !reply.status.is_success() {
        return Err(answer::by_status(reply));
    }
    envelope
        .result
        .ok_or_else(|| answer::malformed(reply, "neither result nor error"))
}

/// The one pair of a result, `{"XXBTZUSD": …, "last": …}`.
#[derive(Debug)]
pub(super) struct Pair<'a, T> {
    key: Cow<'a, str>,
    pub(super) value: T,
    /// The cursor that stands beside the pair.
    pub(super) last: Raw<'a>,
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Pair<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairVisitor<'a, T>(PhantomData<(&'a (), T)>);

        impl<'de: 'a, 'a, T: Deserialize<'de>> Visitor<'de> for PairVisitor<'a, T> {
            type Value = Pair<'a, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one pair")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut pair = None;
                let mut last = Raw::MISSING;
                while let Some(Key(key)) = map.next_key::<Key<'a>>()? {
                    if key == "last" {
                        last = map.next_value()?;
                    } else if pair.is_none() {
                        pair = Some((key, map.next_value()?));
                    } else {
                        return Err(A::Error::custom("more than one pair"));
                    }
                }
                let (key, value) = pair.ok_or_else(|| A::Error::custom("no pair"))?;
                Ok(Pair { key, value, last })
            }
        }

        deserializer.deserialize_map(PairVisitor(PhantomData))
    }
}

/// Opens an envelope about one pair, whatever name Kraken answers with.
///
/// Kraken answers with its canonical id: who asks for `XBTUSD` gets `XXBTZUSD`. A key that is listed as another pair is an
/// answer to another question.
pub(super) fn open_pair<'a, T: Deserialize<'a>>(
    reply: &Reply<'a>,
    symbol: &Symbol,
    context: &Context<'_>,
) -> Result<Pair<'a, Shaped<'a, T>>, Verdict> {
    let is_other = |key: &str| is_other(key, symbol, context);
    let pair = match open::<Pair<'a, T>>(reply)? {
        Ok(Pair { key, value, last }) => Pair {
            key,
            value: Ok(value),
            last,
        },
        Err(raw) => {
            let Entries::<Raw<'a>>(members) = raw.read().map_err(|_| wrong_result(reply))?;
            let last = members.iter().find(|(key, _)| key == "last");
            let last = last.map_or(Raw::MISSING, |(_, raw)| *raw);
            let mut pairs = members.into_iter().filter(|(key, _)| key != "last");
            let first = pairs.next();
            let (key, value) = match first {
                Some((key, _)) if is_other(&key) => pairs.find(|(key, _)| !is_other(key)),
                first => first,
            }
            .ok_or_else(|| answer::malformed(reply, "no pair in the result"))?;
            Pair {
                key,
                value: Err(value),
                last,
            }
        }
    };
    if is_other(&pair.key) {
        let why = format!("the answer is about {} instead of {symbol}", pair.key);
        return Err(answer::malformed(reply, &why));
    }
    Ok(pair)
}
