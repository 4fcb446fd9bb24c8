//! What the numbers of one ticker say about each other, and about the ticker before.

use std::cmp::Ordering;

use robust_market::{Dimension, Severity, Timestamp};
use rust_decimal::Decimal;

use super::super::accuracy::place;
use super::Record;
use crate::SymbolState;
use crate::exact::{clearly_within, compare, is_positive, within};
use crate::finite::nearest;
use crate::profile::TickerField as F;
use crate::rules::{
    K_CHANGE, K_CROSSED, K_HIGH_LOW, K_LAST_VS_QUOTE, K_LAST_VS_RANGE, K_LOCKED, K_OPEN_VS_RANGE,
    K_QUOTE_VOLUME, K_SEQ_REGRESS, K_TS_REGRESS, K_VWAP_RANGE,
};
use crate::tally::Tally;

/// How far the change may be from what the prices say, as a share of the last price: exchanges round, and count the change in another moment.
const CHANGE_SLACK: f64 = 5e-3;

/// How two numbers above zero compare; where they are clearly apart their digits are not looked at.
fn order(first: Decimal, second: Decimal, near_first: f64, near_second: f64) -> Ordering {
    if near_second > near_first * (1.0 + 1e-12) {
        Ordering::Less
    } else {
        compare(first, second)
    }
}

/// A change that the prices beside it do not make.
pub(in crate::ticker) struct Contradiction {
    change: Decimal,
    last_and_open: Option<(Decimal, Decimal)>,
}

impl Contradiction {
    pub(in crate::ticker) fn object(&self, tally: &mut Tally) {
        let change = self.change;
        let place = place(9, "change");
        tally.object(&K_CHANGE, Severity::Warning, place, || {
            match self.last_and_open {
                Some((last, open)) => {
                    format!("change {change} is not last {last} less open {open}")
                }
                None => format!("change {change} is more than the whole range"),
            }
        });
    }
}

impl Record<'_, '_> {
    pub(super) fn consistency(&mut self) {
        let checks = self.quote_checks() + self.range_checks();
        self.tally.checked(Dimension::Consistency, checks);
    }

    fn quote_checks(&mut self) -> usize {
        let (Some(bid), Some(ask)) = (self.value(F::Bid), self.value(F::Ask)) else {
            return 0;
        };
        let (near_bid, near_ask) = (self.near.bid, self.near.ask);
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
        let between = clearly_within(self.near.last, near_bid, near_ask, 0);
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
        let (near_high, near_low) = (self.near.high, self.near.low);
        let near_vwap = self.near.vwap;
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
                if !clearly_within(self.near.last, near_low, near_high, 2_000)
                    && !within(last, low, high, 2_000)
                {
                    self.object(&K_LAST_VS_RANGE, Severity::Warning, 3, "last", || {
                        format!("last {last} is outside {low} to {high}")
                    });
                }
            }
            if let Some(open) = self.value(F::Open) {
                checks += 1;
                if !clearly_within(self.near.open, near_low, near_high, 2_000)
                    && !within(open, low, high, 2_000)
                {
                    self.object(&K_OPEN_VS_RANGE, Severity::Warning, 8, "open", || {
                        format!("open {open} is outside {low} to {high}")
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
        if self.near.base == 0.0 && self.near.quote > 0.0 {
            checks += 1;
            self.object(
                &K_QUOTE_VOLUME,
                Severity::Warning,
                5,
                "quote_volume",
                || "a quote volume, and yet no base volume".to_owned(),
            );
        }
        let amounts = volume.zip(self.value(F::QuoteVolume));
        let bounds = vwap.map(|vwap| (vwap, vwap)).or(low.zip(high));
        if let (Some((volume, quote)), Some((low, high))) = (amounts, bounds) {
            checks += 1;
            let average = self.near.quote / self.near.base;
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

    /// Objects to a change that is not the last price less the first one, or more than the whole range.
    ///
    /// A wrong price makes the change wrong as well: to be asked where nothing else is objected to.
    pub(in crate::ticker) fn change(&self) -> Option<Contradiction> {
        let (change, near) = (self.value(F::Change)?, &self.near);
        let slack = near.last * CHANGE_SLACK;
        let (least, most) = if near.open > 0.0 {
            let moved = near.last - near.open;
            (moved - slack, moved + slack)
        } else {
            let range = near.high - near.low;
            (-range - slack, range + slack)
        };
        let found = nearest(change);
        // What is not there is no number, and no comparison holds.
        (found < least || found > most).then(|| Contradiction {
            change,
            last_and_open: self.value(F::Last).zip(self.value(F::Open)),
        })
    }

    pub(in crate::ticker) fn regress(
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
