//! `/public/instruments`: `{"instId", "baseCcy", "quoteCcy", "state", "tickSz", "lotSz", "minSz", "maxLmtSz"}`.

use robust_market::{Decoded, DefectKind, Instrument, Payload, Symbol};
use serde::Deserialize;

use crate::wire::{Notes, Raw, Record};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wire<'a> {
    #[serde(borrow, default)]
    inst_id: Raw<'a>,
    #[serde(borrow, default)]
    base_ccy: Raw<'a>,
    #[serde(borrow, default)]
    quote_ccy: Raw<'a>,
    #[serde(borrow, default)]
    state: Raw<'a>,
    #[serde(borrow, default)]
    tick_sz: Raw<'a>,
    #[serde(borrow, default)]
    lot_sz: Raw<'a>,
    #[serde(borrow, default)]
    min_sz: Raw<'a>,
    #[serde(borrow, default)]
    max_lmt_sz: Raw<'a>,
}

pub(crate) fn instruments(rows: &[Raw<'_>]) -> Decoded<Payload> {
    let mut notes = Notes::clean(());
    let mut instruments = Vec::with_capacity(rows.len());
    for (position, row) in rows.iter().enumerate() {
        let mut record = Record::new(&mut notes, position);
        match instrument(*row, &mut record) {
            Some(instrument) => instruments.push(instrument),
            None => record.exclude(),
        }
    }
    notes.map(|()| Payload::Instruments(instruments))
}

fn instrument(row: Raw<'_>, record: &mut Record<'_>) -> Option<Instrument> {
    let wire = record.need("instrument", row, Raw::read::<Wire<'_>>)?;
    let id = record.need("id", wire.inst_id, Raw::name);
    let base = record.need("base", wire.base_ccy, Raw::name);
    let quote = record.need("quote", wire.quote_ccy, Raw::name);
    let (id, base, quote) = (id?, base?, quote?);
    let symbol = record.need("symbol", wire.inst_id, |_| {
        Symbol::new(&base, &quote).map_err(|_| DefectKind::Unparsable)
    })?;
    let mut instrument = Instrument::new(symbol, &id, &base, &quote);
    if let Some(state) = record.need("status", wire.state, Raw::name) {
        instrument.active = Some(state == "live");
        instrument.status = Some(state.into());
    }
    instrument.price_tick = record.need("price_tick", wire.tick_sz, Raw::decimal);
    instrument.amount_step = record.need("amount_step", wire.lot_sz, Raw::decimal);
    instrument.amount_min = record.need("amount_min", wire.min_sz, Raw::decimal);
    instrument.amount_max = record.may("amount_max", wire.max_lmt_sz, Raw::decimal);
    Some(instrument)
}
