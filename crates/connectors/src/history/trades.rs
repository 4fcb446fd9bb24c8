//! Long series of trades.

use std::collections::HashSet;

use robust_market::{
    Coverage, Missing, MissingReason, Request, Stopped, Symbol, Timestamp, Trade, TradeId, Trades,
};

use super::Paging;
use super::left_out::LeftOut;

/// Asks for a long series of trades.
///
/// Pages overlap by the last moment of the page before, and what was seen is dropped by its id, so no trade of that moment is lost.
#[derive(Debug)]
pub struct TradePages {
    symbol: Symbol,
    paging: Paging,
    /// Where the series begins, if anybody said so.
    since: Option<Timestamp>,
    from: Timestamp,
    limit: u64,
    /// The oldest row that was sent, asked for or not.
    oldest: Option<Timestamp>,
    next: Option<Timestamp>,
    seen: HashSet<TradeId>,
    rows: Vec<Trade>,
    /// Rows that could not be read, by the index of the row after them, ascending.
    broken: Vec<(usize, u64)>,
    /// Rows that could not be read at the end of the last page.
    trailing: u64,
    /// Whether the last page held as many rows as the exchange sends.
    full: bool,
    stopped: Option<Stopped>,
    pub(super) pages: u32,
}

impl TradePages {
    /// `limit` trades from `since` on; without `since` the newest page.
    #[must_use]
    pub fn new(
        symbol: Symbol,
        since: Option<Timestamp>,
        limit: u32,
        paging: Paging,
        now: Timestamp,
    ) -> Self {
        Self {
            symbol,
            paging: Paging {
                from_time: paging.from_time && since.is_some(),
                ..paging
            },
            since,
            from: since.unwrap_or(now),
            limit: u64::from(limit),
            oldest: None,
            next: Some(since.unwrap_or(now)),
            seen: HashSet::new(),
            rows: Vec::new(),
            broken: Vec::new(),
            trailing: 0,
            full: false,
            stopped: None,
            pages: 0,
        }
    }

    /// The next request; `None` when the series has ended.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        let since = self.next?;
        let limit = if self.since.is_some() {
            // A whole page: where pages can begin at a time its start overlaps with the page before, elsewhere what is asked for may
            // stand anywhere in it.
            self.paging.page
        } else {
            let limit = u32::try_from(self.limit).unwrap_or(u32::MAX);
            limit.min(self.paging.page)
        };
        Some(Request::Trades {
            symbol: self.symbol.clone(),
            since: self.paging.from_time.then_some(since),
            limit: Some(limit),
        })
    }

    /// Takes in the answer to [`next`](Self::next). `excluded` are the positions on the wire of the rows that could not be read and
    /// so are not in `page`, ascending.
    pub fn take(&mut self, page: &Trades, excluded: &[usize]) {
        self.pages += 1;
        let before = self.rows.len();
        let mut left_out = LeftOut::new(excluded);
        for row in &page.rows {
            let broken = left_out.before_next();
            self.oldest = Some(self.oldest.map_or(row.time, |oldest| oldest.min(row.time)));
            let old = self.since.is_some_and(|since| row.time < since);
            let seen = row
                .id
                .as_ref()
                .is_some_and(|id| !self.seen.insert(id.clone()));
            // What stands before a row that was seen was counted with the page before.
            if !old && !seen {
                if broken > 0 {
                    self.broken.push((self.rows.len(), broken));
                }
                self.rows.push(row.clone());
            }
        }
        // The next page begins with them once more.
        self.trailing = left_out.rest();
        // What could not be read fills the page as well.
        self.full = self.paging.fills(page.rows.len(), excluded.len());
        let full = self.full;
        let grown = self.rows.len() > before;
        if self.paging.from_time && full && !grown {
            // A page that is full of one moment cannot be passed by time, and one of which nothing can be read neither.
            self.stopped = Some(if page.rows.is_empty() {
                Stopped::Unreadable
            } else {
                Stopped::OneMoment
            });
        }
        let last = self.rows.last().map(|row| row.time);
        let more = self.paging.from_time && full && grown && (self.rows.len() as u64) < self.limit;
        self.next = last.filter(|_| more);
        // Only ids of the last moment can come again.
        if let Some(last) = last {
            let again = self.rows.iter().rev().take_while(|row| row.time == last);
            self.seen = again.filter_map(|row| row.id.clone()).collect();
        }
    }

    /// Notes that the next page cannot be had.
    pub fn stop(&mut self, why: Stopped) {
        self.stopped = Some(why);
    }

    /// Rows that have come.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The series, and the report on it as of `now`.
    #[must_use]
    pub fn finish(mut self, now: Timestamp) -> (Trades, Coverage) {
        self.rows
            .truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let mut coverage = Coverage::new(self.from, self.limit, self.paging.depth);
        coverage.pages = self.pages;
        coverage.got = self.rows.len() as u64;
        let missing = |from, to, reason| Missing {
            from,
            to,
            rows: None,
            reason,
        };
        let last = self.rows.last().map(|row| row.time);
        // An answer that had room for more holds all there is.
        if !self.paging.from_time
            && self.full
            && let Some(oldest) = self.oldest.filter(|oldest| *oldest > self.from)
        {
            coverage.miss(missing(self.from, oldest, MissingReason::BeyondDepth));
        }
        let short = coverage.got < self.limit;
        let mut broken = |from, to, rows| {
            coverage.miss(Missing {
                rows: Some(rows),
                ..missing(from, to, MissingReason::Broken)
            });
        };
        for (index, rows) in self.broken {
            let Some(after) = self.rows.get(index) else {
                break; // beyond what was asked for
            };
            let before = index.checked_sub(1).and_then(|index| self.rows.get(index));
            broken(before.map_or(self.from, |row| row.time), after.time, rows);
        }
        if short && self.trailing > 0 {
            broken(last.unwrap_or(self.from), now, self.trailing);
        }
        if short && (self.next.is_some() || self.stopped.is_some()) {
            coverage.miss(missing(
                last.unwrap_or(self.from),
                now,
                MissingReason::NotReached,
            ));
            coverage.stopped = self.stopped;
        }
        let mut trades = Trades::new(self.symbol);
        trades.rows = self.rows;
        (trades, coverage)
    }
}
