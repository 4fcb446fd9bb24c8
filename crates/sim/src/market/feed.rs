//! The trades of one pair, generated an hour at a time.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::market::bar::{Bar, join};
use crate::market::hash::{mix, unit};
use crate::market::path::{Path, between};
use crate::market::{DAY, HOUR, horizon};

/// Hours whose trades are kept.
const KEPT_HOURS: usize = 48;
/// Hours and days whose sums are kept.
const KEPT_SUMS: usize = 3_000;
/// Added to the number of an hour so that ids are positive in every year that a timestamp holds.
const ID_BASE: i64 = 2_600_000;
/// The most trades of one answer.
const MAX_TRADES: usize = 5_000;

/// One fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Trade {
    /// Counts up by one from fill to fill, across hours.
    pub(crate) id: u64,
    /// Counts up by one from order to order: the taker's order may fill at several makers.
    pub(crate) order: u64,
    /// Nanoseconds since 1970, strictly increasing from fill to fill.
    pub(crate) time: i64,
    /// Price in ticks.
    pub(crate) price: u64,
    /// Amount in lots.
    pub(crate) amount: u64,
    /// Whether the taker bought.
    pub(crate) buy: bool,
    /// Whether the taker's order was a market order.
    pub(crate) market: bool,
}

/// What one pair's trades depend on.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Differs by seed, exchange and pair.
    pub(crate) seed: u64,
    /// Paths of base and quote: shared by every pair and exchange of the same seed.
    pub(crate) base: Path,
    pub(crate) quote: Path,
    /// Price at which both paths are zero.
    pub(crate) reference: f64,
    /// Value of one quote unit in dollars, for amounts of a natural size.
    pub(crate) quote_usd: f64,
    pub(crate) price_places: u32,
    pub(crate) lot_places: u32,
    /// Orders in an hour, a multiple of four; every fourth order fills twice.
    pub(crate) orders: u64,
}

/// The generator of one pair with what it remembers.
#[derive(Debug)]
pub(crate) struct Feed {
    terms: Terms,
    /// When the pair was listed; nobody traded before.
    listed: i64,
    hours: BTreeMap<i64, Arc<[Trade]>>,
    hour_sums: BTreeMap<i64, Option<Bar>>,
    day_sums: BTreeMap<i64, Option<Bar>>,
}

/// Keeps what was asked for last on the young side: the oldest hour leaves first.
fn keep<T>(map: &mut BTreeMap<i64, T>, bound: usize, key: i64, value: T) {
    map.insert(key, value);
    if map.len() > bound {
        map.pop_first();
    }
}

impl Feed {
    pub(crate) fn new(terms: Terms) -> Self {
        Self {
            terms,
            listed: i64::MIN,
            hours: BTreeMap::new(),
            hour_sums: BTreeMap::new(),
            day_sums: BTreeMap::new(),
        }
    }

    /// Lets the trades begin at that time.
    pub(crate) fn list(&mut self, at: i64) {
        let fresh = Self::new(self.terms.clone());
        *self = Self {
            listed: at,
            ..fresh
        };
    }

    /// The oldest bar that is served at `at` begins at this time or later: the one that holds the listing, or the first whole one that
    /// is remembered. `start` is the start of the bar that holds a time.
    pub(crate) fn oldest(&self, at: i64, start: impl Fn(i64) -> i64) -> i64 {
        let remembered = horizon(at);
        if self.listed > remembered {
            start(self.listed)
        } else {
            remembered
        }
    }

    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Fills in an hour.
    fn fills(&self) -> u64 {
        self.terms.orders + self.terms.orders / 4
    }

    fn generate(&self, hour: i64) -> Vec<Trade> {
        let t = &self.terms;
        let mut rng = fastrand::Rng::with_seed(mix(t.seed, 1, hour as u64));
        // A millisecond is left free at the end, so that keeping times apart never leaves the hour.
        // Orders stand on whole microseconds, so that all fills of one share its millisecond.
        let mut times: Vec<i64> = (0..t.orders)
            .map(|_| rng.i64(0..HOUR / 1_000 - 1_000) * 1_000)
            .collect();
        times.sort_unstable();
        let (base, quote) = (t.base.minutes(hour), t.quote.minutes(hour));
        let number = u64::try_from(hour + ID_BASE).unwrap_or(0);
        let (mut id, first_order) = (number * self.fills(), number * t.orders);
        let ticks = 10_f64.powi(t.price_places.cast_signed());
        let lots = 10_f64.powi(t.lot_places.cast_signed());
        let mut trades = Vec::with_capacity(usize::try_from(self.fills()).unwrap_or(0));
        let mut earliest = 0;
        for (order, into) in (first_order..).zip(times) {
            let into = into.max(earliest);
            earliest = into + 1_000;
            let share = into as f64 / HOUR as f64;
            let log = between(&base, share) - between(&quote, share);
            let price = t.reference * log.exp();
            let buy = rng.bool();
            let market = rng.u8(..) < 150;
            // Half a spread and a venue's own noise, 2 basis points at most.
            let off = price * 2e-4 * rng.f64();
            let price_ticks = if buy {
                ((price + off) * ticks).ceil()
            } else {
                ((price - off) * ticks).floor()
            };
            let price_ticks = (price_ticks as u64).max(2);
            for fill in 0..if order % 4 == 3 { 2 } else { 1 } {
                // From 15 to 6,000 dollars, most of them small.
                let usd = 15.0 * (6.0 * unit(rng.u64(..)).powi(2)).exp();
                let amount = usd / t.quote_usd / price * lots;
                trades.push(Trade {
                    id,
                    order,
                    time: hour * HOUR + into + if fill == 0 { 0 } else { rng.i64(1..100) },
                    price: price_ticks,
                    amount: (amount as u64).max(1),
                    buy,
                    market,
                });
                id += 1;
            }
        }
        trades.retain(|trade| trade.time >= self.listed);
        trades
    }

    fn hour(&mut self, hour: i64) -> Arc<[Trade]> {
        if let Some(trades) = self.hours.get(&hour) {
            return Arc::clone(trades);
        }
        let trades: Arc<[Trade]> = self.generate(hour).into();
        keep(&mut self.hours, KEPT_HOURS, hour, Arc::clone(&trades));
        trades
    }

    fn hour_sum(&mut self, hour: i64) -> Option<Bar> {
        if let Some(sum) = self.hour_sums.get(&hour) {
            return *sum;
        }
        let sum = match self.hours.get(&hour) {
            Some(trades) => Bar::of(trades),
            None => Bar::of(&self.generate(hour)),
        };
        keep(&mut self.hour_sums, KEPT_SUMS, hour, sum);
        sum
    }

    fn day_sum(&mut self, day: i64) -> Option<Bar> {
        if let Some(sum) = self.day_sums.get(&day) {
            return *sum;
        }
        let sum = join((day * 24..day * 24 + 24).map(|hour| self.hour_sum(hour)));
        keep(&mut self.day_sums, KEPT_SUMS, day, sum);
        sum
    }

    /// The trades from `from` to before `to` add up to this.
    pub(crate) fn bar(&mut self, from: i64, to: i64) -> Option<Bar> {
        let mut sum = None;
        let mut at = from;
        while at < to {
            let (hour, day) = (at.div_euclid(HOUR), at.div_euclid(DAY));
            let (part, end) = if at == day * DAY && at + DAY <= to {
                (self.day_sum(day), at + DAY)
            } else if at == hour * HOUR && at + HOUR <= to {
                (self.hour_sum(hour), at + HOUR)
            } else {
                let end = ((hour + 1) * HOUR).min(to);
                let trades = self.hour(hour);
                (Bar::of(slice(&trades, at, end)), end)
            };
            sum = join([sum, part]);
            at = end;
        }
        sum
    }

    /// The last trade before `before`.
    pub(crate) fn last_before(&mut self, before: i64) -> Option<Trade> {
        let hour = (before - 1).div_euclid(HOUR);
        let trades = self.hour(hour);
        let found = slice(&trades, hour * HOUR, before).last().copied();
        // Every hour since the listing has trades, so one hour back is always enough.
        found.or_else(|| self.hour(hour - 1).last().copied())
    }

    /// The newest `count` trades up to and including `at`, ascending.
    pub(crate) fn newest(&mut self, count: usize, at: i64) -> Vec<Trade> {
        let count = count.min(MAX_TRADES);
        let mut pages: Vec<Vec<Trade>> = Vec::new();
        let mut missing = count;
        let mut hour = at.div_euclid(HOUR);
        while missing > 0 && hour * HOUR >= horizon(at) {
            let trades = self.hour(hour);
            let seen = slice(&trades, hour * HOUR, at.saturating_add(1));
            let part = seen
                .get(seen.len().saturating_sub(missing)..)
                .unwrap_or(seen);
            missing -= part.len();
            pages.push(part.to_vec());
            hour -= 1;
        }
        pages.reverse();
        pages.concat()
    }

    /// The oldest `count` trades from `from` to before `to`, ascending.
    pub(crate) fn range(&mut self, from: i64, to: i64, count: usize) -> Vec<Trade> {
        let count = count.min(MAX_TRADES);
        let mut found = Vec::new();
        let mut at = from;
        while found.len() < count && at < to {
            let hour = at.div_euclid(HOUR);
            let end = ((hour + 1) * HOUR).min(to);
            let trades = self.hour(hour);
            found.extend(slice(&trades, at, end).iter().take(count - found.len()));
            at = end;
        }
        found
    }

    /// When the hour starts that holds the order of that number.
    pub(crate) fn hour_of_order(&self, order: u64) -> i64 {
        let hour = i64::try_from(order / self.terms.orders.max(1)).unwrap_or(i64::MAX);
        hour.saturating_sub(ID_BASE).saturating_mul(HOUR)
    }
}

/// The trades from `from` to before `to`.
fn slice(trades: &[Trade], from: i64, to: i64) -> &[Trade] {
    let start = trades.partition_point(|trade| trade.time < from);
    let end = trades.partition_point(|trade| trade.time < to);
    trades.get(start..end).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 489_672 * HOUR + 1_234_567_890_123;

    fn feed(seed: u64, orders: u64) -> Feed {
        Feed::new(Terms {
            seed,
            base: Path::new(seed, 0.02),
            quote: Path::new(1, 0.0),
            reference: 100_000.0,
            quote_usd: 1.0,
            price_places: 1,
            lot_places: 8,
            orders,
        })
    }

    #[test]
    fn ids_count_up_by_one_and_times_increase_across_hours() {
        let trades = feed(7, 40).newest(500, AT);
        assert_eq!(trades.len(), 500);
        for pair in trades.windows(2) {
            assert_eq!(pair[1].id, pair[0].id + 1);
            assert!(pair[1].time > pair[0].time);
            assert!(pair[1].order == pair[0].order || pair[1].order == pair[0].order + 1);
            if pair[1].order == pair[0].order {
                assert_eq!(pair[1].price, pair[0].price);
            }
        }
        assert!(trades[499].time <= AT);
    }

    #[test]
    fn sums_of_any_span_are_the_sums_of_its_trades() {
        let mut feed = feed(7, 40);
        for (back, length) in [
            (0, 1),
            (7, 59),
            (3_600, 7_200),
            (90_001, 86_400),
            (250_000, 300_000),
        ] {
            let from = AT - back * 1_000_000_000 - length * 1_000_000_000;
            let to = from + length * 1_000_000_000;
            let trades = feed.range(from, to, MAX_TRADES);
            assert!(trades.len() < MAX_TRADES);
            assert_eq!(feed.bar(from, to), Bar::of(&trades), "{back} {length}");
        }
    }

    #[test]
    fn nobody_trades_before_the_listing() {
        let (mut late, mut old) = (feed(7, 40), feed(7, 40));
        late.list(AT - 5_000 * 1_000_000_000);
        let trades = late.newest(10_000, AT);
        assert!(!trades.is_empty() && trades.len() < 200);
        assert_eq!(trades, old.newest(trades.len(), AT), "the same market");
        assert!(trades[0].time >= AT - 5_000 * 1_000_000_000);
        assert_eq!(
            late.bar(horizon(AT), AT),
            Bar::of(&late.range(0, AT, MAX_TRADES))
        );
        assert_eq!(late.last_before(AT - 5_000 * 1_000_000_000), None);
    }

    #[test]
    fn what_is_remembered_is_bounded_and_changes_nothing() {
        let mut warm = feed(7, 40);
        for back in 0..200 {
            warm.newest(10, AT - back * HOUR);
        }
        warm.bar(horizon(AT), AT);
        assert!(warm.hours.len() <= KEPT_HOURS);
        assert!(warm.hour_sums.len() <= KEPT_SUMS && warm.day_sums.len() <= KEPT_SUMS);
        assert_eq!(warm.newest(3_000, AT), feed(7, 40).newest(3_000, AT));
        assert_ne!(warm.newest(10, AT), feed(8, 40).newest(10, AT));
    }
}
