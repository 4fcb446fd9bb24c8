//! Samples as people read them.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::coverage;
use comfy_table::{CellAlignment, Table, TableComponent};
use robust_data_manager::market::{Payload, Report, Sample};

/// Rows that are shown of a long list.
const ROWS: usize = 10;

/// Columns that hold no numbers.
const WORDS: [&str; 7] = ["time", "start", "side", "closed", "symbol", "id", "active"];

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
                "\nborn     {time}, about {} ago by its clock and ours",
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
    for (at, line) in meta
        .coverage
        .iter()
        .flat_map(|coverage| coverage::lines(coverage))
        .enumerate()
    {
        let head = if at == 0 { "coverage" } else { "" };
        let _ = write!(text, "\n{head:<8} {line}");
    }
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
            "\n         {} {}: {}",
            format!("{:?}", issue.severity).to_lowercase(),
            issue.rule,
            issue.message
        );
    }
    text
}

/// The one figure of a payload that fits into a table.
pub(crate) fn headline(payload: &Payload) -> String {
    match payload {
        Payload::Ticker(ticker) => ticker.last.map(|last| last.to_string()).unwrap_or_default(),
        Payload::OrderBook(book) => format!("{} + {} levels", book.bids.len(), book.asks.len()),
        Payload::Candles(candles) => format!("{} bars", candles.rows.len()),
        Payload::Trades(trades) => format!("{} trades", trades.rows.len()),
        other => format!("{} records", other.len()),
    }
}

/// A time as people say it: `120ms`, `1.2s`, `20s`, `3m`.
pub(crate) fn age(age: Duration) -> String {
    match age.as_millis() {
        whole @ 1_000..=99_999 if whole % 1_000 == 0 => format!("{}s", whole / 1_000),
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
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_style(TableComponent::HeaderLines, '─');
    table.set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_header(header);
    for row in rows.take(ROWS) {
        table.add_row(row);
    }
    for (column, name) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if !WORDS.contains(&name) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let table = table.trim_fmt();
    if total > ROWS {
        format!("{table}\n… {ROWS} of {total}; --json prints all")
    } else {
        table
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
                    text(row.active.map(|active| if active { "yes" } else { "no" })),
                    text(row.price_tick),
                    text(row.amount_step),
                ]
            }),
            rows.len(),
        ),
        other => format!("{other:?}"),
    }
}
