//! A question becomes the recorded request.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use robust_connectors::{Connector, Context};
use robust_market::{Request, Symbol};

use super::super::cases::Body;
use super::super::names::Names;
use super::super::rules::{self, When};
use super::super::{Failure, ask};
use super::clock;

/// Compares path and set of parameters; the authority is the connector's base URL.
pub(super) fn check(
    venue: &dyn Connector,
    names: &Names,
    body: &Body,
) -> Result<Vec<Failure>, String> {
    let method = body.method.as_deref().ok_or("no method")?;
    let expected = body.url.as_deref().ok_or("no url")?;
    let request = ask::request(method, &body.input)?;
    let symbols: Vec<Symbol> = request.symbols().to_vec();
    let table = names.with(&symbols);
    let context = Context::new(&table, clock(body));
    let wire = venue
        .encode(&request, &context)
        .map_err(|error| error.to_string())?;
    let got = format!("{}{}", venue.base_url(), wire.target);
    let (expected, got) = (Url::read(expected), Url::read(&got));
    let mut failures = Vec::new();
    if expected.path != got.path {
        failures.push(Failure::new("path", &expected.path, &got.path));
    }
    if wire.method != http::Method::GET {
        failures.push(Failure::new("method", "GET", &wire.method));
    }
    let venue = venue.exchange();
    for (name, value) in &expected.parameters {
        let found = got.parameters.get(name);
        let rule = rules::find(venue.as_str(), "rest_request", &format!("{method}.{name}"));
        let when = rule.map(|rule| rule.when);
        let excused = match (when, found) {
            (Some(When::NotSent), None) => true,
            (Some(When::WithinOneBar), Some(found)) => near(&request, value, found),
            _ => false,
        };
        if !excused && found != Some(value) {
            let found = found.map_or("nothing", String::as_str);
            failures.push(Failure::new(name, value, found));
        }
    }
    for (name, value) in &got.parameters {
        if !expected.parameters.contains_key(name) {
            failures.push(Failure::new(name, "nothing", value));
        }
    }
    Ok(failures)
}

/// Whether two times in seconds are at most one bar apart.
fn near(request: &Request, expected: &str, found: &str) -> bool {
    let Request::Candles { interval, .. } = request else {
        return false;
    };
    let bar = i64::try_from(interval.duration().as_secs()).unwrap_or(0);
    matches!(
        (expected.parse::<i64>(), found.parse::<i64>()),
        (Ok(expected), Ok(found)) if (expected.saturating_sub(found)).abs() <= bar
    )
}

/// A URL as path and set of parameters, decoded.
struct Url {
    /// Scheme, authority and path.
    path: String,
    parameters: BTreeMap<String, String>,
}

impl Url {
    fn read(text: &str) -> Self {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let decode = |part: &str| {
            percent_decode_str(&part.replace('+', " "))
                .decode_utf8_lossy()
                .into_owned()
        };
        Self {
            path: decode(path),
            parameters: query
                .split('&')
                .filter(|part| !part.is_empty())
                .map(|part| part.split_once('=').unwrap_or((part, "")))
                .map(|(name, value)| (decode(name), decode(value)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_spelling_of_parameters_do_not_matter() {
        let a = Url::read("https://x.y/z?pair=A%2CB&count=5");
        let b = Url::read("https://x.y/z?count=5&pair=A,B");
        assert_eq!((&a.path, &a.parameters), (&b.path, &b.parameters));
    }
}
