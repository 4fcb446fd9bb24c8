//! The same for a log: a line for each promised value, and one for the ledger.

use robust_data_manager::Status;

use super::board::Board;
use super::cells::{self, Cell};

pub(super) fn lines(status: &Status, board: &Board) -> Vec<String> {
    let at = format!("{:>7.1}s", board.elapsed().as_secs_f64());
    let mut lines = Vec::new();
    for ((exchange, kind, symbol), line) in &board.lines {
        let Some(source) = status.sources.get(exchange) else {
            continue;
        };
        let mut text = format!(
            "{at}  {exchange:<8} {kind:<8} {symbol:<9} {:<18} age={} quality={} health={} breaker={} budget={} fault={}",
            line.value,
            cells::freshness(line).text.replace(' ', ""),
            cells::acceptance(line).text.replace(' ', ":"),
            cells::health(source).text,
            word(&cells::breaker(source)),
            word(&cells::budget(source)),
            word(&cells::fault(board, exchange)),
        );
        if let Some(error) = &line.error {
            text.push_str(&format!(" error={}", error.name()));
        }
        lines.push(text);
    }
    let jobs = &status.jobs;
    lines.push(format!(
        "{at}  jobs     due={} ran={} superseded={} skipped={} pending={} reads={} late={}",
        jobs.due,
        jobs.ran,
        jobs.superseded,
        jobs.skipped.values().sum::<u64>(),
        jobs.pending,
        status.reads.total,
        status.reads.late
    ));
    for (plan, ledger) in &board.ledgers {
        lines.push(format!("{at}  plan     {plan}: {ledger}"));
    }
    lines
}

/// The cells as one word, for `cut`, `awk` and friends.
fn word(cells: &[Cell]) -> String {
    let words: Vec<_> = cells
        .iter()
        .map(|cell| cell.text.replace(' ', ":"))
        .collect();
    words.join(",")
}
