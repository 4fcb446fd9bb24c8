//! Answers that are data, with everything in them broken once: what is broken becomes a defect, and everything else stays.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::ops::Range;

use robust_market::{Candle, Decoded, Payload};
use serde_json::Value;

use super::nodes::{Node, nodes, replaced};
use super::reading::{Replay, json, named};
use super::subject::Reading;
use super::{Found, Rule};

/// What a value is replaced by, and whether it could be a sound value of that field.
const OTHERS: &[(&str, bool)] = &[
    ("null", false),
    ("[]", false),
    (r#"{"x":1}"#, false),
    ("[[1]]", false),
    // Some exchanges leave a field empty that has no value.
    (r#""""#, true),
    (r#""NaN""#, true),
    (r#""\ud800""#, false),
    ("true", true),
    ("7", true),
    ("-1", true),
    ("1e999", true),
    ("99999999999999999999999999999999", true),
    (r#""text""#, true),
];

/// The most values of one answer that are replaced.
const VALUES: usize = 400;

pub(super) fn mutated(replay: &Replay<'_>, data: &Decoded<Payload>, found: &mut Found) {
    let body = &replay.case.body;
    let nodes = nodes(body);
    if nodes.is_empty() {
        found.add(
            Rule::Case,
            named(replay.case, "the body"),
            "it is not JSON, or too deep",
        );
    }
    let sound = records(&data.value);
    let holders = holders(replay, &nodes, &sound, found);
    let step = nodes.len().div_ceil(VALUES).max(1);
    let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    for node in nodes.iter().step_by(step) {
        let _ = replay.read(&replaced(body, &node.value, &deep), found);
        let record = holders
            .iter()
            .find(|(place, _)| place.start <= node.value.start && node.value.end <= place.end);
        for (other, may_be_sound) in OTHERS {
            let read = replay.read(&replaced(body, &node.value, other), found);
            if let (Some((_, own)), Some(read)) = (record, read) {
                let input = named(replay.case, &format!("{} replaced by {other}", node.path));
                // An empty list is as sound as a full one.
                let is_list = body
                    .get(node.value.clone())
                    .is_some_and(|it| it.starts_with('['));
                let may_be_sound = *may_be_sound || (is_list && *other == "[]");
                others_stay(&input, &sound, *own, read, may_be_sound, found);
            }
        }
        if node.is_leaf {
            number(replay, data, node, found);
        }
    }
}

/// The values of the wire that hold one record each: without it, that record is gone and nothing else.
fn holders(
    replay: &Replay<'_>,
    nodes: &[Node],
    sound: &[String],
    found: &mut Found,
) -> Vec<(Range<usize>, usize)> {
    if sound.len() < 2 {
        return Vec::new();
    }
    let mut holders = Vec::new();
    for node in nodes.iter().filter(|node| node.has_siblings) {
        let without = replaced(&replay.case.body, &node.with_comma, "");
        let Some(Ok(left)) = replay.read(&without, found) else {
            continue;
        };
        let missing = missing(sound, &records(&left.value));
        if let [own] = missing.as_slice()
            && left.excluded.is_empty()
            && left.value.len() + 1 == sound.len()
        {
            holders.push((node.value.clone(), *own));
        }
    }
    holders
}

fn others_stay(
    input: &str,
    sound: &[String],
    own: usize,
    read: Reading,
    may_be_sound: bool,
    found: &mut Found,
) {
    let read = match read {
        Ok(read) => read,
        Err(verdict) => {
            found.add(
                Rule::LostRecord,
                input,
                format!("the whole answer is lost: {verdict}"),
            );
            return;
        }
    };
    let missing = missing(sound, &records(&read.value));
    if let Some(lost) = missing.iter().find(|index| **index != own) {
        let text = sound.get(*lost).map_or("", String::as_str);
        found.add(
            Rule::LostRecord,
            input,
            format!("another record is lost: {text}"),
        );
    }
    let vanished = read.value.len() < sound.len() && read.excluded.is_empty();
    if vanished && !may_be_sound {
        found.add(
            Rule::LostRecord,
            input,
            "the record is gone and not counted as excluded",
        );
    }
    if !missing.is_empty() && read.is_clean() && !may_be_sound {
        found.add(
            Rule::WrongType,
            input,
            "the record is another one, without a defect",
        );
    }
}

/// The positions of the sound records that are not there any more.
fn missing(sound: &[String], left: &[String]) -> Vec<usize> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for record in left {
        *counts.entry(record).or_default() += 1;
    }
    let gone = |record: &str| match counts.get_mut(record) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    };
    let mut gone = gone;
    let positions = sound.iter().enumerate();
    positions
        .filter(|(_, record)| gone(record))
        .map(|(index, _)| index)
        .collect()
}

/// Each record in words. Whether a bar is closed is no part of it: that may depend on the bars beside it.
fn records(payload: &Payload) -> Vec<String> {
    match payload {
        Payload::Candles(candles) => {
            let open = |row: &Candle| {
                let mut row = row.clone();
                row.closed = false;
                format!("{row:?}")
            };
            candles.rows.iter().map(open).collect()
        }
        Payload::Trades(trades) => trades.rows.iter().map(|row| format!("{row:?}")).collect(),
        Payload::OrderBook(book) => {
            let bids = book.bids.iter().map(|level| format!("bid {level:?}"));
            let asks = book.asks.iter().map(|level| format!("ask {level:?}"));
            bids.chain(asks).collect()
        }
        Payload::Tickers(rows) => rows.iter().map(|row| format!("{row:?}")).collect(),
        Payload::Instruments(rows) => rows.iter().map(|row| format!("{row:?}")).collect(),
        Payload::Assets(rows) => rows.iter().map(|row| format!("{row:?}")).collect(),
        other => vec![format!("{other:?}")],
    }
}

/// Numbers that a float cannot hold, and what has to be read of them.
const DIGITS: &[(&str, &str)] = &[
    ("0.12345678901234567891", "0.12345678901234567891"),
    ("73.10000000", "73.10000000"),
    ("9.68E-7", "0.000000968"),
];

/// A number of the wire that stands in the data keeps every digit, and is a defect when it is no number.
fn number(replay: &Replay<'_>, data: &Decoded<Payload>, node: &Node, found: &mut Found) {
    let body = &replay.case.body;
    let Some(wire) = body.get(node.value.clone()) else {
        return;
    };
    let quoted = wire.starts_with('"');
    let text = wire.trim_matches('"');
    if !text.contains('.') || !holds(&json(&data.value), text) {
        return;
    }
    let input = |other: &str| named(replay.case, &format!("{} replaced by {other}", node.path));
    for other in [r#"{"x":1}"#, "null", "true", r#""NaN""#] {
        match replay.read(&replaced(body, &node.value, other), found) {
            // The same number stands elsewhere; this place is not read.
            Some(Ok(read)) if read.value == data.value && read.is_clean() => return,
            Some(Ok(read)) if read.is_clean() => {
                found.add(Rule::WrongType, input(other), "no defect is noted");
            }
            Some(Err(verdict)) => {
                let text = format!("the answer is {verdict}");
                found.add(Rule::WrongType, input(other), text);
            }
            _ => {}
        }
    }
    for (digits, expected) in DIGITS {
        let other = if quoted {
            format!("\"{digits}\"")
        } else {
            (*digits).to_owned()
        };
        match replay.read(&replaced(body, &node.value, &other), found) {
            Some(Ok(read)) if holds(&json(&read.value), expected) => {}
            Some(other) => {
                let text = match other {
                    Ok(read) => format!("{expected} is not in {}", json(&read.value)),
                    Err(verdict) => verdict.to_string(),
                };
                found.add(Rule::Exact, input(digits), text);
            }
            None => {}
        }
    }
}

/// Whether a text stands somewhere in a JSON value.
fn holds(value: &Value, text: &str) -> bool {
    match value {
        Value::String(found) => found == text,
        Value::Array(items) => items.iter().any(|item| holds(item, text)),
        Value::Object(members) => members.values().any(|member| holds(member, text)),
        _ => false,
    }
}
