//! The connector that is looked at, and the ways to ask it that end in a result whatever it does.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use http::{HeaderMap, StatusCode};
use robust_market::{Decoded, Interval, Payload, Request, Symbol, Timestamp};

use super::{Found, Rule};
use crate::{Connector, Context, Reply, SymbolTable, Verdict};

/// What an answer is read as.
pub(super) type Reading = Result<Decoded<Payload>, Verdict>;

pub(super) struct Subject<'a> {
    pub(super) connector: &'a dyn Connector,
    pub(super) symbols: SymbolTable,
}

impl<'a> Subject<'a> {
    pub(super) fn new(connector: &'a dyn Connector) -> Self {
        Self {
            connector,
            symbols: connector.symbols(),
        }
    }

    pub(super) const fn context(&self, now: Timestamp) -> Context<'_> {
        Context::new(&self.symbols, now)
    }

    /// Reads an answer; `None` when that panics, which is noted.
    pub(super) fn read(
        &self,
        request: &Request,
        now: Timestamp,
        reply: &Reply<'_>,
        found: &mut Found,
    ) -> Option<Reading> {
        let context = self.context(now);
        let read = || self.connector.decode(request, &context, reply);
        let reading = catch_unwind(AssertUnwindSafe(read)).ok();
        if reading.is_none() {
            let body = String::from_utf8_lossy(reply.body);
            let input = format!("{} answered with {} {body}", request.kind(), reply.status);
            found.add(Rule::Panic, input, "it panics");
        }
        reading
    }

    /// Reads a body that came with 200 and without headers.
    pub(super) fn read_body(
        &self,
        request: &Request,
        now: Timestamp,
        body: &[u8],
        found: &mut Found,
    ) -> Option<Reading> {
        let headers = HeaderMap::new();
        let reply = Reply {
            status: StatusCode::OK,
            headers: &headers,
            body,
        };
        self.read(request, now, &reply, found)
    }

    /// One request of every kind.
    pub(super) fn requests(&self) -> Vec<Request> {
        let first = self.symbols.iter().next();
        let mut requests: Vec<_> = first
            .into_iter()
            .flat_map(|listing| about(&listing.symbol))
            .collect();
        requests.extend([
            Request::Instruments,
            Request::Assets,
            Request::ServerTime,
            Request::Status,
            Request::Tickers { symbols: vec![] },
        ]);
        requests
    }

    /// One request of every kind that can be asked.
    pub(super) fn supported(&self) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|request| self.connector.supports(request.kind()));
        requests
    }
}

/// One request of every kind that is about a pair.
pub(super) fn about(symbol: &Symbol) -> Vec<Request> {
    let (one, many) = (|| symbol.clone(), || vec![symbol.clone()]);
    vec![
        Request::Ticker { symbol: one() },
        Request::Tickers { symbols: many() },
        Request::BidsAsks { symbols: many() },
        Request::LastPrices { symbols: many() },
        Request::OrderBook {
            symbol: one(),
            depth: None,
        },
        Request::Candles {
            symbol: one(),
            interval: Interval::M1,
            since: None,
            limit: None,
        },
        Request::Trades {
            symbol: one(),
            since: None,
            limit: None,
        },
    ]
}
