//! Binance spot, public REST interface.
//!
//! Facts from binance/binance-spot-api-docs (rest-api.md, errors.md, 2026-07). What is special: answers have no envelope, errors are
//! `{"code": -1121, "msg": …}` with 4xx or 5xx; calls have weights that depend on their parameters; every answer tells how much
//! weight the whole IP has used; who goes on after 429 is banned with 418 for minutes to days.

mod book;
mod candles;
mod encode;
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
use robust_market::{Decoded, Exchange, Kind, Payload, Request, Timestamp};

use crate::history::{EmptyBars, Paging};
use crate::wire::{Window, either};
use crate::{
    Charges, Class, Connector, Context, Credentials, EncodeError, Many, RateWindow, Reply,
    SymbolTable, Usages, Verdict, WireRequest, answer,
};

/// Binance spot.
///
/// Public data only, at `https://api.binance.com`. `Assets` needs a key there and is not supported. Trades are aggregate trades: fills of one order at
/// one price are one row, and their id is the aggregate's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Binance;

impl Binance {
    /// The limits that an answer to [`Request::Instruments`] states for the calling IP, in the order of
    /// [`Connector::windows`].
    ///
    /// Binance changes them now and then (1,200 to 6,000 weight a minute in 2023); what its answer says is newer than any table.
    /// `None` when the answer states none.
    #[must_use]
    pub fn stated_windows(&self, body: &[u8]) -> Option<Vec<RateWindow>> {
        limits::stated(body)
    }
}

impl Connector for Binance {
    fn exchange(&self) -> Exchange {
        Exchange::BINANCE
    }

    fn base_url(&self) -> &'static str {
        "https://api.binance.com"
    }

    /// The mirrors of rest-api.md; the last one serves market data only, so it has no [`Kind::Status`].
    fn base_urls(&self) -> Vec<&'static str> {
        vec![
            self.base_url(),
            "https://api-gcp.binance.com",
            "https://api1.binance.com",
            "https://api2.binance.com",
            "https://api3.binance.com",
            "https://api4.binance.com",
            "https://data-api.binance.vision",
        ]
    }

    /// The test network and demo trading.
    fn is_test_host(&self, host: &str) -> bool {
        [
            "testnet.binance.vision",
            "api1.testnet.binance.vision",
            "demo-api.binance.com",
        ]
        .iter()
        .any(|test| host.eq_ignore_ascii_case(test))
    }

    fn supports(&self, kind: Kind) -> bool {
        kind != Kind::Assets
    }

    fn paging(&self, kind: Kind) -> Option<Paging> {
        match kind {
            Kind::Candles => Some(Paging {
                page: 1_000,
                from_time: true,
                depth: None,
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
        // Above 100 names the weight is that of all pairs.
        (kind == Kind::Ticker).then_some(Many::named(Kind::Tickers, 100))
    }

    fn decode(
        &self,
        request: &Request,
        context: &Context<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        let decoded = match errors::refusal(reply) {
            Some(verdict) => Err(verdict),
            None => either(
                context,
                reply,
                || direct(request, context, reply),
                || decode(request, context, reply),
            ),
        };
        decoded.map_err(|verdict| {
            let wait = verdict.retry_after;
            verdict.with_retry_after(answer::retry_after(reply.headers, context.now).or(wait))
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
    let body = std::str::from_utf8(reply.body).ok()?;
    match request {
        Request::Ticker { symbol } => ticker::direct(symbol, context, body),
        Request::OrderBook { symbol, .. } => book::direct(symbol, body),
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let window = candle_window(*since, *limit);
            candles::direct(symbol, *interval, window, context.now, body)
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => trades::direct(symbol, Window::new(*since, *limit), body),
        _ => None,
    }
}

/// What is asked for when the request does not say is what the answer may hold.
fn candle_window(since: Option<Timestamp>, limit: Option<u32>) -> Window {
    Window::new(since, Some(limit.unwrap_or(encode::CANDLES_DEFAULT)))
}

fn decode(
    request: &Request,
    context: &Context<'_>,
    reply: &Reply<'_>,
) -> Result<Decoded<Payload>, Verdict> {
    let Ok(body) = std::str::from_utf8(reply.body) else {
        return Err(answer::malformed(reply, "not UTF-8"));
    };
    let decoded = match request {
        Request::Ticker { symbol } => ticker::one(symbol, context, body),
        Request::Tickers { symbols }
        | Request::BidsAsks { symbols }
        | Request::LastPrices { symbols } => ticker::many(request.kind(), symbols, context, body),
        Request::OrderBook { symbol, .. } => book::book(symbol, body),
        Request::Candles {
            symbol,
            interval,
            since,
            limit,
        } => {
            let window = candle_window(*since, *limit);
            candles::candles(symbol, *interval, window, context.now, body)
        }
        Request::Trades {
            symbol,
            since,
            limit,
        } => trades::trades(symbol, Window::new(*since, *limit), body),
        Request::Instruments => instruments::instruments(body),
        Request::ServerTime => state::server_time(body),
        Request::Status => state::status(body),
        other => {
            return Err(Verdict::new(
                Class::Permanent,
                reply.status.as_u16(),
                None,
                &format!("kind \"{}\" is not read from binance", other.kind()),
            ));
        }
    };
    // An error can stand where data should, whatever the status says.
    decoded
        .map_err(|why| errors::from_body(reply).unwrap_or_else(|| answer::malformed(reply, &why)))
}
