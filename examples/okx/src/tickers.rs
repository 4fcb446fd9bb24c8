//! `/market/ticker` and `/market/tickers`: `{"instId", "last", "bidPx", "bidSz", "askPx", "askSz", "open24h", "high24h", "low24h",
//! "vol24h", "volCcy24h", "ts"}`. On spot, `vol24h` is in base and `volCcy24h` in quote currency; on swaps it is otherwise.

use robust_connectors::Context;
use robust_market::{Decoded, Defect, DefectKind, Kind, Payload, Symbol, Ticker};
use serde::Deserialize;

use crate::wire::{Notes, Raw, Record};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    inst_id: Raw<'a>,
    #[serde(borrow, default)]
    last: Raw<'a>,
    #[serde(borrow, default)]
    bid_px: Raw<'a>,
    #[serde(borrow, default)]
    bid_sz: Raw<'a>,
    #[serde(borrow, default)]
    ask_px: Raw<'a>,
    #[serde(borrow, default)]
    ask_sz: Raw<'a>,
    #[serde(borrow, default)]
    open24h: Raw<'a>,
    #[serde(borrow, default)]
    high24h: Raw<'a>,
    #[serde(borrow, default)]
    low24h: Raw<'a>,
    #[serde(borrow, default)]
    vol24h: Raw<'a>,
    #[serde(borrow, default)]
    vol_ccy24h: Raw<'a>,
    #[serde(borrow, default)]
    ts: Raw<'a>,
}

pub(crate) fn one(
    symbol: &Symbol,
    context: &Context<'_>,
    rows: &[Raw<'_>],
) -> Result<Decoded<Payload>, &'static str> {
    let [row] = rows else {
        return Err("not one ticker");
    };
    let wire: Wire<'_> = row.read().map_err(|_| "no ticker")?;
    let mut notes = Notes::clean(());
    let mut record = Record::new(&mut notes, 0);
    let id = record.need("symbol", wire.inst_id, Raw::name);
    let listing = id.and_then(|id| context.symbols.by_id(&id));
    if listing.is_some_and(|listing| listing.symbol != *symbol) {
        return Err("the answer is about another pair");
    }
    let ticker = ticker(symbol.clone(), &wire, Kind::Ticker, &mut record);
    Ok(notes.map(|()| Payload::Ticker(ticker)))
}

pub(crate) fn many(
    kind: Kind,
    asked: &[Symbol],
    context: &Context<'_>,
    rows: &[Raw<'_>],
) -> Decoded<Payload> {
    let mut notes = Notes::clean(());
    let mut tickers: Vec<Ticker> = Vec::new();
    for row in rows {
        let position = tickers.len() + notes.excluded.len();
        let mut record = Record::new(&mut notes, position);
        let wire = record.need("ticker", *row, Raw::read::<Wire<'_>>);
        let listing = wire.as_ref().and_then(|wire| {
            let id = record.need("symbol", wire.inst_id, Raw::name)?;
            let listing = context.symbols.by_id(&id);
            // Of pairs that nobody asked for it does not matter that they are not listed.
            if listing.is_none() && asked.is_empty() {
                record.broken("symbol", DefectKind::Unparsable, wire.inst_id);
            }
            listing
        });
        match (wire, listing) {
            (Some(wire), Some(listing)) => {
                if asked.is_empty() || asked.contains(&listing.symbol) {
                    tickers.push(ticker(listing.symbol.clone(), &wire, kind, &mut record));
                }
            }
            (Some(wire), None) if !asked.is_empty() && wire.inst_id.text().is_ok() => {}
            _ => record.exclude(),
        }
    }
    for symbol in asked {
        if !tickers.iter().any(|ticker| ticker.symbol == *symbol) {
            let text = Some(symbol.as_str());
            notes.note(Defect::new(None, "symbol", DefectKind::Missing, text));
        }
    }
    notes.map(|()| Payload::Tickers(tickers))
}

fn ticker(symbol: Symbol, wire: &Wire<'_>, kind: Kind, record: &mut Record<'_>) -> Ticker {
    let mut ticker = Ticker::new(symbol);
    if kind != Kind::LastPrices {
        ticker.bid = record.need("bid", wire.bid_px, Raw::decimal);
        ticker.bid_size = record.need("bid_size", wire.bid_sz, Raw::decimal);
        ticker.ask = record.need("ask", wire.ask_px, Raw::decimal);
        ticker.ask_size = record.need("ask_size", wire.ask_sz, Raw::decimal);
    }
    if kind != Kind::BidsAsks {
        ticker.last = record.need("last", wire.last, Raw::decimal);
    }
    if matches!(kind, Kind::Ticker | Kind::Tickers) {
        ticker.open = record.need("open", wire.open24h, Raw::decimal);
        ticker.high = record.need("high", wire.high24h, Raw::decimal);
        ticker.low = record.need("low", wire.low24h, Raw::decimal);
        ticker.base_volume = record.need("base_volume", wire.vol24h, Raw::decimal);
        ticker.quote_volume = record.need("quote_volume", wire.vol_ccy24h, Raw::decimal);
    }
    ticker.time = record.need("time", wire.ts, Raw::millis);
    ticker
}
