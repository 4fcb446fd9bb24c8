//! A retry budget that all callers of one server share.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::time::Instant;

use crate::ledger::{Ledger, Purse};

/// No cell runs: the next deposit begins one.
const NO_CELL: u64 = 0;

/// Limits retries to a share of the original requests, so that retries cannot become the outage.
///
/// Every original request deposits `ratio` of a retry, which expires after 10 s; every retry
/// withdraws one. Besides, `floor_per_second` retries a second are always allowed, so that a
/// caller with little traffic can retry at all. Deposits come from requests, not from successes: a
/// budget that only successes fill is empty exactly when it is needed.
///
/// Clones share one budget. Keep one per server.
///
/// # Examples
///
/// ```
/// use robust_backoff::Budget;
///
/// let budget = Budget::new(0.5, 0.0); // one retry for two requests
/// budget.deposit();
/// assert!(budget.withdraw().is_none());
/// budget.deposit();
/// let withdrawal = budget.withdraw().expect("two deposits pay one retry");
/// drop(withdrawal); // the retry did not happen: refunded
/// budget.withdraw().expect("it was given back").commit();
/// ```
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    /// `None` is unlimited.
    till: Option<Till>,
    /// Counts for the statistics, and for the ledger, which reads here how many came since it looked
    /// last: a deposit is one addition.
    deposited: AtomicU64,
    withdrawn: AtomicU64,
    refunded: AtomicU64,
    refused: AtomicU64,
}

/// The ledger, and what a deposit has to know of it without the lock.
struct Till {
    made: Instant,
    /// When the running cell is over, in nanoseconds since `made`; written with the lock.
    cell_over: AtomicU64,
    books: Mutex<Books>,
}

struct Books {
    ledger: Ledger,
    /// How many of the deposits are in the ledger.
    entered: u64,
}

/// The counters of a [`Budget`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BudgetStats {
    /// Original requests that deposited.
    pub deposited: u64,
    /// Retries taken out, those included that were given back later.
    pub withdrawn: u64,
    /// Retries given back because they never started.
    pub refunded: u64,
    /// Retries that the budget did not allow.
    pub refused: u64,
    /// Whole retries that could start now; `None` when unlimited.
    pub available: Option<u64>,
}

impl Budget {
    /// A budget of `ratio` retries per original request and `floor_per_second` retries in any case.
    ///
    /// The floor does not save up: at most one second's worth, or one retry if that is more.
    /// Both are kept to six decimals; negative or not a number counts as 0.
    #[must_use]
    pub fn new(ratio: f64, floor_per_second: f64) -> Self {
        Self::with_till(Some(Till {
            made: Instant::now(),
            cell_over: AtomicU64::new(NO_CELL),
            books: Mutex::new(Books {
                ledger: Ledger::new(ratio, floor_per_second),
                entered: 0,
            }),
        }))
    }

    /// A budget that allows every retry and only counts.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::with_till(None)
    }

    fn with_till(till: Option<Till>) -> Self {
        Self {
            shared: Arc::new(Shared {
                till,
                deposited: AtomicU64::new(0),
                withdrawn: AtomicU64::new(0),
                refunded: AtomicU64::new(0),
                refused: AtomicU64::new(0),
            }),
        }
    }

    /// Adds the share of one original request. Not to be called for retries.
    pub fn deposit(&self) {
        self.deposit_at(None);
    }

    /// The same at the present time, where somebody has just looked at the clock.
    pub(crate) fn deposit_at(&self, now: Option<Instant>) {
        if let Some(till) = &self.shared.till {
            let now = now.unwrap_or_else(Instant::now);
            if till.nanos(now) >= till.cell_over.load(Ordering::Acquire) {
                self.shared.begin_cell(till, now);
            }
        }
        // A cell that ends between the look and this line gets one deposit of the cell before.
        self.shared.deposited.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes one retry out; `None` when there is none.
    #[must_use]
    pub fn withdraw(&self) -> Option<Withdrawal> {
        let purse = match self.shared.with(|ledger| ledger.withdraw(Instant::now())) {
            Some(Some(purse)) => Some(purse),
            None => None,
            Some(None) => {
                self.shared.refused.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        };
        self.shared.withdrawn.fetch_add(1, Ordering::Relaxed);
        Some(Withdrawal {
            from: Some((Arc::clone(&self.shared), purse)),
        })
    }

    /// The counters now.
    #[must_use]
    pub fn stats(&self) -> BudgetStats {
        let shared = &self.shared;
        BudgetStats {
            deposited: shared.deposited.load(Ordering::Relaxed),
            withdrawn: shared.withdrawn.load(Ordering::Relaxed),
            refunded: shared.refunded.load(Ordering::Relaxed),
            refused: shared.refused.load(Ordering::Relaxed),
            available: shared.with(|ledger| ledger.available(Instant::now())),
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Budget").field(&self.stats()).finish()
    }
}

impl Shared {
    /// With all deposits in the ledger; `None` when unlimited.
    fn with<T>(&self, act: impl FnOnce(&mut Ledger) -> T) -> Option<T> {
        let till = self.till.as_ref()?;
        Some(act(&mut self.open(till).ledger))
    }

    #[cold]
    fn begin_cell(&self, till: &Till, now: Instant) {
        let mut books = self.open(till);
        let over = books.ledger.begin_cell(now);
        till.cell_over.store(till.nanos(over), Ordering::Release);
    }

    fn open<'a>(&self, till: &'a Till) -> MutexGuard<'a, Books> {
        // The ledger is a few integers, whole after every statement: a poisoned lock is usable.
        let mut books = till.books.lock().unwrap_or_else(PoisonError::into_inner);
        let deposited = self.deposited.load(Ordering::Relaxed);
        let fresh = deposited.wrapping_sub(books.entered);
        books.entered = deposited;
        books.ledger.deposit(fresh);
        books
    }
}

impl Till {
    fn nanos(&self, instant: Instant) -> u64 {
        let since = instant.saturating_duration_since(self.made);
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    }
}

/// One retry taken from a [`Budget`]: given back when dropped, spent by [`commit`](Self::commit).
#[must_use = "a withdrawal that is dropped goes back into the budget"]
pub struct Withdrawal {
    from: Option<(Arc<Shared>, Option<Purse>)>,
}

impl Withdrawal {
    /// Spends it: the retry is on its way.
    pub fn commit(mut self) {
        self.from = None;
    }
}

impl Drop for Withdrawal {
    fn drop(&mut self) {
        let Some((shared, purse)) = self.from.take() else {
            return;
        };
        shared.refunded.fetch_add(1, Ordering::Relaxed);
        if let Some(purse) = purse {
            shared.with(|ledger| ledger.refund(Instant::now(), purse));
        }
    }
}

impl fmt::Debug for Withdrawal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Withdrawal").finish_non_exhaustive()
    }
}
