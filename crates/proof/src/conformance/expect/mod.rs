//! What a case says about each kind of data.

mod instruments;
mod records;

use robust_market::{Decoded, Operation, Payload};
use serde_json::Value;

use super::Failure;
use super::compare::Differences;

/// Compares a decoded answer with the case's expectation.
pub(super) fn payload(differences: &mut Differences<'_>, expected: &Value, got: &Decoded<Payload>) {
    match &got.value {
        Payload::Ticker(ticker) => records::ticker(differences, "", expected, ticker),
        Payload::Tickers(tickers) if expected.get("symbol").is_some_and(Value::is_string) => {
            differences.count("tickers", 1, tickers.len());
            for found in tickers.iter().take(1) {
                records::ticker(differences, "", expected, found);
            }
        }
        Payload::Tickers(tickers) => records::tickers(differences, expected, tickers, &got.defects),
        Payload::OrderBook(book) => records::book(differences, expected, book),
        Payload::Candles(candles) => records::candles(differences, expected, candles),
        Payload::Trades(trades) => records::trades(differences, expected, trades),
        Payload::Instruments(rows) => instruments::instruments(differences, expected, rows),
        Payload::Assets(rows) => instruments::assets(differences, expected, rows),
        Payload::ServerTime(time) => differences.time("time", expected, Some(*time)),
        Payload::Status(status) => {
            // The expectation knows two states: all well, or not.
            let word = match status.operation {
                Operation::Online => "ok",
                _ => "maintenance",
            };
            let expected = expected.get("status").unwrap_or(&Value::Null);
            differences.text("status", "status", expected, Some(word));
        }
        _ => differences.note(Failure::new("answer", "a known kind of data", "another")),
    }
    // What the connector could not read must not hide behind what it could.
    if !got.excluded.is_empty() {
        let why: Vec<String> = got
            .defects
            .iter()
            .take(3)
            .map(|defect| format!("{}: {:?}", defect.field, defect.kind))
            .collect();
        let left_out = format!("{} left out ({})", got.excluded.len(), why.join(", "));
        // Cases about broken records list what remains; then the counts above agree.
        if !differences.found.is_empty() {
            differences.note(Failure::new("excluded", "every record", left_out));
        }
    }
}

/// A member of an expectation; null where it has none.
fn member<'a>(value: &'a Value, name: &str) -> &'a Value {
    value.get(name).unwrap_or(&Value::Null)
}
