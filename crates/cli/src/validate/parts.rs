//! A long answer in parts, so that a score has a course.

use robust_data_manager::market::{Decoded, Payload};

/// The fewest records of a part: with fewer, a series is not judged by its prices.
const RECORDS_MIN: usize = 50;
/// The most parts.
const PARTS_MAX: usize = 60;

/// A part of an answer: its first record on the wire, and what it would be as an answer of its own.
pub(crate) type Part = (usize, Decoded<Payload>);

/// Divides a series into parts of equal length; none for an answer that is a single record.
pub(crate) fn of(whole: &Decoded<Payload>) -> Vec<Part> {
    let records = match &whole.value {
        Payload::Candles(series) => series.rows.len(),
        Payload::Trades(trades) => trades.rows.len(),
        _ => return Vec::new(),
    };
    let total = records + whole.excluded.len();
    let size = total.div_ceil(PARTS_MAX).max(RECORDS_MIN);
    let places = positions(whole, records);
    (0..total)
        .step_by(size)
        // What is left over goes to the last part, lest it be too short to be judged.
        .filter(|begin| *begin == 0 || begin + size <= total)
        .map(|begin| {
            let end = if begin + 2 * size > total {
                total
            } else {
                begin + size
            };
            (begin, part(whole, &places, begin, end))
        })
        .collect()
}

/// The position on the wire of each record that could be read.
pub(crate) fn positions(whole: &Decoded<Payload>, records: usize) -> Vec<usize> {
    let mut excluded = whole.excluded.iter().peekable();
    (0..)
        .filter(|place| excluded.next_if_eq(&place).is_none())
        .take(records)
        .collect()
}

fn part(whole: &Decoded<Payload>, places: &[usize], begin: usize, end: usize) -> Decoded<Payload> {
    let inside = |place: &usize| (begin..end).contains(place);
    let from = places.partition_point(|place| *place < begin);
    let to = places.partition_point(|place| *place < end);
    let mut part = Decoded::clean(match &whole.value {
        Payload::Candles(series) => {
            let mut own = series.clone();
            own.rows = series.rows.get(from..to).unwrap_or_default().to_vec();
            Payload::Candles(own)
        }
        Payload::Trades(trades) => {
            let mut own = trades.clone();
            own.rows = trades.rows.get(from..to).unwrap_or_default().to_vec();
            Payload::Trades(own)
        }
        other => other.clone(),
    });
    for defect in &whole.defects {
        if let Some(place) = defect.index.filter(inside) {
            let mut own = defect.clone();
            own.index = Some(place - begin);
            part.note(own);
        }
    }
    let own = whole.excluded.iter().filter(|place| inside(place));
    part.excluded = own.map(|place| place - begin).collect();
    part
}

#[cfg(test)]
mod tests {
    use robust_data_manager::market::{
        Candle, Candles, Defect, DefectKind, Interval, Timestamp, decimal,
    };

    use super::*;

    fn series(rows: usize, excluded: &[usize]) -> Decoded<Payload> {
        let mut series = Candles::new("A/USD".parse().unwrap(), Interval::M1);
        let one = decimal::parse("1").unwrap();
        series.rows = (0..rows + excluded.len())
            .filter(|place| !excluded.contains(place))
            .map(|place| Candle {
                time: Timestamp::from_secs(i64::try_from(place).unwrap() * 60).unwrap(),
                open: one,
                high: one,
                low: one,
                close: one,
                volume: one,
                quote_volume: None,
                vwap: None,
                count: None,
                closed: true,
            })
            .collect();
        let mut whole = Decoded::clean(Payload::Candles(series));
        whole.excluded = excluded.to_vec();
        for place in excluded {
            whole.note(Defect::new(Some(*place), "open", DefectKind::Null, None));
        }
        whole
    }

    #[test]
    fn every_record_is_in_one_part_and_none_is_too_short() {
        for (rows, excluded) in [
            (1, vec![]),
            (49, vec![3]),
            (120, vec![0, 60, 121]),
            (10_000, vec![9_999]),
        ] {
            let whole = series(rows, &excluded);
            let parts = of(&whole);
            assert!(parts.len() <= PARTS_MAX, "{rows}");
            let read: usize = parts.iter().map(|(_, part)| part.value.len()).sum();
            assert_eq!(read, rows);
            let left: Vec<usize> = parts
                .iter()
                .flat_map(|(begin, part)| part.excluded.iter().map(move |place| begin + place))
                .collect();
            assert_eq!(left, excluded);
            for (begin, part) in &parts {
                let records = part.value.len() + part.excluded.len();
                assert!(records >= RECORDS_MIN.min(rows), "{rows}: {records}");
                let Payload::Candles(own) = &part.value else {
                    panic!()
                };
                let first = positions(part, own.rows.len())[0] + begin;
                assert_eq!(
                    own.rows[0].time.as_secs(),
                    i64::try_from(first).unwrap() * 60
                );
                assert_eq!(part.defects.len(), part.excluded.len());
            }
        }
    }
}
