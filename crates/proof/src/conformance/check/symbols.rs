//! Names of pairs both ways, and names of currencies.

use std::fmt::Write as _;

use http::{HeaderMap, StatusCode};
use robust_connectors::{Connector, Context, Reply, SymbolTable};
use robust_market::{Instrument, Payload, Request, Symbol};
use serde_json::{Value, json};

use super::super::Failure;
use super::super::cases::Body;
use super::super::compare::is_in_capitals;
use super::super::names::kraken_legs;
use super::super::rules::{self, When};
use super::clock;

/// A table of pairs, or a list of currency codes.
pub(super) fn check(venue: &dyn Connector, body: &Body) -> Result<Vec<Failure>, String> {
    match (&body.aliases, &body.rows) {
        (Some(aliases), _) => Ok(currencies(venue, aliases)),
        (None, Some(rows)) => pairs(venue, body, rows),
        (None, None) => Err("neither commonCurrencies nor rows".to_owned()),
    }
}

fn currencies(venue: &dyn Connector, aliases: &serde_json::Map<String, Value>) -> Vec<Failure> {
    aliases
        .iter()
        .filter_map(|(id, code)| {
            let got = venue.asset_code(id);
            (code.as_str() != Some(&*got)).then(|| Failure::new(id, code, got))
        })
        .collect()
}

/// Writes the rows as the exchange's own list of pairs, lets the connector read it, and looks every name up in the table made of it.
fn pairs(venue: &dyn Connector, body: &Body, rows: &[Vec<Value>]) -> Result<Vec<Failure>, String> {
    let rows: Vec<Row<'_>> = rows
        .iter()
        .map(|row| Row::of(row))
        .collect::<Result<_, _>>()?;
    let wire = listed(venue.exchange().as_str(), &rows)?;
    let instruments = instruments(venue, body, &wire)?;
    let table = SymbolTable::from_instruments(&instruments);
    let mut failures = Vec::new();
    let capitals = rules::find(venue.exchange().as_str(), "symbols", "symbol")
        .is_some_and(|rule| rule.when == When::Capitals);
    let is_same = |row: &Row<'_>, symbol: Option<&str>| {
        symbol.is_some_and(|symbol| {
            symbol == row.symbol || capitals && is_in_capitals(row.symbol, symbol, &wire)
        })
    };
    for row in &rows {
        let listing = table.by_id(row.id);
        let symbol = listing.map(|listing| listing.symbol.as_str());
        if !is_same(row, symbol) {
            failures.push(Failure::new(
                row.id,
                row.symbol,
                symbol.unwrap_or("nothing"),
            ));
        }
        if let Some(shown) = row.shown {
            let symbol = table.by_id(shown).map(|listing| listing.symbol.as_str());
            if !is_same(row, symbol) {
                failures.push(Failure::new(shown, row.symbol, symbol.unwrap_or("nothing")));
            }
        }
        // The old dark pools are second markets of their pairs: their names lead to the pair, not back.
        if row.id.ends_with(".d") {
            continue;
        }
        let symbol = match listing {
            Some(listing) if is_same(row, symbol) => Some(listing.symbol.clone()),
            _ => row.symbol.parse::<Symbol>().ok(),
        };
        let id = symbol.and_then(|symbol| table.get(&symbol).map(|listing| listing.id.to_string()));
        if id.as_deref() != Some(row.id) {
            let got = id.unwrap_or_else(|| "nothing".to_owned());
            failures.push(Failure::new(row.symbol, row.id, got));
        }
    }
    Ok(failures)
}

/// `[id, symbol, base, quote, ws name]`.
struct Row<'a> {
    id: &'a str,
    symbol: &'a str,
    base: &'a str,
    quote: &'a str,
    shown: Option<&'a str>,
}

impl<'a> Row<'a> {
    fn of(row: &'a [Value]) -> Result<Self, String> {
        let text = |index: usize| row.get(index).and_then(Value::as_str);
        match (text(0), text(1), text(2), text(3)) {
            (Some(id), Some(symbol), Some(base), Some(quote)) => Ok(Self {
                id,
                symbol,
                base,
                quote,
                shown: text(4),
            }),
            _ => Err(format!("{} is no row of names", Value::from(row.to_vec()))),
        }
    }
}

fn listed(exchange: &str, rows: &[Row<'_>]) -> Result<String, String> {
    match exchange {
        "kraken" => {
            let mut members = String::new();
            for row in rows {
                let comma = if members.is_empty() { "" } else { "," };
                let _ = write!(members, "{comma}{}:{}", json!(row.id), kraken_row(row)?);
            }
            Ok(format!(r#"{{"error":[],"result":{{{members}}}}}"#))
        }
        "binance" => {
            let rows: Vec<Value> = rows
                .iter()
                .map(|row| {
                    json!({"symbol": row.id, "status": "TRADING", "baseAsset": row.base, "quoteAsset": row.quote, "filters": []})
                })
                .collect();
            Ok(
                json!({"timezone": "UTC", "serverTime": 0, "rateLimits": [], "symbols": rows})
                    .to_string(),
            )
        }
        "kucoin" => {
            let row = |row: &Row<'_>| json!({"symbol": row.id, "name": row.id, "baseCurrency": row.base, "quoteCurrency": row.quote, "enableTrading": true});
            let rows: Vec<Value> = rows.iter().map(row).collect();
            Ok(json!({"code": "200000", "data": rows}).to_string())
        }
        "htx" => {
            let row = |row: &Row<'_>| json!({"symbol": row.id, "base-currency": row.base, "quote-currency": row.quote, "state": "online"});
            let rows: Vec<Value> = rows.iter().map(row).collect();
            Ok(json!({"status": "ok", "data": rows}).to_string())
        }
        other => Err(format!("the list of pairs of {other} is not known")),
    }
}

/// A pair as AssetPairs writes it. The recorded table holds unified codes of the legs, the wire holds Kraken's own.
fn kraken_row(row: &Row<'_>) -> Result<Value, String> {
    // What the WebSocket calls the legs is closer to the wire than the unified codes.
    let shown = row.shown.and_then(|shown| shown.split_once('/'));
    let legs = shown
        .and_then(|(base, quote)| kraken_legs(row.id, base, quote))
        .or_else(|| kraken_legs(row.id, row.base, row.quote));
    let (base, quote) = legs.ok_or_else(|| {
        format!(
            "the legs of {} are not {} and {}",
            row.id, row.base, row.quote
        )
    })?;
    let altname = shown.map_or_else(
        || row.id.to_owned(),
        |(base, quote)| format!("{base}{quote}"),
    );
    let mut pair = json!({
        "altname": altname, "aclass_base": "currency", "base": base, "aclass_quote": "currency", "quote": quote,
        "pair_decimals": 5, "lot_decimals": 8, "status": "online",
    });
    if let (Some(shown), Some(members)) = (row.shown, pair.as_object_mut()) {
        members.insert("wsname".to_owned(), json!(shown));
    }
    Ok(pair)
}

fn instruments(venue: &dyn Connector, body: &Body, wire: &str) -> Result<Vec<Instrument>, String> {
    let table = SymbolTable::default();
    let context = Context::new(&table, clock(body));
    let headers = HeaderMap::new();
    let reply = Reply {
        status: StatusCode::OK,
        headers: &headers,
        body: wire.as_bytes(),
    };
    match venue.decode(&Request::Instruments, &context, &reply) {
        Ok(decoded) => match decoded.value {
            Payload::Instruments(instruments) => Ok(instruments),
            _ => Err("another kind of data than instruments".to_owned()),
        },
        Err(verdict) => Err(verdict.to_string()),
    }
}
