//! Long series of trades.

use std::collections::HashSet;

use robust_market::{
    Coverage, Missing, MissingReason, Request, Symbol, Timestamp, Trade, TradeId, Trades,
};

use super::Paging;

/// Asks for a long series of trades.
///
/// Pages overlap by the last moment of the page before, and what was seen is dropped by its id, so no trade of that moment is lost.
#[derive(Debug)]
pub struct TradePages {
    symbol: Symbol,
    paging: Paging,
    from: Timestamp,
    limit: u64,
    next: Option<Timestamp>,
    seen: HashSet<TradeId>,
    rows: Vec<Trade>,
    pub(super) pages: u32,
    stuck: bool,
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
            from: since.unwrap_or(now),
            limit: u64::from(limit),
            next: Some(since.unwrap_or(now)),
            seen: HashSet::new(),
            rows: Vec::new(),
            pages: 0,
            stuck: false,
        }
    }

    /// The next request; `None` when the series has ended.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        let since = self.next?;
        let left = u32::try_from(self.limit).unwrap_or(u32::MAX);
        // A whole page, because its start overlaps with the page before.
        let limit = if self.paging.from_time {
            self.paging.page
        } else {
            left.min(self.paging.page)
        };
        Some(Request::Trades {
            symbol: self.symbol.clone(),
            since: self.paging.from_time.then_some(since),
            limit: Some(limit),
        })
    }

    /// Takes in the answer to [`next`](Self::next). `objected` are the positions on the wire of rows with a fault, among them all
    /// that could not be read and so are not in `page`.
    pub fn take(&mut self, page: &Trades, objected: &[usize]) {
        self.pages += 1;
        let before = self.rows.len();
        for row in &page.rows {
            let old = self.paging.from_time && row.time < self.from;
            let seen = row
                .id
                .as_ref()
                .is_some_and(|id| !self.seen.insert(id.clone()));
            if !old && !seen {
                self.rows.push(row.clone());
            }
        }
        // What could not be read fills the page as well. A row that has a fault and was read counts twice: at worst that costs one
        // request that brings nothing new.
        let sent = page.rows.len().saturating_add(objected.len()) as u64;
        let full = sent >= u64::from(self.paging.page);
        let grown = self.rows.len() > before;
        // A page that is full of one moment cannot be passed by time.
        self.stuck = full && !grown;
        let last = self.rows.last().map(|row| row.time);
        let more = self.paging.from_time && full && grown && (self.rows.len() as u64) < self.limit;
        self.next = last.filter(|_| more);
        // Only ids of the last moment can come again.
        if let Some(last) = last {
            let again = self.rows.iter().rev().take_while(|row| row.time == last);
            self.seen = again.filter_map(|row| row.id.clone()).collect();
        }
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
        let first = self.rows.first().map(|row| row.time);
        let last = self.rows.last().map(|row| row.time);
        if !self.paging.from_time
            && let Some(first) = first.filter(|first| *first > self.from)
        {
            coverage.miss(missing(self.from, first, MissingReason::BeyondDepth));
        }
        if (coverage.got < self.limit) && (self.next.is_some() || self.stuck) {
            coverage.miss(missing(
                last.unwrap_or(self.from),
                now,
                MissingReason::NotReached,
            ));
        }
        let mut trades = Trades::new(self.symbol);
        trades.rows = self.rows;
        (trades, coverage)
    }
}
