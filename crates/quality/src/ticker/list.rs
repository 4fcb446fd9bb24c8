//! Many tickers in one answer: each is a record that can be left out.

use std::collections::{BTreeMap, HashSet};

use robust_market::{
    Decoded, Defect, Dimension, Payload, Report, Severity, Symbol, Ticker, Timestamp,
};

use super::record::{BLOCK, Record, WEIGHT_REQUIRED};
use crate::defects::{self, Meaning};
use crate::profile::{TickerField as F, TickerFields};
use crate::rules::{C_ABSENT, C_OPTIONAL, C_REQUIRED, U_DUP_SYMBOL};
use crate::tally::{Place, Tally};
use crate::timeliness::{self, Bounds, SourceTime};
use crate::{Context, SymbolState, provenance};

/// Judges many tickers of one answer.
pub(crate) fn list(
    rows: &[Ticker],
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Report {
    let total = rows.len().saturating_add(decoded.excluded.len());
    let mut tally = Tally::list(total);
    let faults = defects::by_record(decoded);
    let (mut expected, mut found) = (0, 0);
    let mut newest: Option<Timestamp> = None;
    let clock = SourceTime::of(context, &state.seen.clock);
    for (ticker, index) in rows.iter().zip(defects::positions(&decoded.excluded)) {
        let own = faults.get(&index).map_or(&[][..], Vec::as_slice);
        let mut record = Record::new(&mut tally, ticker, index, true, context, TickerFields::NONE);
        record.judge(context.request.symbols(), own.iter().copied());
        expected += record.expected;
        found += record.found;
        let time = record.time;
        if let Some(time) = time {
            let place = Place {
                unit: index.saturating_mul(BLOCK).saturating_add(F::Time as usize),
                record: index,
                field: Some("time"),
            };
            timeliness::record_ahead(&mut tally, time, &clock, place);
        }
        newest = newest.max(time);
    }
    let (left_out, readable) = unreadable(&mut tally, decoded, &faults);
    expected += left_out;
    found += readable;
    let missing = absent(&mut tally, rows, decoded, context);
    expected += missing.saturating_mul(WEIGHT_REQUIRED * 3);
    if total > 0 || missing > 0 {
        tally.own_share(Dimension::Completeness, found, expected);
    }
    twice(&mut tally, rows, decoded);
    match newest {
        Some(newest) => {
            timeliness::age(
                &mut tally,
                newest,
                clock.there,
                Bounds::polled(context.profile.cadence),
                &clock,
            );
        }
        None if total > 0 && !context.profile.is_declared() => {
            timeliness::no_event_time(&mut tally);
        }
        None => {}
    }
    if let Some(newest) = newest {
        clock.skew(&mut tally, newest);
        state.seen.clock.observe(newest, context.received);
    }
    provenance::judge(&mut tally, context.provenance, None);
    tally.finish(context.config)
}

/// Objects to the records that are not in the list; returns their weight and how much of it is no fault of completeness.
fn unreadable(
    tally: &mut Tally,
    decoded: &Decoded<Payload>,
    faults: &BTreeMap<usize, Vec<&Defect>>,
) -> (u64, u64) {
    let weight = WEIGHT_REQUIRED * 3;
    let (mut expected, mut found) = (0, 0);
    for index in &decoded.excluded {
        expected += weight;
        tally.checked(Dimension::Validity, 1);
        let own = faults.get(index).map_or(&[][..], Vec::as_slice);
        let place = |field| Place {
            unit: index.saturating_mul(BLOCK),
            record: *index,
            field: Some(field),
        };
        let mut lacking = false;
        for defect in own {
            let (rule, missing) = match defects::meaning(defect) {
                Meaning::Absent => (&C_REQUIRED, true),
                Meaning::Invalid(rule) => (rule, false),
            };
            lacking |= missing;
            tally.object(rule, Severity::Error, place(&defect.field), || {
                defects::text(defect)
            });
        }
        found += if lacking { 0 } else { weight };
    }
    defects::unexplained(tally, &decoded.excluded);
    for defect in decoded.defects.iter().filter(|d| d.index.is_none()) {
        let field = Some(defect.field.as_ref());
        match defects::meaning(defect) {
            // A pair that did not come is objected to by name, below.
            Meaning::Absent if defect.field == "symbol" => {}
            Meaning::Absent => {
                tally.measured(&C_OPTIONAL, Severity::Info, field, || defects::text(defect));
            }
            Meaning::Invalid(rule) => {
                tally.whole(rule, Severity::Warning, field, || defects::text(defect));
            }
        }
    }
    (expected, found)
}

/// Objects to pairs that were asked for and did not come.
fn absent(
    tally: &mut Tally,
    rows: &[Ticker],
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
) -> u64 {
    let asked = context.request.symbols();
    if asked.is_empty() {
        return 0;
    }
    let came: HashSet<&Symbol> = rows.iter().map(|ticker| &ticker.symbol).collect();
    let missing: Vec<&Symbol> = asked.iter().filter(|s| !came.contains(s)).collect();
    // A record that could not be read may be one of them: it is objected to already.
    let count = missing.len().saturating_sub(decoded.excluded.len());
    for symbol in missing.iter().take(count) {
        tally.measured(&C_ABSENT, Severity::Warning, Some("symbol"), || {
            format!("{symbol} was asked for and is not in the answer")
        });
    }
    u64::try_from(count).unwrap_or(u64::MAX)
}

fn twice(tally: &mut Tally, rows: &[Ticker], decoded: &Decoded<Payload>) {
    tally.checked(Dimension::Uniqueness, rows.len());
    let mut seen = HashSet::with_capacity(rows.len());
    for (ticker, index) in rows.iter().zip(defects::positions(&decoded.excluded)) {
        if !seen.insert(&ticker.symbol) {
            let place = Place {
                field: Some("symbol"),
                ..Place::row(index)
            };
            tally.object(&U_DUP_SYMBOL, Severity::Error, place, || {
                format!("{} is in the list twice", ticker.symbol)
            });
        }
    }
}
