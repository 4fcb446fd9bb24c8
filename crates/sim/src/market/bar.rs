//! What the trades of a span of time add up to.

use crate::market::feed::Trade;

/// The sum of one trade or more, all in ticks and lots, so that no order of adding changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bar {
    pub(crate) open: u64,
    pub(crate) high: u64,
    pub(crate) low: u64,
    pub(crate) close: u64,
    /// Lots.
    pub(crate) volume: u128,
    /// Ticks times lots.
    pub(crate) turnover: u128,
    /// Lots and ticks times lots of the trades whose taker bought.
    pub(crate) bought: u128,
    pub(crate) bought_turnover: u128,
    pub(crate) trades: u64,
    pub(crate) first_id: u64,
    pub(crate) last_id: u64,
}

impl Bar {
    pub(crate) fn one(trade: &Trade) -> Self {
        let volume = u128::from(trade.amount);
        let turnover = volume * u128::from(trade.price);
        let taken = |value| if trade.buy { value } else { 0 };
        Self {
            open: trade.price,
            high: trade.price,
            low: trade.price,
            close: trade.price,
            volume,
            turnover,
            bought: taken(volume),
            bought_turnover: taken(turnover),
            trades: 1,
            first_id: trade.id,
            last_id: trade.id,
        }
    }

    /// Adds what came later.
    pub(crate) fn then(mut self, later: &Self) -> Self {
        self.high = self.high.max(later.high);
        self.low = self.low.min(later.low);
        self.close = later.close;
        self.volume += later.volume;
        self.turnover += later.turnover;
        self.bought += later.bought;
        self.bought_turnover += later.bought_turnover;
        self.trades += later.trades;
        self.last_id = later.last_id;
        self
    }

    pub(crate) fn of(trades: &[Trade]) -> Option<Self> {
        join(trades.iter().map(|trade| Some(Self::one(trade))))
    }

    /// The volume-weighted average price in units of 10^-`shown`, rounded, for prices of `places` decimals.
    pub(crate) fn vwap(&self, places: u32, shown: u32) -> u128 {
        let scaled = if shown >= places {
            self.turnover * 10_u128.pow(shown - places)
        } else {
            self.turnover / 10_u128.pow(places - shown)
        };
        (scaled + self.volume / 2) / self.volume.max(1)
    }
}

/// Adds bars in their order in time; spans without a trade are `None`.
pub(crate) fn join(bars: impl IntoIterator<Item = Option<Bar>>) -> Option<Bar> {
    bars.into_iter()
        .flatten()
        .reduce(|earlier, later| earlier.then(&later))
}
