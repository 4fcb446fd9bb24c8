//! Samples as people read them.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use comfy_table::Table;
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use robust_data_manager::market::{Payload, Report, Sample};

/// Rows that are shown of a long list.
const ROWS: usize = 10;

/// A value with its provenance and its quality.
pub(crate) fn sample(sample: &Sample<Arc<Payload>>) -> String {
    let meta = &sample.meta;
    let mut text = format!("{} {}", meta.exchange, meta.kind);
    if let Some(symbol) = &meta.symbol {
        let _ = write!(text, " {symbol}");
    }
    let _ = write!(text, "\n{}\n\n", payload(&sample.data));
    let _ = write!(text, "origin   {}, {}", meta.origin, meta.freshness);
    let _ = write!(
        text,
        ", {} request{}",
        meta.attempts,
        if meta.attempts == 1 { "" } else { "s" }
    );
    match meta.exchange_time {
        Some(time) => {
            let _ = write!(
                text,
                "\nborn     {time}, {} ago by two clocks",
                age(meta.data_age.unwrap_or_default())
            );
        }
        None => text.push_str("\nborn     the exchange does not say"),
    }
    let _ = write!(
        text,
        "\nreceived {}, {} ago",
        meta.received,
        age(meta.receive_age)
    );
    let _ = write!(
        text,
        "\nquality  {}",
        sample
            .quality
            .as_deref()
            .map_or("not judged".to_owned(), quality)
    );
    text
}

fn quality(report: &Report) -> String {
    let mut text = format!("{} of 100, {}", report.overall, report.acceptance);
    for issue in &report.issues {
        let _ = write!(
            text,
            "\n         {:?} {}: {}",
            issue.severity, issue.rule, issue.message
        );
    }
    text
}

/// A time as people say it: `120ms`, `1.2s`, `3m`.
pub(crate) fn age(age: Duration) -> String {
    match age.as_millis() {
        ms @ 0..=999 => format!("{ms}ms"),
        1_000..=99_999 => format!("{:.1}s", age.as_secs_f64()),
        _ => format!("{}m", age.as_secs() / 60),
    }
}

fn table<const N: usize>(
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
    total: usize,
) -> String {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(header);
    for row in rows.take(ROWS) {
        table.add_row(row);
    }
    if total > ROWS {
        format!("{table}\n… {ROWS} of {total}; --json prints all")
    } else {
        table.to_string()
    }
}

fn text(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| value.to_string())
}

fn payload(payload: &Payload) -> String {
    match payload {
        Payload::Ticker(t) => table(
            ["last", "bid", "ask", "low 24h", "high 24h", "volume 24h"],
            std::iter::once([
                text(t.last),
                text(t.bid),
                text(t.ask),
                text(t.low),
                text(t.high),
                text(t.base_volume),
            ]),
            1,
        ),
        Payload::OrderBook(book) => table(
            ["bid size", "bid", "ask", "ask size"],
            (0..book.bids.len().max(book.asks.len())).map(|row| {
                let (bid, ask) = (book.bids.get(row), book.asks.get(row));
                [
                    text(bid.map(|level| level.size)),
                    text(bid.map(|level| level.price)),
                    text(ask.map(|level| level.price)),
                    text(ask.map(|level| level.size)),
                ]
            }),
            book.bids.len().max(book.asks.len()),
        ),
        Payload::Candles(candles) => table(
            ["start", "open", "high", "low", "close", "volume", "closed"],
            candles.rows.iter().rev().map(|c| {
                [
                    c.time.to_string(),
                    c.open.to_string(),
                    c.high.to_string(),
                    c.low.to_string(),
                    c.close.to_string(),
                    c.volume.to_string(),
                    if c.closed { "yes" } else { "not yet" }.to_owned(),
                ]
            }),
            candles.rows.len(),
        ),
        Payload::Trades(trades) => table(
            ["time", "price", "amount", "side"],
            trades.rows.iter().rev().map(|t| {
                [
                    t.time.to_string(),
                    t.price.to_string(),
                    t.amount.to_string(),
                    text(t.side.map(|side| format!("{side:?}").to_lowercase())),
                ]
            }),
            trades.rows.len(),
        ),
        Payload::Instruments(rows) => table(
            ["symbol", "id", "active", "price tick", "amount step"],
            rows.iter().map(|row| {
                [
                    row.symbol.to_string(),
                    row.id.to_string(),
                    text(row.active),
                    text(row.price_tick),
                    text(row.amount_step),
                ]
            }),
            rows.len(),
        ),
        other => format!("{other:?}"),
    }
}
