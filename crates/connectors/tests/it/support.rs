//! Asking and answering without a network.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use robust_connectors::{
    Binance, Connector, Context, Htx, Kraken, KuCoin, Reply, SymbolTable, Verdict, Way,
};
use robust_market::{Decoded, Exchange, Interval, Payload, Request, Symbol, Timestamp};

/// 2024-05-24T04:02:28Z.
pub(crate) const NOW_MS: i64 = 1_716_523_348_000;

pub(crate) fn symbol(text: &str) -> Symbol {
    text.parse().unwrap()
}

pub(crate) fn ticker(text: &str) -> Request {
    Request::Ticker {
        symbol: symbol(text),
    }
}

pub(crate) fn book(text: &str) -> Request {
    Request::OrderBook {
        symbol: symbol(text),
        depth: None,
    }
}

pub(crate) fn candles(text: &str, interval: &str) -> Request {
    Request::Candles {
        symbol: symbol(text),
        interval: interval.parse::<Interval>().unwrap(),
        since: None,
        limit: None,
    }
}

pub(crate) fn trades(text: &str) -> Request {
    Request::Trades {
        symbol: symbol(text),
        since: None,
        limit: None,
    }
}

/// An answer that a test makes up.
#[derive(Debug, Clone)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    pub(crate) headers: &'a [(&'a str, &'a str)],
    pub(crate) body: &'a [u8],
}

impl<'a> Answer<'a> {
    pub(crate) const fn ok(body: &'a str) -> Self {
        Self {
            status: 200,
            headers: &[],
            body: body.as_bytes(),
        }
    }

    pub(crate) fn to(
        &self,
        request: &Request,
        connector: &dyn Connector,
        symbols: &SymbolTable,
    ) -> Result<Decoded<Payload>, Verdict> {
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.insert(
                name.parse::<HeaderName>().unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        let context = Context::new(symbols, Timestamp::from_ms(NOW_MS).unwrap());
        connector.decode(
            request,
            &context,
            &Reply {
                status: StatusCode::from_u16(self.status).unwrap(),
                headers: &headers,
                body: self.body,
            },
        )
    }
}

/// The built-in pairs of a connector, made once.
pub(crate) fn built_in(connector: &dyn Connector) -> &'static SymbolTable {
    static TABLES: LazyLock<HashMap<Exchange, SymbolTable>> = LazyLock::new(|| {
        let tables = CONNECTORS.into_iter();
        tables
            .map(|(each, _)| (each.exchange(), each.symbols()))
            .collect()
    });
    &TABLES[&connector.exchange()]
}

/// Decodes a body that came with HTTP 200.
pub(crate) fn decode(
    connector: &dyn Connector,
    request: &Request,
    body: &str,
) -> Result<Decoded<Payload>, Verdict> {
    Answer::ok(body).to(request, connector, built_in(connector))
}

/// Whether the direct way, where it reads a body, and whoever takes either way come to the same as the tolerant one.
pub(crate) fn both_ways_agree(connector: &dyn Connector, request: &Request, body: &str) -> bool {
    let now = Timestamp::from_ms(NOW_MS).unwrap();
    let headers = HeaderMap::new();
    let reply = Reply {
        status: StatusCode::OK,
        headers: &headers,
        body: body.as_bytes(),
    };
    let by = |way| {
        let context = Context::new(built_in(connector), now).reading(way);
        connector.decode(request, &context, &reply)
    };
    let (direct, tolerant) = (by(Way::Direct), by(Way::Tolerant));
    by(Way::Either) == tolerant && (direct.is_err() || direct == tolerant)
}

/// The four of this crate, and a pair that each of them knows.
pub(crate) const CONNECTORS: [(&dyn Connector, &str); 4] = [
    (&Kraken, "BTC/USD"),
    (&Binance, "BTC/USDT"),
    (&KuCoin, "BTC/USDT"),
    (&Htx, "BTC/USDT"),
];

/// The target that a request is encoded to.
pub(crate) fn target(
    connector: &dyn Connector,
    symbols: &SymbolTable,
    request: &Request,
) -> Result<String, robust_connectors::EncodeError> {
    target_at(connector, symbols, request, NOW_MS)
}

/// The target that a request is encoded to at a time in milliseconds.
pub(crate) fn target_at(
    connector: &dyn Connector,
    symbols: &SymbolTable,
    request: &Request,
    now_ms: i64,
) -> Result<String, robust_connectors::EncodeError> {
    let context = Context::new(symbols, Timestamp::from_ms(now_ms).unwrap());
    let wire = connector.encode(request, &context)?;
    assert_eq!(wire.method, http::Method::GET);
    assert!(wire.body.is_empty());
    Ok(wire.target.as_str().to_owned())
}
