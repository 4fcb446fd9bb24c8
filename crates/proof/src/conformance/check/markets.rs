//! Recorded rows of listed pairs, put into the exchange's envelope.

use std::time::Duration;

use robust_connectors::{Binance, Connector};
use robust_market::Request;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::Failure;
use super::super::cases::Body;
use super::super::names::Names;
use super::response;

#[derive(Deserialize)]
struct Rows<'a> {
    #[serde(borrow)]
    rows: &'a RawValue,
}

/// Decodes the rows as an answer about instruments, or the stated limits of an exchange that states them.
pub(super) fn check(
    venue: &dyn Connector,
    names: &Names,
    body: &Body,
) -> Result<Vec<Failure>, String> {
    if let Some(limits) = &body.rate_limits {
        return stated(venue, limits);
    }
    let rows = body
        .response
        .as_deref()
        .ok_or("neither httpResponse nor rateLimits")?;
    let rows: Rows<'_> =
        serde_json::from_str(rows.get()).map_err(|_| "httpResponse has no rows")?;
    let wire = envelope(venue.exchange().as_str(), rows.rows.get())?;
    response::decoded(venue, names, body, &Request::Instruments, &wire, "markets")
}

fn envelope(exchange: &str, rows: &str) -> Result<String, String> {
    match exchange {
        "kraken" => Ok(format!(r#"{{"error":[],"result":{rows}}}"#)),
        "binance" => Ok(format!(
            r#"{{"timezone":"UTC","serverTime":0,"rateLimits":[],"exchangeFilters":[],"symbols":[{}]}}"#,
            values(rows)?
        )),
        "kucoin" => Ok(format!(r#"{{"code":"200000","data":[{}]}}"#, values(rows)?)),
        "htx" => Ok(format!(r#"{{"status":"ok","data":[{}]}}"#, values(rows)?)),
        other => Err(format!("the envelope of {other} is not known")),
    }
}

/// The members of an object without their names, each with the digits it came with.
fn values(rows: &str) -> Result<String, String> {
    let rows: std::collections::BTreeMap<String, &RawValue> =
        serde_json::from_str(rows).map_err(|error| format!("rows: {error}"))?;
    let rows: Vec<&str> = rows.values().map(|row| row.get()).collect();
    Ok(rows.join(","))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Limit {
    rate_limit_type: String,
    interval: String,
    interval_num: u64,
    limit: u32,
}

/// The limits per IP that Binance states in its list of pairs.
fn stated(venue: &dyn Connector, limits: &RawValue) -> Result<Vec<Failure>, String> {
    if venue.exchange() != Binance.exchange() {
        return Err(format!("{} states no limits", venue.exchange()));
    }
    let expected: Vec<Limit> =
        serde_json::from_str(limits.get()).map_err(|error| format!("rateLimits: {error}"))?;
    let wire = format!(r#"{{"rateLimits":{},"symbols":[]}}"#, limits.get());
    let windows = Binance.stated_windows(wire.as_bytes()).unwrap_or_default();
    let mut failures = Vec::new();
    for limit in expected {
        // Orders are counted per account.
        if !matches!(
            limit.rate_limit_type.as_str(),
            "REQUEST_WEIGHT" | "RAW_REQUESTS"
        ) {
            continue;
        }
        let unit = match limit.interval.as_str() {
            "SECOND" => 1,
            "MINUTE" => 60,
            "HOUR" => 3_600,
            "DAY" => 86_400,
            other => return Err(format!("the interval {other} is not known")),
        };
        let per = Duration::from_secs(limit.interval_num.saturating_mul(unit));
        if !windows
            .iter()
            .any(|window| window.limit == limit.limit && window.per == per)
        {
            failures.push(Failure::new(
                limit.rate_limit_type,
                format!("{} in {per:?}", limit.limit),
                format!("{windows:?}"),
            ));
        }
    }
    Ok(failures)
}
