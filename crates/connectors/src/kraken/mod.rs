//! Kraken spot, public REST interface.
//!
//! Facts from the OpenAPI description (krakenfx/api-specs, 2025-09), docs.kraken.com and support.kraken.com. What is special:
//! errors come with HTTP 200; the key inside `result` is Kraken's canonical id and not the name that was asked with; the
//! ticker carries no time; the last row of OHLC is always the open bar, and bars without trades are filled in.

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
mod symbols;
mod ticker;
mod trades;

use std::borrow::Cow;

use http::HeaderMap;
use robust_market::{
    BarCalendar, Decoded, DepthLimit, Exchange, Kind, Payload, Request, WeekStart,
};

use crate::history::{EmptyBars, Paging};
use crate::wire::{Window, either};
use crate::{
    Charges, Class, Connector, Context, Credentials, EncodeError, Many, RateWindow, Reply,
    SymbolTable, Usages, Verdict, WireRequest, answer, range,
};

/// Kraken spot.
///
/// Public data only, at `https://api.kraken.com`. Every kind of [`Request`] is supported; best quotes and last prices are read from
/// the ticker endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kraken;

impl Connector for Kraken {
    fn exchange(&self) -> Exchange {
        Exchange::KRAKEN
    }

    fn base_url(&self) -> &'static str {
        "https://api.kraken.com"
    }

    /// Kraken has no test system for spot; the one of its futures is recognised.
    fn is_test_host(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case("demo-futures.kraken.com")
    }

    fn supports(&self, kind: Kind) -> bool {
        Kind::ALL.contains(&kind)
    }

    fn paging(&self, kind: Kind) -> Option<Paging> {
        match kind {
            Kind::Candles => Some(Paging {
                page: 720,
                from_time: true,
                depth: Some(DepthLimit {
                    rows: 720,
                    source: "docs.kraken.com, Get OHLC Data: up to 720 of the most recent entries, older data cannot be retrieved",
                }),
                empty_bars: EmptyBars::Sent,
            }),
            Kind::Trades => Some(Paging {
                page: 1_000,
                from_time: true,
                depth: None,
                empty_bars: EmptyBars::LeftOut,
            }),
            _ => None,
        }
    }

    /// Bars are whole intervals since 1970, weeks among them.
    fn calendar(&self) -> BarCalendar {
        BarCalendar::UTC.weeks(WeekStart::Thursday)
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
        encode::encode(request, context.symbols)
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
        (kind == Kind::Ticker).then_some(Many::named(Kind::Tickers, range::SYMBOLS_MAX))
    }

    fn decode(
        &self,
        request: &Request,
        context: &Context<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        let decoded = either(
            context,
            reply,
            || direct(request, context, reply),
            || decode(request, context, reply),
        );
        decoded.map_err(|verdict| {
            let wait = verdict.retry_after;
            verdict.with_retry_after(answer::retry_after(reply.headers, context.now).or(wait))
        })
    }

    /// Kraken's public interface reports no usage.
    fn usage(&self, _headers: &HeaderMap) -> Usages {
        Usages::new()
    }

    fn asset_code<'a>(&self, id: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(symbols::asset_code(id))
    }
}

fn direct(request: &Request, context: &Context<'_>, reply: &Reply<'_>) -> Option<Payload> {
    match request {
        Request::Ticker { symbol } => ticker::direct(symbol, context, reply),
        Request::OrderBook { symbol, .. } => book::direct(symbol, context, reply),
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let window = Window::new(*since, *limit);
            candles::direct(symbol, *interval, window, context, reply)
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => trades::direct(symbol, Window::new(*since, *limit), context, reply),
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
        Request::OrderBook { symbol, .. } => book::book(symbol, context, reply),
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let window = Window::new(*since, *limit);
            candles::candles(symbol, *interval, window, context, reply)
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => trades::trades(symbol, Window::new(*since, *limit), context, reply),
        Request::Instruments => instruments::instruments(reply),
        Request::Assets => assets::assets(reply),
        Request::ServerTime => state::server_time(reply),
        Request::Status => state::status(reply),
        other => Err(Verdict::new(
            Class::Permanent,
            reply.status.as_u16(),
            None,
            &format!("kind \"{}\" is not read from kraken", other.kind()),
        )),
    }
}
