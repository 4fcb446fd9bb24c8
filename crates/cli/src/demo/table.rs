//! The live table: what one frame shows.

use robust_data_manager::Status;
use robust_data_manager::market::Exchange;

use super::board::{Board, Line};
use super::cells::{self, Cell, Tone};

/// One line of the screen.
pub(super) type Row = Vec<Cell>;

/// The column that shows the error instead of the acceptance where `last error` has given way.
const ACCEPTANCE: usize = 5;
const ERROR: usize = 6;

/// A column and how soon it gives way on a narrow screen; 0 never.
struct Column {
    title: &'static str,
    yields: u8,
    /// Its width while its texts are short: columns that follow their texts would jump from frame to frame.
    least: usize,
}

const COLUMNS: [Column; 11] = [
    column("source", 0, 7),
    column("kind", 0, 7),
    column("symbol", 4, 8),
    column("value", 1, 16),
    column("age / promise", 0, 13),
    column("acceptance", 0, 13),
    column("last error", 2, 12),
    column("health", 2, 8),
    column("breaker", 0, 13),
    column("budget", 3, 20),
    column("last fault", 0, 10),
];

/// The last that gives way.
const LAST: u8 = 4;

const fn column(title: &'static str, yields: u8, least: usize) -> Column {
    Column {
        title,
        yields,
        least,
    }
}

/// The screen as lines, none wider than `width` and not more than `height` of them.
pub(super) fn screen(
    title: &str,
    status: &Status,
    board: &Board,
    (width, height): (usize, usize),
) -> Vec<Row> {
    let layout = Layout::new(&groups(status, board), width);
    let values: usize = layout.groups.iter().map(Vec::len).sum();
    let foot = foot(status, board);
    // A low screen has no room for rules and air: what must be seen is worth more.
    let airy = 4 + layout.groups.len() + values + foot.len() <= height;
    let mut rows = vec![head(title, board, width)];
    let wide: usize = layout.widths.iter().sum();
    let wide = wide + layout.gap * layout.widths.len().saturating_sub(1);
    let rule = || airy.then(|| vec![Cell::new("─".repeat(wide), Tone::Faint)]);
    rows.extend(airy.then(Vec::new));
    rows.push(layout.line(&layout.titles));
    for group in &layout.groups {
        rows.extend(rule());
        rows.extend(group.iter().map(|row| layout.line(row)));
    }
    rows.extend(rule());
    rows.extend(foot);
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

fn head(title: &str, board: &Board, width: usize) -> Row {
    let name = "rdm demo";
    let what = format!("  {title} · {}s", board.elapsed().as_secs());
    let mut row = vec![Cell::new(name, Tone::Strong), Cell::new(what, Tone::Plain)];
    let end = "Ctrl-C ends it";
    let used: usize = row.iter().map(wide).sum::<usize>() + end.len();
    if used + 2 <= width {
        row.push(Cell::new(" ".repeat(width - used), Tone::Plain));
        row.push(Cell::new(end, Tone::Faint));
    }
    row
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
        let [first, .., health, breaker, budget, fault] = &mut columns;
        *first = vec![name(exchange)];
        *health = vec![cells::health(source)];
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

/// What is shown on a screen of some width.
struct Layout {
    titles: Row,
    groups: Vec<Vec<Row>>,
    widths: Vec<usize>,
    gap: usize,
}

impl Layout {
    /// Leaves columns away, the least important first, until the rest fits.
    fn new(groups: &[Vec<Row>], width: usize) -> Self {
        let mut shown: Vec<usize> = (0..COLUMNS.len()).collect();
        let mut yields = 1;
        loop {
            let layout = Self::of(groups, &shown, width);
            if yields > LAST {
                return layout.unwrap_or_else(|layout| layout);
            }
            match layout {
                Ok(layout) => return layout,
                Err(_) => shown.retain(|at| COLUMNS.get(*at).is_some_and(|c| c.yields != yields)),
            }
            yields += 1;
        }
    }

    /// The columns that are named; an error where they do not fit.
    fn of(groups: &[Vec<Row>], shown: &[usize], width: usize) -> Result<Self, Self> {
        let title = |at: &usize| COLUMNS.get(*at).map(|column| column.title);
        let titles = shown.iter().filter_map(title);
        let titles: Row = titles.map(|title| Cell::new(title, Tone::Faint)).collect();
        let groups: Vec<Vec<Row>> = groups
            .iter()
            .map(|group| group.iter().map(|row| pick(row, shown)).collect())
            .collect();
        let widest = |(at, column): (usize, &usize)| {
            let least = COLUMNS.get(*column).map_or(0, |column| column.least);
            let rows = groups.iter().flatten().chain([&titles]);
            let cells = rows.filter_map(|row| row.get(at));
            cells.map(wide).max().unwrap_or_default().max(least)
        };
        let widths: Vec<usize> = shown.iter().enumerate().map(widest).collect();
        let cells: usize = widths.iter().sum();
        let gaps = widths.len().saturating_sub(1);
        let fits = [3, 2, 1]
            .into_iter()
            .find(|gap| cells + gap * gaps <= width);
        let layout = Self {
            titles,
            groups,
            widths,
            gap: fits.unwrap_or(1),
        };
        if fits.is_some() {
            Ok(layout)
        } else {
            Err(layout)
        }
    }

    fn line(&self, cells: &[Cell]) -> Row {
        let mut row = Vec::new();
        for (cell, width) in cells.iter().zip(&self.widths) {
            row.push(cell.clone());
            let room = (width + self.gap).saturating_sub(wide(cell));
            row.push(Cell::new(" ".repeat(room), Tone::Plain));
        }
        row.pop();
        row
    }
}

/// The cells of the columns that are shown.
fn pick(row: &[Cell], shown: &[usize]) -> Row {
    let failed = row.get(ERROR).filter(|error| !error.text.is_empty());
    let instead = failed.filter(|_| !shown.contains(&ERROR));
    let cell = |at: &usize| match instead {
        Some(error) if *at == ACCEPTANCE => Some(error.clone()),
        _ => row.get(*at).cloned(),
    };
    shown.iter().filter_map(cell).collect()
}

fn wide(cell: &Cell) -> usize {
    cell.text.chars().count()
}

fn foot(status: &Status, board: &Board) -> Vec<Row> {
    let plans = board.ledgers.iter().map(|(plan, ledger)| {
        let tone = if ledger.closes() {
            Tone::Plain
        } else {
            Tone::Bad
        };
        vec![Cell::new(format!("plan   {plan}: {ledger}"), tone)]
    });
    let reads = &status.reads;
    let sum = |of: fn(&robust_data_manager::SourceStatus) -> u64| -> u64 {
        status.sources.values().map(of).sum()
    };
    let late = if reads.late == 0 {
        Tone::Plain
    } else {
        Tone::Bad
    };
    let reads = [vec![
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
    ]];
    plans.chain(reads).collect()
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

    fn group() -> Vec<Vec<Row>> {
        let texts = [
            "binance",
            "candles",
            "BTC/USDT",
            "5000 + 5000 levels",
            "12.3s / 20s",
            "quarantine 49",
            "circuit_open",
            "degraded",
            "probe in 59.9s",
            "raw_requests 120/300k",
            "latency:4s",
        ];
        vec![vec![texts.map(|text| Cell::new(text, Tone::Plain)).into()]]
    }

    fn titles(width: usize) -> Vec<String> {
        let layout = Layout::new(&group(), width);
        layout.titles.into_iter().map(|cell| cell.text).collect()
    }

    #[test]
    fn columns_give_way_on_a_narrow_screen_and_what_must_be_seen_stays() {
        for width in [160, 140, 120, 100, 80] {
            let layout = Layout::new(&group(), width);
            let used: usize = layout.line(&layout.titles).iter().map(wide).sum();
            assert!(used <= width, "{used} of {width}");
            for always in [
                "source",
                "kind",
                "age / promise",
                "acceptance",
                "breaker",
                "last fault",
            ] {
                assert!(
                    titles(width).iter().any(|title| title == always),
                    "{always} at {width}"
                );
            }
        }
        assert_eq!(titles(160).len(), COLUMNS.len());
        assert!(titles(100).iter().any(|title| title == "budget"));
    }

    #[test]
    fn an_error_stands_in_for_the_acceptance_where_there_is_no_room_for_both() {
        let shown = |width| Layout::new(&group(), width).groups[0][0].clone();
        let has = |row: &Row, text: &str| row.iter().any(|cell| cell.text == text);
        assert!(has(&shown(160), "quarantine 49") && has(&shown(160), "circuit_open"));
        assert!(!has(&shown(100), "quarantine 49") && has(&shown(100), "circuit_open"));
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
            assert_eq!(row.iter().map(wide).sum::<usize>(), width);
        }
    }
}
