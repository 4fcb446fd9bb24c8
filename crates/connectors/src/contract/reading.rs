//! Answers that are data, as they are: target, content, order, ends of bars, and the text cut off.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use robust_market::{Candle, Decoded, Payload, Timestamp};
use serde_json::Value;

use super::asking::encode;
use super::breaking::mutated;
use super::refusing::is_no_answer;
use super::subject::Reading;
use super::{Case, Expect, Found, Rule, Subject};
use crate::Reply;

pub(super) fn look(subject: &Subject<'_>, case: &Case, found: &mut Found) {
    target(subject, case, found);
    let Some(replay) = Replay::of(subject, case, found) else {
        return;
    };
    let Some(reading) = replay.read(&case.body, found) else {
        return;
    };
    if Some(&reading) != replay.read(&case.body, found).as_ref() {
        found.add(
            Rule::Deterministic,
            named(case, "decoded twice"),
            "two different results",
        );
    }
    match (&case.expect, reading) {
        (Expect::Refusal(class), Err(verdict)) if verdict.class == *class => {}
        (Expect::Refusal(class), other) => {
            let text = format!("it is {other:?}, not {}", class.as_str());
            found.add(Rule::CaseAnswer, named(case, "the answer"), text);
        }
        (_, Err(verdict)) => {
            found.add(
                Rule::CaseAnswer,
                named(case, "the answer"),
                format!("it is {verdict}"),
            );
        }
        (expect, Ok(data)) => {
            content(case, expect, &data, found);
            if !data.is_clean() {
                let text = format!("defects {:?}, left out {:?}", data.defects, data.excluded);
                found.add(Rule::CaseClean, named(case, "the answer"), text);
            }
            order(case, &data, found);
            closed(&replay, &data, found);
            truncated(&replay, found);
            mutated(&replay, &data, found);
        }
    }
}

pub(super) fn named(case: &Case, what: &str) -> String {
    format!("case {:?}, {what}", case.name)
}

fn target(subject: &Subject<'_>, case: &Case, found: &mut Found) {
    let Some(target) = &case.target else {
        return;
    };
    match encode(subject, &case.request, found) {
        Some(Ok(wire)) if parts(wire.target.as_str()) != parts(target) => {
            let text = format!("it is {}, not {target}", wire.target);
            found.add(Rule::CaseTarget, named(case, "the target"), text);
        }
        Some(Err(error)) => {
            found.add(
                Rule::CaseTarget,
                named(case, "the target"),
                error.to_string(),
            );
        }
        _ => {}
    }
}

/// Path and parameters, whose order means nothing.
fn parts(target: &str) -> (&str, BTreeSet<&str>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    (
        path,
        query.split('&').filter(|part| !part.is_empty()).collect(),
    )
}

/// A case that can be answered again with another body.
pub(super) struct Replay<'a> {
    subject: &'a Subject<'a>,
    pub(super) case: &'a Case,
    status: StatusCode,
    headers: HeaderMap,
}

impl<'a> Replay<'a> {
    fn of(subject: &'a Subject<'a>, case: &'a Case, found: &mut Found) -> Option<Self> {
        let Ok(status) = StatusCode::from_u16(case.status) else {
            found.add(
                Rule::Case,
                named(case, "the status"),
                case.status.to_string(),
            );
            return None;
        };
        let mut headers = HeaderMap::new();
        for (name, value) in &case.headers {
            match (name.parse::<HeaderName>(), HeaderValue::from_str(value)) {
                (Ok(name), Ok(value)) => {
                    headers.append(name, value);
                }
                _ => found.add(
                    Rule::Case,
                    named(case, "a header"),
                    format!("{name}: {value}"),
                ),
            }
        }
        Some(Self {
            subject,
            case,
            status,
            headers,
        })
    }

    pub(super) fn read(&self, body: &str, found: &mut Found) -> Option<Reading> {
        self.read_at(self.case.now, body, found)
    }

    /// The bars, as they are read at another time of day.
    fn bars_at(&self, now: Timestamp, found: &mut Found) -> Option<Vec<Candle>> {
        match self.read_at(now, &self.case.body, found)?.ok()?.value {
            Payload::Candles(candles) => Some(candles.rows),
            _ => None,
        }
    }

    fn read_at(&self, now: Timestamp, body: &str, found: &mut Found) -> Option<Reading> {
        let reply = Reply {
            status: self.status,
            headers: &self.headers,
            body: body.as_bytes(),
        };
        self.subject.read(&self.case.request, now, &reply, found)
    }
}

fn content(case: &Case, expect: &Expect, data: &Decoded<Payload>, found: &mut Found) {
    let Expect::Json(text) = expect else {
        return;
    };
    match serde_json::from_str::<Value>(text) {
        Err(error) => found.add(Rule::Case, named(case, "what it yields"), error.to_string()),
        Ok(expected) => {
            if let Some(text) = difference(&expected, &json(&data.value), "") {
                found.add(Rule::CaseAnswer, named(case, "the answer"), text);
            }
        }
    }
}

pub(super) fn json(payload: &Payload) -> Value {
    serde_json::to_value(payload).unwrap_or(Value::Null)
}

/// Where `found` does not hold what is expected.
fn difference(expected: &Value, found: &Value, path: &str) -> Option<String> {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            expected.iter().find_map(|(key, value)| {
                let other = found.get(key).unwrap_or(&Value::Null);
                difference(value, other, &format!("{path}/{key}"))
            })
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            let pairs = expected.iter().zip(found).enumerate();
            pairs.into_iter().find_map(|(index, (expected, found))| {
                difference(expected, found, &format!("{path}/{index}"))
            })
        }
        _ if expected == found => None,
        _ => Some(format!("{path} is {found}, not {expected}")),
    }
}

fn order(case: &Case, data: &Decoded<Payload>, found: &mut Found) {
    let (times, strict): (Vec<_>, _) = match &data.value {
        Payload::Candles(candles) => (candles.rows.iter().map(|row| row.time).collect(), true),
        Payload::Trades(trades) => (trades.rows.iter().map(|row| row.time).collect(), false),
        _ => return,
    };
    let sorted = if strict {
        times.is_sorted_by(|a, b| a < b)
    } else {
        times.is_sorted()
    };
    if !sorted {
        found.add(
            Rule::Order,
            named(case, "the rows"),
            format!("times {times:?}"),
        );
    }
}

/// Bars that another one follows are over, whatever our clock says; the newest is not before its end, and long after no older one is open.
fn closed(replay: &Replay<'_>, data: &Decoded<Payload>, found: &mut Found) {
    let Payload::Candles(candles) = &data.value else {
        return;
    };
    let (Some(newest), length) = (candles.rows.last(), candles.interval.duration()) else {
        return;
    };
    if !candles.interval.is_calendar_month() {
        let now = newest.time.saturating_add(length / 2);
        if let Some(rows) = replay.bars_at(now, found)
            && rows.last().is_some_and(|row| row.closed)
        {
            let input = named(replay.case, "in the middle of the newest bar");
            found.add(Rule::Closed, input, "that bar is closed");
        }
    }
    let later = newest.time.saturating_add(length.saturating_mul(100));
    if let Some(rows) = replay.bars_at(later, found)
        && let Some((_, older)) = rows.split_last()
        && older.iter().any(|row| !row.closed)
    {
        let input = named(replay.case, "a hundred bars later");
        found.add(Rule::Closed, input, "a bar before the newest is open");
    }
}

fn truncated(replay: &Replay<'_>, found: &mut Found) {
    const CUTS: usize = 64;
    let body = replay.case.body.trim_end();
    let step = (body.len() / CUTS).max(1);
    for cut in (0..body.len())
        .step_by(step)
        .chain(body.len().checked_sub(1))
    {
        let Some(start) = body.get(..cut) else {
            continue;
        };
        let input = named(replay.case, &format!("cut off after {cut} bytes"));
        match replay.read(start, found) {
            Some(Ok(_)) => found.add(Rule::Truncated, input, "it is data"),
            Some(Err(verdict)) if !is_no_answer(verdict.class) => {
                found.add(
                    Rule::Truncated,
                    input,
                    format!("it is {}", verdict.class.as_str()),
                );
            }
            _ => {}
        }
    }
}
