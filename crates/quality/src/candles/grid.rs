//! Where bars of an interval begin.

use robust_market::{BarCalendar, BarGrid, Candles, Interval, Timestamp};

const NS_PER_SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * NS_PER_SECOND;

/// The grid of one interval: bars of fixed length, or calendar months.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    bars: BarGrid,
    calendar: BarCalendar,
    /// Length of a bar in nanoseconds, or in months.
    step: i64,
    /// Start of a bar, in nanoseconds after a multiple of the length.
    anchor: i64,
}

impl Grid {
    /// The grid that these bars are on, where days begin as the source's `calendar` says.
    ///
    /// Bars longer than a day start on a day that each exchange chooses (weeks on Monday, or on Thursday as the epoch did), so
    /// their anchor is that of the first bar that starts with a day; where there is none, that of the calendar.
    pub(crate) fn of(candles: &Candles, calendar: BarCalendar) -> Self {
        let mut bars = calendar.grid(candles.interval);
        let step = bars.step();
        if !candles.interval.is_calendar_month() && step > DAY && step % DAY == 0 {
            let midnight = calendar.day_start();
            let found = candles
                .rows
                .iter()
                .map(|row| row.time.as_ns().rem_euclid(step))
                .find(|offset| offset % DAY == midnight);
            bars = found.map_or(bars, |anchor| bars.anchored(anchor));
        }
        Self {
            bars,
            calendar,
            step,
            anchor: bars.anchor(),
        }
    }

    pub(crate) const fn interval(&self) -> Interval {
        self.bars.interval()
    }

    /// Length of a bar, in the unit of [`steps`](Self::steps).
    pub(crate) const fn step(&self) -> i64 {
        self.step
    }

    /// The number of the bar that holds `time`.
    pub(crate) fn slot(&self, time: Timestamp) -> i64 {
        if self.interval().is_calendar_month() {
            self.bars.number(time)
        } else {
            time.as_ns()
                .saturating_sub(self.anchor)
                .div_euclid(self.step)
        }
    }

    /// Both [`slot`](Self::slot) and [`offset`](Self::offset), in one division.
    pub(crate) fn place(&self, time: Timestamp) -> (i64, i64) {
        if self.interval().is_calendar_month() {
            return (self.slot(time), self.offset(time));
        }
        let from = time.as_ns().saturating_sub(self.anchor);
        let slot = from.div_euclid(self.step);
        // The difference fits, also where the product does not.
        (slot, from.wrapping_sub(slot.wrapping_mul(self.step)))
    }

    /// The same for a time that may well be one bar after the one before: that needs no division.
    #[inline]
    pub(crate) fn place_after(
        &self,
        time: Timestamp,
        before: Option<(Timestamp, i64, i64)>,
    ) -> (i64, i64) {
        match before {
            Some((last, slot, offset))
                if !self.interval().is_calendar_month()
                    && last.as_ns().checked_add(self.step) == Some(time.as_ns())
                    && last.as_ns().checked_sub(self.anchor).is_some() =>
            {
                (slot + 1, offset)
            }
            _ => self.place(time),
        }
    }

    /// How far into its bar `time` lies, in nanoseconds; zero on the grid.
    pub(crate) fn offset(&self, time: Timestamp) -> i64 {
        if self.interval().is_calendar_month() {
            self.bars.offset(time)
        } else {
            time.as_ns()
                .saturating_sub(self.anchor)
                .rem_euclid(self.step)
        }
    }

    /// A bar that starts before this is over by `now`, however long a month is.
    pub(crate) fn over_before(&self, now: Timestamp) -> Timestamp {
        let longest = if self.interval().is_calendar_month() {
            self.step.saturating_mul(31 * DAY)
        } else {
            self.step
        };
        Timestamp::from_ns(now.as_ns().saturating_sub(longest))
    }

    /// When a bar that starts at `time` ends.
    #[inline]
    pub(crate) fn end(&self, time: Timestamp) -> Timestamp {
        if self.interval().is_calendar_month() {
            self.bars.end(time)
        } else {
            Timestamp::from_ns(time.as_ns().saturating_add(self.step))
        }
    }

    /// Distances of bars in ascending order of time, equal times left out.
    pub(crate) fn steps(&self, times: impl Iterator<Item = Timestamp>) -> Vec<i64> {
        let mut places: Vec<i64> = times
            .map(|time| {
                if self.interval().is_calendar_month() {
                    self.calendar.month(time)
                } else {
                    time.as_ns()
                }
            })
            .collect();
        places.sort_unstable();
        places.dedup();
        places
            .windows(2)
            .filter_map(|pair| match pair {
                [a, b] => Some(b.saturating_sub(*a)),
                _ => None,
            })
            .collect()
    }

    /// A distance in words.
    pub(crate) fn words(&self, steps: i64) -> String {
        if self.interval().is_calendar_month() {
            format!("{steps} months")
        } else {
            format!("{} s", steps / NS_PER_SECOND)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_secs(seconds).unwrap()
    }

    fn grid(interval: &str) -> Grid {
        let symbol = "BTC/USD".parse().unwrap();
        Grid::of(
            &Candles::new(symbol, interval.parse().unwrap()),
            BarCalendar::UTC,
        )
    }

    #[test]
    fn months_follow_the_calendar() {
        let grid = grid("1M");
        let (january, february, march) = (at(1_704_067_200), at(1_706_745_600), at(1_709_251_200));
        assert_eq!(grid.offset(january), 0);
        assert_eq!(grid.offset(february), 0);
        assert_eq!(grid.slot(february) - grid.slot(january), 1);
        assert_eq!(grid.slot(march) - grid.slot(january), 2);
        assert_eq!(grid.end(january), february);
        assert_eq!(grid.end(february), march); // 29 days in 2024
        assert_eq!(grid.steps([march, january, february].into_iter()), [1, 1]);
        assert_eq!((grid.slot(at(0)), grid.offset(at(0))), (1970 * 12, 0));
        assert_eq!(grid.slot(at(-1)), 1970 * 12 - 1);
    }

    #[test]
    fn minutes_are_multiples_and_weeks_start_where_the_exchange_starts_them() {
        assert_eq!(grid("1m").offset(at(61)), NS_PER_SECOND);
        assert_eq!(grid("1m").slot(at(61)), 1);
        let mut weeks = Candles::new("BTC/USD".parse().unwrap(), "1w".parse().unwrap());
        let monday = at(1_704_067_200);
        weeks.rows.push(robust_market::Candle {
            time: monday,
            open: 1.into(),
            high: 1.into(),
            low: 1.into(),
            close: 1.into(),
            volume: 1.into(),
            quote_volume: None,
            vwap: None,
            count: None,
            closed: true,
        });
        assert_eq!(Grid::of(&weeks, BarCalendar::UTC).offset(monday), 0);
    }

    #[test]
    fn extremes_do_not_panic() {
        for interval in ["1s", "1m", "65535w", "1M", "65535M"] {
            for ns in [i64::MIN, -1, 0, i64::MAX] {
                let time = Timestamp::from_ns(ns);
                let grid = grid(interval);
                assert_eq!(grid.place(time), (grid.slot(time), grid.offset(time)));
                let (slot, offset) = grid.place(time);
                for steps in [grid.step, 1, -1] {
                    let next = Timestamp::from_ns(ns.saturating_add(steps));
                    let found = grid.place_after(next, Some((time, slot, offset)));
                    assert_eq!(found, grid.place(next));
                }
                let _ = grid.end(time);
                let _ = grid.steps([time, Timestamp::EPOCH].into_iter());
            }
        }
    }
}
