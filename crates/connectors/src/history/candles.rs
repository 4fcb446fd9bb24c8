//! Long series of price bars.

use robust_market::{
    Candle, Candles, Coverage, Interval, Missing, MissingReason, Request, Symbol, Timestamp,
};

use super::Paging;
use super::grid::{Round, grid};

/// Asks for a long series of price bars.
#[derive(Debug)]
pub struct CandlePages {
    symbol: Symbol,
    interval: Interval,
    paging: Paging,
    from: Timestamp,
    limit: u64,
    /// When the series was asked for.
    now: Timestamp,
    next: Option<Timestamp>,
    rows: Vec<Candle>,
    pub(super) pages: u32,
}

impl CandlePages {
    /// `limit` bars from `since` on; without `since` the newest `limit` bars.
    #[must_use]
    pub fn new(
        symbol: Symbol,
        interval: Interval,
        since: Option<Timestamp>,
        limit: u32,
        paging: Paging,
        now: Timestamp,
    ) -> Self {
        let step = interval.duration();
        let newest = grid(now, interval, Round::Down);
        let from = since.map_or_else(
            || newest.saturating_sub(step.saturating_mul(limit.saturating_sub(1))),
            |since| grid(since, interval, Round::Up),
        );
        Self {
            symbol,
            interval,
            paging,
            from,
            limit: u64::from(limit),
            now,
            next: Some(from),
            rows: Vec::new(),
            pages: 0,
        }
    }

    /// The next request; `None` when the series has ended.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        let since = self.next?;
        let limit = self.page_rows();
        Some(Request::Candles {
            symbol: self.symbol.clone(),
            interval: self.interval,
            since: self.paging.from_time.then_some(since),
            limit: Some(if self.paging.from_time {
                limit
            } else {
                self.paging.page
            }),
        })
    }

    /// Rows that the next request asks for, where it can begin in the past.
    fn page_rows(&self) -> u32 {
        let left = self.limit.saturating_sub(self.rows.len() as u64);
        u32::try_from(left)
            .unwrap_or(u32::MAX)
            .min(self.paging.page)
    }

    /// Takes in the answer to [`next`](Self::next).
    pub fn take(&mut self, page: &Candles) {
        self.pages += 1;
        let end = self.end();
        let after = self.after_silence();
        let last = self.rows.last().map(|row| row.time);
        let before = self.rows.len();
        self.rows.extend(
            page.rows
                .iter()
                .filter(|row| {
                    row.time >= self.from
                        && row.time < end
                        && last.is_none_or(|last| row.time > last)
                })
                .cloned(),
        );
        self.rows
            .truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        let newest = self.rows.last();
        let more = self.paging.from_time
            && (self.rows.len() as u64) < self.limit
            && newest.is_none_or(|row| row.closed);
        self.next = if !more {
            None
        } else if page.rows.is_empty() {
            after
        } else {
            newest
                .filter(|_| self.rows.len() > before)
                .map(|row| row.time.saturating_add(self.interval.duration()))
                .filter(|next| *next < end)
        };
    }

    /// Where to go on when the page that was asked for holds nothing.
    ///
    /// An exchange may answer with the span of as many bars as were asked for, so an empty page says nothing of what comes after
    /// it: the market may be listed later, or nobody traded for as long.
    fn after_silence(&self) -> Option<Timestamp> {
        let page = self.interval.duration().saturating_mul(self.page_rows());
        let after = self.next?.saturating_add(page);
        (after < self.end() && after <= self.now).then_some(after)
    }

    /// Rows that have come.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The end of what was asked for.
    fn end(&self) -> Timestamp {
        let limit = u32::try_from(self.limit).unwrap_or(u32::MAX);
        self.from
            .saturating_add(self.interval.duration().saturating_mul(limit))
    }

    /// The series, and the report on it as of `now`.
    #[must_use]
    pub fn finish(self, now: Timestamp) -> (Candles, Coverage) {
        let mut coverage = Coverage::new(self.from, self.limit, self.paging.depth);
        coverage.pages = self.pages;
        coverage.got = self.rows.len() as u64;
        coverage.open = self.rows.iter().filter(|row| !row.closed).count() as u64;
        let gaps = Gaps { pages: &self, now };
        gaps.note(&mut coverage);
        let mut candles = Candles::new(self.symbol, self.interval);
        candles.rows = self.rows;
        (candles, coverage)
    }
}

/// The holes of a finished series.
struct Gaps<'a> {
    pages: &'a CandlePages,
    now: Timestamp,
}

impl Gaps<'_> {
    fn note(&self, coverage: &mut Coverage) {
        let pages = self.pages;
        let step = pages.interval.duration();
        let mut due = pages.from;
        for (index, row) in pages.rows.iter().enumerate() {
            let reason = if index == 0 {
                self.head(row.time)
            } else {
                self.hole()
            };
            self.miss(coverage, due, row.time, reason);
            due = row.time.saturating_add(step);
        }
        // What has not begun yet cannot be missing for any other reason.
        let end = pages.end();
        let begun = grid(self.now, pages.interval, Round::Down)
            .saturating_add(step)
            .min(end);
        let tail = if pages.next.is_some() {
            MissingReason::NotReached
        } else {
            self.hole()
        };
        self.miss(coverage, due, begun.max(due), tail);
        self.miss(coverage, begun.max(due), end, MissingReason::NotYet);
    }

    /// Why the first rows are missing.
    fn head(&self, first: Timestamp) -> MissingReason {
        let pages = self.pages;
        let beyond = pages.paging.depth.is_some_and(|depth| {
            let reach = pages
                .interval
                .duration()
                .saturating_mul(depth.rows.saturating_add(1));
            pages.from < grid(self.now, pages.interval, Round::Down).saturating_sub(reach)
                && first > pages.from
        });
        if beyond || !pages.paging.from_time {
            MissingReason::BeyondDepth
        } else {
            self.hole()
        }
    }

    fn hole(&self) -> MissingReason {
        if self.pages.paging.sparse {
            MissingReason::NoTrades
        } else {
            MissingReason::Gap
        }
    }

    fn miss(&self, coverage: &mut Coverage, from: Timestamp, to: Timestamp, reason: MissingReason) {
        let step = self.pages.interval.duration().as_nanos();
        let rows = u64::try_from(to.since(from).as_nanos() / step.max(1)).unwrap_or(u64::MAX);
        // Calendar months differ in length, so what is shorter than a step is none.
        if rows > 0 && (!self.pages.interval.is_calendar_month() || rows > 1) {
            coverage.miss(Missing {
                from,
                to,
                rows: Some(rows),
                reason,
            });
        }
    }
}
