//! What the decoder could not read, as objections.

use std::collections::BTreeMap;

use robust_market::{Decoded, Defect, DefectKind, Dimension, Payload, Severity};

use crate::rules::{
    C_OPTIONAL, C_REQUIRED, C_ROW, Rule, V_FINITE, V_RANGE, V_TS_UNIT, V_TYPE, V_UNREADABLE,
};
use crate::tally::{Place, Tally};

/// What a defect means: the field is not there, or what is there is no value.
pub(crate) enum Meaning {
    Absent,
    Invalid(&'static Rule),
}

pub(crate) fn meaning(defect: &Defect) -> Meaning {
    match defect.kind {
        DefectKind::Missing | DefectKind::Null => Meaning::Absent,
        DefectKind::NotFinite => Meaning::Invalid(&V_FINITE),
        DefectKind::OutOfRange if is_integer_time(defect) => Meaning::Invalid(&V_TS_UNIT),
        DefectKind::OutOfRange => Meaning::Invalid(&V_RANGE),
        _ => Meaning::Invalid(&V_TYPE),
    }
}

/// Micro- or nanoseconds read as milliseconds are beyond the years that fit.
fn is_integer_time(defect: &Defect) -> bool {
    let digits = defect
        .text
        .as_deref()
        .is_some_and(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
    digits && defect.field == "time"
}

/// The defects of each record, by its position on the wire.
pub(crate) fn by_record(decoded: &Decoded<Payload>) -> BTreeMap<usize, Vec<&Defect>> {
    let mut map: BTreeMap<usize, Vec<&Defect>> = BTreeMap::new();
    for defect in &decoded.defects {
        if let Some(index) = defect.index {
            map.entry(index).or_default().push(defect);
        }
    }
    map
}

/// The wire positions of the records that could be read, in order.
pub(crate) fn positions(excluded: &[usize]) -> impl Iterator<Item = usize> + '_ {
    let mut left_out = excluded.iter().copied().peekable();
    (0..).filter(move |position| {
        while left_out.next_if(|next| next < position).is_some() {}
        left_out.next_if_eq(position).is_none()
    })
}

/// Objects to a defect of what a whole answer cannot do without: its pair, and its list of rows. Says whether it is one.
pub(crate) fn of_the_whole(tally: &mut Tally, defect: &Defect) -> bool {
    let rows = defect.index.is_none() && defect.field == "rows";
    if !rows && defect.field != "symbol" {
        return false;
    }
    let (rule, severity) = match meaning(defect) {
        Meaning::Absent => (&C_REQUIRED, Severity::Critical),
        Meaning::Invalid(rule) if rows => (rule, Severity::Critical),
        Meaning::Invalid(rule) => (rule, Severity::Error),
    };
    tally.whole(rule, severity, Some(defect.field.as_ref()), || text(defect));
    true
}

/// Objects to every defect of rows (bars, levels, trades) and of the answer as a whole, and to every row that could not be
/// read. Counts the rows of the wire as units of validity. Returns how many left-out rows lack a field.
pub(crate) fn rows(tally: &mut Tally, decoded: &Decoded<Payload>, readable: usize) -> usize {
    let total = readable.saturating_add(decoded.excluded.len());
    tally.checked(Dimension::Validity, total);
    for defect in &decoded.defects {
        if of_the_whole(tally, defect) {
            continue;
        }
        let field = Some(defect.field.as_ref());
        match (defect.index, meaning(defect)) {
            (Some(record), Meaning::Absent) => {
                let place = Place {
                    field,
                    ..Place::row(record)
                };
                let (rule, severity) = if decoded.excluded.binary_search(&record).is_ok() {
                    (&C_ROW, Severity::Error)
                } else if defect.field == "closed" {
                    // No bar is without it: this one counts as closed, and may not be.
                    (&C_ROW, Severity::Warning)
                } else {
                    (&C_OPTIONAL, Severity::Info)
                };
                tally.object(rule, severity, place, || text(defect));
            }
            (Some(record), Meaning::Invalid(rule)) => {
                let place = Place {
                    field,
                    ..Place::row(record)
                };
                tally.object(rule, Severity::Error, place, || text(defect));
            }
            (None, Meaning::Absent) => {
                tally.measured(&C_OPTIONAL, Severity::Info, field, || text(defect));
            }
            (None, Meaning::Invalid(rule)) => {
                tally.whole(rule, Severity::Warning, field, || text(defect));
            }
        }
    }
    unexplained(tally, &decoded.excluded);
    decoded
        .excluded
        .iter()
        .filter(|record| {
            decoded.defects.iter().any(|defect| {
                defect.index == Some(**record) && matches!(meaning(defect), Meaning::Absent)
            })
        })
        .count()
}

/// Objects to records that were left out for a reason beyond the bound of the list of defects.
pub(crate) fn unexplained(tally: &mut Tally, excluded: &[usize]) {
    for record in excluded {
        if !tally.is_broken(*record) {
            tally.object(&V_UNREADABLE, Severity::Error, Place::row(*record), || {
                "the record could not be read".to_owned()
            });
        }
    }
}

/// A defect in words.
pub(crate) fn text(defect: &Defect) -> String {
    let found = match defect.kind {
        DefectKind::Missing => "is missing",
        DefectKind::Null => "is null",
        DefectKind::WrongType => "has the wrong type",
        DefectKind::NotFinite => "is not a finite number",
        DefectKind::OutOfRange => "is beyond what is kept exactly",
        DefectKind::Unparsable => "cannot be read",
        _ => "is broken",
    };
    match &defect.text {
        Some(wire) => format!("{} {found}: {}", defect.field, robust_market::quote(wire)),
        None => format!("{} {found}", defect.field),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_leave_out_what_was_left_out() {
        let found: Vec<usize> = positions(&[0, 2, 3]).take(4).collect();
        assert_eq!(found, [1, 4, 5, 6]);
        assert_eq!(positions(&[]).take(2).collect::<Vec<_>>(), [0, 1]);
        // A list that breaks its promise of being ascending must not hang or panic.
        assert_eq!(positions(&[5, 1, 1]).take(3).count(), 3);
    }
}
