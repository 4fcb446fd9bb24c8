//! Symbols: `[{"symbol", "base-currency", "quote-currency", "price-precision", …}]` of `/v1/common/symbols`, and the same with short keys
//! (`bc`, `qc`, `pp`, …) of `/v1/settings/common/market-symbols`. Either shape is read, row by row. Fees depend on the account and are not in it.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Instrument, Payload};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::envelope::{open, rows};
use super::symbols::pair;
use crate::wire::{Fields, Notes, Object, Raw};
use crate::{Reply, Verdict};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct SymbolWire<'a> {
    #[serde(borrow, default)]
    symbol: Raw<'a>,
    #[serde(borrow, default)]
    state: Raw<'a>,
    #[serde(borrow, default)]
    base_currency: Raw<'a>,
    #[serde(borrow, default)]
    bc: Raw<'a>,
    #[serde(borrow, default)]
    quote_currency: Raw<'a>,
    #[serde(borrow, default)]
    qc: Raw<'a>,
    #[serde(borrow, default)]
    price_precision: Raw<'a>,
    #[serde(borrow, default)]
    pp: Raw<'a>,
    #[serde(borrow, default)]
    amount_precision: Raw<'a>,
    #[serde(borrow, default)]
    ap: Raw<'a>,
    #[serde(borrow, default)]
    min_order_amt: Raw<'a>,
    #[serde(borrow, default)]
    minoa: Raw<'a>,
    #[serde(borrow, default)]
    max_order_amt: Raw<'a>,
    #[serde(borrow, default)]
    maxoa: Raw<'a>,
    #[serde(borrow, default)]
    min_order_value: Raw<'a>,
    #[serde(borrow, default)]
    minov: Raw<'a>,
}

pub(super) fn instruments(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let rows = rows(reply, open::<Vec<Object<SymbolWire<'_>>>>(reply)?.payload)?;
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
    let base = fields.need("base", either(wire.base_currency, wire.bc), Raw::text);
    let quote = fields.need("quote", either(wire.quote_currency, wire.qc), Raw::text);
    let (id, base, quote) = (id?, base?, quote?);
    let Some(symbol) = pair(&base, &quote) else {
        fields.broken("symbol", DefectKind::Unparsable, Some(&id));
        return None;
    };
    let mut instrument = Instrument::new(symbol, &id, &base, &quote);
    let status = fields.need("status", wire.state, Raw::text);
    instrument.active = status.as_deref().map(|status| status == "online");
    instrument.status = status.map(Box::from);
    instrument.price_tick = fields.need("price_tick", either(wire.price_precision, wire.pp), step);
    instrument.amount_step =
        fields.need("amount_step", either(wire.amount_precision, wire.ap), step);
    // Pairs that do not trade yet have no limits.
    instrument.amount_min = fields.may(
        "amount_min",
        either(wire.min_order_amt, wire.minoa),
        Raw::decimal,
    );
    instrument.amount_max = fields.may(
        "amount_max",
        either(wire.max_order_amt, wire.maxoa),
        Raw::decimal,
    );
    instrument.cost_min = fields.may(
        "cost_min",
        either(wire.min_order_value, wire.minov),
        Raw::decimal,
    );
    Some(instrument)
}

/// The field under its long name, or else under its short one.
const fn either<'a>(long: Raw<'a>, short: Raw<'a>) -> Raw<'a> {
    if long.is_missing() { short } else { long }
}

/// The step that a number of digits after the point makes: 5 is 0.00001.
fn step(raw: Raw<'_>) -> Result<Decimal, DefectKind> {
    let digits = u32::try_from(raw.count()?).map_err(|_| DefectKind::OutOfRange)?;
    Decimal::try_new(1, digits).map_err(|_| DefectKind::OutOfRange)
}
