//! Names, limits and symbols, and how questions are put.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use http::Uri;
use robust_market::{Exchange, Interval, Kind, Request, Symbol, Timestamp};

use super::subject::about;
use super::{Found, Rule, Subject};
use crate::{EncodeError, WireRequest};

pub(super) fn look(subject: &Subject<'_>, found: &mut Found) {
    names(subject, found);
    windows(subject, found);
    symbols(subject, found);
    for request in subject.requests() {
        encoding(subject, &request, found);
    }
    unlisted(subject, found);
    odd_numbers(subject, found);
    series(subject, found);
}

fn names(subject: &Subject<'_>, found: &mut Found) {
    let connector = subject.connector;
    let name = connector.exchange();
    if let Err(error) = name.as_str().parse::<Exchange>() {
        found.add(
            Rule::Name,
            format!("exchange() is {name:?}"),
            error.to_string(),
        );
    }
    let urls = connector.base_urls();
    if urls.first() != Some(&connector.base_url()) {
        found.add(
            Rule::BaseUrl,
            format!("base_urls() is {urls:?}"),
            "base_url() is not the first",
        );
    }
    for url in urls {
        let wrong = match url.parse::<Uri>() {
            Err(error) => Some(error.to_string()),
            Ok(uri) if uri.scheme_str() != Some("https") => Some("it is not https".to_owned()),
            Ok(uri) if uri.path() != "/" || uri.query().is_some() || url.ends_with('/') => {
                Some("it has a path".to_owned())
            }
            Ok(uri) if uri.host().is_none_or(|host| connector.is_test_host(host)) => {
                Some("it is a test host".to_owned())
            }
            Ok(_) => None,
        };
        if let Some(wrong) = wrong {
            found.add(Rule::BaseUrl, url, wrong);
        }
    }
}

fn windows(subject: &Subject<'_>, found: &mut Found) {
    let connector = subject.connector;
    let windows = connector.windows();
    if windows.is_empty() {
        found.add(
            Rule::Windows,
            "windows()",
            "there is none: every exchange has a limit",
        );
    }
    let mut names = HashSet::new();
    for window in &windows {
        if window.limit == 0 || window.per.is_zero() {
            found.add(
                Rule::Windows,
                format!("window {}", window.name),
                "lets nothing through",
            );
        }
        if !names.insert(window.name) {
            found.add(
                Rule::Windows,
                format!("window {}", window.name),
                "there are two of this name",
            );
        }
    }
    for request in subject.requests() {
        let kind = request.kind();
        let input = format!("cost of {kind}");
        let charges = connector.cost(&request);
        if charges.is_empty() {
            found.add(Rule::Costs, &*input, "it costs nothing");
        }
        if charges != connector.cost(&request) {
            found.add(Rule::Costs, &*input, "it is something else each time");
        }
        for charge in charges {
            let Some(window) = windows.get(charge.window) else {
                let text = format!("window {} is not there", charge.window);
                found.add(Rule::Costs, &*input, text);
                continue;
            };
            if charge.units == 0 || charge.units > window.limit {
                let text = format!(
                    "{} of {} in window {}",
                    charge.units, window.limit, window.name
                );
                found.add(Rule::Costs, &*input, text);
            }
            if !window.keyed && charge.key != 0 {
                let text = format!("a key for window {}, which has none", window.name);
                found.add(Rule::Costs, &*input, text);
            }
        }
    }
}

fn symbols(subject: &Subject<'_>, found: &mut Found) {
    let symbols = &subject.symbols;
    if symbols.is_empty() {
        found.add(
            Rule::Symbols,
            "symbols()",
            "no pair is known without asking",
        );
    }
    for listing in symbols.iter() {
        let input = format!("{} as {:?}", listing.symbol, listing.id);
        if listing.id.is_empty()
            || listing
                .id
                .chars()
                .any(|c| c.is_whitespace() || c.is_control())
        {
            found.add(
                Rule::Symbols,
                &*input,
                "the exchange's name is empty or has blanks",
            );
        }
        if symbols.get(&listing.symbol) != Some(listing) {
            found.add(Rule::Symbols, &*input, "the name finds another listing");
        }
        if symbols.by_id(&listing.id) != Some(listing) {
            found.add(
                Rule::Symbols,
                &*input,
                "the exchange's name finds another listing",
            );
        }
    }
}

fn encoding(subject: &Subject<'_>, request: &Request, found: &mut Found) {
    let connector = subject.connector;
    let kind = request.kind();
    let context = subject.context(Timestamp::EPOCH);
    let Some(encoded) = encode(subject, request, found) else {
        return;
    };
    if Some(&encoded) != encode(subject, request, found).as_ref() {
        found.add(
            Rule::Deterministic,
            format!("{kind} encoded twice"),
            "two different requests",
        );
    }
    match (connector.supports(kind), encoded) {
        (true, Ok(wire)) => target(&format!("{kind}: {}", wire.target), &wire, found),
        (false, Err(EncodeError::Unsupported { .. })) => {}
        (true, Err(error)) => {
            let input = format!("{kind}, which supports() takes");
            found.add(Rule::Support, input, error.to_string());
        }
        (false, other) => {
            let input = format!("{kind}, which supports() does not take");
            found.add(Rule::Support, input, format!("{other:?}"));
        }
    }
    if connector.needs_signature(request)
        && connector.supports(kind)
        && connector.encode(request, &context.signing()).is_err()
    {
        let input = format!("{kind} of a caller who can sign");
        found.add(Rule::Support, input, "it is refused");
    }
}

fn target(input: &str, wire: &WireRequest, found: &mut Found) {
    let mut wrong = |text: &str| found.add(Rule::Target, input, text);
    if !wire.target.path().starts_with('/') || wire.target.path().starts_with("//") {
        wrong("no path that starts with one slash");
    }
    if !wire
        .target
        .as_str()
        .bytes()
        .all(|byte| byte.is_ascii_graphic())
    {
        wrong("characters that are not percent-encoded");
    }
    let mut names = HashSet::new();
    for parameter in wire
        .target
        .query()
        .into_iter()
        .flat_map(|query| query.split('&'))
    {
        match parameter.split_once('=') {
            None | Some(("", _)) => wrong("a parameter that is not name=value"),
            Some((name, _)) if !names.insert(name) => wrong("a parameter twice"),
            Some(_) => {}
        }
    }
}

fn unlisted(subject: &Subject<'_>, found: &mut Found) {
    let Some(first) = subject.symbols.iter().next() else {
        return;
    };
    let base = first.symbol.base();
    let near = Symbol::new(base, "NOSUCHQUOTE").ok();
    let far = Symbol::new("NOSUCHBASE", "NOSUCHQUOTE").ok();
    for (symbol, is_near) in near
        .map(|it| (it, true))
        .into_iter()
        .chain(far.map(|it| (it, false)))
    {
        for request in about(&symbol) {
            if !subject.connector.supports(request.kind()) {
                continue;
            }
            let input = format!("{} of {symbol}", request.kind());
            match encode(subject, &request, found) {
                Some(Err(EncodeError::UnknownSymbol { nearest, .. })) => {
                    let is_listed = nearest
                        .as_ref()
                        .map(|near| subject.symbols.get(near).is_some());
                    if is_listed == Some(false) || (is_near && is_listed.is_none()) {
                        let text = format!("the nearest is {nearest:?}");
                        found.add(Rule::UnlistedSymbol, input, text);
                    }
                }
                Some(other) => found.add(Rule::UnlistedSymbol, input, format!("{other:?}")),
                None => {}
            }
        }
    }
}

/// Numbers that no exchange takes: each is written or refused, and nothing overflows.
fn odd_numbers(subject: &Subject<'_>, found: &mut Found) {
    let Some(symbol) = subject.symbols.iter().next().map(|it| it.symbol.clone()) else {
        return;
    };
    let times = [i64::MIN, -1, 0, 1, i64::MAX].map(|ns| Some(Timestamp::from_ns(ns)));
    let intervals = ["1s", "1m", "7m", "1h", "1d", "1w", "1M", "65535w", "65535M"];
    let mut requests = Vec::new();
    for limit in [Some(0), Some(1), Some(u32::MAX), None] {
        requests.push(Request::OrderBook {
            symbol: symbol.clone(),
            depth: limit,
        });
        for since in times.into_iter().chain([None]) {
            requests.push(Request::Trades {
                symbol: symbol.clone(),
                since,
                limit,
            });
            for interval in intervals
                .iter()
                .filter_map(|it| it.parse::<Interval>().ok())
            {
                requests.push(Request::Candles {
                    symbol: symbol.clone(),
                    interval,
                    since,
                    limit,
                });
            }
        }
    }
    for request in &requests {
        let supported = subject.connector.supports(request.kind());
        match encode(subject, request, found) {
            Some(Ok(wire)) => target(&format!("{request:?}"), &wire, found),
            Some(Err(EncodeError::OutOfRange { .. } | EncodeError::UnsupportedInterval { .. }))
            | None => {}
            Some(Err(EncodeError::Unsupported { .. })) if !supported => {}
            Some(Err(error)) => {
                found.add(Rule::OddNumbers, format!("{request:?}"), error.to_string());
            }
        }
        let charge = || subject.connector.cost(request);
        if catch_unwind(AssertUnwindSafe(charge)).is_err() {
            found.add(Rule::Panic, format!("cost of {request:?}"), "it panics");
        }
    }
}

fn series(subject: &Subject<'_>, found: &mut Found) {
    let connector = subject.connector;
    let Some(symbol) = subject.symbols.iter().next().map(|it| it.symbol.clone()) else {
        return;
    };
    for kind in Kind::ALL {
        if let Some(many) = connector.many(kind) {
            let input = format!("many({kind})");
            if !connector.supports(many.kind) {
                found.add(
                    Rule::Series,
                    &*input,
                    format!("{} is not supported", many.kind),
                );
            }
            if many.max_symbols == Some(0) {
                found.add(Rule::Series, &*input, "it names no pair");
            }
        }
        if let Some(paging) = connector.paging(kind) {
            let limit = Some(paging.page);
            let symbol = symbol.clone();
            let since = None;
            let request = match kind {
                Kind::Candles => Request::Candles {
                    symbol,
                    interval: Interval::M1,
                    since,
                    limit,
                },
                Kind::Trades => Request::Trades {
                    symbol,
                    since,
                    limit,
                },
                _ => continue,
            };
            if let Some(Err(error)) = encode(subject, &request, found) {
                let input = format!("paging({kind}) with {} rows", paging.page);
                found.add(Rule::Series, input, error.to_string());
            }
        }
    }
}

/// Encodes a request in 2024; `None` when that panics, which is noted.
pub(super) fn encode(
    subject: &Subject<'_>,
    request: &Request,
    found: &mut Found,
) -> Option<Result<WireRequest, EncodeError>> {
    let now = Timestamp::from_ns(1_716_523_348_000_000_000);
    let encode = || subject.connector.encode(request, &subject.context(now));
    let encoded = catch_unwind(AssertUnwindSafe(encode)).ok();
    if encoded.is_none() {
        found.add(Rule::Panic, format!("{request:?} to encode"), "it panics");
    }
    encoded
}
