//! Long series, page by page: which request comes next, what is kept, and what is missing in the end.
//!
//! Pure: the caller asks and hands in the answers. Nothing is ever filled in.

mod candles;
mod left_out;
mod trades;

use robust_market::DepthLimit;

pub use candles::CandlePages;
pub use trades::TradePages;

/// How one exchange serves a long series of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Rows of one answer, at most.
    pub page: u32,
    /// Whether an answer can start at a time of the past. Without it, one answer with the newest rows is all there is.
    pub from_time: bool,
    /// How far back the series goes; `None` where it does not end.
    pub depth: Option<DepthLimit>,
    /// What the exchange does with bars in which nobody traded; means nothing for trades.
    pub empty_bars: EmptyBars,
}

impl Paging {
    /// Whether an answer of so many readable rows, and so many that were left out, is as long as the exchange sends any.
    fn fills(&self, rows: usize, excluded: usize) -> bool {
        let longest = self
            .depth
            .map_or(self.page, |depth| depth.rows.min(self.page));
        rows.saturating_add(excluded) as u64 >= u64::from(longest)
    }
}

/// What an exchange does with bars in which nobody traded: what a hole in a series means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EmptyBars {
    /// It sends them, with no volume: a hole is a fault.
    Sent,
    /// It leaves them out: a hole is silence.
    LeftOut,
    /// It does not say: nobody knows what a hole is.
    Unknown,
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use robust_market::decimal;

    use robust_market::{
        Candle, Candles, Category, Coverage, Failure, Interval, MissingReason, Request, Stopped,
        Symbol, Timestamp, Trade, Trades,
    };

    use super::*;

    const BINANCE: Paging = Paging {
        page: 1_000,
        from_time: true,
        depth: None,
        empty_bars: EmptyBars::Sent,
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
            pages.take(&page, &[]);
        }
        pages.finish(now)
    }

    /// An exchange that takes no count and answers with the bars of a span instead.
    fn fetch_spans(
        held: &dyn Fn(i64) -> bool,
        since: i64,
        limit: u32,
        now: i64,
    ) -> (Candles, Coverage) {
        let paging = Paging {
            page: 1_500,
            empty_bars: EmptyBars::LeftOut,
            ..BINANCE
        };
        let now = at(now);
        let mut pages =
            CandlePages::new(symbol(), Interval::M1, Some(at(since)), limit, paging, now);
        while let Some(Request::Candles { since, limit, .. }) = pages.next() {
            assert!(pages.pages < 100, "the series ends");
            let start = (since.expect("a time").as_secs() - at(0).as_secs()) / 60;
            let end = start + i64::from(limit.expect("a limit"));
            let mut page = Candles::new(symbol(), Interval::M1);
            page.rows = (start..end)
                .filter(|minute| held(*minute) && at(*minute) <= now)
                .map(|minute| bar(minute, now))
                .collect();
            pages.take(&page, &[]);
        }
        pages.finish(now)
    }

    #[test]
    fn a_market_that_was_listed_later_is_read_from_its_listing_on() {
        // Asked for from 6,000 minutes ago, listed 2,000 minutes ago: bars 4,000 to 4,999 exist.
        let (candles, coverage) = fetch_spans(&|minute| minute >= 4_000, 0, 5_000, 6_000);
        assert_eq!(coverage.got, 1_000);
        assert_eq!(candles.rows.first().map(|row| row.time), Some(at(4_000)));
        assert_eq!(reasons(&coverage), [(MissingReason::NoTrades, Some(4_000))]);
    }

    #[test]
    fn a_market_that_was_listed_later_has_nothing_before_its_first_bar() {
        let held = 4_000..6_001;
        let (_, coverage) = fetch(&held, BINANCE, Some(0), 5_000, at(6_000));
        assert_eq!((coverage.got, coverage.pages), (1_000, 1));
        assert_eq!(
            reasons(&coverage),
            [(MissingReason::BeforeFirst, Some(4_000))]
        );
        // Also where the listing lies behind all that was asked for.
        let (_, coverage) = fetch(&held, BINANCE, Some(0), 3_000, at(6_000));
        assert_eq!(
            reasons(&coverage),
            [(MissingReason::BeforeFirst, Some(3_000))]
        );
        assert!(!coverage.is_complete());
    }

    #[test]
    fn one_answer_that_is_not_full_holds_all_there_is() {
        let depth = Some(DepthLimit {
            rows: 2_000,
            source: "test",
        });
        let paging = Paging {
            page: 2_000,
            from_time: false,
            depth,
            empty_bars: EmptyBars::Unknown,
        };
        let (_, coverage) = fetch(&(8_000..10_000), paging, Some(5_000), 4_000, at(8_999));
        assert_eq!((coverage.got, coverage.open), (1_000, 1));
        assert_eq!(
            reasons(&coverage),
            [(MissingReason::BeforeFirst, Some(3_000))]
        );
        for (held, beyond) in [(64_u64, false), (100, true)] {
            let paging = Paging {
                page: 100,
                depth: Some(DepthLimit {
                    rows: 100,
                    source: "test",
                }),
                ..paging
            };
            let mut pages = TradePages::new(symbol(), Some(at(0)), 500, paging, at(99));
            let mut page = Trades::new(symbol());
            page.rows = (0..held).map(|id| trade(id, at(50))).collect();
            pages.take(&page, &[]);
            let (_, coverage) = pages.finish(at(99));
            let expected: &[_] = if beyond {
                &[(MissingReason::BeyondDepth, None)]
            } else {
                &[]
            };
            assert_eq!(reasons(&coverage), expected, "{held}");
        }
    }

    #[test]
    fn of_the_one_answer_that_there_is_come_the_first_trades_from_the_start_on() {
        let paging = Paging {
            page: 100,
            from_time: false,
            depth: None,
            empty_bars: EmptyBars::Unknown,
        };
        let mut pages = TradePages::new(symbol(), Some(at(40)), 30, paging, at(99));
        let request = pages.next();
        let Some(Request::Trades { since, limit, .. }) = request else {
            panic!("{request:?}")
        };
        assert_eq!((since, limit), (None, Some(100)), "the whole answer");
        let mut page = Trades::new(symbol());
        page.rows = (0..100).map(|id| trade(id, at(id.cast_signed()))).collect();
        pages.take(&page, &[]);
        let (trades, coverage) = pages.finish(at(99));
        let ids: Vec<_> = trades.rows.iter().map(|row| row.time).collect();
        assert_eq!(ids, (40..70).map(at).collect::<Vec<_>>());
        assert!(
            coverage.is_complete() && coverage.missing.is_empty(),
            "the answer goes further back than that: {coverage:?}"
        );
    }

    #[test]
    fn a_silence_longer_than_a_page_does_not_end_the_series() {
        let held = |minute: i64| !(500..4_200).contains(&minute);
        let (_, coverage) = fetch_spans(&held, 0, 5_000, 6_000);
        assert_eq!(coverage.got, 1_300);
        assert_eq!(reasons(&coverage), [(MissingReason::NoTrades, Some(3_700))]);
    }

    #[test]
    fn a_silence_up_to_now_ends_there() {
        let (_, coverage) = fetch_spans(&|minute| minute < 500, 0, 50_000, 6_000);
        assert_eq!((coverage.got, coverage.pages), (500, 5));
        assert_eq!(
            reasons(&coverage),
            [
                (MissingReason::NoTrades, Some(5_501)),
                (MissingReason::NotYet, Some(43_999))
            ]
        );
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
            empty_bars: EmptyBars::LeftOut,
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
                empty_bars: EmptyBars::LeftOut,
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
        pages.take(&page, &[]);
        let why = Stopped::Failed(Failure::new(Category::Timeout, "timeout", "no answer"));
        pages.stop(why.clone());
        let (_, coverage) = pages.finish(at(9_000));
        assert_eq!(
            reasons(&coverage),
            [(MissingReason::NotReached, Some(2_000))]
        );
        assert_eq!(coverage.stopped, Some(why));
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
            empty_bars: EmptyBars::LeftOut,
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
            pages.take(&page, &[]);
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
            empty_bars: EmptyBars::LeftOut,
        };
        let mut pages = TradePages::new(symbol(), Some(at(0)), 200, paging, at(1));
        while pages.next().is_some() {
            assert!(pages.pages < 30, "the series ends");
            let mut page = Trades::new(symbol());
            page.rows = held.iter().take(64).cloned().collect();
            pages.take(&page, &[]);
        }
        let (trades, coverage) = pages.finish(at(1));
        assert_eq!(trades.rows.len(), 64);
        assert_eq!(coverage.missing[0].reason, MissingReason::NotReached);
        assert_eq!(coverage.stopped, Some(Stopped::OneMoment));
    }

    #[test]
    fn a_page_of_trades_that_cannot_be_read_ends_the_series_and_says_so() {
        let paging = Paging {
            page: 64,
            ..BINANCE
        };
        let mut pages = TradePages::new(symbol(), Some(at(0)), 200, paging, at(1));
        pages.take(&Trades::new(symbol()), &(0..64).collect::<Vec<_>>());
        assert!(pages.next().is_none());
        let (_, coverage) = pages.finish(at(1));
        assert_eq!(
            reasons(&coverage),
            [
                (MissingReason::Broken, Some(64)),
                (MissingReason::NotReached, None)
            ]
        );
        assert_eq!(coverage.stopped, Some(Stopped::Unreadable));
    }

    #[test]
    fn a_broken_trade_in_a_full_page_does_not_end_the_series_and_is_counted_once() {
        // Two trades a second; pages of 63 end within a second, and overlap by it.
        let second = |id: u64| at(0).saturating_add(Duration::from_secs(id / 2));
        let paging = Paging {
            page: 63,
            ..BINANCE
        };
        let mut pages = TradePages::new(symbol(), Some(at(0)), 300, paging, at(100));
        while let Some(Request::Trades { since, .. }) = pages.next() {
            assert!(pages.pages < 30, "the series ends");
            let since = since.expect("a time");
            let mut page = Trades::new(symbol());
            let mut excluded = Vec::new();
            let sent = (0..305).filter(|id| second(*id) >= since).take(63);
            for (position, id) in sent.enumerate() {
                if id % 31 == 30 || id == 304 {
                    excluded.push(position);
                } else {
                    page.rows.push(trade(id, second(id)));
                }
            }
            pages.take(&page, &excluded);
        }
        let (trades, coverage) = pages.finish(at(100));
        assert_eq!(trades.rows.len(), 295);
        // 30, 61, …, 278: each between its neighbours; 304 after the last.
        let mut expected: Vec<_> = (0..9)
            .map(|turn| 30 + 31 * turn)
            .map(|id| (second(id - 1), second(id + 1)))
            .collect();
        expected.push((second(303), at(100)));
        let found: Vec<_> = coverage
            .missing
            .iter()
            .map(|hole| (hole.from, hole.to))
            .collect();
        assert_eq!(found, expected);
        assert!(
            coverage
                .missing
                .iter()
                .all(|hole| (hole.reason, hole.rows) == (MissingReason::Broken, Some(1)))
        );
        assert!(!coverage.is_complete() && coverage.stopped.is_none());
    }

    #[test]
    fn a_span_before_all_that_is_kept_is_beyond_the_depth() {
        let depth = Some(DepthLimit {
            rows: 720,
            source: "test",
        });
        for (from_time, page) in [(true, 720), (false, 2_000)] {
            let paging = Paging {
                page,
                from_time,
                depth,
                empty_bars: EmptyBars::Sent,
            };
            let (_, coverage) = fetch(&(0..50_000), paging, Some(1_000), 5_000, at(43_000));
            assert_eq!((coverage.got, coverage.pages), (0, 1));
            assert_eq!(
                reasons(&coverage),
                [(MissingReason::BeyondDepth, Some(5_000))]
            );
        }
    }

    #[test]
    fn a_hole_before_the_first_row_and_inside_the_depth_is_not_beyond_it() {
        let depth = Some(DepthLimit {
            rows: 720,
            source: "test",
        });
        let paging = Paging {
            page: 720,
            depth,
            ..BINANCE
        };
        let mut pages =
            CandlePages::new(symbol(), Interval::M1, Some(at(0)), 1_000, paging, at(999));
        let mut page = Candles::new(symbol(), Interval::M1);
        page.rows = (500..1_000).map(|minute| bar(minute, at(999))).collect();
        pages.take(&page, &[]);
        let (_, coverage) = pages.finish(at(999));
        assert_eq!(
            reasons(&coverage),
            [
                (MissingReason::BeyondDepth, Some(280)),
                (MissingReason::BeforeFirst, Some(220))
            ]
        );
    }

    #[test]
    fn a_bar_that_came_broken_is_named_so_whatever_the_exchange_leaves_out() {
        for (empty_bars, other) in [
            (EmptyBars::LeftOut, MissingReason::NoTrades),
            (EmptyBars::Sent, MissingReason::Gap),
            (EmptyBars::Unknown, MissingReason::Unexplained),
        ] {
            let paging = Paging {
                empty_bars,
                ..BINANCE
            };
            let mut pages =
                CandlePages::new(symbol(), Interval::M1, Some(at(0)), 10, paging, at(100));
            let mut page = Candles::new(symbol(), Interval::M1);
            // Minute 2 came broken, 5 and 6 did not come, 9 came broken.
            page.rows = [0, 1, 3, 4, 7, 8]
                .map(|minute| bar(minute, at(100)))
                .to_vec();
            pages.take(&page, &[2, 7]);
            let rest = Candles::new(symbol(), Interval::M1);
            assert!(pages.next().is_some());
            pages.take(&rest, &[0]);
            let (_, coverage) = pages.finish(at(100));
            assert_eq!(
                reasons(&coverage),
                [
                    (MissingReason::Broken, Some(1)),
                    (other, Some(2)),
                    (MissingReason::Broken, Some(1))
                ]
            );
            assert!(!coverage.is_complete());
        }
    }

    #[test]
    fn what_came_broken_is_counted_in_its_own_hole_and_once() {
        // Every minute but 3, 4 and 7 is held; 5 and 9 come broken, each time they are asked for, in pages of 4.
        let paging = Paging { page: 4, ..BINANCE };
        let mut pages = CandlePages::new(symbol(), Interval::M1, Some(at(0)), 12, paging, at(100));
        while let Some(Request::Candles { since, limit, .. }) = pages.next() {
            assert!(pages.pages < 9, "the series ends");
            let since = since.expect("a time");
            let sent = (0..20_i64)
                .filter(|minute| ![3, 4, 7].contains(minute) && at(*minute) >= since)
                .take(limit.expect("a limit") as usize);
            let mut page = Candles::new(symbol(), Interval::M1);
            let mut excluded = Vec::new();
            for (position, minute) in sent.enumerate() {
                if [5, 9].contains(&minute) {
                    excluded.push(position);
                } else {
                    page.rows.push(bar(minute, at(100)));
                }
            }
            pages.take(&page, &excluded);
        }
        let (candles, coverage) = pages.finish(at(100));
        assert_eq!(candles.rows.len(), 7);
        let holes: Vec<_> = coverage
            .missing
            .iter()
            .map(|hole| (hole.from, hole.to, hole.reason, hole.rows))
            .collect();
        assert_eq!(
            holes,
            [
                (at(3), at(6), MissingReason::Broken, Some(1)),
                (at(3), at(6), MissingReason::Gap, Some(2)),
                (at(7), at(8), MissingReason::Gap, Some(1)),
                (at(9), at(10), MissingReason::Broken, Some(1)),
            ]
        );
    }

    #[test]
    fn a_series_of_months_is_whole_although_months_differ_in_length() {
        use robust_market::{BarCalendar, BarGrid, WeekStart};
        let singapore = BarCalendar::UTC.ahead(Duration::from_secs(8 * 3_600));
        let epoch = BarCalendar::UTC.weeks(WeekStart::Thursday);
        let now = Timestamp::from_secs(1_700_000_000).expect("a time");
        for (calendar, interval) in [
            (BarCalendar::UTC, "1M"),
            (singapore, "1M"),
            (singapore, "1w"),
            (epoch, "1w"),
            (singapore, "1d"),
        ] {
            let grid: BarGrid = calendar.grid(interval.parse().expect("an interval"));
            let first = grid.after(grid.floor(now), -199);
            // From within the bar before the first one on, and the newest ones.
            for since in [Some(first.saturating_sub(Duration::from_secs(1))), None] {
                let paging = Paging {
                    page: 90,
                    ..BINANCE
                };
                let mut pages = CandlePages::new(symbol(), grid, since, 200, paging, now);
                while let Some(Request::Candles { since, limit, .. }) = pages.next() {
                    assert!(pages.pages < 9, "the series ends");
                    let mut page = Candles::new(symbol(), grid.interval());
                    let start = grid.ceil(since.expect("a time"));
                    page.rows = (0..i64::from(limit.expect("a limit")))
                        .map(|nth| grid.after(start, nth))
                        .filter(|start| *start <= now)
                        .map(|start| Candle {
                            time: start,
                            closed: grid.end(start) <= now,
                            ..bar(0, now)
                        })
                        .collect();
                    pages.take(&page, &[]);
                }
                let (bars, coverage) = pages.finish(now);
                assert_eq!(
                    (coverage.from, coverage.got, coverage.open, coverage.pages),
                    (first, 200, 1, 3),
                    "{interval} {calendar:?}"
                );
                assert!(
                    coverage.missing.is_empty() && coverage.is_complete(),
                    "{interval} {calendar:?} {coverage:?}"
                );
                assert_eq!(bars.rows.len(), 200);
            }
        }
    }
}
