//! A recorded refusal has the recorded class, whatever was asked.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use robust_connectors::{Class, Connector, Context, Reply, Verdict};
use robust_market::{Interval, Request, Symbol, Timestamp};
use serde_json::Value;

use super::super::Failure;
use super::super::cases::Body;
use super::super::names::Names;
use super::clock;

/// Puts the answer to every kind of question; `not_an_error` must be data for one of them and an error of the exchange for none.
pub(super) fn check(
    venue: &dyn Connector,
    names: &Names,
    body: &Body,
) -> Result<Vec<Failure>, String> {
    let class = body.class.as_deref().ok_or("no class")?;
    let text = body.body.as_deref().ok_or("no body")?;
    let status = body.status.unwrap_or(200);
    let status = StatusCode::from_u16(status).map_err(|_| "httpStatus is no status")?;
    let headers = headers(body);
    let reply = Reply {
        status,
        headers: &headers,
        body: text.as_bytes(),
    };
    let questions = questions(venue)?;
    let table = names.with(questions.iter().flat_map(|request| request.symbols()));
    let context = Context::new(&table, clock(body));
    let answers: Vec<_> = questions
        .iter()
        .map(|request| (request, venue.decode(request, &context, &reply)))
        .collect();
    let mut failures = Vec::new();
    if class == "not_an_error" {
        if answers.iter().all(|(_, answer)| answer.is_err()) {
            failures.push(Failure::new("class", class, "an error for every question"));
        }
        for (request, answer) in &answers {
            if let Err(verdict) = answer
                && verdict.class != Class::Malformed
            {
                failures.push(Failure::new(request.kind().as_str(), class, verdict));
            }
        }
        return Ok(failures);
    }
    let classes = classes(class)?;
    for (request, answer) in &answers {
        let kind = request.kind();
        match answer {
            Ok(_) => failures.push(Failure::new(kind.as_str(), class, "data")),
            Err(verdict) if !classes.contains(&verdict.class) => {
                failures.push(Failure::new(kind.as_str(), class, verdict));
            }
            Err(verdict) => waits(&mut failures, kind.as_str(), body, verdict),
        }
    }
    Ok(failures)
}

/// The connector's classes that a recorded class stands for.
fn classes(name: &str) -> Result<&'static [Class], String> {
    Ok(match name {
        "rate_limit" => &[Class::RateLimited, Class::Banned],
        "transient" => &[Class::Transient],
        "permanent" => &[Class::Permanent],
        "auth" => &[Class::Auth],
        other => return Err(format!("the class {other} is not known")),
    })
}

/// The server's word on how long to wait must reach the verdict.
fn waits(failures: &mut Vec<Failure>, field: &str, body: &Body, verdict: &Verdict) {
    let header = body
        .headers
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, _)| name.eq_ignore_ascii_case("retry-after"))
        .and_then(|(_, value)| text_of(value).parse::<u64>().ok())
        .map(Duration::from_secs);
    if header.is_some() && verdict.retry_after != header {
        let got = format!("{:?}", verdict.retry_after);
        failures.push(Failure::new(
            format!("{field}.retry_after"),
            format!("{header:?}"),
            got,
        ));
    }
    let until = body
        .body
        .as_deref()
        .and_then(|text| text.split_once("banned until "))
        .and_then(|(_, rest)| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .and_then(Timestamp::from_ms);
    if until.is_some() && verdict.until != until {
        let got = format!("{:?}", verdict.until);
        failures.push(Failure::new(
            format!("{field}.until"),
            format!("{until:?}"),
            got,
        ));
    }
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn headers(body: &Body) -> HeaderMap {
    let headers = body.headers.as_object();
    headers
        .into_iter()
        .flatten()
        .filter_map(|(name, value)| {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            Some((name, HeaderValue::try_from(text_of(value)).ok()?))
        })
        .collect()
}

/// One question of each kind that the connector has.
fn questions(venue: &dyn Connector) -> Result<Vec<Request>, String> {
    let table = venue.symbols();
    let symbol: Symbol = table
        .iter()
        .next()
        .map(|listing| listing.symbol.clone())
        .ok_or("the connector lists no pair")?;
    let all = [
        Request::Ticker {
            symbol: symbol.clone(),
        },
        Request::Tickers {
            symbols: Vec::new(),
        },
        Request::OrderBook {
            symbol: symbol.clone(),
            depth: None,
        },
        Request::Candles {
            symbol: symbol.clone(),
            interval: Interval::M1,
            since: None,
            limit: None,
        },
        Request::Trades {
            symbol,
            since: None,
            limit: None,
        },
        Request::Instruments,
        Request::Assets,
        Request::ServerTime,
        Request::Status,
    ];
    Ok(all
        .into_iter()
        .filter(|request| venue.supports(request.kind()))
        .collect())
}
