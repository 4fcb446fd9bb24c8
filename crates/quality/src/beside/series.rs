//! The newest bars of other lengths.

use std::collections::VecDeque;

use robust_market::{Candle, Interval, Timestamp};
use rust_decimal::Decimal;

/// Bars of one length that are remembered: two hours of minutes.
const BARS: usize = 128;
/// Lengths that are remembered.
const SERIES: usize = 3;

/// A closed bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bar {
    pub(super) time: Timestamp,
    pub(super) open: Decimal,
    pub(super) high: Decimal,
    pub(super) low: Decimal,
    pub(super) close: Decimal,
    pub(super) volume: Decimal,
}

impl Bar {
    pub(super) const fn of(candle: &Candle) -> Self {
        Self {
            time: candle.time,
            open: candle.open,
            high: candle.high,
            low: candle.low,
            close: candle.close,
            volume: candle.volume,
        }
    }
}

/// The newest closed bars of a few lengths.
#[derive(Debug, Clone, Default)]
pub(super) struct Series(Vec<(Interval, VecDeque<Bar>)>);

impl Series {
    /// Remembers the newest bars of a page in the place of those before; `rows` ascend.
    pub(super) fn note<'a>(
        &mut self,
        interval: Interval,
        rows: impl DoubleEndedIterator<Item = &'a Candle>,
    ) {
        let mut newest: VecDeque<Bar> = rows.rev().take(BARS).map(Bar::of).collect();
        newest.make_contiguous().reverse();
        match self.0.iter_mut().find(|(known, _)| *known == interval) {
            Some((_, bars))
                if bars.back().map(|bar| bar.time) <= newest.back().map(|bar| bar.time) =>
            {
                *bars = newest;
            }
            // An old page says nothing new.
            Some(_) => {}
            None => {
                if self.0.len() >= SERIES {
                    self.0.remove(0);
                }
                self.0.push((interval, newest));
            }
        }
    }

    /// What the shorter bars from `start` to `end` make together, of each length of which all of them are known.
    pub(super) fn together(
        &self,
        interval: Interval,
        start: Timestamp,
        end: Timestamp,
        dense: bool,
    ) -> impl Iterator<Item = (Interval, Bar)> + '_ {
        let whole = interval.duration();
        let divides = move |shorter: Interval| {
            let part = shorter.duration();
            !interval.is_calendar_month()
                && !shorter.is_calendar_month()
                && part < whole
                && whole.as_nanos().is_multiple_of(part.as_nanos().max(1))
        };
        self.0
            .iter()
            .filter(move |(shorter, _)| divides(*shorter))
            .filter_map(move |(shorter, bars)| {
                let covered = bars.front()?.time <= start
                    && bars.back()?.time.saturating_add(shorter.duration()) >= end;
                let parts = bars
                    .iter()
                    .filter(|bar| start <= bar.time && bar.time < end);
                let count = u128::try_from(parts.clone().count()).ok()?;
                let all = !dense || count * shorter.duration().as_nanos() == whole.as_nanos();
                (covered && all).then_some(())?;
                sum(start, parts).map(|bar| (*shorter, bar))
            })
    }

    pub(super) fn memory(&self) -> usize {
        let bars = |(_, bars): &(Interval, VecDeque<Bar>)| bars.capacity() * size_of::<Bar>();
        self.0.iter().map(bars).sum()
    }
}

/// One bar of several; those without trades have no prices of their own.
fn sum<'a>(start: Timestamp, parts: impl Iterator<Item = &'a Bar>) -> Option<Bar> {
    let mut traded = parts.filter(|bar| bar.volume > Decimal::ZERO);
    let mut whole = Bar {
        time: start,
        ..*traded.next()?
    };
    for bar in traded {
        whole.high = whole.high.max(bar.high);
        whole.low = whole.low.min(bar.low);
        whole.close = bar.close;
        whole.volume = whole.volume.checked_add(bar.volume)?;
    }
    Some(whole)
}
