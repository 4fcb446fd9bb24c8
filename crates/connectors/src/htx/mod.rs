//! HTX spot (Huobi by its older name), public REST interface.
//!
//! Facts from huobiapi/docs (v1_en, 2021) and from newer clients, which use the same hosts and paths. What is special: errors come with HTTP
//! 200; numbers are JSON numbers, also such as `2.0E-4`; lists run from the newest to the oldest; a trade has an id of 28 digits; candles
//! take no start; days, weeks and months begin at 00:00 in Singapore, which is 16:00 UTC.

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
use robust_market::{BarCalendar, Decoded, DepthLimit, Exchange, Kind, Payload, Request};

use crate::history::{EmptyBars, Paging};
use crate::wire::{Window, either};
use crate::{
    Charges, Class, Connector, Context, Credentials, EncodeError, Many, RateWindow, Reply,
    SymbolTable, Usages, Verdict, WireRequest, answer,
};

/// HTX spot.
///
/// Every kind of [`Request`] is supported; best quotes and last prices are read from the list of all tickers. The prices of the day in that list
/// are of the day in Singapore and not of 24 hours: `open`, `high` and `low` stay empty there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Htx;

impl Connector for Htx {
    fn exchange(&self) -> Exchange {
        Exchange::HTX
    }

    fn base_url(&self) -> &'static str {
        "https://api.huobi.pro"
    }

    /// The second one is for callers inside of Amazon's network.
    fn base_urls(&self) -> Vec<&'static str> {
        vec![self.base_url(), "https://api-aws.huobi.pro"]
    }

    /// The test network; it is not documented any more, and is still in many configurations.
    fn is_test_host(&self, host: &str) -> bool {
        host.eq_ignore_ascii_case("api.testnet.huobi.pro")
    }

    fn supports(&self, kind: Kind) -> bool {
        Kind::ALL.contains(&kind)
    }

    /// The newest rows and no more: neither bars nor trades take a start.
    fn paging(&self, kind: Kind) -> Option<Paging> {
        matches!(kind, Kind::Candles | Kind::Trades).then_some(Paging {
            page: encode::ROWS_MAX,
            from_time: false,
            depth: Some(DepthLimit {
                rows: encode::ROWS_MAX,
                source: "huobiapi/docs, Get Klines and Get the Most Recent Trades: size 1 to 2000, no start",
            }),
            empty_bars: EmptyBars::Unknown,
        })
    }

    fn calendar(&self) -> BarCalendar {
        candles::SINGAPORE
    }

    fn windows(&self) -> Vec<RateWindow> {
        limits::windows()
    }

    fn cost(&self, _request: &Request) -> Charges {
        limits::cost()
    }

    fn symbols(&self) -> SymbolTable {
        symbols::table()
    }

    fn encode(&self, request: &Request, context: &Context<'_>) -> Result<WireRequest, EncodeError> {
        encode::encode(request, context)
    }

    fn sign(
        &self,
        request: WireRequest,
        credentials: &Credentials,
        context: &Context<'_>,
    ) -> Result<WireRequest, EncodeError> {
        let default = self.base_url().trim_start_matches("https://");
        let host = context.authority.unwrap_or(default);
        sign::sign(request, credentials, host, context.now)
    }

    /// The list of all tickers holds less than a ticker: neither time nor open, high and low.
    fn many(&self, kind: Kind) -> Option<Many> {
        (kind == Kind::Ticker).then_some(Many::all(Kind::Tickers))
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

    /// The public endpoints report no usage; the headers of the newer private ones are about an account.
    fn usage(&self, _headers: &HeaderMap) -> Usages {
        Usages::new()
    }

    fn asset_code<'a>(&self, id: &'a str) -> Cow<'a, str> {
        symbols::asset_code(id)
    }
}

fn direct(request: &Request, context: &Context<'_>, reply: &Reply<'_>) -> Option<Payload> {
    match request {
        Request::Ticker { symbol } => ticker::direct(symbol, context, reply),
        Request::OrderBook { symbol, depth } => book::direct(symbol, *depth, context, reply),
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
        Request::OrderBook { symbol, depth } => book::book(symbol, *depth, context, reply),
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
            &format!("kind \"{}\" is not read from htx", other.kind()),
        )),
    }
}
