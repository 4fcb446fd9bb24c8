//! KuCoin spot, public REST interface.
//!
//! Facts from the specification in Kucoin/kucoin-universal-sdk (2025-11) and the older kucoin-api-docs. What is special: success is the
//! text `"200000"` in `code`, whatever the HTTP status says; candles run from the newest to the oldest and write the close before
//! the high; trades carry nanoseconds; a minute without trades has no candle; the full book needs a key.

mod assets;
mod book;
mod candles;
mod encode;
mod envelope;
mod errors;
mod instruments;
mod limits;
mod sign;
mod state;
mod stream;
mod symbols;
mod ticker;
mod trades;

use std::borrow::Cow;

use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use robust_market::{BarCalendar, Decoded, DepthLimit, Exchange, Kind, Payload, Request};

use crate::history::{EmptyBars, Paging};
use crate::wire::{Window, either};
use crate::{
    Charges, Class, Connector, Context, Credentials, EncodeError, Many, RateWindow, Reply,
    SymbolTable, Usages, Verdict, WireRequest, answer,
};

pub use stream::{StreamAccess, StreamServer};

/// KuCoin spot.
///
/// Every kind of [`Request`] is supported. Best quotes and last price of one pair are read from its level 1, of several from the
/// list of all. A book of more than 100 levels is private: without credentials it is the public one of 100 levels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KuCoin;

impl KuCoin {
    /// The request for the way into the public streams. It costs 10 of the public pool.
    #[must_use]
    pub fn stream_request(&self) -> WireRequest {
        let mut request = WireRequest::get(PathAndQuery::from_static("/api/v1/bullet-public"));
        request.method = Method::POST;
        request
    }

    /// Reads the answer to [`stream_request`](Self::stream_request).
    ///
    /// # Errors
    ///
    /// [`Verdict`] when the envelope is no answer, or lacks the token or a part of a server.
    pub fn stream_access(&self, reply: &Reply<'_>) -> Result<StreamAccess, Verdict> {
        stream::access(reply)
    }
}

impl Connector for KuCoin {
    fn exchange(&self) -> Exchange {
        Exchange::KUCOIN
    }

    fn base_url(&self) -> &'static str {
        "https://api.kucoin.com"
    }

    /// The sandbox; it was switched off in 2023, and is still in many configurations.
    fn is_test_host(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case("openapi-sandbox.kucoin.com")
    }

    fn supports(&self, kind: Kind) -> bool {
        Kind::ALL.contains(&kind)
    }

    /// Trades are the last hundred and no more.
    fn paging(&self, kind: Kind) -> Option<Paging> {
        match kind {
            Kind::Candles => Some(Paging {
                page: encode::CANDLES_MAX,
                from_time: true,
                depth: None,
                empty_bars: EmptyBars::LeftOut,
            }),
            Kind::Trades => Some(Paging {
                page: encode::TRADES_MAX,
                from_time: false,
                depth: Some(DepthLimit {
                    rows: encode::TRADES_MAX,
                    source: "KuCoin API specification, Get Trade History: the last 100 records",
                }),
                empty_bars: EmptyBars::LeftOut,
            }),
            _ => None,
        }
    }

    fn calendar(&self) -> BarCalendar {
        candles::CALENDAR
    }

    fn windows(&self) -> Vec<RateWindow> {
        limits::windows()
    }

    fn cost(&self, request: &Request) -> Charges {
        limits::cost(request)
    }

    fn symbols(&self) -> SymbolTable {
        symbols::table()
    }

    fn encode(&self, request: &Request, context: &Context<'_>) -> Result<WireRequest, EncodeError> {
        encode::encode(request, context)
    }

    fn needs_signature(&self, request: &Request) -> bool {
        encode::wants_full_book(request)
    }

    fn sign(
        &self,
        request: WireRequest,
        credentials: &Credentials,
        context: &Context<'_>,
    ) -> Result<WireRequest, EncodeError> {
        sign::sign(request, credentials, context.now)
    }

    fn many(&self, kind: Kind) -> Option<Many> {
        (kind == Kind::Ticker).then_some(Many::all(Kind::Tickers))
    }

    fn decode(
        &self,
        request: &Request,
        context: &Context<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        let mut decoded = either(
            context,
            reply,
            || direct(request, context, reply),
            || decode(request, context, reply),
        );
        if let Ok(decoded) = &mut decoded
            && let Payload::OrderBook(book) = &mut decoded.value
        {
            book.depth_limit = encode::depth_limit(request, context);
        }
        decoded.map_err(|verdict| {
            let wait = answer::retry_after(reply.headers, context.now)
                .or(verdict.retry_after)
                .or_else(|| limits::reset(verdict.class, reply.headers));
            verdict.with_retry_after(wait)
        })
    }

    fn usage(&self, headers: &HeaderMap) -> Usages {
        limits::usage(headers)
    }

    fn asset_code<'a>(&self, id: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(symbols::asset_code(id))
    }
}

fn direct(request: &Request, context: &Context<'_>, reply: &Reply<'_>) -> Option<Payload> {
    match request {
        Request::Ticker { symbol } => ticker::direct(symbol, context, reply),
        Request::OrderBook { symbol, depth } => book::direct(symbol, *depth, reply),
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let window = Window::new(*since, *limit);
            candles::direct(symbol, *interval, window, context.now, reply)
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => trades::direct(symbol, Window::new(*since, *limit), reply),
        _ => None,
    }
}

fn decode(
    request: &Request,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    match request {
        Request::Ticker { symbol } => ticker::one(symbol, context, reply),
        Request::Tickers { symbols }
        | Request::BidsAsks { symbols }
        | Request::LastPrices { symbols } => ticker::many(request.kind(), symbols, context, reply),
        Request::OrderBook { symbol, depth } => book::book(symbol, *depth, reply),
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let window = Window::new(*since, *limit);
            candles::candles(symbol, *interval, window, context.now, reply)
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => trades::trades(symbol, Window::new(*since, *limit), reply),
        Request::Instruments => instruments::instruments(reply),
        Request::Assets => assets::assets(reply),
        Request::ServerTime => state::server_time(reply),
        Request::Status => state::status(reply),
        other => Err(Verdict::new(
            Class::Permanent,
            reply.status.as_u16(),
            None,
            &format!("kind \"{}\" is not read from kucoin", other.kind()),
        )),
    }
}
