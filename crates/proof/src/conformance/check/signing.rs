//! Recorded signatures: a signed request is taken apart, signed again, and has to become the same.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, Method};
use percent_encoding::{AsciiSet, percent_decode_str, utf8_percent_encode};
use robust_connectors::{Connector, Context, Credentials, WireRequest};
use robust_market::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::super::Failure;
use super::super::cases::Body;
use super::super::compare::whole;

/// Parameters that a signature puts in.
const MADE: [&str; 7] = [
    "signature",
    "Signature",
    "AccessKeyId",
    "SignatureMethod",
    "SignatureVersion",
    "Timestamp",
    "nonce",
];
/// Headers of a broker's programme, which are made with the broker's own key.
const FOREIGN: &str = "kc-api-partner";
/// What a text may hold and a target may not: spaces and letters of other alphabets are written with percent signs.
const NO_TARGET: &AsciiSet = &AsciiSet::EMPTY.add(b' ').add(b'"').add(b'#');
/// Stands in for a secret that a document masks: then the text is compared, not the signature.
const MASKED: &str = "masked";

#[derive(Debug, Deserialize)]
struct Signed {
    #[serde(default = "get_by_default")]
    method: String,
    url: String,
    body: Option<String>,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
}

fn get_by_default() -> String {
    "GET".to_owned()
}

/// A case with whole requests, or with one published signature.
pub(super) fn check(venue: &dyn Connector, body: &Body) -> Result<Vec<Failure>, String> {
    if body.requests.is_null() {
        return published(venue, body);
    }
    let requests: Vec<Signed> = serde_json::from_value(body.requests.clone())
        .map_err(|error| format!("requests: {error}"))?;
    if requests.is_empty() {
        return Err("no requests".to_owned());
    }
    let mut failures = Vec::new();
    for signed in &requests {
        request(venue, body, signed, &mut failures)?;
    }
    Ok(failures)
}

fn sign(
    venue: &dyn Connector,
    unsigned: WireRequest,
    credentials: &Credentials,
    now_ms: i64,
) -> Result<WireRequest, String> {
    let symbols = venue.symbols();
    let now = Timestamp::from_ms(now_ms).ok_or("the time is out of range")?;
    let context = Context::new(&symbols, now).signing();
    venue
        .sign(unsigned, credentials, &context)
        .map_err(|error| error.to_string())
}

/// An unsigned request: path, parameters, method and body.
fn unsigned(path: &str, query: &str, method: &str, body: &str) -> Result<WireRequest, String> {
    let target = if query.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let target = utf8_percent_encode(&target, NO_TARGET).to_string();
    let target = target
        .parse()
        .map_err(|_| format!("{target} is no target"))?;
    let mut request = WireRequest::get(target);
    request.method =
        Method::from_bytes(method.as_bytes()).map_err(|_| format!("{method} is no method"))?;
    request.body = body.to_owned().into();
    Ok(request)
}

/// What a query or a form holds, without what a signature puts in.
fn without_signature(parameters: &str) -> String {
    let kept = parameters.split('&').filter(|parameter| {
        let name = parameter
            .split_once('=')
            .map_or(*parameter, |(name, _)| name);
        !name.is_empty() && !MADE.contains(&name)
    });
    kept.collect::<Vec<_>>().join("&")
}

fn parameters(query: &str) -> BTreeSet<String> {
    query
        .split('&')
        .map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned())
        .collect()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or("nothing")
}

/// Notes a difference of two texts.
fn same(failures: &mut Vec<Failure>, field: &str, expected: &str, got: &str) {
    if expected != got {
        failures.push(Failure::new(field, expected, got));
    }
}

/// A whole signed request.
fn request(
    venue: &dyn Connector,
    case: &Body,
    signed: &Signed,
    failures: &mut Vec<Failure>,
) -> Result<(), String> {
    let keys = case.credentials.as_ref().ok_or("no credentials")?;
    let credentials = Credentials::new(keys.api_key.as_str().into(), keys.secret.as_str().into())
        .with_passphrase(keys.password.as_str().into());
    let target = signed
        .url
        .strip_prefix(venue.base_url())
        .ok_or_else(|| format!("{} is elsewhere", signed.url))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let body = signed.body.as_deref().unwrap_or_default();
    let is_json = body.starts_with(['{', '[']);
    let plain = if is_json {
        body.to_owned()
    } else {
        without_signature(body)
    };
    let unsigned = unsigned(path, &without_signature(query), &signed.method, &plain)?;
    let now = case.clock_ms.ok_or("no clock_ms")?;
    let ours = sign(venue, unsigned, &credentials, now)?;
    same(failures, "path", path, ours.target.path());
    let our_query = ours.target.query().unwrap_or_default();
    if parameters(query) != parameters(our_query) {
        failures.push(Failure::new("query", query, our_query));
    }
    let our_body = String::from_utf8_lossy(&ours.body);
    if is_json || parameters(body) != parameters(&our_body) {
        same(failures, "body", body, &our_body);
    }
    for (name, value) in signed.headers.iter().flatten() {
        if !name.to_ascii_lowercase().starts_with(FOREIGN) {
            same(failures, name, value, header(&ours.headers, name));
        }
    }
    Ok(())
}

/// A signature that is published for a text.
fn published(venue: &dyn Connector, case: &Body) -> Result<Vec<Failure>, String> {
    let key = case.api_key.as_deref().unwrap_or("key");
    let secret = case.secret.as_deref().unwrap_or(MASKED);
    let passphrase = case.passphrase.as_deref().unwrap_or("passphrase");
    let credentials =
        Credentials::new(key.into(), secret.into()).with_passphrase(passphrase.into());
    let text = case.payload.as_deref();
    let mut failures = Vec::new();
    match venue.exchange().as_str() {
        "kraken" => {
            let path = case.path.as_deref().ok_or("no path")?;
            let form = without_signature(text.ok_or("no payload")?);
            let nonce = whole(&case.nonce).ok_or("no nonce")?;
            let signed = sign(
                venue,
                unsigned(path, "", "POST", &form)?,
                &credentials,
                nonce,
            )?;
            let expected = case.signature.as_deref().ok_or("no signature")?;
            same(
                &mut failures,
                "signature",
                expected,
                header(&signed.headers, "api-sign"),
            );
        }
        "binance" => {
            let query = text.ok_or("no payload")?;
            let signed = sign(
                venue,
                unsigned("/api/v3/order", query, "GET", "")?,
                &credentials,
                0,
            )?;
            let query = signed.target.query().unwrap_or_default();
            let found = query.rsplit_once("&signature=").map_or("", |(_, hex)| hex);
            let expected = case.signature.as_deref().ok_or("no signature")?;
            same(&mut failures, "signature", expected, found);
        }
        "kucoin" => kucoin(venue, case, &credentials, &mut failures)?,
        "htx" => pre_signed(venue, case, secret, &mut failures)?,
        other => return Err(format!("what {other} signs is not known")),
    }
    Ok(failures)
}

fn kucoin(
    venue: &dyn Connector,
    case: &Body,
    credentials: &Credentials,
    failures: &mut Vec<Failure>,
) -> Result<(), String> {
    if case.signature.is_none() && case.encrypted.is_none() {
        return Err("neither signature nor encrypted".to_owned());
    }
    let (request, time) = match case.payload.as_deref() {
        Some(text) => of_text(text, &case.timestamp)?,
        None => (unsigned("/", "", "GET", "")?, 0),
    };
    let signed = sign(venue, request, credentials, time)?;
    if let Some(expected) = &case.signature {
        same(
            failures,
            "signature",
            expected,
            header(&signed.headers, "kc-api-sign"),
        );
    }
    if let Some(expected) = &case.encrypted {
        same(
            failures,
            "encrypted",
            expected,
            header(&signed.headers, "kc-api-passphrase"),
        );
    }
    Ok(())
}

/// The request that `KuCoin`'s text is made of: `1547015186532POST/api/v1/deposit-addresses{"currency":"BTC"}`.
fn of_text(text: &str, time: &Value) -> Result<(WireRequest, i64), String> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let stated = text.strip_suffix(rest).and_then(|time| time.parse().ok());
    let (method, rest) = rest.split_at(rest.find('/').ok_or("no path")?);
    let (target, body) = rest.split_at(rest.find('{').unwrap_or(rest.len()));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let time = stated.or_else(|| whole(time)).ok_or("no time")?;
    Ok((unsigned(path, query, method, body)?, time))
}

/// HTX's text: method, host, path and parameters, each on a line. Where the secret is masked, the text is what can be compared.
fn pre_signed(
    venue: &dyn Connector,
    case: &Body,
    secret: &str,
    failures: &mut Vec<Failure>,
) -> Result<(), String> {
    let text = case.pre_signed_text.as_deref().or(case.payload.as_deref());
    let text = text.ok_or("no preSignedText")?;
    let lines: Vec<&str> = text.lines().collect();
    let [method, host, path, query] = lines.as_slice() else {
        return Err(format!("{text} is no text of four lines"));
    };
    same(
        failures,
        "host",
        &format!("https://{host}"),
        venue.base_url(),
    );
    let value = |name: &str| {
        let value = query.split('&').find_map(|part| part.strip_prefix(name))?;
        Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let key = value("AccessKeyId=").ok_or("no key")?;
    let time = value("Timestamp=").ok_or("no time")?;
    let time = utc(&time).ok_or("Timestamp is no time")?;
    let credentials = Credentials::new(key.into(), secret.into());
    let request = unsigned(path, &without_signature(query), method, "")?;
    let signed = sign(venue, request, &credentials, time.as_ms())?;
    let ours = signed.target.query().unwrap_or_default();
    let (ours, signature) = ours.split_once("&Signature=").unwrap_or((ours, ""));
    same(failures, "text", query, ours);
    if let (Some(expected), true) = (&case.signature, secret != MASKED) {
        let signature = percent_decode_str(signature).decode_utf8_lossy();
        same(failures, "signature", expected, &signature);
    }
    Ok(())
}

/// A time as `2017-05-11T15:19:30`.
fn utc(text: &str) -> Option<Timestamp> {
    let parts: Vec<i64> = text
        .split(['-', 'T', ':'])
        .map(|part| part.parse().ok())
        .collect::<Option<_>>()?;
    let &[year, month, day, hour, minute, second] = parts.as_slice() else {
        return None;
    };
    if !(1970..2262).contains(&year) || !(1..=12).contains(&month) {
        return None;
    }
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    let since_1970 = days - 719_468;
    Timestamp::from_secs(((since_1970 * 24 + hour) * 60 + minute) * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_signed_texts_are_read() {
        for (text, secs) in [
            ("1970-01-01T00:00:00", 0),
            ("2023-11-14T22:13:20", 1_700_000_000),
            ("2024-02-29T00:00:00", 1_709_164_800),
        ] {
            assert_eq!(utc(text), Timestamp::from_secs(secs), "{text}");
        }
        assert_eq!(utc("yesterday"), None);
        assert_eq!(utc("2024-13-01T00:00:00"), None);
    }
}
