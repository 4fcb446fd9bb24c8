//! One ticker: its fields, and what they say about each other.

mod checks;

use robust_market::{Defect, Dimension, Kind, Severity, Symbol, Ticker, Timestamp};
use rust_decimal::Decimal;

use super::accuracy::Prices;
use crate::defects::{self, Meaning};
use crate::exact::{Steps, is_negative, is_positive};
use crate::finite::nearest;
use crate::profile::{TickerField as F, TickerFields};
use crate::rules::{
    C_ONE_SIDED, C_OPTIONAL, C_REQUIRED, Rule, V_BOUNDS, V_PRICE, V_SIZE, V_SYMBOL, V_TICK,
};
use crate::tally::{Place, Tally};
use crate::{Context, timeliness};

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

/// The fields that hold numbers, in the order of their declaration.
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

/// A number of a ticker, as it came.
#[inline]
const fn number(ticker: &Ticker, field: F) -> Option<Decimal> {
    match field {
        F::Last => ticker.last,
        F::Bid => ticker.bid,
        F::Ask => ticker.ask,
        F::BidSize => ticker.bid_size,
        F::AskSize => ticker.ask_size,
        F::High => ticker.high,
        F::Low => ticker.low,
        F::Open => ticker.open,
        F::BaseVolume => ticker.base_volume,
        F::QuoteVolume => ticker.quote_volume,
        F::Vwap => ticker.vwap,
        F::Change => ticker.change,
        F::Time | F::Sequence => None,
    }
}

/// The numbers that are compared with each other, as they are near to the decimals; NaN for none.
#[derive(Debug, Clone, Copy)]
struct Near {
    last: f64,
    bid: f64,
    ask: f64,
    high: f64,
    low: f64,
    open: f64,
    base: f64,
    quote: f64,
    vwap: f64,
}

impl Near {
    fn of(value: impl Fn(F) -> Option<Decimal>) -> Self {
        let near = |field| value(field).map_or(f64::NAN, nearest);
        Self {
            last: near(F::Last),
            bid: near(F::Bid),
            ask: near(F::Ask),
            high: near(F::High),
            low: near(F::Low),
            open: near(F::Open),
            base: near(F::BaseVolume),
            quote: near(F::QuoteVolume),
            vwap: near(F::Vwap),
        }
    }
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
    /// Numbers that passed validity.
    valid: TickerFields,
    near: Near,
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
            valid: TickerFields::NONE,
            near: Near::of(|_| None),
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
        let near = [self.near.last, self.near.bid, self.near.ask];
        Prices::known(
            self.value(F::Last),
            self.value(F::Bid),
            self.value(F::Ask),
            near,
        )
    }

    #[inline]
    fn value(&self, field: F) -> Option<Decimal> {
        if self.valid.contains(field) {
            number(self.ticker, field)
        } else {
            None
        }
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
        self.near = Near::of(|field| number(self.ticker, field));
        match self.plain() {
            Some(present) => {
                (self.present, self.valid) = (present, present);
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
        let (ticker, near) = (self.ticker, &self.near);
        // What is not there is no number, and no comparison holds.
        let prices = [
            near.last, near.bid, near.ask, near.high, near.low, near.open, near.vwap,
        ];
        let wrong = prices.iter().any(|price| *price <= 0.0)
            || near.base < 0.0
            || near.quote < 0.0
            || ticker.bid_size.is_some_and(is_negative)
            || ticker.ask_size.is_some_and(is_negative);
        if wrong || self.context.config.bounds(&ticker.symbol).is_some() {
            return None;
        }
        if let Some(tick) = self.context.profile.price_tick {
            let steps = Steps::of(tick);
            let fits = |price: Option<Decimal>| price.is_none_or(|price| steps.hold(price));
            let fit = fits(ticker.last)
                && fits(ticker.bid)
                && fits(ticker.ask)
                && fits(ticker.high)
                && fits(ticker.low)
                && fits(ticker.open);
            if !fit {
                return None;
            }
        }
        let mut present = TickerFields::NONE;
        for field in NUMBERS {
            if number(ticker, field).is_some() {
                present = present.with(field);
            }
        }
        Some(present)
    }

    /// Judges each number; those that are none are not valid. Says how many there are.
    fn numbers(&mut self) -> usize {
        let mut units = 0;
        // Exchanges write 0 for "none" in a market where nothing is traded.
        let quiet = self.ticker.base_volume.is_some_and(|v| v.is_zero());
        for field in NUMBERS {
            let Some(value) = number(self.ticker, field) else {
                continue;
            };
            if quiet && is_price(field) && field != F::Last && value.is_zero() {
                continue;
            }
            self.present = self.present.with(field);
            units += 1;
            if self.is_valid(field, value) {
                self.valid = self.valid.with(field);
            }
        }
        self.near = Near::of(|field| self.value(field));
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
            // Without its time a price of an hour ago looks like one of now.
            let severity = if field == F::Time && !self.in_list {
                Severity::Warning
            } else {
                Severity::Info
            };
            self.object(
                &C_OPTIONAL,
                severity,
                field as usize,
                field.as_str(),
                || format!("{} is missing", field.as_str()),
            );
        }
    }
}
