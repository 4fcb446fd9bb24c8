//! Tickers, books, bars and trades.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use robust_market::{Candles, Defect, Level, OrderBook, Side, Symbol, Ticker, Trade, Trades};
use serde_json::Value;

use super::super::Failure;
use super::super::compare::{Differences, whole};
use super::super::rules::{self, When};
use super::member;

/// Whether an expectation holds what it makes of a price of zero: nothing, or the open and the last price that follow from each
/// other and the change.
fn is_none_for_zero(name: &str, expected: &Value) -> bool {
    let field = |name: &str| member(expected, name).as_f64();
    let computed = match name {
        "open" => field("last")
            .zip(field("change"))
            .map(|(last, change)| last - change),
        "last" => field("open")
            .zip(field("change"))
            .map(|(open, change)| open + change),
        _ => None,
    };
    match (field(name), computed) {
        (None, _) => member(expected, name).is_null(),
        (Some(value), Some(computed)) => (value - computed).abs() <= value.abs() * 1e-12,
        (Some(_), None) => false,
    }
}

/// One ticker.
pub(super) fn ticker(differences: &mut Differences<'_>, at: &str, expected: &Value, got: &Ticker) {
    let record = expected;
    if !expected.is_object() {
        differences.note(Failure::new(format!("{at}ticker"), expected, "a ticker"));
        return;
    }
    differences.text(
        &format!("{at}symbol"),
        "ticker.symbol",
        member(expected, "symbol"),
        Some(got.symbol.as_str()),
    );
    for (name, value) in [
        ("last", got.last),
        ("bid", got.bid),
        ("bidVolume", got.bid_size),
        ("ask", got.ask),
        ("askVolume", got.ask_size),
        ("high", got.high),
        ("low", got.low),
        ("open", got.open),
        ("baseVolume", got.base_volume),
        ("quoteVolume", got.quote_volume),
        ("vwap", got.vwap),
        ("change", got.change),
        // Only last prices carry it: the last price under another name.
        ("price", got.last),
    ] {
        // An expectation that leaves a field out says nothing about it.
        if let Some(expected) = expected.get(name) {
            let rule = format!("ticker.{name}");
            let of_list = format!("tickers.{name}");
            let is_null = match differences.when(&rule) {
                Some(When::NotGiven) => true,
                Some(When::Null(key)) => differences.has_null(key),
                _ => false,
            };
            let is_not_given = value.is_none()
                && (is_null
                    || !at.is_empty() && differences.when(&of_list) == Some(When::NotGiven));
            let is_excused = is_not_given
                || differences.when(&rule) == Some(When::ZeroPrice)
                    && value.is_some_and(|value| value.is_zero())
                    && is_none_for_zero(name, record);
            if !is_excused {
                differences.decimal(&format!("{at}{name}"), &rule, expected, value);
            }
        }
    }
    if let Some(expected) = expected.get("timestamp") {
        differences.time(&format!("{at}timestamp"), expected, got.time);
    }
}

/// Many tickers, by symbol.
pub(super) fn tickers(
    differences: &mut Differences<'_>,
    expected: &Value,
    got: &[Ticker],
    defects: &[Defect],
) {
    let Some(expected) = expected.as_object() else {
        differences.note(Failure::new("tickers", expected, "tickers by symbol"));
        return;
    };
    let by_symbol: BTreeMap<&str, &Ticker> = got
        .iter()
        .map(|ticker| (ticker.symbol.as_str(), ticker))
        .collect();
    let has_rule = differences.when("tickers.unlisted") == Some(When::Unlisted);
    // The exchange's own name instead of a pair, which the connector must have noted.
    let is_unlisted = |name: &str| {
        has_rule
            && name.parse::<Symbol>().is_err()
            && defects
                .iter()
                .any(|defect| defect.field == "symbol" && defect.text.as_deref() == Some(name))
    };
    let expected: Vec<_> = expected
        .iter()
        .filter(|(name, _)| !is_unlisted(name))
        .collect();
    differences.count("tickers", expected.len(), got.len());
    for (symbol, expected) in expected {
        match by_symbol.get(symbol.as_str()) {
            Some(found) => ticker(differences, &format!("{symbol}."), expected, found),
            None => differences.note(Failure::new(symbol, "a ticker", "nothing")),
        }
    }
}

/// A book; the expectation is sorted, best first.
pub(super) fn book(differences: &mut Differences<'_>, expected: &Value, got: &OrderBook) {
    differences.text(
        "symbol",
        "book.symbol",
        member(expected, "symbol"),
        Some(got.symbol.as_str()),
    );
    let mut bids: Vec<&Level> = got.bids.iter().collect();
    bids.sort_by_key(|level| Reverse(level.price));
    let mut asks: Vec<&Level> = got.asks.iter().collect();
    asks.sort_by_key(|level| level.price);
    side(differences, "bids", member(expected, "bids"), &bids);
    side(differences, "asks", member(expected, "asks"), &asks);
    if let Some(expected) = expected.get("timestamp") {
        differences.time("timestamp", expected, got.time);
    }
    if let Some(expected) = expected.get("nonce") {
        let got = got.sequence.map(|sequence| sequence.to_string());
        differences.text("nonce", "book.nonce", expected, got.as_deref());
    }
}

fn side(differences: &mut Differences<'_>, name: &str, expected: &Value, got: &[&Level]) {
    let expected = expected.as_array().map_or(&[][..], Vec::as_slice);
    differences.count(name, expected.len(), got.len());
    for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
        let cell = |column: usize| expected.get(column).unwrap_or(&Value::Null);
        let at = format!("{name}[{index}]");
        differences.decimal(
            &format!("{at}.price"),
            "book.price",
            cell(0),
            Some(got.price),
        );
        differences.decimal(&format!("{at}.size"), "book.size", cell(1), Some(got.size));
    }
}

/// Bars: `[time, open, high, low, close, volume]`.
pub(super) fn candles(differences: &mut Differences<'_>, expected: &Value, got: &Candles) {
    let Some(expected) = expected.as_array() else {
        differences.note(Failure::new("rows", expected, "bars"));
        return;
    };
    differences.count("rows", expected.len(), got.rows.len());
    for (index, (expected, got)) in expected.iter().zip(&got.rows).enumerate() {
        let cell = |column: usize| expected.get(column).unwrap_or(&Value::Null);
        differences.time(&format!("rows[{index}].time"), cell(0), Some(got.time));
        for (column, name, value) in [
            (1, "open", got.open),
            (2, "high", got.high),
            (3, "low", got.low),
            (4, "close", got.close),
            (5, "volume", got.volume),
        ] {
            let field = format!("rows[{index}].{name}");
            differences.decimal(&field, "candle", cell(column), Some(value));
        }
    }
}

/// Trades; the expectation is sorted by time and then by the text of the id.
pub(super) fn trades(differences: &mut Differences<'_>, expected: &Value, got: &Trades) {
    let Some(expected) = expected.as_array() else {
        differences.note(Failure::new("rows", expected, "trades"));
        return;
    };
    differences.count("rows", expected.len(), got.rows.len());
    let mut expected: Vec<&Value> = expected.iter().collect();
    expected.sort_by_key(|row| {
        let id = member(row, "id").as_str().map(str::to_owned);
        (whole(member(row, "timestamp")), id)
    });
    let mut rows: Vec<&Trade> = got.rows.iter().collect();
    // Where the expectation has no ids, rows of one millisecond stay in their order.
    let has_ids = expected.iter().any(|row| !member(row, "id").is_null());
    rows.sort_by_key(|row| (row.time.as_ms(), row.id.clone().filter(|_| has_ids)));
    for (index, (expected, row)) in expected.iter().zip(rows).enumerate() {
        let at = |name: &str| format!("rows[{index}].{name}");
        differences.text(
            &at("symbol"),
            "trade.symbol",
            member(expected, "symbol"),
            Some(got.symbol.as_str()),
        );
        differences.time(
            &at("timestamp"),
            member(expected, "timestamp"),
            Some(row.time),
        );
        differences.decimal(
            &at("price"),
            "trade.price",
            member(expected, "price"),
            Some(row.price),
        );
        differences.decimal(
            &at("amount"),
            "trade.amount",
            member(expected, "amount"),
            Some(row.amount),
        );
        let side = row.side.map(|side| match side {
            Side::Buy => "buy",
            Side::Sell => "sell",
        });
        differences.text(&at("side"), "trade.side", member(expected, "side"), side);
        let id = member(expected, "id");
        let is_ours = id.is_null() && differences.when("trade.id") == Some(When::OnlyOurs);
        if !is_ours && !is_cursor(differences, id, row, got) {
            differences.text(&at("id"), "trade.id", id, row.id.as_deref());
        }
        // Finer than a float can say: only cases that write it ask for it.
        if let Some(ns) = expected.get("time_ns") {
            let got = row.time.as_ns().to_string();
            differences.text(&at("time_ns"), "trade.time_ns", ns, Some(&got));
        }
    }
}

/// Whether a rule says that the expected id is the page's cursor, written into a row that has none.
fn is_cursor(differences: &Differences<'_>, id: &Value, row: &Trade, page: &Trades) -> bool {
    let rule = rules::find(differences.exchange(), differences.family(), "trade.id");
    rule.is_some_and(|rule| rule.when == When::IsCursor)
        && row.id.is_none()
        && page.cursor.is_some()
        && id.as_str() == page.cursor.as_deref()
}
