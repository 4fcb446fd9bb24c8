//! The live table, and plain lines off a terminal.

use std::io::{Write, stdout};
use std::time::Duration;

use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, Color, Table as Grid};
use crossterm::cursor::MoveTo;
use crossterm::queue;
use crossterm::terminal::{Clear, ClearType};
use robust_data_manager::market::{Acceptance, Exchange};
use robust_data_manager::{SourceStatus, Status};
use tokio::time::Instant;

use super::board::{Board, Line};
use crate::show::age;

/// Redraws one screen in place.
#[derive(Debug, Default)]
pub(super) struct Table {
    drawn: bool,
}

impl Table {
    pub(super) fn draw(&mut self, status: &Status, board: &Board, elapsed: Duration) {
        let text = screen(status, board, elapsed);
        let mut out = stdout().lock();
        // A terminal that is gone shows nothing; the run goes on.
        if !self.drawn {
            let _ = queue!(out, Clear(ClearType::All));
            self.drawn = true;
        }
        let _ = queue!(out, MoveTo(0, 0));
        for line in text.lines() {
            let _ = queue!(out, Clear(ClearType::CurrentLine));
            let _ = write!(out, "{line}\r\n");
        }
        let _ = queue!(out, Clear(ClearType::FromCursorDown));
        let _ = out.flush();
    }
}

/// How a value does against its promise: within it, late, or missing.
fn freshness(line: &Line) -> (String, Color) {
    let promise = age(line.promise);
    match line
        .received
        .map(|received| Instant::now().saturating_duration_since(received))
    {
        None => (format!("none / {promise}"), Color::Red),
        // Half a period of grace: a value is replaced a round trip after it comes due.
        Some(old) if old <= line.promise + line.promise / 2 => {
            (format!("{} / {promise}", age(old)), Color::Green)
        }
        Some(old) => (format!("{} / {promise}", age(old)), Color::Yellow),
    }
}

fn breaker(source: &SourceStatus) -> (String, Color) {
    match source.probe_in_ms {
        Some(left) => (
            format!("{} {}", source.breaker, age(Duration::from_millis(left))),
            Color::Red,
        ),
        None if source.breaker == "closed" => ("closed".to_owned(), Color::Green),
        None => (source.breaker.to_owned(), Color::Yellow),
    }
}

fn budget(source: &SourceStatus) -> String {
    let fullest = source.budget.first();
    let used = fullest.map_or_else(
        || "–".to_owned(),
        |window| format!("{}/{}", window.used, window.limit),
    );
    match source.paused_ms {
        Some(left) => format!("{used} paused {}", age(Duration::from_millis(left))),
        None => used,
    }
}

fn fault(board: &Board, exchange: &Exchange) -> String {
    match board.faults.get(exchange) {
        Some((fault, true)) => format!("{fault} now"),
        Some((fault, false)) => fault.clone(),
        None => "–".to_owned(),
    }
}

fn acceptance(line: &Line) -> (String, Color) {
    match (line.acceptance, line.score) {
        (Some(acceptance), Some(score)) => {
            let color = if acceptance >= Acceptance::AcceptWithExclusions {
                Color::Green
            } else {
                Color::Yellow
            };
            (format!("{acceptance} {score:.0}"), color)
        }
        _ => ("–".to_owned(), Color::Grey),
    }
}

fn screen(status: &Status, board: &Board, elapsed: Duration) -> String {
    let mut grid = Grid::new();
    grid.load_preset(UTF8_HORIZONTAL_ONLY).set_header([
        "source",
        "kind",
        "symbol",
        "value",
        "age / promise",
        "acceptance",
        "breaker",
        "budget",
        "last fault",
        "last error",
    ]);
    for ((exchange, kind, symbol), line) in &board.lines {
        let Some(source) = status.sources.get(exchange) else {
            continue;
        };
        let colored = |(text, color): (String, Color)| Cell::new(text).fg(color);
        grid.add_row([
            Cell::new(exchange),
            Cell::new(kind),
            Cell::new(symbol),
            Cell::new(&line.value),
            colored(freshness(line)),
            colored(acceptance(line)),
            colored(breaker(source)),
            Cell::new(budget(source)),
            Cell::new(fault(board, exchange)),
            Cell::new(line.error.as_ref().map_or("", |error| error.name())),
        ]);
    }
    let jobs = &status.jobs;
    let skipped: u64 = jobs.skipped.values().sum();
    format!(
        "rdm demo · simulated exchanges on loopback · {}s · Ctrl-C ends it\n{grid}\n\
         due {} = ran {} + superseded {} + skipped {skipped} + pending {} · reads {} · late {}\n{}",
        elapsed.as_secs(),
        jobs.due,
        jobs.ran,
        jobs.superseded,
        jobs.pending,
        status.reads.total,
        status.reads.late,
        board.changes.join("\n"),
    )
}

/// The same for a log: a line for each promised value, and one for the ledger.
pub(super) fn lines(status: &Status, board: &Board, elapsed: Duration) -> Vec<String> {
    let mut lines = Vec::new();
    for ((exchange, kind, symbol), line) in &board.lines {
        let Some(source) = status.sources.get(exchange) else {
            continue;
        };
        let error = line
            .error
            .as_ref()
            .map(|error| format!(" error={}", error.name()))
            .unwrap_or_default();
        lines.push(format!(
            "{:>4}s    {exchange:<8} {kind:<8} {symbol:<9} {:<16} age={} quality={} breaker={} budget={} fault={}{error}",
            elapsed.as_secs(),
            line.value,
            freshness(line).0.replace(' ', ""),
            acceptance(line).0.replace(' ', ":"),
            breaker(source).0.replace(' ', ":"),
            budget(source).replace(' ', ":"),
            fault(board, exchange).replace(' ', ":"),
        ));
    }
    let jobs = &status.jobs;
    lines.push(format!(
        "{:>4}s    due={} ran={} superseded={} skipped={} pending={} reads={} late={}",
        elapsed.as_secs(),
        jobs.due,
        jobs.ran,
        jobs.superseded,
        jobs.skipped.values().sum::<u64>(),
        jobs.pending,
        status.reads.total,
        status.reads.late
    ));
    lines
}
