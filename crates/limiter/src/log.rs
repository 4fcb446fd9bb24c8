//! The memory of one budget: what was committed when, and what is granted but not yet committed.
//!
//! Pure: times are nanoseconds since the limiter was built, and arguments.

use std::collections::VecDeque;

use crate::aligned::Grid;
use crate::bucket::Drain;
use crate::{Class, Window};

/// Nanoseconds since the limiter was built.
pub(crate) type Nanos = u64;

/// Usage that we learn from the server is kept no finer than this part of the horizon, so that a
/// server that reports one unit more each time cannot make the log grow.
const FOREIGN_PARTS: Nanos = 512;

/// The numbers of a [`Window`], ready for arithmetic.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// Units that fit.
    pub(crate) limit: u64,
    /// Of those, the ones that are left to callers outside of this process.
    pub(crate) reserved: u64,
    /// How much may be in use after a grant, by class.
    pub(crate) ceilings: [u64; 4],
    /// The same while nothing slows us down.
    pub(crate) shares: [u64; 4],
    /// How long a commit counts at the most.
    pub(crate) horizon: Nanos,
    /// Commits closer than this to the first of a cell share the cell; 0 keeps every instant apart.
    pub(crate) cell: Nanos,
    /// How much later than another a request must be committed to be sure to arrive later.
    pub(crate) guard: Nanos,
    /// The server's windows, where they are known.
    pub(crate) grid: Option<Grid>,
    /// How fast it drains, where it does.
    pub(crate) drain: Option<Drain>,
}

impl Shape {
    /// A sliding window that remembers every commit and belongs to all alike.
    pub(crate) const fn plain(limit: u64, horizon: Nanos) -> Self {
        Self {
            limit,
            reserved: 0,
            ceilings: [limit; 4],
            shares: [limit; 4],
            horizon,
            cell: 0,
            guard: 0,
            grid: None,
            drain: None,
        }
    }

    pub(crate) fn of(window: &Window) -> Self {
        let nanos = |duration: std::time::Duration| {
            Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
        };
        Self {
            cell: nanos(window.cell()),
            guard: nanos(window.guard),
            ..Self::plain(u64::from(window.capacity()), nanos(window.horizon()))
        }
    }

    /// From when on a commit of `at` does not count.
    pub(crate) fn expiry(&self, at: Nanos) -> Nanos {
        let sliding = at.saturating_add(self.horizon);
        // Both are safe, so whichever is earlier.
        self.grid
            .map_or(sliding, |grid| grid.expiry(at).min(sliding))
    }

    /// How much may be in use after `units` were granted to `class`.
    ///
    /// What is more than a slower rate leaves to its class goes when nothing of ours is in use: it would not fit before the rate is
    /// whole again. What is more than the share of its class never does.
    pub(crate) fn ceiling(&self, class: Class, units: u64) -> u64 {
        let alone = self
            .reserved
            .saturating_add(units)
            .min(of(self.shares, class));
        of(self.ceilings, class).max(alone)
    }

    /// The most that a single call of `class` may take.
    pub(crate) fn most(&self, class: Class) -> u64 {
        of(self.shares, class).saturating_sub(self.reserved)
    }

    /// How much others may have used before that takes anything from us.
    pub(crate) const fn unclaimed(&self, foreign: u64) -> u64 {
        self.reserved.saturating_sub(foreign)
    }

    /// How far apart what others used is kept.
    pub(crate) fn foreign_cell(&self) -> Nanos {
        self.cell.max(self.horizon / FOREIGN_PARTS)
    }

    /// The last instant that shares a cell with `first`; `None` where every instant has its own.
    pub(crate) fn cell_end(&self, first: Nanos) -> Option<Nanos> {
        match self.grid {
            Some(grid) => grid.last_instant(first),
            None => (self.cell > 0).then(|| first.saturating_add(self.cell)),
        }
    }

    fn shares_cell(&self, first: Nanos, at: Nanos) -> bool {
        match self.grid {
            Some(grid) => grid.last_window(first) == grid.last_window(at),
            None => at.saturating_sub(first) <= self.cell,
        }
    }
}

/// What is for this class.
const fn of(shares: [u64; 4], class: Class) -> u64 {
    let [low, medium, high, critical] = shares;
    match class {
        Class::Low => low,
        Class::Medium => medium,
        Class::High => high,
        Class::Critical => critical,
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
    pub(crate) foreign: u64,
}

impl Cell {
    pub(crate) const fn new(first: Nanos, last: Nanos, units: u64, foreign: u64) -> Self {
        Self {
            first,
            last,
            units,
            foreign,
        }
    }

    /// Those that we committed.
    pub(crate) const fn ours(&self) -> u64 {
        self.units.saturating_sub(self.foreign)
    }

    /// Takes a later one in.
    pub(crate) fn merge(&mut self, later: Self) {
        self.last = self.last.max(later.last);
        self.units = self.units.saturating_add(later.units);
        self.foreign = self.foreign.saturating_add(later.foreign);
    }
}

/// One sliding budget. At most `min(units, 512 + 2)` cells long, see [`Window`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// Apart from each other and in order of time; none is empty.
    cells: VecDeque<Cell>,
    /// The sum of the cells.
    committed: u64,
    /// The part of it that others used.
    foreign: u64,
    /// Granted, not yet committed: counts and does not expire.
    held: u64,
}

impl Log {
    /// Forgets what has left the window.
    pub(crate) fn expire(&mut self, now: Nanos, shape: &Shape) {
        while let Some(cell) = self.cells.front() {
            if shape.expiry(cell.last) > now {
                return;
            }
            self.committed -= cell.units;
            self.foreign -= cell.foreign;
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
    pub(crate) fn idle_at(&self, shape: &Shape) -> Option<Nanos> {
        match (self.held, self.cells.back()) {
            (0, Some(cell)) => Some(shape.expiry(cell.last)),
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
    pub(crate) fn commit(&mut self, now: Nanos, units: u64, shape: &Shape) {
        self.expire(now, shape);
        self.release(units);
        let shares = |first| shape.shares_cell(first, now);
        self.push(Cell::new(now, now, units, 0), shares);
    }

    /// Adds units that our request of `at` cost beyond what was granted.
    pub(crate) fn add(&mut self, at: Nanos, units: u64, shape: &Shape) {
        self.insert(at, units, 0, shape);
    }

    /// Adds units that others had used by `at`.
    pub(crate) fn add_foreign(&mut self, at: Nanos, units: u64, shape: &Shape) {
        self.insert(at, units, units, shape);
    }

    fn insert(&mut self, at: Nanos, units: u64, foreign: u64, shape: &Shape) {
        if units == 0 {
            return;
        }
        // Into the next cell from `at` on: expires then or later, never early.
        let index = self.cells.partition_point(|cell| cell.last < at);
        if let Some(cell) = self.cells.get_mut(index) {
            cell.units = cell.units.saturating_add(units);
            cell.foreign = cell.foreign.saturating_add(foreign);
            self.committed = self.committed.saturating_add(units);
            self.foreign = self.foreign.saturating_add(foreign);
        } else {
            let width = shape.foreign_cell();
            let shares = |first: Nanos| at.saturating_sub(first) <= width;
            self.push(Cell::new(at, at, units, foreign), shares);
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
            .map(Cell::ours)
            .sum()
    }

    /// Committed units, held ones not counted.
    pub(crate) const fn committed(&self) -> u64 {
        self.committed
    }

    /// What others used of it.
    pub(crate) const fn foreign(&self) -> u64 {
        self.foreign
    }

    /// The newest cell.
    pub(crate) fn newest(&self) -> Option<&Cell> {
        self.cells.back()
    }

    /// Adds units that were granted and dispatched between `first` and `last`.
    pub(crate) fn commit_between(&mut self, first: Nanos, last: Nanos, units: u64, shape: &Shape) {
        let shares = |known| shape.shares_cell(known, first);
        self.push(Cell::new(first, last, units, 0), shares);
    }

    fn push(&mut self, new: Cell, shares: impl FnOnce(Nanos) -> bool) {
        self.committed = self.committed.saturating_add(new.units);
        self.foreign = self.foreign.saturating_add(new.foreign);
        match self.cells.back_mut() {
            Some(cell) if shares(cell.first) => cell.merge(new),
            _ => self.cells.push_back(new),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: &Shape = &Shape::plain(10, 100);
    const CELLS: &Shape = &Shape {
        cell: 10,
        ..Shape::plain(10_000, 1_000)
    };

    fn committed(shape: &Shape, at: &[(Nanos, u64)]) -> Log {
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
        let shape = &Shape::plain(10, 1_000_000);
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
