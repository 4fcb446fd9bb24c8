//! The contract, fulfilled for OKX.

use http::HeaderMap;
use robust_connectors::history::{EmptyBars, Paging};
use robust_connectors::{
    Charges, Connector, Context, EncodeError, Many, RateWindow, Reply, SymbolTable, Usages,
    Verdict, WireRequest,
};
use robust_market::{Decoded, DepthLimit, Exchange, Kind, Payload, Request};

use crate::{book, candles, encode, envelope, instruments, limits, state, tickers, trades};

/// OKX spot.
///
/// Facts from the v5 documentation (<https://www.okx.com/docs-v5/en/>, state of 2026-07). Public data only; the list of currencies needs
/// a key and is not supported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Okx;

/// The pairs that are known without asking.
const PAIRS: &[(&str, &str)] = &[
    ("BTC", "USDT"),
    ("ETH", "USDT"),
    ("SOL", "USDT"),
    ("XRP", "USDT"),
    ("DOGE", "USDT"),
    ("ADA", "USDT"),
    ("LTC", "USDT"),
    ("OKB", "USDT"),
    ("BTC", "USDC"),
    ("ETH", "USDC"),
    ("ETH", "BTC"),
];

impl Connector for Okx {
    fn exchange(&self) -> Exchange {
        Exchange::from_static("okx")
    }

    fn base_url(&self) -> &'static str {
        "https://www.okx.com"
    }

    fn base_urls(&self) -> Vec<&'static str> {
        vec![self.base_url(), "https://openapi.okx.com"]
    }

    fn supports(&self, kind: Kind) -> bool {
        kind != Kind::Assets
    }

    fn windows(&self) -> Vec<RateWindow> {
        limits::windows()
    }

    fn cost(&self, request: &Request) -> Charges {
        limits::cost(request)
    }

    fn symbols(&self) -> SymbolTable {
        let mut table = SymbolTable::default();
        for (base, quote) in PAIRS {
            if let Ok(symbol) = robust_market::Symbol::new(base, quote) {
                table.insert(&symbol, &format!("{base}-{quote}"), []);
            }
        }
        table
    }

    fn encode(&self, request: &Request, context: &Context<'_>) -> Result<WireRequest, EncodeError> {
        encode::encode(request, context.symbols)
    }

    fn many(&self, kind: Kind) -> Option<Many> {
        (kind == Kind::Ticker).then_some(Many::all(Kind::Tickers))
    }

    fn paging(&self, kind: Kind) -> Option<Paging> {
        match kind {
            Kind::Candles => Some(Paging {
                page: encode::CANDLES_MAX,
                from_time: true,
                depth: Some(DepthLimit {
                    rows: 1_440,
                    source: "docs-v5, GET / Candlesticks: the latest 1,440 data entries",
                }),
                empty_bars: EmptyBars::Sent,
            }),
            Kind::Trades => Some(Paging {
                page: encode::TRADES_MAX,
                from_time: false,
                depth: None,
                empty_bars: EmptyBars::LeftOut,
            }),
            _ => None,
        }
    }

    fn decode(
        &self,
        request: &Request,
        context: &Context<'_>,
        reply: &Reply<'_>,
    ) -> Result<Decoded<Payload>, Verdict> {
        let decoded = envelope::data(reply).and_then(|rows| {
            match request {
                Request::Ticker { symbol } => tickers::one(symbol, context, &rows),
                Request::Tickers { symbols }
                | Request::BidsAsks { symbols }
                | Request::LastPrices { symbols } => {
                    Ok(tickers::many(request.kind(), symbols, context, &rows))
                }
                Request::OrderBook { symbol, .. } => book::book(symbol, &rows),
                Request::Candles {
                    symbol,
                    interval,
                    since,
                    limit,
                } => Ok(candles::candles(
                    symbol,
                    *interval,
                    *since,
                    *limit,
                    context.now,
                    rows,
                )),
                Request::Trades {
                    symbol,
                    since,
                    limit,
                } => Ok(trades::trades(symbol, *since, *limit, rows)),
                Request::Instruments => Ok(instruments::instruments(&rows)),
                Request::ServerTime => state::server_time(&rows),
                Request::Status => Ok(state::status(&rows)),
                _ => Err("a kind that is not read from okx"),
            }
            .map_err(|why| reply.malformed(why))
        });
        decoded.map_err(|verdict| verdict.with_retry_after(reply.retry_after(context.now)))
    }

    fn usage(&self, _: &HeaderMap) -> Usages {
        // Public answers say nothing about what is used up.
        Usages::new()
    }
}
