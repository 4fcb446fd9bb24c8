//! The memory of one budget: what was committed when, and what is granted but not yet committed.
//!
//! Pure: times are nanoseconds since the limiter was built, and arguments.

use std::collections::VecDeque;

use crate::Window;

/// Nanoseconds since the limiter was built.
pub(crate) type Nanos = u64;

/// Usage that we learn from the server is kept no finer than this part of the horizon, so that a
/// server that reports one unit more each time cannot make the log grow.
const FOREIGN_PARTS: Nanos = 512;

/// The numbers of a [`Window`], ready for arithmetic.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) limit: u64,
    /// How long a commit counts.
    pub(crate) horizon: Nanos,
    /// Commits closer than this to the first of a cell share the cell; 0 keeps every instant apart.
    pub(crate) cell: Nanos,
    /// How much later than another a request must be committed to be sure to arrive later.
    pub(crate) guard: Nanos,
}

impl Shape {
    pub(crate) fn of(window: &Window) -> Self {
        let nanos = |duration: std::time::Duration| {
            Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
        };
        Self {
            limit: u64::from(window.limit),
            horizon: nanos(window.horizon()),
            cell: nanos(window.cell()),
            guard: nanos(window.guard),
        }
    }
}

/// Commits that expire together, with the last of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) first: Nanos,
    pub(crate) last: Nanos,
    /// All units, ours and foreign ones.
    pub(crate) units: u64,
    /// Those that we did not commit but learned of from the server.
    foreign: u64,
}

/// One sliding budget. At most `min(units, 512 + 2)` cells long, see [`Window`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Apart from each other and in order of time; none is empty.
    cells: VecDeque<Cell>,
    /// The sum of the cells.
    committed: u64,
    /// Granted, not yet committed: counts and does not expire.
    held: u64,
}

impl Log {
    /// Forgets what has left the window.
    pub(crate) fn expire(&mut self, now: Nanos, shape: Shape) {
        while let Some(cell) = self.cells.front() {
            if cell.last.saturating_add(shape.horizon) > now {
                return;
            }
            self.committed -= cell.units;
            self.cells.pop_front();
        }
    }

    /// Units in use, as of the last [`expire`](Self::expire).
    pub(crate) const fn used(&self) -> u64 {
        self.committed.saturating_add(self.held)
    }

    /// Units granted and not yet committed.
    pub(crate) const fn held(&self) -> u64 {
        self.held
    }

    /// The cells that may still count, oldest first.
    pub(crate) const fn cells(&self) -> &VecDeque<Cell> {
        &self.cells
    }

    /// From when on nothing is in use; `None` while something is held.
    pub(crate) fn idle_at(&self, shape: Shape) -> Option<Nanos> {
        match (self.held, self.cells.back()) {
            (0, Some(cell)) => Some(cell.last.saturating_add(shape.horizon)),
            (0, None) => Some(0),
            _ => None,
        }
    }

    /// Takes units without a time: granted.
    pub(crate) const fn hold(&mut self, units: u64) {
        self.held = self.held.saturating_add(units);
    }

    /// Gives held units back.
    pub(crate) const fn release(&mut self, units: u64) {
        self.held = self.held.saturating_sub(units);
    }

    /// Stamps held units with the time of their dispatch. `now` never runs backwards.
    pub(crate) fn commit(&mut self, now: Nanos, units: u64, shape: Shape) {
        self.expire(now, shape);
        self.release(units);
        self.push(now, units, 0, shape.cell);
    }

    /// Adds units that our request of `at` cost beyond what was granted.
    pub(crate) fn add(&mut self, at: Nanos, units: u64, shape: Shape) {
        self.insert(at, units, 0, shape);
    }

    /// Adds units that others had used by `at`.
    pub(crate) fn add_foreign(&mut self, at: Nanos, units: u64, shape: Shape) {
        self.insert(at, units, units, shape);
    }

    fn insert(&mut self, at: Nanos, units: u64, foreign: u64, shape: Shape) {
        if units == 0 {
            return;
        }
        // Into the next cell from `at` on: expires then or later, never early.
        let index = self.cells.partition_point(|cell| cell.last < at);
        if let Some(cell) = self.cells.get_mut(index) {
            cell.units = cell.units.saturating_add(units);
            cell.foreign = cell.foreign.saturating_add(foreign);
            self.committed = self.committed.saturating_add(units);
        } else {
            self.push(
                at,
                units,
                foreign,
                shape.cell.max(shape.horizon / FOREIGN_PARTS),
            );
        }
    }

    /// Takes back up to `units` of what was committed at `at`; less once that has expired.
    pub(crate) fn give_back(&mut self, at: Nanos, units: u64) {
        let index = self.cells.partition_point(|cell| cell.last < at);
        let Some(cell) = self.cells.get_mut(index) else {
            return;
        };
        if cell.first > at {
            return;
        }
        let back = units.min(cell.units.saturating_sub(cell.foreign));
        cell.units -= back;
        self.committed -= back;
        if cell.units == 0 {
            self.cells.remove(index);
        }
    }

    /// What we committed in cells that began after `at`.
    pub(crate) fn committed_after(&self, at: Nanos) -> u64 {
        self.cells
            .iter()
            .rev()
            .take_while(|cell| cell.first > at)
            .map(|cell| cell.units.saturating_sub(cell.foreign))
            .sum()
    }

    /// Committed units, held ones not counted.
    pub(crate) const fn committed(&self) -> u64 {
        self.committed
    }

    fn push(&mut self, at: Nanos, units: u64, foreign: u64, cell_width: Nanos) {
        self.committed = self.committed.saturating_add(units);
        match self.cells.back_mut() {
            Some(cell) if at.saturating_sub(cell.first) <= cell_width => {
                cell.last = cell.last.max(at);
                cell.units = cell.units.saturating_add(units);
                cell.foreign = cell.foreign.saturating_add(foreign);
            }
            _ => self.cells.push_back(Cell {
                first: at,
                last: at,
                units,
                foreign,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: Shape = Shape {
        limit: 10,
        horizon: 100,
        cell: 0,
        guard: 0,
    };
    const CELLS: Shape = Shape {
        limit: 10_000,
        horizon: 1_000,
        cell: 10,
        guard: 0,
    };

    fn committed(shape: Shape, at: &[(Nanos, u64)]) -> Log {
        let mut log = Log::default();
        for &(now, units) in at {
            log.hold(units);
            log.commit(now, units, shape);
        }
        log
    }

    #[test]
    fn a_commit_counts_for_exactly_the_horizon() {
        let mut log = committed(EXACT, &[(5, 3), (6, 2)]);
        for (now, used) in [(6, 5), (104, 5), (105, 2), (106, 0)] {
            log.expire(now, EXACT);
            assert_eq!(log.used(), used, "at {now}");
        }
    }

    #[test]
    fn a_cell_expires_with_its_last_commit() {
        let mut log = committed(CELLS, &[(0, 1), (10, 1), (11, 1)]);
        assert_eq!(log.cells().len(), 2);
        for (now, used) in [(1_009, 3), (1_010, 1), (1_011, 0)] {
            log.expire(now, CELLS);
            assert_eq!(log.used(), used, "at {now}");
        }
    }

    #[test]
    fn a_hold_counts_until_it_is_released_or_committed() {
        let mut log = Log::default();
        log.hold(4);
        log.expire(1_000_000, EXACT);
        assert_eq!((log.used(), log.idle_at(EXACT)), (4, None));
        log.release(1);
        log.commit(1_000_000, 3, EXACT);
        assert_eq!((log.used(), log.idle_at(EXACT)), (3, Some(1_000_100)));
    }

    #[test]
    fn giving_back_reaches_only_the_commit_it_belongs_to() {
        let mut log = committed(EXACT, &[(5, 3), (9, 2)]);
        log.give_back(7, 9);
        assert_eq!(log.used(), 5, "nothing was committed at 7");
        log.give_back(5, 9);
        assert_eq!(log.used(), 2, "no more than was there");
        log.give_back(9, 1);
        assert_eq!(log.used(), 1);
        log.give_back(9, 1);
        assert_eq!(
            (log.used(), log.cells().len()),
            (0, 0),
            "an empty cell is removed"
        );
    }

    #[test]
    fn foreign_use_counts_at_least_as_long_as_if_it_were_ours() {
        let mut log = committed(EXACT, &[(5, 1), (50, 1)]);
        log.add_foreign(20, 4, EXACT);
        log.expire(120, EXACT);
        assert_eq!(log.used(), 5, "filed under the commit at 50");
        assert_eq!(log.committed_after(10), 1, "not taken for ours");
        log.give_back(50, 5);
        assert_eq!(log.used(), 4, "not given back");
        log.add_foreign(120, 2, EXACT);
        log.expire(150, EXACT);
        assert_eq!(log.used(), 2);
    }

    #[test]
    fn a_server_that_reports_one_more_each_time_cannot_make_the_log_grow() {
        let shape = Shape {
            limit: 10,
            horizon: 1_000_000,
            cell: 0,
            guard: 0,
        };
        let mut log = Log::default();
        for at in (0..1_000_000).step_by(10) {
            log.add_foreign(at, 1, shape);
        }
        assert!(log.cells().len() <= 514, "{}", log.cells().len());
        assert_eq!(log.used(), 100_000);
    }

    #[test]
    fn the_log_is_bounded_by_its_cells() {
        let mut log = Log::default();
        for now in 0..100_000 {
            log.hold(1);
            log.commit(now, 1, CELLS);
        }
        assert!(log.cells().len() <= 102, "{}", log.cells().len());
    }
}
