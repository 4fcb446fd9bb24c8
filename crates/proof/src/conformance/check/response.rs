//! A recorded answer means what is recorded.

use http::{HeaderMap, StatusCode};
use robust_connectors::{Connector, Context, KuCoin, Reply, Verdict};
use robust_market::{Decoded, Payload, Request, Symbol};
use serde_json::Value;

use super::super::cases::Body;
use super::super::compare::Differences;
use super::super::names::Names;
use super::super::{Failure, ask, expect};
use super::clock;

/// Decodes and compares; a case without an expectation only has to decode.
pub(super) fn check(
    venue: &dyn Connector,
    names: &Names,
    body: &Body,
) -> Result<Vec<Failure>, String> {
    let method = body.method.as_deref().ok_or("no method")?;
    let wire = body.response.as_deref().ok_or("no httpResponse")?.get();
    if method == STREAM_ACCESS {
        return stream_access(venue, wire);
    }
    let request = ask::answered(method, &body.input, &body.parsed)?;
    decoded(venue, names, body, &request, wire, "rest_response")
}

/// The call that asks for the way into KuCoin's streams.
const STREAM_ACCESS: &str = "publicPostBulletPublic";

fn stream_access(venue: &dyn Connector, wire: &str) -> Result<Vec<Failure>, String> {
    if venue.exchange() != KuCoin.exchange() {
        return Err(format!("{} has no such call", venue.exchange()));
    }
    let access = KuCoin.stream_access(&Reply {
        status: StatusCode::OK,
        headers: &HeaderMap::new(),
        body: wire.as_bytes(),
    });
    Ok(match access {
        Ok(access) if access.servers.is_empty() => {
            vec![Failure::new("servers", "a server", "none")]
        }
        Ok(_) => Vec::new(),
        Err(verdict) => vec![Failure::new("answer", "a token", verdict)],
    })
}

/// Decodes `wire` as the answer to `request` and compares with the case's expectation.
pub(super) fn decoded(
    venue: &dyn Connector,
    names: &Names,
    body: &Body,
    request: &Request,
    wire: &str,
    family: &str,
) -> Result<Vec<Failure>, String> {
    let exchange = venue.exchange();
    let mut differences = Differences::new(exchange.as_str(), family, wire);
    match answer(venue, names, body, request, wire)? {
        Ok(decoded) if body.parsed.is_null() => drop(decoded),
        Ok(decoded) => expect::payload(&mut differences, &body.parsed, &decoded),
        Err(verdict) => differences.note(Failure::new("answer", "data", verdict)),
    }
    Ok(differences.found)
}

fn answer(
    venue: &dyn Connector,
    names: &Names,
    body: &Body,
    request: &Request,
    wire: &str,
) -> Result<Result<Decoded<Payload>, Verdict>, String> {
    let status = StatusCode::from_u16(body.status.unwrap_or(200))
        .map_err(|_| "httpStatus is no status".to_owned())?;
    let symbols = expected_symbols(&body.parsed, request);
    let table = names.with(&symbols);
    let context = Context::new(&table, clock(body));
    // A body that is no JSON is recorded as a JSON text.
    let text = serde_json::from_str::<String>(wire);
    let bytes = text.as_deref().unwrap_or(wire).as_bytes();
    let headers = HeaderMap::new();
    let reply = Reply {
        status,
        headers: &headers,
        body: bytes,
    };
    Ok(venue.decode(request, &context, &reply))
}

/// Every pair that the case names.
fn expected_symbols(parsed: &Value, request: &Request) -> Vec<Symbol> {
    let mut symbols = request.symbols().to_vec();
    let records: Vec<&Value> = match parsed {
        Value::Array(records) => records.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    };
    // Instruments bring their own names.
    if *request != Request::Instruments {
        symbols.extend(
            records
                .iter()
                .filter_map(|record| record.get("symbol")?.as_str()?.parse().ok()),
        );
    }
    symbols
}
