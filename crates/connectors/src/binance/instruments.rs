//! exchangeInfo: `{"symbols": [{"symbol", "status", "baseAsset", "quoteAsset", "filters": […]}]}`.
//!
//! Ticks, steps and limits stand in `filters`. The notional limit is called MIN_NOTIONAL in older answers and NOTIONAL since 2023. Fees are not in it: they
//! depend on the account.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Instrument, Payload, Symbol};
use serde::Deserialize;

use super::symbols::asset_code;
use crate::wire::{Fields, Notes, Object, Raw, Rows};

#[derive(Debug, Deserialize)]
struct InfoWire<S> {
    symbols: S,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SymbolWire<'a> {
    #[serde(borrow, default)]
    symbol: Raw<'a>,
    #[serde(borrow, default)]
    status: Raw<'a>,
    #[serde(borrow, default)]
    base_asset: Raw<'a>,
    #[serde(borrow, default)]
    quote_asset: Raw<'a>,
    #[serde(borrow, default)]
    filters: Raw<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct FilterWire<'a> {
    #[serde(borrow, default)]
    filter_type: Raw<'a>,
    #[serde(borrow, default)]
    min_price: Raw<'a>,
    #[serde(borrow, default)]
    max_price: Raw<'a>,
    #[serde(borrow, default)]
    tick_size: Raw<'a>,
    #[serde(borrow, default)]
    min_qty: Raw<'a>,
    #[serde(borrow, default)]
    max_qty: Raw<'a>,
    #[serde(borrow, default)]
    step_size: Raw<'a>,
    #[serde(borrow, default)]
    min_notional: Raw<'a>,
    #[serde(borrow, default)]
    max_notional: Raw<'a>,
}

pub(super) fn instruments(body: &str) -> Result<Decoded<Payload>, String> {
    let rows = match serde_json::from_str::<Object<InfoWire<Vec<Object<SymbolWire<'_>>>>>>(body) {
        Ok(Object(info)) => Some(Rows::Sound(info.symbols)),
        Err(_) => serde_json::from_str::<Object<InfoWire<Vec<Raw<'_>>>>>(body)
            .ok()
            .map(|Object(info)| Rows::Mixed(info.symbols)),
    };
    let rows = rows.ok_or_else(|| "no list of symbols".to_owned())?;
    let mut notes = Notes::clean(());
    let mut instruments = Vec::with_capacity(rows.len());
    rows.for_each(|index, row| {
        let mut fields = Fields::new(&mut notes, Some(index));
        let instrument = match row {
            Ok(wire) => instrument(&wire, &mut fields),
            Err(raw) => {
                fields.not_a_record("instrument", raw);
                None
            }
        };
        match instrument {
            Some(instrument) => instruments.push(instrument),
            None => fields.exclude(),
        }
    });
    Ok(notes.map(|()| Payload::Instruments(instruments)))
}

fn instrument(wire: &SymbolWire<'_>, fields: &mut Fields<'_>) -> Option<Instrument> {
    let id = fields.need("id", wire.symbol, Raw::identifier);
    let base = fields.need("base", wire.base_asset, Raw::text);
    let quote = fields.need("quote", wire.quote_asset, Raw::text);
    let (id, base, quote) = (id?, base?, quote?);
    let Ok(symbol) = Symbol::new(asset_code(&base), asset_code(&quote)) else {
        fields.broken("symbol", DefectKind::Unparsable, Some(&id));
        return None;
    };
    let mut instrument = Instrument::new(symbol, &id, &base, &quote);
    let status = fields.need("status", wire.status, Raw::text);
    instrument.active = status.as_deref().map(|status| status == "TRADING");
    instrument.status = status.map(Box::from);
    limits(&mut instrument, wire.filters, fields);
    Some(instrument)
}

fn limits(instrument: &mut Instrument, filters: Raw<'_>, fields: &mut Fields<'_>) {
    let filters = fields.need("filters", filters, |raw| {
        let json = raw.json().ok_or(DefectKind::Missing)?;
        Rows::<Object<FilterWire<'_>>>::of(json).map_err(|_| DefectKind::WrongType)
    });
    filters.unwrap_or_default().for_each(|_, filter| {
        let filter = match filter {
            Ok(filter) => filter,
            Err(raw) => return fields.not_a_record("filters", raw),
        };
        match filter.filter_type.text().as_deref() {
            Ok("PRICE_FILTER") => {
                instrument.price_min = fields.need("price_min", filter.min_price, Raw::decimal);
                instrument.price_max = fields.need("price_max", filter.max_price, Raw::decimal);
                instrument.price_tick = fields.need("price_tick", filter.tick_size, Raw::decimal);
            }
            Ok("LOT_SIZE") => {
                instrument.amount_min = fields.need("amount_min", filter.min_qty, Raw::decimal);
                instrument.amount_max = fields.need("amount_max", filter.max_qty, Raw::decimal);
                instrument.amount_step = fields.need("amount_step", filter.step_size, Raw::decimal);
            }
            Ok("NOTIONAL" | "MIN_NOTIONAL") => {
                instrument.cost_min = fields.need("cost_min", filter.min_notional, Raw::decimal);
                instrument.cost_max = fields.may("cost_max", filter.max_notional, Raw::decimal);
            }
            _ => {}
        }
    });
}
