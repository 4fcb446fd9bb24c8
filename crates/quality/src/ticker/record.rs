//! One ticker: its fields, and what they say about each other.

use robust_market::{Defect, Dimension, Kind, Severity, Symbol, Ticker, Timestamp};
use rust_decimal::Decimal;

use super::accuracy::Prices;
use crate::defects::{self, Meaning};
use crate::exact::{Steps, clearly_within, compare, is_negative, is_positive, within};
use crate::finite::nearest;
use crate::profile::{TickerField as F, TickerFields};
use crate::rules::{
    C_ONE_SIDED, C_OPTIONAL, C_REQUIRED, K_CROSSED, K_HIGH_LOW, K_LAST_VS_QUOTE, K_LAST_VS_RANGE,
    K_LOCKED, K_QUOTE_VOLUME, K_SEQ_REGRESS, K_TS_REGRESS, K_VWAP_RANGE, Rule, V_BOUNDS, V_PRICE,
    V_SIZE, V_SYMBOL, V_TICK,
};
use crate::tally::{Place, Tally};
use crate::{Context, SymbolState, timeliness};

/// Units of one ticker: its fields, then its checks; a list gives each ticker a block of its own.
pub(super) const BLOCK: usize = 32;
/// The symbol's unit within a block.
const SYMBOL: usize = 31;

/// Weight of a required field; a bid or an ask weighs 2, everything else 1.
pub(super) const WEIGHT_REQUIRED: u64 = 3;

const fn is_price(field: F) -> bool {
    matches!(
        field,
        F::Last | F::Bid | F::Ask | F::High | F::Low | F::Open | F::Vwap
    )
}

/// The fields that hold numbers, in the order of [`numbers`] and of their declaration.
const NUMBERS: [F; 12] = [
    F::Last,
    F::Bid,
    F::Ask,
    F::BidSize,
    F::AskSize,
    F::High,
    F::Low,
    F::Open,
    F::BaseVolume,
    F::QuoteVolume,
    F::Vwap,
    F::Change,
];

const fn numbers(ticker: &Ticker) -> [Option<Decimal>; 12] {
    [
        ticker.last,
        ticker.bid,
        ticker.ask,
        ticker.bid_size,
        ticker.ask_size,
        ticker.high,
        ticker.low,
        ticker.open,
        ticker.base_volume,
        ticker.quote_volume,
        ticker.vwap,
        ticker.change,
    ]
}

/// Both sides of the quote.
const QUOTE: TickerFields = TickerFields::of(&[F::Bid, F::Ask]);

/// Weight of some fields together.
const fn weights(fields: TickerFields) -> u64 {
    let last = if fields.contains(F::Last) {
        WEIGHT_REQUIRED - 1
    } else {
        0
    };
    fields.count() + fields.and(QUOTE).count() + last
}

/// How two numbers above zero compare; where they are clearly apart their digits are not looked at.
fn order(first: Decimal, second: Decimal, near_first: f64, near_second: f64) -> std::cmp::Ordering {
    if near_second > near_first * (1.0 + 1e-12) {
        std::cmp::Ordering::Less
    } else {
        compare(first, second)
    }
}

/// One ticker under judgement: its valid values, and what it owes.
pub(super) struct Record<'t, 'a> {
    tally: &'t mut Tally,
    ticker: &'a Ticker,
    index: usize,
    in_list: bool,
    context: &'a Context<'a>,
    /// Fields that this source has shown to send.
    learned: TickerFields,
    /// Fields that are on the wire as null.
    nulls: TickerFields,
    /// Values that passed validity, by field.
    values: [Option<Decimal>; 12],
    /// The same as numbers, NaN for none.
    near: [f64; 12],
    /// Fields that are on the wire, valid or not.
    pub(super) present: TickerFields,
    pub(super) time: Option<Timestamp>,
    pub(super) sequence: Option<u64>,
    /// Weight of the fields that should be there, and of those that are.
    pub(super) expected: u64,
    pub(super) found: u64,
}

impl<'t, 'a> Record<'t, 'a> {
    pub(super) fn new(
        tally: &'t mut Tally,
        ticker: &'a Ticker,
        index: usize,
        in_list: bool,
        context: &'a Context<'a>,
        learned: TickerFields,
    ) -> Self {
        Self {
            tally,
            ticker,
            index,
            in_list,
            context,
            learned,
            nulls: TickerFields::NONE,
            values: [None; 12],
            near: [f64::NAN; 12],
            present: TickerFields::NONE,
            time: None,
            sequence: ticker.sequence,
            expected: 0,
            found: 0,
        }
    }

    pub(super) fn judge<'d>(&mut self, asked: &[Symbol], faults: impl Iterator<Item = &'d Defect>) {
        self.validity(asked, faults);
        self.completeness();
        self.consistency();
    }

    /// The prices that passed validity.
    pub(super) fn prices(&self) -> Prices {
        let [last, bid, ask, ..] = self.values;
        let [near_last, near_bid, near_ask, ..] = self.near;
        Prices::known(last, bid, ask, [near_last, near_bid, near_ask])
    }

    /// A value as a number, NaN for none.
    fn near(&self, field: F) -> f64 {
        self.near.get(field as usize).copied().unwrap_or(f64::NAN)
    }

    fn value(&self, field: F) -> Option<Decimal> {
        self.values.get(field as usize).copied().flatten()
    }

    fn object(
        &mut self,
        rule: &Rule,
        severity: Severity,
        unit: usize,
        field: &str,
        message: impl FnOnce() -> String,
    ) {
        // One ticker that means nothing does not make a list mean nothing.
        let severity = if self.in_list {
            severity.min(Severity::Error)
        } else {
            severity
        };
        let place = Place {
            unit: self.index.saturating_mul(BLOCK).saturating_add(unit),
            record: self.index,
            field: Some(field),
        };
        self.tally.object(rule, severity, place, message);
    }

    /// Required besides the symbol and a time, for which the receive time stands in.
    fn required(&self) -> &'static [F] {
        match self.context.request.kind() {
            Kind::BidsAsks => &[F::Bid, F::Ask],
            _ => &[F::Last],
        }
    }

    fn validity<'d>(&mut self, asked: &[Symbol], faults: impl Iterator<Item = &'d Defect>) {
        let mut units = 1;
        if !asked.is_empty() && !asked.contains(&self.ticker.symbol) {
            let came = self.ticker.symbol.clone();
            self.object(&V_SYMBOL, Severity::Critical, SYMBOL, "symbol", || {
                format!("{came} came and was not asked for")
            });
        }
        self.values = numbers(self.ticker);
        self.near = self.values.map(|value| value.map_or(f64::NAN, nearest));
        match self.plain() {
            Some(present) => {
                self.present = present;
                units += usize::try_from(present.count()).unwrap_or(0);
            }
            None => units += self.numbers(),
        }
        if self.ticker.sequence.is_some() {
            self.present = self.present.with(F::Sequence);
            units += 1;
        }
        if let Some(time) = self.ticker.time {
            self.present = self.present.with(F::Time);
            units += 1;
            match timeliness::impossible(time, self.context.now) {
                None => self.time = Some(time),
                Some(rule) => {
                    self.object(rule, Severity::Error, F::Time as usize, "time", || {
                        format!("{time} cannot be the time of an event")
                    });
                }
            }
        }
        units += self.unreadable_fields(faults);
        self.tally.checked(Dimension::Validity, units);
    }

    /// The fields that hold numbers, where no rule has a word to say about any of them.
    fn plain(&self) -> Option<TickerFields> {
        let [last, bid, ask, _, _, high, low, open, ..] = &self.values;
        let [
            near_last,
            near_bid,
            near_ask,
            bid_size,
            ask_size,
            near_high,
            near_low,
            near_open,
            base,
            quote,
            vwap,
            _,
        ] = self.near;
        // What is not there is no number, and no comparison holds.
        let prices = [
            near_last, near_bid, near_ask, near_high, near_low, near_open, vwap,
        ];
        let wrong = prices.iter().any(|price| *price <= 0.0)
            || [bid_size, ask_size, base, quote]
                .iter()
                .any(|size| *size < 0.0);
        if wrong || self.context.config.bounds(&self.ticker.symbol).is_some() {
            return None;
        }
        if let Some(tick) = self.context.profile.price_tick {
            let steps = Steps::of(tick);
            let fits = |price: &&Option<Decimal>| price.is_none_or(|price| steps.hold(price));
            if ![last, bid, ask, high, low, open].iter().all(fits) {
                return None;
            }
        }
        let bits = self
            .near
            .iter()
            .rev()
            .fold(0, |bits: u16, near| bits << 1 | u16::from(!near.is_nan()));
        Some(TickerFields::from_bits(bits))
    }

    /// Judges each number; leaves out those that are none. Says how many there are.
    fn numbers(&mut self) -> usize {
        let mut units = 0;
        // Exchanges write 0 for "none" in a market where nothing is traded.
        let quiet = self.ticker.base_volume.is_some_and(|v| v.is_zero());
        let mut values = self.values;
        for (field, slot) in NUMBERS.into_iter().zip(&mut values) {
            let Some(value) = *slot else {
                continue;
            };
            if quiet && is_price(field) && field != F::Last && value.is_zero() {
                *slot = None;
                continue;
            }
            self.present = self.present.with(field);
            units += 1;
            if !self.is_valid(field, value) {
                *slot = None;
            }
        }
        self.values = values;
        self.near = values.map(|value| value.map_or(f64::NAN, nearest));
        units
    }

    /// Fields that came and could not be read: validity, not completeness.
    fn unreadable_fields<'d>(&mut self, faults: impl Iterator<Item = &'d Defect>) -> usize {
        let mut units = 0;
        for defect in faults {
            let field = F::ALL.into_iter().find(|f| f.as_str() == defect.field);
            let Meaning::Invalid(rule) = defects::meaning(defect) else {
                if let Some(field) = field {
                    self.nulls = self.nulls.with(field);
                } else if defect.field == "symbol" {
                    self.object(&C_REQUIRED, Severity::Critical, SYMBOL, "symbol", || {
                        defects::text(defect)
                    });
                }
                continue;
            };
            let severity = if field.is_some_and(|field| self.required().contains(&field)) {
                Severity::Critical
            } else {
                Severity::Error
            };
            if let Some(field) = field {
                self.present = self.present.with(field);
            }
            units += 1;
            let unit = field.map_or(SYMBOL, |field| field as usize);
            self.object(rule, severity, unit, &defect.field, || {
                defects::text(defect)
            });
        }
        units
    }

    fn is_valid(&mut self, field: F, value: Decimal) -> bool {
        let unit = field as usize;
        if is_price(field) {
            if !is_positive(value) {
                let severity = if self.required().contains(&field) && field == F::Last {
                    Severity::Critical
                } else {
                    Severity::Error
                };
                self.object(&V_PRICE, severity, unit, field.as_str(), || {
                    format!("{value} is not above zero")
                });
                return false;
            }
            let bounds = match field {
                F::Last | F::Bid | F::Ask => self.context.config.bounds(&self.ticker.symbol),
                _ => None,
            };
            if let Some(bounds) = bounds.filter(|bounds| !bounds.contains(value)) {
                self.object(&V_BOUNDS, Severity::Error, unit, field.as_str(), || {
                    format!("{value} is outside {} to {}", bounds.min(), bounds.max())
                });
                return false;
            }
            let tick = self.context.profile.price_tick;
            if field != F::Vwap && tick.is_some_and(|tick| !Steps::of(tick).hold(value)) {
                self.object(&V_TICK, Severity::Info, unit, field.as_str(), || {
                    format!("{value} is off the grid of prices")
                });
            }
        } else if field != F::Change && is_negative(value) {
            self.object(&V_SIZE, Severity::Error, unit, field.as_str(), || {
                format!("{value} is negative")
            });
            return false;
        }
        true
    }

    fn completeness(&mut self) {
        let required = self.required();
        // The symbol, and a time: the receive time stands in for the exchange's.
        self.expected += 2 * WEIGHT_REQUIRED;
        self.found += 2 * WEIGHT_REQUIRED;
        for field in required {
            self.expected += WEIGHT_REQUIRED;
            if self.present.contains(*field) {
                self.found += WEIGHT_REQUIRED;
                continue;
            }
            // Of a quote, one side may be missing while the other still means something.
            if *field != F::Last && (self.present.contains(F::Bid) || self.present.contains(F::Ask))
            {
                continue;
            }
            self.object(
                &C_REQUIRED,
                Severity::Critical,
                *field as usize,
                field.as_str(),
                || format!("{} is missing", field.as_str()),
            );
        }
        let due = self
            .context
            .profile
            .expected
            .or(self.learned)
            .or(self.nulls)
            .less(TickerFields::of(required));
        let missing = due.less(self.present);
        let weight = weights(due);
        self.expected += weight;
        self.found += weight;
        if missing != TickerFields::NONE {
            self.found -= weights(missing);
            self.missing(missing);
            let (optional, lost) = (weights(due.less(QUOTE)), weights(missing.less(QUOTE)));
            if optional > 0 && lost * 2 >= optional {
                self.object(&C_OPTIONAL, Severity::Warning, 0, "optional", || {
                    "half or more of the optional fields are missing".to_owned()
                });
            }
        }
        if self.present.contains(F::Bid) != self.present.contains(F::Ask) {
            self.object(
                &C_ONE_SIDED,
                Severity::Warning,
                F::Bid as usize,
                "bid",
                || "only one of bid and ask is there".to_owned(),
            );
        }
    }

    /// Tells each field that should be there and is not.
    fn missing(&mut self, missing: TickerFields) {
        for field in F::ALL.into_iter().filter(|field| missing.contains(*field)) {
            self.object(
                &C_OPTIONAL,
                Severity::Info,
                field as usize,
                field.as_str(),
                || format!("{} is missing", field.as_str()),
            );
        }
    }

    fn consistency(&mut self) {
        let checks = self.quote_checks() + self.range_checks();
        self.tally.checked(Dimension::Consistency, checks);
    }

    fn quote_checks(&mut self) -> usize {
        let (Some(bid), Some(ask)) = (self.value(F::Bid), self.value(F::Ask)) else {
            return 0;
        };
        let (near_bid, near_ask) = (self.near(F::Bid), self.near(F::Ask));
        let order = order(bid, ask, near_bid, near_ask);
        if order.is_gt() {
            self.object(&K_CROSSED, Severity::Error, 0, "bid", || {
                format!("bid {bid} above ask {ask}")
            });
            return 1;
        }
        if order.is_eq() {
            self.object(&K_LOCKED, Severity::Warning, 0, "bid", || {
                format!("bid and ask are both {bid}")
            });
        }
        let Some(last) = self.value(F::Last) else {
            return 1;
        };
        let far = || {
            let distance = (bid - last).max(last - ask).max(Decimal::ZERO);
            let middle = bid.checked_add(ask)?.checked_div(Decimal::TWO)?;
            let near = middle
                .checked_mul(Decimal::new(5, 3))?
                .max((ask - bid).checked_mul(Decimal::from(3))?);
            Some(distance > near)
        };
        let between = clearly_within(self.near(F::Last), near_bid, near_ask, 0);
        if !between && far().unwrap_or(false) {
            self.object(&K_LAST_VS_QUOTE, Severity::Warning, 1, "last", || {
                format!("last {last} is far from the quote {bid} to {ask}")
            });
        }
        2
    }

    fn range_checks(&mut self) -> usize {
        let (high, low) = (self.value(F::High), self.value(F::Low));
        let vwap = self.value(F::Vwap);
        let volume = self.value(F::BaseVolume).filter(|v| is_positive(*v));
        let (near_high, near_low) = (self.near(F::High), self.near(F::Low));
        let near_vwap = self.near(F::Vwap);
        let mut checks = 0;
        if let (Some(high), Some(low)) = (high, low) {
            checks += 1;
            if order(low, high, near_low, near_high).is_gt() {
                self.object(&K_HIGH_LOW, Severity::Error, 2, "high", || {
                    format!("high {high} below low {low}")
                });
                return checks;
            }
            if let Some(last) = self.value(F::Last) {
                checks += 1;
                if !clearly_within(self.near(F::Last), near_low, near_high, 2_000)
                    && !within(last, low, high, 2_000)
                {
                    self.object(&K_LAST_VS_RANGE, Severity::Warning, 3, "last", || {
                        format!("last {last} is outside {low} to {high}")
                    });
                }
            }
            if let (Some(vwap), Some(_)) = (vwap, volume) {
                checks += 1;
                if !clearly_within(near_vwap, near_low, near_high, 1_000)
                    && !within(vwap, low, high, 1_000)
                {
                    self.object(&K_VWAP_RANGE, Severity::Warning, 4, "vwap", || {
                        format!("vwap {vwap} is outside {low} to {high}")
                    });
                }
            }
        }
        let amounts = volume.zip(self.value(F::QuoteVolume));
        let bounds = vwap.map(|vwap| (vwap, vwap)).or(low.zip(high));
        if let (Some((volume, quote)), Some((low, high))) = (amounts, bounds) {
            checks += 1;
            let average = self.near(F::QuoteVolume) / self.near(F::BaseVolume);
            let (near_low, near_high) = match vwap {
                Some(_) => (near_vwap, near_vwap),
                None => (near_low, near_high),
            };
            if clearly_within(average, near_low, near_high, 1_000) {
                return checks;
            }
            let average = quote.checked_div(volume);
            if let Some(average) = average.filter(|average| !within(*average, low, high, 1_000)) {
                self.object(
                    &K_QUOTE_VOLUME,
                    Severity::Warning,
                    5,
                    "quote_volume",
                    || format!("quote volume over base volume is {average}, not {low} to {high}"),
                );
            }
        }
        checks
    }

    pub(super) fn regress(
        &mut self,
        time: Option<Timestamp>,
        sequence: Option<u64>,
        state: &SymbolState,
    ) {
        if let (Some(time), Some(last)) = (time, state.last_time()) {
            self.tally.checked(Dimension::Consistency, 1);
            if time < last {
                self.object(&K_TS_REGRESS, Severity::Error, 6, "time", || {
                    format!("{time} is before the last accepted {last}")
                });
            }
        }
        if let (Some(sequence), Some(last)) = (sequence, state.last_sequence()) {
            self.tally.checked(Dimension::Consistency, 1);
            if sequence < last {
                self.object(&K_SEQ_REGRESS, Severity::Error, 7, "sequence", || {
                    format!("{sequence} is before the last accepted {last}")
                });
            }
        }
    }
}
