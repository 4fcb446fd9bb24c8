//! Prices, scores and issues in the order of time.

use robust_data_manager::Validator;
use robust_data_manager::market::{
    Acceptance, Decoded, Dimension, Payload, Report, Severity, Timestamp,
};
use rust_decimal::Decimal;

use super::{Verdict, parts};
use crate::validate::form::Answer;

/// What there is to draw. Times are milliseconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    pub(crate) prices: Vec<(f64, f64)>,
    pub(crate) scores: Vec<(f64, f64, Acceptance)>,
    pub(crate) marks: Vec<Mark>,
    /// What a score is of.
    pub(crate) scored: String,
}

/// One issue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Mark {
    pub(crate) at: f64,
    pub(crate) dimension: Dimension,
    pub(crate) severity: Severity,
}

/// The course of one long answer, or of many.
pub(crate) fn of(verdicts: &[Verdict], second: &Validator) -> Timeline {
    match verdicts {
        [(answer, report)] => long(answer, report, second),
        many => {
            let mut timeline = Timeline {
                scored: format!("each of {} answers", many.len()),
                ..Timeline::default()
            };
            for (answer, report) in many {
                let at = ms(answer.received);
                timeline
                    .scores
                    .push((at, report.overall.get(), report.acceptance));
                let price = newest(&answer.decoded.value).and_then(float);
                timeline.prices.extend(price.map(|price| (at, price)));
                timeline
                    .marks
                    .extend(report.issues.iter().map(|issue| Mark {
                        at,
                        dimension: issue.dimension,
                        severity: issue.severity,
                    }));
            }
            timeline
        }
    }
}

/// The course of one answer: a series is judged again in parts, for a score of its own each.
fn long(answer: &Answer, report: &Report, second: &Validator) -> Timeline {
    let rows = rows(&answer.decoded.value);
    let places = parts::positions(&answer.decoded, rows.len());
    let end = ms(answer.received);
    // A record that could not be read stands where the one before it does.
    let when = |place: usize| {
        let known = places.partition_point(|known| *known <= place);
        rows.get(known.saturating_sub(1)).map_or(end, |(at, _)| *at)
    };
    let mut timeline = Timeline {
        prices: rows
            .iter()
            .filter_map(|(at, price)| Some((*at, float(*price)?)))
            .collect(),
        ..Timeline::default()
    };
    timeline.marks = report
        .issues
        .iter()
        .map(|issue| Mark {
            at: issue.index.filter(|_| !rows.is_empty()).map_or(end, when),
            dimension: issue.dimension,
            severity: issue.severity,
        })
        .collect();
    let parts = parts::of(&answer.decoded);
    if parts.len() < 2 {
        timeline.scored = "the answer".to_owned();
        let at = rows.last().map_or(end, |(at, _)| *at);
        timeline
            .scores
            .push((at, report.overall.get(), report.acceptance));
        return timeline;
    }
    let records = answer.decoded.value.len() + answer.decoded.excluded.len();
    let size = parts.get(1).map_or(records, |(begin, _)| *begin);
    timeline.scored = format!("each {size} records, judged by themselves");
    for (begin, part) in parts {
        let (received, at) = match came(&part) {
            Some(last) => (last, ms(last)),
            None => (answer.received, when(begin)),
        };
        if let Some(report) = second.judge(&answer.request, &part, received, received) {
            timeline
                .scores
                .push((at, report.overall.get(), report.acceptance));
        }
    }
    timeline
}

/// When a part would have come: with the end of its last record.
fn came(part: &Decoded<Payload>) -> Option<Timestamp> {
    match &part.value {
        Payload::Candles(series) => {
            let last = series.rows.iter().map(|row| row.time).max();
            last.map(|time| time.saturating_add(series.interval.duration()))
        }
        other => other.exchange_time(),
    }
}

/// Time and price of each record of a series.
fn rows(value: &Payload) -> Vec<(f64, Decimal)> {
    match value {
        Payload::Candles(series) => {
            let rows = series.rows.iter();
            rows.map(|row| (ms(row.time), row.close)).collect()
        }
        Payload::Trades(trades) => {
            let rows = trades.rows.iter();
            rows.map(|row| (ms(row.time), row.price)).collect()
        }
        _ => Vec::new(),
    }
}

/// The price that an answer ends with.
fn newest(value: &Payload) -> Option<Decimal> {
    match value {
        Payload::Ticker(ticker) => ticker.last,
        Payload::OrderBook(book) => book.bids.first().map(|level| level.price),
        Payload::Candles(series) => series.rows.last().map(|row| row.close),
        Payload::Trades(trades) => trades.rows.last().map(|row| row.price),
        _ => None,
    }
}

/// For drawing only: a pixel is coarser than any float.
fn float(price: Decimal) -> Option<f64> {
    price
        .to_string()
        .parse()
        .ok()
        .filter(|price: &f64| price.is_finite())
}

#[expect(
    clippy::cast_precision_loss,
    reason = "for drawing: a pixel is coarser than a millisecond"
)]
fn ms(time: Timestamp) -> f64 {
    time.as_ms() as f64
}
