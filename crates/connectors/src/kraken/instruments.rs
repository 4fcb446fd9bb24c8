//! AssetPairs: `{"XXBTZUSD": {"altname", "wsname", "base", "quote", …}}`.
//!
//! Fields vary with age: replies of 2021 have no `status`, `tick_size` and `costmin`; dark-pool pairs (`XXBTZUSD.d`) have no `wsname`.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use robust_market::{Decoded, DefectKind, Instrument, Payload, Symbol};
use rust_decimal::Decimal;
use serde::Deserialize;

use super::envelope::open_records;
use super::symbols::known_asset;
use crate::wire::{Cells, Fields, Notes, Object, Raw};
use crate::{Reply, Verdict};

#[derive(Debug, Deserialize)]
struct PairWire<'a> {
    #[serde(borrow, default)]
    altname: Raw<'a>,
    #[serde(borrow, default)]
    wsname: Raw<'a>,
    #[serde(borrow, default)]
    base: Raw<'a>,
    #[serde(borrow, default)]
    quote: Raw<'a>,
    #[serde(borrow, default)]
    pair_decimals: Raw<'a>,
    #[serde(borrow, default)]
    lot_decimals: Raw<'a>,
    #[serde(borrow, default)]
    fees: Raw<'a>,
    #[serde(borrow, default)]
    fees_maker: Raw<'a>,
    #[serde(borrow, default)]
    ordermin: Raw<'a>,
    #[serde(borrow, default)]
    costmin: Raw<'a>,
    #[serde(borrow, default)]
    tick_size: Raw<'a>,
    #[serde(borrow, default)]
    status: Raw<'a>,
}

pub(super) fn instruments(reply: &Reply<'_>) -> Result<Decoded<Payload>, Verdict> {
    let records = open_records::<Object<PairWire<'_>>>(reply)?;
    let mut notes = Notes::clean(());
    let mut instruments = Vec::with_capacity(records.len());
    for (index, (id, wire)) in records.into_iter().enumerate() {
        let mut fields = Fields::new(&mut notes, Some(index));
        let instrument = match wire {
            Ok(wire) => instrument(&id, &wire, &mut fields),
            Err(raw) => {
                fields.not_a_record("instrument", raw);
                None
            }
        };
        match instrument {
            Some(instrument) => instruments.push(instrument),
            None => fields.exclude(),
        }
    }
    Ok(notes.map(|()| Payload::Instruments(instruments)))
}

fn instrument(id: &str, wire: &PairWire<'_>, fields: &mut Fields<'_>) -> Option<Instrument> {
    let base = fields.need("base", wire.base, Raw::text);
    let quote = fields.need("quote", wire.quote, Raw::text);
    let altname = fields.may("altname", wire.altname, Raw::text);
    let wsname = fields.may("wsname", wire.wsname, Raw::text);
    let (base, quote) = (base?, quote?);
    let legs = wsname.as_deref().and_then(|name| name.split_once('/'));
    let symbol = Symbol::new(
        unified(&base, legs.map(|legs| legs.0)),
        unified(&quote, legs.map(|legs| legs.1)),
    );
    let Ok(symbol) = symbol else {
        fields.broken("symbol", DefectKind::Unparsable, Some(id));
        return None;
    };
    let mut instrument = Instrument::new(symbol, id, &base, &quote);
    for name in [&altname, &wsname].into_iter().flatten() {
        if **name != *id && !instrument.aliases.iter().any(|alias| **alias == **name) {
            instrument.aliases.push(Box::from(&**name));
        }
    }
    let tick = fields.may("price_tick", wire.tick_size, Raw::decimal);
    instrument.price_tick = tick.or_else(|| fields.may("price_tick", wire.pair_decimals, step));
    instrument.amount_step = fields.may("amount_step", wire.lot_decimals, step);
    instrument.amount_min = fields.may("amount_min", wire.ordermin, Raw::decimal);
    instrument.cost_min = fields.may("cost_min", wire.costmin, Raw::decimal);
    instrument.taker_fee = fields.may("taker_fee", wire.fees, first_fee);
    instrument.maker_fee = fields.may("maker_fee", wire.fees_maker, first_fee);
    let status = fields.may("status", wire.status, Raw::text);
    instrument.active = status.as_deref().map(|status| status == "online");
    instrument.status = status.map(Box::from);
    Some(instrument)
}

/// The unified code of a leg: of Kraken's code where it is one of the known ones, else of what the WebSocket name calls it.
fn unified<'a>(code: &'a str, shown: Option<&'a str>) -> &'a str {
    known_asset(code).unwrap_or_else(|| {
        let shown = shown.unwrap_or(code);
        known_asset(shown).unwrap_or(shown)
    })
}

/// The step that a number of digits after the point makes: 5 is 0.00001.
fn step(raw: Raw<'_>) -> Result<Decimal, DefectKind> {
    let digits = u32::try_from(raw.count()?).map_err(|_| DefectKind::OutOfRange)?;
    Decimal::try_new(1, digits).map_err(|_| DefectKind::OutOfRange)
}

/// The fee of the lowest tier, `[[volume, percent], …]`, as a fraction.
fn first_fee(raw: Raw<'_>) -> Result<Decimal, DefectKind> {
    let Cells([first]) = Cells::<1>::read(raw)?;
    let Cells([_, percent]) = Cells::<2>::read(first)?;
    let percent = percent.decimal()?;
    percent
        .checked_mul(Decimal::new(1, 2))
        .ok_or(DefectKind::OutOfRange)
}
