//! What a source is able to send, so that nobody is blamed for what it never has.

use std::time::Duration;

use robust_market::{BarCalendar, Exchange, Kind, WeekStart};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// A field of a ticker that a source may or may not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TickerField {
    /// Price of the last trade.
    Last,
    /// Best bid.
    Bid,
    /// Best ask.
    Ask,
    /// Amount at the best bid.
    BidSize,
    /// Amount at the best ask.
    AskSize,
    /// Highest price of the window.
    High,
    /// Lowest price of the window.
    Low,
    /// First price of the window.
    Open,
    /// Traded amount of the window in base currency.
    BaseVolume,
    /// Traded amount of the window in quote currency.
    QuoteVolume,
    /// Average price of the window, weighted by amount.
    Vwap,
    /// Change of the price over the window.
    Change,
    /// The exchange's time.
    Time,
    /// The exchange's sequence number.
    Sequence,
}

impl TickerField {
    /// Every field, in the order of their declaration.
    pub const ALL: [Self; 14] = [
        Self::Last,
        Self::Bid,
        Self::Ask,
        Self::BidSize,
        Self::AskSize,
        Self::High,
        Self::Low,
        Self::Open,
        Self::BaseVolume,
        Self::QuoteVolume,
        Self::Vwap,
        Self::Change,
        Self::Time,
        Self::Sequence,
    ];

    /// The unified name, as defects and issues write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Bid => "bid",
            Self::Ask => "ask",
            Self::BidSize => "bid_size",
            Self::AskSize => "ask_size",
            Self::High => "high",
            Self::Low => "low",
            Self::Open => "open",
            Self::BaseVolume => "base_volume",
            Self::QuoteVolume => "quote_volume",
            Self::Vwap => "vwap",
            Self::Change => "change",
            Self::Time => "time",
            Self::Sequence => "sequence",
        }
    }
}

/// A set of ticker fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TickerFields(u16);

impl TickerFields {
    /// No field.
    pub const NONE: Self = Self(0);

    /// These fields.
    #[must_use]
    pub const fn of(fields: &[TickerField]) -> Self {
        let mut bits = 0;
        let mut rest = fields;
        while let [field, tail @ ..] = rest {
            bits |= 1 << *field as u16;
            rest = tail;
        }
        Self(bits)
    }

    /// Whether the field is in the set.
    #[must_use]
    pub const fn contains(self, field: TickerField) -> bool {
        self.0 & (1 << field as u16) != 0
    }

    /// The set with one field more.
    #[must_use]
    pub const fn with(self, field: TickerField) -> Self {
        Self(self.0 | 1 << field as u16)
    }

    /// The set with one field less.
    #[must_use]
    pub const fn without(self, field: TickerField) -> Self {
        Self(self.0 & !(1 << field as u16))
    }

    /// The fields of either set.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The fields of both sets.
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The set without the fields of another one.
    pub(crate) const fn less(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many fields there are.
    pub(crate) const fn count(self) -> u64 {
        self.0.count_ones() as u64
    }

    pub(crate) const fn bits(self) -> u16 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u16) -> Self {
        Self(bits)
    }
}

/// What one exchange sends for one kind of data.
///
/// ```
/// use robust_market::{BarCalendar, Exchange, Kind, WeekStart};
/// use robust_quality::{Profile, TickerField};
///
/// let kraken = Profile::of(&Exchange::KRAKEN, Kind::Ticker);
/// assert!(!kraken.expected.contains(TickerField::Time)); // a Kraken ticker has no time, and that is no fault
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Profile {
    /// Ticker fields that every answer should hold, beyond the required ones.
    pub expected: TickerFields,
    /// How often a new value is due; `None` uses the smallest thresholds.
    pub cadence: Option<Duration>,
    /// Whether there is a bar for every interval, also when nothing was traded.
    pub dense_candles: bool,
    /// By whose clock bars of a day and longer begin.
    pub calendar: BarCalendar,
    /// How many bars back the exchange keeps, where that is limited.
    pub history: Option<u32>,
    /// Whether trade ids of one market count up by one.
    pub dense_trade_ids: bool,
    /// Smallest step of a price.
    pub price_tick: Option<Decimal>,
    /// Smallest step of an amount.
    pub amount_step: Option<Decimal>,
}

/// Kraken: `a`, `b`, `c`, `v`, `p`, `l`, `h` of the 24-hour column; no time, no quote volume, and `o` is the open of the UTC
/// day, which is another window.
const KRAKEN_TICKER: TickerFields = TickerFields::of(&[
    TickerField::Bid,
    TickerField::Ask,
    TickerField::BidSize,
    TickerField::AskSize,
    TickerField::High,
    TickerField::Low,
    TickerField::BaseVolume,
    TickerField::Vwap,
]);

/// Binance `ticker/24hr`, type FULL.
const BINANCE_TICKER: TickerFields = TickerFields::of(&[
    TickerField::Bid,
    TickerField::Ask,
    TickerField::BidSize,
    TickerField::AskSize,
    TickerField::High,
    TickerField::Low,
    TickerField::Open,
    TickerField::BaseVolume,
    TickerField::QuoteVolume,
    TickerField::Vwap,
    TickerField::Change,
    TickerField::Time,
]);

/// Binance `ticker/bookTicker`: quotes with sizes and nothing else.
const BINANCE_BIDS_ASKS: TickerFields = TickerFields::of(&[
    TickerField::Bid,
    TickerField::Ask,
    TickerField::BidSize,
    TickerField::AskSize,
]);

/// KuCoin `market/stats`: no sizes, and an average of prices that is not weighted.
const KUCOIN_TICKER: TickerFields = TickerFields::of(&[
    TickerField::Bid,
    TickerField::Ask,
    TickerField::High,
    TickerField::Low,
    TickerField::BaseVolume,
    TickerField::QuoteVolume,
    TickerField::Change,
    TickerField::Time,
]);

/// KuCoin `market/allTickers`.
const KUCOIN_TICKERS: TickerFields = KUCOIN_TICKER
    .with(TickerField::BidSize)
    .with(TickerField::AskSize);

/// KuCoin `orderbook/level1`, and the quotes of `allTickers`.
const KUCOIN_BIDS_ASKS: TickerFields = TickerFields::of(&[
    TickerField::Bid,
    TickerField::Ask,
    TickerField::BidSize,
    TickerField::AskSize,
    TickerField::Time,
]);

/// HTX `market/detail/merged`.
const HTX_TICKER: TickerFields = TickerFields::of(&[
    TickerField::Bid,
    TickerField::Ask,
    TickerField::BidSize,
    TickerField::AskSize,
    TickerField::High,
    TickerField::Low,
    TickerField::Open,
    TickerField::BaseVolume,
    TickerField::QuoteVolume,
    TickerField::Time,
]);

/// HTX `market/tickers`: no time, and its open, high and low are of the day in Singapore.
const HTX_TICKERS: TickerFields = TickerFields::of(&[
    TickerField::Bid,
    TickerField::Ask,
    TickerField::BidSize,
    TickerField::AskSize,
    TickerField::BaseVolume,
    TickerField::QuoteVolume,
]);

/// The quotes of HTX `market/tickers`.
const HTX_BIDS_ASKS: TickerFields = BINANCE_BIDS_ASKS;

/// How far Singapore's clock is ahead of universal time, all the year round: HTX begins its days there.
const SINGAPORE: Duration = Duration::from_secs(8 * 3_600);

impl Profile {
    /// What is known of an exchange; of an unknown one nothing is expected.
    ///
    /// Sources: the public REST documentation of the exchanges; that Kraken fills bars without trades is also seen in
    /// captures (216 of 721 rows), and that KuCoin leaves them out. Of HTX it is not known, so a gap is not held against it.
    /// HTX's days, weeks and months begin at 00:00 in Singapore (its documentation of klines).
    #[must_use]
    pub fn of(exchange: &Exchange, kind: Kind) -> Self {
        let mut profile = Self::default();
        match exchange.as_str() {
            "kraken" => {
                profile.dense_candles = true;
                profile.history = Some(720);
                profile.calendar = BarCalendar::UTC.weeks(WeekStart::Thursday);
                if matches!(kind, Kind::Ticker | Kind::Tickers) {
                    profile.expected = KRAKEN_TICKER;
                }
            }
            "binance" => {
                profile.dense_candles = true;
                profile.dense_trade_ids = true;
                match kind {
                    Kind::Ticker | Kind::Tickers => profile.expected = BINANCE_TICKER,
                    Kind::BidsAsks => profile.expected = BINANCE_BIDS_ASKS,
                    _ => {}
                }
            }
            "kucoin" => {
                profile.calendar = BarCalendar::UTC.weeks(WeekStart::Thursday);
                match kind {
                    Kind::Ticker => profile.expected = KUCOIN_TICKER,
                    Kind::Tickers => profile.expected = KUCOIN_TICKERS,
                    Kind::BidsAsks => profile.expected = KUCOIN_BIDS_ASKS,
                    _ => {}
                }
            }
            "htx" => {
                profile.history = Some(2_000);
                profile.calendar = BarCalendar::UTC.ahead(SINGAPORE);
                match kind {
                    Kind::Ticker => profile.expected = HTX_TICKER,
                    Kind::Tickers => profile.expected = HTX_TICKERS,
                    Kind::BidsAsks => profile.expected = HTX_BIDS_ASKS,
                    _ => {}
                }
            }
            _ => {}
        }
        profile
    }

    /// Whether it is known which ticker fields the exchange sends.
    pub(crate) fn is_declared(&self) -> bool {
        self.expected != TickerFields::NONE
    }

    /// The same with the instrument's steps of price and amount.
    #[must_use]
    pub const fn with_steps(
        mut self,
        price_tick: Option<Decimal>,
        amount_step: Option<Decimal>,
    ) -> Self {
        self.price_tick = price_tick;
        self.amount_step = amount_step;
        self
    }

    /// The same with the calendar by which bars of a day and longer begin.
    #[must_use]
    pub const fn with_calendar(mut self, calendar: BarCalendar) -> Self {
        self.calendar = calendar;
        self
    }

    /// The same with the time after which a new value is due.
    #[must_use]
    pub const fn with_cadence(mut self, cadence: Duration) -> Self {
        self.cadence = Some(cadence);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_blamed_for_what_it_never_sends() {
        use TickerField as F;
        let expects =
            |exchange: &Exchange, kind, field| Profile::of(exchange, kind).expected.contains(field);
        let (kucoin, htx) = (&Exchange::KUCOIN, &Exchange::HTX);
        assert!(!expects(kucoin, Kind::Ticker, F::BidSize));
        assert!(expects(kucoin, Kind::Tickers, F::BidSize));
        assert!(!expects(kucoin, Kind::Ticker, F::Vwap));
        assert!(expects(htx, Kind::Ticker, F::Open));
        for field in [F::Open, F::High, F::Low, F::Time] {
            assert!(!expects(htx, Kind::Tickers, field), "{}", field.as_str());
        }
        for exchange in [kucoin, htx] {
            let candles = Profile::of(exchange, Kind::Candles);
            assert!(!candles.dense_candles, "{exchange}");
            assert!(!Profile::of(exchange, Kind::Trades).dense_trade_ids);
        }
        assert!(Profile::of(&Exchange::KRAKEN, Kind::Candles).dense_candles);
        assert_eq!(Profile::of(htx, Kind::Candles).history, Some(2_000));
    }
}
