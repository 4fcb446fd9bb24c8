//! The live table: what one frame shows.

use robust_data_manager::Status;
use robust_data_manager::market::Exchange;

use super::board::{Board, Line};
use super::cells::{self, Cell, Tone};

/// One line of the screen.
pub(super) type Row = Vec<Cell>;

/// A column and how soon it gives way on a narrow screen; 0 never.
struct Column {
    title: &'static str,
    yields: u8,
}

const COLUMNS: [Column; 10] = [
    column("source", 0),
    column("kind", 0),
    column("symbol", 3),
    column("value", 1),
    column("age / promise", 0),
    column("acceptance", 0),
    column("last error", 0),
    column("breaker", 0),
    column("budget", 2),
    column("last fault", 0),
];

const fn column(title: &'static str, yields: u8) -> Column {
    Column { title, yields }
}

/// The screen as lines, none wider than `width` and not more than `height` of them.
pub(super) fn screen(status: &Status, board: &Board, width: usize, height: usize) -> Vec<Row> {
    let groups = groups(status, board);
    let (shown, widths, gap) = fit(&groups, width);
    let mut rows = vec![head(board, width), Vec::new()];
    let titles = shown
        .iter()
        .map(|at| Cell::new(COLUMNS.get(*at).map_or("", |c| c.title), Tone::Faint));
    rows.push(line(&titles.collect::<Vec<_>>(), &widths, gap));
    let wide = widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1);
    for group in &groups {
        rows.push(vec![Cell::new("─".repeat(wide), Tone::Faint)]);
        for row in group {
            let picked: Vec<Cell> = shown
                .iter()
                .filter_map(|at| row.get(*at).cloned())
                .collect();
            rows.push(line(&picked, &widths, gap));
        }
    }
    rows.push(vec![Cell::new("─".repeat(wide), Tone::Faint)]);
    rows.extend(foot(status));
    rows.push(Vec::new());
    for (at, text) in &board.changes {
        let at = format!("{:>7.1}s  ", at.as_secs_f64());
        rows.push(vec![
            Cell::new(at, Tone::Faint),
            Cell::new(text.clone(), Tone::Plain),
        ]);
    }
    rows.truncate(height);
    for row in &mut rows {
        cut(row, width);
    }
    rows
}

fn head(board: &Board, width: usize) -> Row {
    let name = "rdm demo";
    let what = format!(
        "  simulated exchanges on loopback, {}s",
        board.elapsed().as_secs()
    );
    let end = "Ctrl-C ends it";
    let used = name.chars().count() + what.chars().count() + end.chars().count();
    vec![
        Cell::new(name, Tone::Strong),
        Cell::new(what, Tone::Plain),
        Cell::new(" ".repeat(width.saturating_sub(used).max(2)), Tone::Plain),
        Cell::new(end, Tone::Faint),
    ]
}

/// The rows of each source. What belongs to the source as a whole stands once, downwards beside its rows.
fn groups(status: &Status, board: &Board) -> Vec<Vec<Row>> {
    let mut groups = Vec::new();
    for (exchange, source) in &status.sources {
        let mut columns: [Vec<Cell>; COLUMNS.len()] = Default::default();
        let lines = board.lines.iter().filter(|((of, ..), _)| of == exchange);
        for ((_, kind, symbol), promised) in lines {
            let row = promise(kind.as_str(), symbol.as_str(), promised);
            for (column, cell) in columns.iter_mut().skip(1).zip(row) {
                column.push(cell);
            }
        }
        let [first, .., breaker, budget, fault] = &mut columns;
        *first = vec![name(exchange)];
        *breaker = cells::breaker(source);
        *budget = cells::budget(source);
        *fault = cells::fault(board, exchange);
        let rows = columns.iter().map(Vec::len).max().unwrap_or_default();
        let at = |row: usize| {
            let cell = |column: &Vec<Cell>| column.get(row).cloned().unwrap_or_else(Cell::empty);
            columns.iter().map(cell).collect()
        };
        groups.push((0..rows).map(at).collect());
    }
    groups
}

fn name(exchange: &Exchange) -> Cell {
    Cell::new(exchange.as_str(), Tone::Strong)
}

fn promise(kind: &str, symbol: &str, line: &Line) -> [Cell; 6] {
    [
        Cell::new(kind, Tone::Plain),
        Cell::new(symbol, Tone::Plain),
        Cell::new(line.value.clone(), Tone::Plain),
        cells::freshness(line),
        cells::acceptance(line),
        cells::error(line),
    ]
}

/// Which columns fit, how wide they are, and how far apart.
fn fit(groups: &[Vec<Row>], width: usize) -> (Vec<usize>, Vec<usize>, usize) {
    let widest = |at: usize| {
        let cells = groups.iter().flatten().filter_map(|row| row.get(at));
        let title = COLUMNS.get(at).map_or(0, |column| column.title.len());
        cells
            .map(|cell| cell.text.chars().count())
            .max()
            .unwrap_or_default()
            .max(title)
            // Columns that hold numbers would tremble as the numbers change their length.
            .next_multiple_of(2)
    };
    let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
    let mut dropping = 1;
    loop {
        let widths: Vec<usize> = shown.iter().map(|at| widest(*at)).collect();
        let cells: usize = widths.iter().sum();
        let gaps = shown.len().saturating_sub(1);
        if let Some(gap) = [3, 2, 1]
            .into_iter()
            .find(|gap| cells + gap * gaps <= width)
        {
            return (shown, widths, gap);
        }
        if dropping > 3 {
            return (shown, widths, 1);
        }
        shown.retain(|at| {
            COLUMNS
                .get(*at)
                .is_some_and(|column| column.yields != dropping)
        });
        dropping += 1;
    }
}

fn line(cells: &[Cell], widths: &[usize], gap: usize) -> Row {
    let mut row = Vec::new();
    for (cell, width) in cells.iter().zip(widths) {
        let room = width + gap - cell.text.chars().count().min(width + gap);
        row.push(cell.clone());
        row.push(Cell::new(" ".repeat(room), Tone::Plain));
    }
    row
}

fn foot(status: &Status) -> Vec<Row> {
    let jobs = &status.jobs;
    let skipped: u64 = jobs.skipped.values().sum();
    let ledger = format!(
        "jobs   due {} = ran {} + superseded {} + skipped {skipped} + pending {}",
        jobs.due, jobs.ran, jobs.superseded, jobs.pending
    );
    let reads = &status.reads;
    let sum = |of: fn(&robust_data_manager::SourceStatus) -> u64| -> u64 {
        status.sources.values().map(of).sum()
    };
    let late = if reads.late == 0 {
        Tone::Plain
    } else {
        Tone::Bad
    };
    vec![
        vec![Cell::new(ledger, Tone::Plain)],
        vec![
            Cell::new(
                format!("reads  {}, failed {}", reads.total, reads.failed()),
                Tone::Plain,
            ),
            Cell::new(format!(", late {}", reads.late), late),
            Cell::new(
                format!(
                    " · requests {}, retries {}, refused here {}",
                    sum(|s| s.requests),
                    sum(|s| s.retries),
                    sum(|s| s.rejected)
                ),
                Tone::Plain,
            ),
        ],
    ]
}

/// Cuts a line to the width of the screen.
fn cut(row: &mut Row, width: usize) {
    let mut left = width;
    for cell in row {
        let long = cell.text.chars().count();
        if long > left {
            let keep = left.saturating_sub(1);
            let kept: String = cell.text.chars().take(keep).collect();
            cell.text = if left == 0 {
                String::new()
            } else {
                kept + "…"
            };
        }
        left = left.saturating_sub(long);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wide(row: &Row) -> usize {
        row.iter().map(|cell| cell.text.chars().count()).sum()
    }

    fn group() -> Vec<Vec<Row>> {
        let texts = [
            "binance",
            "candles",
            "BTC/USDT",
            "5000 + 5000 levels",
            "12.3s / 20.0s",
            "quarantine 49",
            "circuit_open",
            "probe in 59.9s",
            "raw_requests 120/61000",
            "latency:4s",
        ];
        vec![vec![texts.map(|text| Cell::new(text, Tone::Plain)).into()]]
    }

    #[test]
    fn columns_give_way_on_a_narrow_screen_and_the_facts_of_the_source_stay() {
        for width in [160, 140, 120, 100, 90] {
            let (shown, widths, gap) = fit(&group(), width);
            let used = widths.iter().sum::<usize>() + gap * (widths.len() - 1);
            assert!(used <= width, "{used} of {width}");
            for always in [0, 1, 4, 5, 6, 7, 9] {
                assert!(shown.contains(&always), "{always} at {width}");
            }
        }
        assert_eq!(fit(&group(), 160).0.len(), COLUMNS.len());
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        for width in [0, 1, 5, 40] {
            let mut row = vec![
                Cell::new("0123456789", Tone::Plain),
                Cell::new("abc", Tone::Bad),
                Cell::new("–".repeat(100), Tone::Bad),
            ];
            cut(&mut row, width);
            assert_eq!(wide(&row), width);
        }
    }
}
