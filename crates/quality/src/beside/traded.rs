//! What was traded in each minute, as far as every single trade is known.

use std::collections::VecDeque;
use std::time::Duration;

use robust_market::{Timestamp, Trade};
use rust_decimal::Decimal;

/// Minutes that are remembered.
const MINUTES: usize = 240;
const MINUTE_NS: i64 = 60_000_000_000;

/// Amounts by minute of trades whose ids count without holes.
#[derive(Debug, Clone, Default)]
pub(super) struct Traded {
    minutes: VecDeque<(i64, Decimal)>,
    /// The newest trade that is counted.
    last: Option<(u64, Timestamp)>,
    /// Every trade after this is counted.
    after: Option<Timestamp>,
}

fn minute(time: Timestamp) -> i64 {
    time.as_ns().div_euclid(MINUTE_NS)
}

impl Traded {
    /// Counts the trades of a page that are newer than those before; begins anew after a hole.
    pub(super) fn note(&mut self, page: &[Trade]) {
        let numbered: Option<Vec<(u64, &Trade)>> = page
            .iter()
            .map(|trade| Some((trade.id.as_deref()?.parse().ok()?, trade)))
            .collect();
        let Some(mut rows) = numbered else {
            *self = Self::default();
            return;
        };
        rows.sort_unstable_by_key(|(id, _)| *id);
        let whole = |pair: &[(u64, &Trade)]| matches!(pair, [a, b] if a.0.checked_add(1) == Some(b.0) && a.1.time <= b.1.time);
        let (Some((first, oldest)), true) = (rows.first(), rows.windows(2).all(whole)) else {
            *self = Self::default();
            return;
        };
        if self
            .last
            .is_none_or(|(last, _)| *first > last.saturating_add(1))
        {
            *self = Self::default();
            self.after = Some(oldest.time);
        }
        let known = self.last.map(|(last, _)| last);
        for (id, trade) in rows
            .iter()
            .filter(|(id, _)| known.is_none_or(|known| *id > known))
        {
            if !self.add(trade) {
                *self = Self::default();
                return;
            }
            self.last = Some((*id, trade.time));
        }
    }

    fn add(&mut self, trade: &Trade) -> bool {
        let minute = minute(trade.time);
        if let Some((newest, sum)) = self.minutes.back_mut()
            && *newest >= minute
        {
            let Some(more) = sum.checked_add(trade.amount) else {
                return false;
            };
            *sum = more;
            return *newest == minute;
        }
        if self.minutes.len() >= MINUTES {
            self.minutes.pop_front();
            self.after = self
                .minutes
                .front()
                .map(|(minute, _)| Timestamp::from_ns(minute.saturating_mul(MINUTE_NS) - 1));
        }
        self.minutes.push_back((minute, trade.amount));
        true
    }

    /// What was traded from `start` on for so long; `None` where not every trade is known, or where minutes do not make it up.
    pub(super) fn sum(&self, start: Timestamp, length: Duration) -> Option<Decimal> {
        let (_, newest) = self.last?;
        let end = start.saturating_add(length);
        let known = self.after? < start && end <= newest;
        let minutes = |time: Timestamp| time.as_ns() % MINUTE_NS == 0;
        if !known || !minutes(start) || !minutes(end) {
            return None;
        }
        let (from, to) = (minute(start), minute(end));
        let within = self
            .minutes
            .iter()
            .filter(|(minute, _)| (from..to).contains(minute));
        within
            .map(|(_, amount)| *amount)
            .try_fold(Decimal::ZERO, |sum: Decimal, amount| {
                sum.checked_add(amount)
            })
    }

    pub(super) fn memory(&self) -> usize {
        self.minutes.capacity() * size_of::<(i64, Decimal)>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trades(ids: std::ops::Range<u64>) -> Vec<Trade> {
        ids.map(|id| Trade {
            id: Some(id.to_string().into()),
            price: Decimal::ONE,
            amount: Decimal::TWO,
            side: None,
            time: Timestamp::from_secs(1_700_000_040 + i64::try_from(id).unwrap()).unwrap(),
        })
        .collect()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_secs(1_700_000_040 + second).unwrap()
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_minute_is_known_when_every_trade_before_in_and_after_it_is() {
        let mut traded = Traded::default();
        traded.note(&trades(0..100));
        // The trade at second 0 may have had others beside it.
        assert_eq!(traded.sum(at(0), MINUTE), None);
        assert_eq!(traded.sum(at(60), MINUTE), None);
        traded.note(&trades(90..240));
        assert_eq!(traded.sum(at(60), MINUTE), Some(Decimal::from(120)));
        assert_eq!(traded.sum(at(60), 2 * MINUTE), Some(Decimal::from(240)));
        assert_eq!(traded.sum(at(61), MINUTE), None);
        assert_eq!(traded.sum(at(180), MINUTE), None);
    }

    #[test]
    fn after_a_hole_the_count_begins_anew() {
        let mut traded = Traded::default();
        traded.note(&trades(0..200));
        traded.note(&trades(201..400));
        assert_eq!(traded.sum(at(60), MINUTE), None);
        assert_eq!(traded.sum(at(240), MINUTE), Some(Decimal::from(120)));
        let mut holed = trades(400..500);
        holed.remove(50);
        traded.note(&holed);
        assert_eq!(traded.sum(at(240), MINUTE), None);
    }

    #[test]
    fn only_the_newest_minutes_are_kept_and_extremes_do_not_panic() {
        let mut traded = Traded::default();
        for page in 0..400_u64 {
            traded.note(&trades(page * 60..page * 60 + 60));
        }
        assert_eq!(traded.minutes.len(), MINUTES);
        assert_eq!(traded.sum(at(60), MINUTE), None);
        assert_eq!(traded.sum(at(398 * 60), MINUTE), Some(Decimal::from(120)));
        let mut page = trades(0..2);
        page[0].amount = Decimal::MAX;
        page[1].amount = Decimal::MAX;
        page[0].time = Timestamp::from_ns(i64::MIN);
        page[1].time = Timestamp::from_ns(i64::MIN);
        let mut traded = Traded::default();
        traded.note(&page);
        assert_eq!(traded.sum(Timestamp::from_ns(i64::MIN), MINUTE), None);
    }
}
