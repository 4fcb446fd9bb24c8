//! What every connector has to keep, as a suite that runs without a network.
//!
//! For authors of connectors: run [`breaches`] in a test, next to the tests of the exchange's own format.
//!
//! ```
//! use robust_connectors::{Binance, Htx, Kraken, KuCoin, contract};
//!
//! assert!(contract::breaches(&Kraken).is_empty());
//! assert!(contract::breaches(&Binance).is_empty());
//! assert!(contract::breaches(&KuCoin).is_empty());
//! assert!(contract::breaches(&Htx).is_empty());
//! ```

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, HeaderValue, StatusCode};
use robust_market::{Interval, Kind, Request, Symbol, Timestamp};

use crate::{Class, Connector, Context, Credentials, EncodeError, Reply, Verdict};

/// Everything in which a connector breaks the contract, in words; nothing when it keeps it.
///
/// Looked at are the addresses, the windows and what each kind of request charges them, the built-in symbols and their names, which
/// kinds can be encoded and which serve many pairs, the verdicts on answers that are no data (pages, cut-off text, refusals by status), and
/// that nothing of the credentials is shown.
#[must_use]
pub fn breaches(connector: &dyn Connector) -> Vec<String> {
    let mut found = Vec::new();
    addresses(connector, &mut found);
    windows(connector, &mut found);
    symbols(connector, &mut found);
    requests(connector, &mut found);
    many(connector, &mut found);
    refusals(connector, &mut found);
    secrets(connector, &mut found);
    found
}

fn addresses(connector: &dyn Connector, found: &mut Vec<String>) {
    let urls = connector.base_urls();
    if urls.first() != Some(&connector.base_url()) {
        found.push("the first of the addresses is not base_url".to_owned());
    }
    for url in urls {
        let host = url.strip_prefix("https://").unwrap_or_default();
        if host.is_empty() || host.contains(['/', '?', '@']) {
            found.push(format!("{url} is not https:// and a host"));
        }
        if connector.is_test_host(host) {
            found.push(format!("{url} is a test system"));
        }
    }
}

fn many(connector: &dyn Connector, found: &mut Vec<String>) {
    for kind in Kind::ALL {
        let Some(many) = connector.many(kind) else {
            continue;
        };
        if !connector.supports(kind) || !connector.supports(many.kind) {
            found.push(format!("{kind} by {}: one is not supported", many.kind));
        }
        if many.max_symbols == Some(0) {
            found.push(format!("{} takes no pair", many.kind));
        }
    }
}

/// Signs with credentials that would be recognised, and reads everything that is shown.
fn secrets(connector: &dyn Connector, found: &mut Vec<String>) {
    // Base64, for exchanges whose secrets are.
    const SECRET: &str = "Q09OVFJBQ1RTRUNSRVQ=";
    let good = Credentials::new(SECRET.into(), SECRET.into()).with_passphrase(SECRET.into());
    let broken = Credentials::new("CONTRACTSECRET\n".into(), "CONTRACTSECRET!".into());
    let symbols = connector.symbols();
    let context = Context::new(&symbols, Timestamp::EPOCH).signing();
    for request in all_requests(connector) {
        let Ok(wire) = connector.encode(&request, &context) else {
            continue;
        };
        for credentials in [&good, &broken] {
            let signed = connector.sign(wire.clone(), credentials, &context);
            let refused = signed.as_ref().err().map(ToString::to_string);
            let shown = format!("{signed:?} {}", refused.unwrap_or_default());
            if shown.contains(SECRET) || shown.contains("CONTRACTSECRET") {
                found.push(format!("signing {} shows the credentials", request.kind()));
            }
        }
        let signed = connector.sign(wire, &good, &context);
        if connector.needs_signature(&request) && signed.is_err() {
            found.push(format!(
                "{} needs a signature that cannot be made",
                request.kind()
            ));
        }
    }
}

fn windows(connector: &dyn Connector, found: &mut Vec<String>) {
    let windows = connector.windows();
    if windows.is_empty() {
        found.push("no window: every exchange has a limit".to_owned());
    }
    for window in &windows {
        if window.limit == 0 || window.per.is_zero() {
            found.push(format!("window {} lets nothing through", window.name));
        }
    }
    for request in all_requests(connector) {
        let charges = connector.cost(&request);
        if charges.is_empty() {
            found.push(format!("{} costs nothing", request.kind()));
        }
        if charges != connector.cost(&request) {
            found.push(format!("{} costs something else each time", request.kind()));
        }
        for charge in charges {
            let Some(window) = windows.get(charge.window) else {
                found.push(format!(
                    "{} charges a window that is not there",
                    request.kind()
                ));
                continue;
            };
            if charge.units == 0 || charge.units > window.limit {
                found.push(format!(
                    "{} charges {} of {} in window {}",
                    request.kind(),
                    charge.units,
                    window.limit,
                    window.name
                ));
            }
            if !window.keyed && charge.key != 0 {
                found.push(format!("window {} has no keys", window.name));
            }
        }
    }
}

fn symbols(connector: &dyn Connector, found: &mut Vec<String>) {
    let symbols = connector.symbols();
    if symbols.is_empty() {
        found.push("no symbol is known without asking".to_owned());
    }
    for listing in symbols.iter() {
        let by_symbol = symbols.get(&listing.symbol);
        let by_id = symbols.by_id(&listing.id);
        if by_symbol != Some(listing) || by_id != Some(listing) {
            found.push(format!("{} is listed twice", listing.symbol));
        }
    }
}

fn requests(connector: &dyn Connector, found: &mut Vec<String>) {
    let symbols = connector.symbols();
    let context = Context::new(&symbols, Timestamp::EPOCH);
    for request in all_requests(connector) {
        let kind = request.kind();
        match (
            connector.supports(kind),
            connector.encode(&request, &context),
        ) {
            (true, Ok(wire)) if !wire.target.path().starts_with('/') => {
                found.push(format!("{kind} has no path"));
            }
            (true, Ok(_)) | (false, Err(EncodeError::Unsupported { .. })) => {}
            (true, Err(error)) => found.push(format!("{kind} is supported, but: {error}")),
            (false, other) => found.push(format!("{kind} is not supported, but: {other:?}")),
        }
    }
    let unlisted = Symbol::new("NOSUCHBASE", "NOSUCHQUOTE");
    for request in unlisted.into_iter().flat_map(about) {
        if connector.supports(request.kind())
            && !matches!(
                connector.encode(&request, &context),
                Err(EncodeError::UnknownSymbol { .. })
            )
        {
            found.push(format!(
                "{} of an unlisted pair is not refused",
                request.kind()
            ));
        }
    }
}

fn refusals(connector: &dyn Connector, found: &mut Vec<String>) {
    const PAGE: &[u8] = b"<html><title>Just a moment...</title></html>";
    for (status, body, class) in [
        (StatusCode::OK, PAGE, Class::Malformed),
        (StatusCode::OK, b"".as_slice(), Class::Malformed),
        (StatusCode::OK, b"{\"".as_slice(), Class::Malformed),
        (StatusCode::OK, b"\xff\xfe".as_slice(), Class::Malformed),
        (StatusCode::TOO_MANY_REQUESTS, PAGE, Class::RateLimited),
        (
            StatusCode::TOO_MANY_REQUESTS,
            b"".as_slice(),
            Class::RateLimited,
        ),
        (StatusCode::BAD_GATEWAY, PAGE, Class::Transient),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            b"".as_slice(),
            Class::Transient,
        ),
    ] {
        for request in all_requests(connector) {
            match refused(connector, &request, status, body) {
                None => found.push(format!("{} reads {status} without data", request.kind())),
                Some(verdict) if verdict.class != class => found.push(format!(
                    "{}: {status} is {}, not {}",
                    request.kind(),
                    verdict.class.as_str(),
                    class.as_str()
                )),
                Some(verdict) if verdict.retry_after != Some(WAIT) => {
                    found.push(format!("{}: Retry-After is lost", request.kind()));
                }
                Some(_) => {}
            }
        }
    }
}

const WAIT: Duration = Duration::from_secs(7);

fn refused(
    connector: &dyn Connector,
    request: &Request,
    status: StatusCode,
    body: &[u8],
) -> Option<Verdict> {
    let symbols = connector.symbols();
    let mut headers = HeaderMap::new();
    headers.insert(RETRY_AFTER, HeaderValue::from(WAIT.as_secs()));
    let reply = Reply {
        status,
        headers: &headers,
        body,
    };
    let context = Context::new(&symbols, Timestamp::EPOCH);
    if !connector.supports(request.kind()) {
        // What cannot be asked has no answer to judge; the verdict only has to be one.
        return Some(Verdict::new(Class::Permanent, 0, None, ""))
            .filter(|_| connector.decode(request, &context, &reply).is_err())
            .and_then(|_| refused(connector, &Request::ServerTime, status, body));
    }
    connector.decode(request, &context, &reply).err()
}

/// One request of every kind.
fn all_requests(connector: &dyn Connector) -> Vec<Request> {
    let symbols = connector.symbols();
    let first = symbols.iter().next().map(|listing| listing.symbol.clone());
    let mut requests: Vec<_> = first.into_iter().flat_map(about).collect();
    requests.extend([
        Request::Instruments,
        Request::Assets,
        Request::ServerTime,
        Request::Status,
        Request::Tickers {
            symbols: Vec::new(),
        },
    ]);
    requests
}

/// One request of every kind that is about a pair.
fn about(symbol: Symbol) -> Vec<Request> {
    let symbols = vec![symbol.clone()];
    vec![
        Request::Ticker {
            symbol: symbol.clone(),
        },
        Request::Tickers {
            symbols: symbols.clone(),
        },
        Request::BidsAsks {
            symbols: symbols.clone(),
        },
        Request::LastPrices { symbols },
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
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Binance, Charges, Htx, Kraken, KuCoin, RateWindow, SymbolTable, Usages, WireRequest,
    };
    use robust_market::{Decoded, Exchange, Payload};

    #[test]
    fn our_connectors_keep_the_contract() {
        assert_eq!(breaches(&Kraken), [""; 0]);
        assert_eq!(breaches(&Binance), [""; 0]);
        assert_eq!(breaches(&KuCoin), [""; 0]);
        assert_eq!(breaches(&Htx), [""; 0]);
    }

    /// Takes everything for data, charges nothing, and supports what it cannot encode.
    #[derive(Debug)]
    struct Careless;

    impl Connector for Careless {
        fn exchange(&self) -> Exchange {
            Exchange::KRAKEN
        }
        fn base_url(&self) -> &'static str {
            "http://example.com"
        }
        fn needs_signature(&self, _: &Request) -> bool {
            true
        }
        fn sign(
            &self,
            mut request: WireRequest,
            _: &Credentials,
            _: &Context<'_>,
        ) -> Result<WireRequest, EncodeError> {
            let key = HeaderValue::from_static("Q09OVFJBQ1RTRUNSRVQ=");
            request.headers.insert("key", key);
            Ok(request)
        }
        fn many(&self, _: Kind) -> Option<crate::Many> {
            Some(crate::Many::named(Kind::Tickers, 0))
        }
        fn supports(&self, _: Kind) -> bool {
            true
        }
        fn windows(&self) -> Vec<RateWindow> {
            Vec::new()
        }
        fn cost(&self, _: &Request) -> Charges {
            Charges::new()
        }
        fn symbols(&self) -> SymbolTable {
            Kraken.symbols()
        }
        fn encode(&self, request: &Request, _: &Context<'_>) -> Result<WireRequest, EncodeError> {
            match request {
                Request::ServerTime => Ok(WireRequest::get("/time".parse().unwrap())),
                other => Err(EncodeError::Unsupported {
                    exchange: self.exchange(),
                    kind: other.kind(),
                }),
            }
        }
        fn decode(
            &self,
            _: &Request,
            context: &Context<'_>,
            _: &Reply<'_>,
        ) -> Result<Decoded<Payload>, Verdict> {
            Ok(Decoded::clean(Payload::ServerTime(context.now)))
        }
        fn usage(&self, _: &HeaderMap) -> Usages {
            Usages::new()
        }
    }

    #[test]
    fn a_careless_connector_is_found_out() {
        let found = breaches(&Careless).join("\n");
        for part in [
            "no window",
            "ticker costs nothing",
            "ticker is supported, but",
            "trades of an unlisted pair is not refused",
            "candles reads 200 OK without data",
            "http://example.com is not https:// and a host",
            "tickers takes no pair",
            "signing time shows the credentials",
        ] {
            assert!(found.contains(part), "{part} is not in\n{found}");
        }
    }
}
