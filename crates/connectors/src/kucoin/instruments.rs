//! Symbols: `[{"symbol", "name", "baseCurrency", "quoteCurrency", "baseMinSize", …}]`.
//!
//! `symbol` is what requests carry and never changes; `name` is what is shown and follows a renaming. Fees depend on the account and are not
//! in it. The smallest cost is that of a market order; `minFunds`, which newer rows have, may be larger.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Instrument, Payload};
use serde::Deserialize;

use super::envelope::open_rows;
use super::symbols::pair;
use crate::wire::{Fields, Notes, Object, Raw};
use crate::{Reply, Verdict};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SymbolWire<'a> {
    #[serde(borrow, default)]
    symbol: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    base_currency: Raw<'a>,
    #[serde(borrow, default)]
    quote_currency: Raw<'a>,
    #[serde(borrow, default)]
    base_min_size: Raw<'a>,
    #[serde(borrow, default)]
    base_max_size: Raw<'a>,
    #[serde(borrow, default)]
    quote_min_size: Raw<'a>,
    #[serde(borrow, default)]
    quote_max_size: Raw<'a>,
    #[serde(borrow, default)]
    base_increment: Raw<'a>,
    #[serde(borrow, default)]
    price_increment: Raw<'a>,
    #[serde(borrow, default)]
    enable_trading: Raw<'a>,
}

pub(super) fn instruments(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let rows = open_rows::<Object<SymbolWire<'_>>>(reply, None)?;
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
    let base = fields.need("base", wire.base_currency, Raw::text);
    let quote = fields.need("quote", wire.quote_currency, Raw::text);
    let (id, base, quote) = (id?, base?, quote?);
    let Some(symbol) = pair(&base, &quote) else {
        fields.broken("symbol", DefectKind::Unparsable, Some(&id));
        return None;
    };
    let mut instrument = Instrument::new(symbol, &id, &base, &quote);
    let name = fields.may("name", wire.name, Raw::identifier);
    instrument.aliases.extend(name.filter(|name| *name != id));
    instrument.active = fields.need("active", wire.enable_trading, Raw::boolean);
    instrument.price_tick = fields.need("price_tick", wire.price_increment, Raw::decimal);
    instrument.amount_step = fields.need("amount_step", wire.base_increment, Raw::decimal);
    instrument.amount_min = fields.need("amount_min", wire.base_min_size, Raw::decimal);
    instrument.amount_max = fields.need("amount_max", wire.base_max_size, Raw::decimal);
    instrument.cost_min = fields.need("cost_min", wire.quote_min_size, Raw::decimal);
    instrument.cost_max = fields.need("cost_max", wire.quote_max_size, Raw::decimal);
    Some(instrument)
}
