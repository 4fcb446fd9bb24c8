//! The arithmetic of a retry budget, without clock and lock.

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// One retry in fixed point, so that a ratio such as 0.35 is kept and not truncated to 1/2
/// (tower issue 857).
pub(crate) const RETRY: u64 = 1_000_000;

/// A deposit is worth nothing after this long: calm minutes must not pay for a storm
/// (the lifetime of finagle's and tower's budgets).
pub(crate) const TTL: Duration = Duration::from_secs(10);

/// Nanoseconds in a second.
const NANOS: u128 = 1_000_000_000;

/// Deposits are kept in cells of this length, so a deposit lives for `TTL` to `TTL + CELL`.
const CELL: Duration = Duration::from_millis(500);

/// What original requests deposited and retries withdrew.
///
/// Two purses: deposits, which expire, and the floor, a bucket that fills with time and lets a
/// caller with little traffic retry at all.
#[derive(Debug)]
pub(crate) struct Ledger {
    per_deposit: u64,
    floor: Floor,
    cells: VecDeque<Cell>,
}

#[derive(Debug)]
struct Cell {
    began: Instant,
    amount: u64,
}

#[derive(Debug)]
struct Floor {
    /// Units per second.
    rate: u64,
    /// One second's worth, and room for one retry at least.
    capacity: u64,
    level: u64,
    filled: Option<Instant>,
}

/// Where a withdrawn retry came from, so that a refund goes back there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purse {
    Floor,
    /// The youngest cell that was used.
    Deposits(Instant),
}

impl Ledger {
    pub(crate) fn new(ratio: f64, floor_per_second: f64) -> Self {
        let rate = units(floor_per_second);
        let capacity = if rate == 0 { 0 } else { rate.max(RETRY) };
        Self {
            per_deposit: units(ratio),
            floor: Floor {
                rate,
                capacity,
                level: capacity,
                filled: None,
            },
            cells: VecDeque::new(),
        }
    }

    /// Begins a cell at `now`, unless the youngest still runs, and says when that one is over.
    pub(crate) fn begin_cell(&mut self, now: Instant) -> Instant {
        self.expire(now);
        let began = match self.cells.back() {
            // A thread may arrive with a slightly older clock: then `now < began`, same cell.
            Some(cell) if now.saturating_duration_since(cell.began) < CELL => cell.began,
            _ => {
                self.cells.push_back(Cell {
                    began: now,
                    amount: 0,
                });
                now
            }
        };
        began.checked_add(CELL).unwrap_or(began)
    }

    /// That many original requests were made in the youngest cell.
    ///
    /// Without a cell they are worth nothing: who made them looked at the clock in one that has expired.
    pub(crate) fn deposit(&mut self, requests: u64) {
        if let Some(cell) = self.cells.back_mut() {
            let amount = requests.saturating_mul(self.per_deposit);
            cell.amount = cell.amount.saturating_add(amount);
        }
    }

    /// Takes one retry, deposits first because they expire.
    pub(crate) fn withdraw(&mut self, now: Instant) -> Option<Purse> {
        self.expire(now);
        if self.deposits() >= RETRY {
            return self.take_deposits();
        }
        self.floor.fill(now);
        self.floor.level = self.floor.level.checked_sub(RETRY)?;
        Some(Purse::Floor)
    }

    /// Gives one retry back. What has expired in the meantime stays expired.
    pub(crate) fn refund(&mut self, now: Instant, purse: Purse) {
        self.expire(now);
        match purse {
            Purse::Floor => {
                self.floor.level = self
                    .floor
                    .level
                    .saturating_add(RETRY)
                    .min(self.floor.capacity)
            }
            Purse::Deposits(began) => {
                if let Some(cell) = self.cells.iter_mut().rfind(|cell| cell.began == began) {
                    cell.amount = cell.amount.saturating_add(RETRY);
                }
            }
        }
    }

    /// Whole retries that could be withdrawn at `now`.
    pub(crate) fn available(&mut self, now: Instant) -> u64 {
        self.expire(now);
        self.floor.fill(now);
        // The purses are not mixed: a retry is paid by one of them.
        self.deposits() / RETRY + self.floor.level / RETRY
    }

    fn deposits(&self) -> u64 {
        self.cells
            .iter()
            .fold(0, |sum, cell| sum.saturating_add(cell.amount))
    }

    fn take_deposits(&mut self) -> Option<Purse> {
        let mut due = RETRY;
        for cell in &mut self.cells {
            let taken = cell.amount.min(due);
            cell.amount -= taken;
            due -= taken;
            if due == 0 {
                // Empty cells stay until they expire: a refund must find its cell.
                return Some(Purse::Deposits(cell.began));
            }
        }
        None
    }

    fn expire(&mut self, now: Instant) {
        while let Some(oldest) = self.cells.front() {
            if now.saturating_duration_since(oldest.began) < TTL + CELL {
                break;
            }
            self.cells.pop_front();
        }
    }
}

impl Floor {
    fn fill(&mut self, now: Instant) {
        let Some(filled) = self.filled else {
            self.filled = Some(now);
            return;
        };
        let rate = u128::from(self.rate);
        let nanos = now.saturating_duration_since(filled).as_nanos();
        let gained = nanos.saturating_mul(rate) / NANOS;
        self.level = self
            .level
            .saturating_add(u64::try_from(gained).unwrap_or(u64::MAX))
            .min(self.capacity);
        // Only the time that made whole units is used up, so that many short waits add up.
        let used = gained.saturating_mul(NANOS).div_ceil(rate.max(1));
        let used = Duration::from_nanos(u64::try_from(used).unwrap_or(u64::MAX));
        self.filled = filled.checked_add(used).or(Some(now));
    }
}

/// Negative, not a number and infinite count as 0, 0 and the largest number.
fn units(retries: f64) -> u64 {
    // A float to integer cast saturates and maps NaN to 0; this is the one rounding of the budget.
    (retries * RETRY as f64).round() as u64
}
