//! Long series, page by page: which request comes next, what is kept, and what is missing in the end.
//!
//! Pure: the caller asks and hands in the answers. Nothing is ever filled in.

use std::collections::HashSet;

use robust_market::{
    Candle, Candles, Coverage, DepthLimit, Interval, Missing, MissingReason, Request, Symbol,
    Timestamp, Trade, Trades,
};

/// How one exchange serves a long series of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Rows of one answer, at most.
    pub page: u32,
    /// Whether an answer can start at a time of the past. Without it, one answer with the newest rows is all there is.
    pub from_time: bool,
    /// How far back the series goes; `None` where it does not end.
    pub depth: Option<DepthLimit>,
    /// Whether the exchange leaves out bars in which nobody traded.
    pub sparse: bool,
}

/// Asks for a long series of price bars.
#[derive(Debug)]
pub struct CandlePages {
    symbol: Symbol,
    interval: Interval,
    paging: Paging,
    from: Timestamp,
    limit: u64,
    next: Option<Timestamp>,
    rows: Vec<Candle>,
    pages: u32,
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
            next: Some(from),
            rows: Vec::new(),
            pages: 0,
        }
    }

    /// The next request; `None` when the series has ended.
    #[must_use]
    pub fn next(&self) -> Option<Request> {
        let since = self.next?;
        let left = self.limit.saturating_sub(self.rows.len() as u64);
        let limit = u32::try_from(left)
            .unwrap_or(u32::MAX)
            .min(self.paging.page);
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

    /// Takes in the answer to [`next`](Self::next).
    pub fn take(&mut self, page: &Candles) {
        self.pages += 1;
        let end = self.end();
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
            && self.rows.len() > before
            && (self.rows.len() as u64) < self.limit
            && newest.is_some_and(|row| row.closed);
        self.next = newest
            .filter(|_| more)
            .map(|row| row.time.saturating_add(self.interval.duration()));
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

#[derive(Debug, Clone, Copy)]
enum Round {
    Down,
    Up,
}

/// The start of the bar at, or after, a time. Weeks begin on Monday; months are left as they are.
fn grid(time: Timestamp, interval: Interval, round: Round) -> Timestamp {
    const WEEK: i64 = 604_800;
    /// 1970-01-01 was a Thursday: the first Monday is four days later.
    const MONDAY: i64 = 4 * 86_400;
    if interval.is_calendar_month() {
        return time;
    }
    let secs = i64::try_from(interval.duration().as_secs())
        .unwrap_or(i64::MAX)
        .max(1);
    let anchor = if secs % WEEK == 0 { MONDAY } else { 0 };
    let step = secs.saturating_mul(1_000_000_000);
    let offset = time
        .as_ns()
        .saturating_sub(anchor.saturating_mul(1_000_000_000))
        .rem_euclid(step);
    let down = time.as_ns().saturating_sub(offset);
    match round {
        Round::Up if offset != 0 => Timestamp::from_ns(down.saturating_add(step)),
        _ => Timestamp::from_ns(down),
    }
}

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
    seen: HashSet<Box<str>>,
    rows: Vec<Trade>,
    pages: u32,
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

    /// Takes in the answer to [`next`](Self::next).
    pub fn take(&mut self, page: &Trades) {
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
        let full = page.rows.len() as u64 >= u64::from(self.paging.page);
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use robust_market::decimal;

    use super::*;

    const BINANCE: Paging = Paging {
        page: 1_000,
        from_time: true,
        depth: None,
        sparse: false,
    };

    fn symbol() -> Symbol {
        "BTC/USD".parse().expect("a symbol")
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_040 + 60 * minute).expect("a time")
    }

    fn bar(minute: i64, now: Timestamp) -> Candle {
        let one = decimal::parse("1").expect("one");
        Candle {
            time: at(minute),
            open: one,
            high: one,
            low: one,
            close: one,
            volume: one,
            quote_volume: None,
            vwap: None,
            count: None,
            closed: at(minute + 1) <= now,
        }
    }

    /// An exchange that holds the bars of `minutes` and answers as `paging` says.
    fn fetch(
        minutes: &(impl Iterator<Item = i64> + Clone),
        paging: Paging,
        since: Option<i64>,
        limit: u32,
        now: Timestamp,
    ) -> (Candles, Coverage) {
        let mut pages = CandlePages::new(symbol(), Interval::M1, since.map(at), limit, paging, now);
        while let Some(Request::Candles { since, limit, .. }) = pages.next() {
            assert!(pages.pages < 100, "the series ends");
            let mut held: Vec<i64> = minutes
                .clone()
                .filter(|minute| at(*minute) <= now)
                .collect();
            if let Some(depth) = paging.depth {
                held = held.split_off(held.len().saturating_sub(depth.rows as usize + 1));
            }
            let limit = limit.expect("a limit") as usize;
            let mut page = Candles::new(symbol(), Interval::M1);
            let wanted = held
                .into_iter()
                .filter(|minute| since.is_none_or(|since| at(*minute) >= since));
            let mut rows: Vec<Candle> = wanted.map(|minute| bar(minute, now)).collect();
            if since.is_some() {
                rows.truncate(limit);
            } else {
                rows = rows.split_off(rows.len().saturating_sub(limit));
            }
            page.rows = rows;
            pages.take(&page);
        }
        pages.finish(now)
    }

    fn reasons(coverage: &Coverage) -> Vec<(MissingReason, Option<u64>)> {
        coverage
            .missing
            .iter()
            .map(|missing| (missing.reason, missing.rows))
            .collect()
    }

    #[test]
    fn five_thousand_bars_are_five_pages_without_a_hole_or_a_double() {
        let (candles, coverage) = fetch(&(0..10_000), BINANCE, Some(0), 5_000, at(9_000));
        assert_eq!(
            (coverage.asked, coverage.got, coverage.pages, coverage.open),
            (5_000, 5_000, 5, 0)
        );
        assert!(
            coverage.is_complete() && coverage.missing.is_empty(),
            "{coverage:?}"
        );
        assert!(
            candles
                .rows
                .windows(2)
                .all(|pair| pair[1].time.since(pair[0].time) == Duration::from_secs(60))
        );
    }

    #[test]
    fn the_newest_bars_end_with_the_open_one() {
        let (candles, coverage) = fetch(&(0..10_000), BINANCE, None, 2_500, at(9_000));
        assert_eq!((coverage.got, coverage.open, coverage.pages), (2_500, 1, 3));
        assert_eq!(
            candles.rows.last().map(|row| (row.time, row.closed)),
            Some((at(9_000), false))
        );
    }

    #[test]
    fn an_exchange_that_keeps_720_says_what_is_beyond() {
        let depth = Some(DepthLimit {
            rows: 720,
            source: "test",
        });
        let paging = Paging {
            page: 720,
            depth,
            ..BINANCE
        };
        let (_, coverage) = fetch(&(0..10_000), paging, Some(7_000), 5_000, at(9_000));
        assert_eq!(coverage.got, 721);
        assert_eq!(
            reasons(&coverage),
            [
                (MissingReason::BeyondDepth, Some(1_280)),
                (MissingReason::NotYet, Some(2_999))
            ]
        );
        assert!(!coverage.is_complete());
    }

    #[test]
    fn one_answer_is_all_where_no_time_can_be_asked_for() {
        let depth = Some(DepthLimit {
            rows: 2_000,
            source: "test",
        });
        let paging = Paging {
            page: 2_000,
            from_time: false,
            depth,
            sparse: true,
        };
        let (_, coverage) = fetch(&(0..10_000), paging, Some(5_000), 4_001, at(9_000));
        assert_eq!((coverage.got, coverage.pages), (2_000, 1));
        assert_eq!(coverage.missing[0].reason, MissingReason::BeyondDepth);
    }

    #[test]
    fn a_hole_is_named_after_the_rule_of_the_exchange() {
        let minutes = (0..100).filter(|minute| !(40..50).contains(minute));
        let (_, dense) = fetch(&minutes, BINANCE, Some(0), 100, at(200));
        assert_eq!(reasons(&dense), [(MissingReason::Gap, Some(10))]);
        let (_, sparse) = fetch(
            &minutes,
            Paging {
                sparse: true,
                ..BINANCE
            },
            Some(0),
            100,
            at(200),
        );
        assert_eq!(reasons(&sparse), [(MissingReason::NoTrades, Some(10))]);
        assert!(sparse.is_complete() && !dense.is_complete());
    }

    #[test]
    fn a_series_that_was_given_up_says_what_was_not_reached() {
        let mut pages = CandlePages::new(
            symbol(),
            Interval::M1,
            Some(at(0)),
            3_000,
            BINANCE,
            at(9_000),
        );
        let mut page = Candles::new(symbol(), Interval::M1);
        page.rows = (0..1_000).map(|minute| bar(minute, at(9_000))).collect();
        pages.take(&page);
        let (_, coverage) = pages.finish(at(9_000));
        assert_eq!(
            reasons(&coverage),
            [(MissingReason::NotReached, Some(2_000))]
        );
    }

    fn trade(id: u64, time: Timestamp) -> Trade {
        let one = decimal::parse("1").expect("one");
        Trade {
            id: Some(id.to_string().into()),
            price: one,
            amount: one,
            side: None,
            time,
        }
    }

    #[test]
    fn trades_of_one_moment_that_spans_two_pages_are_all_there_once() {
        // Ten trades a minute, four of them in its first moment, so that pages of 64 end in the middle of moments.
        let held: Vec<Trade> = (0..500_u64)
            .map(|id| {
                let minute = i64::try_from(id / 10).expect("a minute");
                let late = if id % 10 < 4 { 0 } else { id % 10 };
                trade(id, at(minute).saturating_add(Duration::from_secs(late)))
            })
            .collect();
        let paging = Paging {
            page: 64,
            from_time: true,
            depth: None,
            sparse: true,
        };
        let mut pages = TradePages::new(symbol(), Some(at(2)), 400, paging, at(100));
        while let Some(Request::Trades { since, limit, .. }) = pages.next() {
            assert!(pages.pages < 30, "the series ends");
            let mut page = Trades::new(symbol());
            let since = since.expect("a time");
            page.rows = held
                .iter()
                .filter(|row| row.time >= since)
                .take(limit.unwrap_or(0) as usize)
                .cloned()
                .collect();
            pages.take(&page);
        }
        let (trades, coverage) = pages.finish(at(100));
        let ids: Vec<u64> = trades
            .rows
            .iter()
            .filter_map(|row| row.id.as_ref()?.parse().ok())
            .collect();
        assert_eq!(ids, (20..420).collect::<Vec<_>>());
        assert!(coverage.is_complete(), "{coverage:?}");
    }

    #[test]
    fn more_trades_in_one_moment_than_a_page_holds_are_reported_not_looped_over() {
        let held: Vec<Trade> = (0..200).map(|id| trade(id, at(0))).collect();
        let paging = Paging {
            page: 64,
            from_time: true,
            depth: None,
            sparse: true,
        };
        let mut pages = TradePages::new(symbol(), Some(at(0)), 200, paging, at(1));
        while pages.next().is_some() {
            assert!(pages.pages < 30, "the series ends");
            let mut page = Trades::new(symbol());
            page.rows = held.iter().take(64).cloned().collect();
            pages.take(&page);
        }
        let (trades, coverage) = pages.finish(at(1));
        assert_eq!(trades.rows.len(), 64);
        assert_eq!(coverage.missing[0].reason, MissingReason::NotReached);
    }

    #[test]
    fn weeks_begin_on_monday() {
        let week: Interval = "1w".parse().expect("a week");
        // 2023-11-14 was a Tuesday.
        let tuesday = Timestamp::from_secs(1_699_999_999).expect("a time");
        assert_eq!(
            grid(tuesday, week, Round::Down).to_string(),
            "2023-11-13T00:00:00Z"
        );
        assert_eq!(
            grid(tuesday, week, Round::Up).to_string(),
            "2023-11-20T00:00:00Z"
        );
    }
}
