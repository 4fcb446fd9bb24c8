//! Long series of price bars.

use std::collections::HashMap;

use robust_market::{
    BarGrid, Candle, Candles, Coverage, Missing, MissingReason, Request, Stopped, Symbol, Timestamp,
};

use super::left_out::LeftOut;
use super::{EmptyBars, Paging};

/// Asks for a long series of price bars.
#[derive(Debug)]
pub struct CandlePages {
    symbol: Symbol,
    grid: BarGrid,
    paging: Paging,
    from: Timestamp,
    limit: u64,
    /// When the series was asked for.
    now: Timestamp,
    next: Option<Timestamp>,
    rows: Vec<Candle>,
    /// Rows that could not be read, by the time of the row after them.
    broken: HashMap<Timestamp, u64>,
    /// Rows that could not be read in pages that hold no other.
    carried: u64,
    /// Rows that could not be read at the end of the last page. The next page begins with them.
    trailing: u64,
    /// The oldest readable row that was sent, asked for or not.
    oldest: Option<Timestamp>,
    /// Rows that could not be read and were sent before it.
    before_oldest: u32,
    /// Whether the last page held as many rows as the exchange sends.
    full: bool,
    stopped: Option<Stopped>,
    pub(super) pages: u32,
}

impl CandlePages {
    /// `limit` bars from `since` on; without `since` the newest `limit` bars. `bars` says how long they are and where they begin:
    /// [`Connector::calendar`](crate::Connector::calendar); an interval alone is that of an exchange with days of universal time.
    #[must_use]
    pub fn new(
        symbol: Symbol,
        bars: impl Into<BarGrid>,
        since: Option<Timestamp>,
        limit: u32,
        paging: Paging,
        now: Timestamp,
    ) -> Self {
        let grid = bars.into();
        let from = since.map_or_else(
            || grid.after(grid.floor(now), -i64::from(limit.saturating_sub(1))),
            |since| grid.ceil(since),
        );
        Self {
            symbol,
            grid,
            paging,
            from,
            limit: u64::from(limit),
            now,
            next: Some(from),
            rows: Vec::new(),
            broken: HashMap::new(),
            carried: 0,
            trailing: 0,
            oldest: None,
            before_oldest: 0,
            full: false,
            stopped: None,
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
            interval: self.grid.interval(),
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

    /// Takes in the answer to [`next`](Self::next). `excluded` are the positions on the wire of the rows that could not be read and
    /// so are not in `page`, ascending.
    pub fn take(&mut self, page: &Candles, excluded: &[usize]) {
        self.pages += 1;
        self.note_broken(page, excluded);
        self.full = self.paging.fills(page.rows.len(), excluded.len());
        if let Some(first) = page.rows.first().map(|row| row.time)
            && self.oldest.is_none_or(|oldest| first < oldest)
        {
            self.oldest = Some(first);
            let before = LeftOut::new(excluded).before_next();
            self.before_oldest = u32::try_from(before).unwrap_or(u32::MAX);
        }
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
                .map(|row| self.grid.end(row.time))
                .filter(|next| *next < end)
        };
    }

    /// Notes between which rows those stand that could not be read.
    fn note_broken(&mut self, page: &Candles, excluded: &[usize]) {
        let (end, last) = (self.end(), self.rows.last().map(|row| row.time));
        let mut left_out = LeftOut::new(excluded);
        let mut broken = std::mem::take(&mut self.carried);
        for row in &page.rows {
            broken += left_out.before_next();
            if row.time >= end {
                // What comes after the end was not asked for.
                self.trailing = broken;
                return;
            }
            if broken > 0 && row.time >= self.from && last.is_none_or(|last| row.time > last) {
                self.broken.insert(row.time, broken);
            }
            broken = 0;
        }
        let rest = broken + left_out.rest();
        (self.carried, self.trailing) = if page.rows.is_empty() {
            (rest, 0)
        } else {
            (0, rest)
        };
    }

    /// Notes that the next page cannot be had.
    pub fn stop(&mut self, why: Stopped) {
        self.stopped = Some(why);
    }

    /// Where to go on when the page that was asked for holds nothing.
    ///
    /// An exchange may answer with the span of as many bars as were asked for, so an empty page says nothing of what comes after
    /// it: the market may be listed later, or nobody traded for as long.
    fn after_silence(&self) -> Option<Timestamp> {
        let after = self.grid.after(self.next?, i64::from(self.page_rows()));
        (after < self.end() && after <= self.now).then_some(after)
    }

    /// Rows that have come.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows.len() as u64
    }

    /// The end of what was asked for.
    fn end(&self) -> Timestamp {
        let limit = i64::try_from(self.limit).unwrap_or(i64::MAX);
        self.grid.after(self.from, limit)
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
        coverage.stopped = self.stopped;
        let mut candles = Candles::new(self.symbol, self.grid.interval());
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
        let mut due = pages.from;
        for (index, row) in pages.rows.iter().enumerate() {
            let broken = pages.broken.get(&row.time).copied().unwrap_or(0);
            if index == 0 {
                let from = self.beyond(coverage, due, row.time);
                self.hole(coverage, from, row.time, broken, self.before_first());
            } else {
                self.hole(coverage, due, row.time, broken, self.silence());
            }
            due = pages.grid.end(row.time);
        }
        // What has not begun yet cannot be missing for any other reason.
        let end = pages.end();
        let newest = pages.grid.floor(self.now);
        let begun = pages.grid.end(newest).min(end).max(due);
        let reached = pages.next.map_or(begun, |next| next.clamp(due, begun));
        let broken = pages.carried.saturating_add(pages.trailing);
        if pages.rows.is_empty() {
            let from = self.beyond(coverage, due, reached);
            // The oldest row that the exchange has may be one that was not asked for.
            let other = if pages.oldest.is_some() {
                self.before_first()
            } else {
                self.silence()
            };
            self.hole(coverage, from, reached, broken, other);
        } else {
            self.hole(coverage, due, reached, broken, self.silence());
        }
        self.miss(coverage, reached, begun, MissingReason::NotReached);
        self.miss(coverage, begun, end, MissingReason::NotYet);
    }

    /// Notes what of the first missing rows the exchange does not serve any more, and says where that ends.
    fn beyond(&self, coverage: &mut Coverage, from: Timestamp, to: Timestamp) -> Timestamp {
        let pages = self.pages;
        // What could not be read before the oldest row was served all the same.
        let served = pages
            .oldest
            .map(|oldest| pages.grid.after(oldest, -i64::from(pages.before_oldest)));
        // The newest row may count as one of those that are kept.
        let kept = pages.paging.depth.map(|depth| {
            let rows = i64::from(depth.rows.saturating_sub(1));
            pages.grid.after(pages.grid.floor(self.now), -rows)
        });
        let edge = if pages.paging.from_time {
            kept.map(|kept| served.map_or(kept, |served| served.min(kept)))
        } else if pages.full {
            // The one answer holds as many as there are to be had.
            served.or(kept)
        } else {
            // It had room for more, so that there is no more.
            None
        };
        let edge = edge.map_or(from, |edge| edge.clamp(from, to.max(from)));
        self.miss(coverage, from, edge, MissingReason::BeyondDepth);
        edge
    }

    /// What a hole between two rows means.
    const fn silence(&self) -> MissingReason {
        match self.pages.paging.empty_bars {
            EmptyBars::Sent => MissingReason::Gap,
            EmptyBars::LeftOut => MissingReason::NoTrades,
            EmptyBars::Unknown => MissingReason::Unexplained,
        }
    }

    /// What a hole before the first row means: where nobody traded, nobody did so before the listing either.
    const fn before_first(&self) -> MissingReason {
        match self.pages.paging.empty_bars {
            EmptyBars::LeftOut => MissingReason::NoTrades,
            EmptyBars::Sent | EmptyBars::Unknown => MissingReason::BeforeFirst,
        }
    }

    /// Notes a hole, of which `broken` rows came and could not be read. Which of its rows they are cannot be told unless all are.
    fn hole(
        &self,
        coverage: &mut Coverage,
        from: Timestamp,
        to: Timestamp,
        broken: u64,
        other: MissingReason,
    ) {
        let rows = self.pages.grid.between(from, to);
        let broken = broken.min(rows);
        for (rows, reason) in [(broken, MissingReason::Broken), (rows - broken, other)] {
            if rows > 0 {
                coverage.miss(Missing {
                    from,
                    to,
                    rows: Some(rows),
                    reason,
                });
            }
        }
    }

    fn miss(&self, coverage: &mut Coverage, from: Timestamp, to: Timestamp, reason: MissingReason) {
        let rows = self.pages.grid.between(from, to);
        if rows > 0 {
            coverage.miss(Missing {
                from,
                to,
                rows: Some(rows),
                reason,
            });
        }
    }
}
