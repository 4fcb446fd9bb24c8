//! What one cell of the table, or one word of a plain line, says.

use std::time::Duration;

use robust_data_manager::market::{Acceptance, Exchange};
use robust_data_manager::{Health, SourceStatus};
use tokio::time::Instant;

use super::board::{Board, Line};
use crate::show::age;

/// How a text is meant; the screen makes a colour of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Strong,
    Faint,
    Good,
    Doubtful,
    Bad,
}

/// A text and how it is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) tone: Tone,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }

    pub(super) fn empty() -> Self {
        Self::new("", Tone::Plain)
    }
}

/// How a value does against its promise: within it, late, or missing.
pub(super) fn freshness(line: &Line) -> Cell {
    let promise = age(line.promise);
    let now = Instant::now();
    let old = line
        .received
        .map(|received| now.saturating_duration_since(received));
    match old {
        None => Cell::new(format!("none / {promise}"), Tone::Bad),
        // Half a period of grace: a value is replaced a round trip after it comes due.
        Some(old) if old <= line.promise + line.promise / 2 => {
            Cell::new(format!("{} / {promise}", age(old)), Tone::Good)
        }
        Some(old) => Cell::new(format!("{} / {promise}", age(old)), Tone::Doubtful),
    }
}

/// What may be done with the last value, and its score.
pub(super) fn acceptance(line: &Line) -> Cell {
    let (Some(acceptance), Some(score)) = (line.acceptance, line.score) else {
        return Cell::new("–", Tone::Faint);
    };
    let (word, tone) = match acceptance {
        Acceptance::Accept => ("accept", Tone::Good),
        Acceptance::AcceptWithExclusions => ("partly", Tone::Good),
        Acceptance::Quarantine => ("quarantine", Tone::Doubtful),
        Acceptance::Reject => ("reject", Tone::Bad),
    };
    Cell::new(format!("{word} {score:.0}"), tone)
}

/// The typed error of the last read, if it failed.
pub(super) fn error(line: &Line) -> Cell {
    match &line.error {
        Some(error) => Cell::new(error.name(), Tone::Bad),
        None => Cell::empty(),
    }
}

/// How well it does.
pub(super) fn health(source: &SourceStatus) -> Cell {
    let state = source.health.state;
    let tone = match state {
        Health::Healthy => Tone::Good,
        Health::Unknown => Tone::Faint,
        Health::Degraded => Tone::Doubtful,
        _ => Tone::Bad,
    };
    Cell::new(state.as_str(), tone)
}

/// State, time to the next probe, number of openings.
pub(super) fn breaker(source: &SourceStatus) -> Vec<Cell> {
    let tone = match source.breaker {
        "closed" => Tone::Good,
        "open" => Tone::Bad,
        _ => Tone::Doubtful,
    };
    let mut cells = vec![Cell::new(source.breaker, tone)];
    if let Some(left) = source.probe_in_ms {
        let left = age(Duration::from_millis(left));
        cells.push(Cell::new(format!("probe in {left}"), tone));
    }
    if source.opened > 0 {
        cells.push(Cell::new(format!("opened {}×", source.opened), Tone::Faint));
    }
    cells
}

/// Each window, the queue, and how long the exchange told us to stay away.
pub(super) fn budget(source: &SourceStatus) -> Vec<Cell> {
    let mut cells = Vec::new();
    if let Some(left) = source.paused_ms {
        let left = age(Duration::from_millis(left));
        cells.push(Cell::new(format!("paused {left}"), Tone::Bad));
    }
    for window in &source.budget {
        let limit = match window.limit {
            limit if limit >= 10_000 && limit % 1_000 == 0 => format!("{}k", limit / 1_000),
            limit => limit.to_string(),
        };
        let text = format!("{} {}/{limit}", window.name, window.used);
        let full = window.used >= u64::from(window.limit);
        // Small windows are full as soon as they are used; that is what they are for.
        let tone = if full && window.limit > 10 {
            Tone::Doubtful
        } else {
            Tone::Plain
        };
        cells.push(Cell::new(text, tone));
    }
    let queued: usize = source.queued.iter().sum();
    if queued > 0 {
        cells.push(Cell::new(format!("{queued} queued"), Tone::Plain));
    }
    cells
}

/// The last fault, and whether it is on.
pub(super) fn fault(board: &Board, exchange: &Exchange) -> Vec<Cell> {
    match board.faults.get(exchange) {
        Some((fault, true)) => vec![
            Cell::new(fault.clone(), Tone::Bad),
            Cell::new("now", Tone::Bad),
        ],
        Some((fault, false)) => vec![
            Cell::new(fault.clone(), Tone::Plain),
            Cell::new("over", Tone::Faint),
        ],
        None => vec![Cell::new("none", Tone::Faint)],
    }
}
