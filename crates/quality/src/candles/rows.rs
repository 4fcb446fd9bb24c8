//! Rules for each bar.

use robust_market::{Candle, Severity};
use rust_decimal::Decimal;

use super::Row;
use crate::PriceBounds;
use crate::exact::{compare, last_place, scaled};
use crate::finite::nearest;
use crate::rules::{
    K_COUNT, K_HIGH, K_LOW, K_QUOTE_VOLUME, K_VWAP, K_ZERO_VOL, V_BOUNDS, V_GRID, V_PRICE,
    V_SHIFTED_GRID, V_SIZE,
};
use crate::tally::{Place, Tally};
use crate::tens::word;

/// Bars in a row with one offset that make a shift of the exchange rather than a fault of one bar.
const SHIFTED_RUN: usize = 3;

/// Judges where each bar starts.
pub(super) fn grid(tally: &mut Tally, rows: &[Row<'_>]) {
    let offset = |row: &Row<'_>| row.offset;
    if rows.iter().all(|row| row.offset == 0) {
        return;
    }
    for run in rows.chunk_by(|a, b| offset(a) == offset(b)) {
        let Some(first) = run.first().filter(|row| offset(row) != 0) else {
            continue;
        };
        let place = |row: &Row<'_>| Place {
            field: Some("time"),
            ..Place::row(row.position)
        };
        if run.len() >= SHIFTED_RUN {
            tally.object(&V_SHIFTED_GRID, Severity::Warning, place(first), || {
                format!("{} bars start off the grid alike", run.len())
            });
            for row in run {
                tally.mark(&V_SHIFTED_GRID, Severity::Warning, place(row));
            }
        } else {
            for row in run {
                tally.object(&V_GRID, Severity::Error, place(row), || {
                    format!("{} is off the grid", row.candle.time)
                });
            }
        }
    }
}

/// Judges the values of each bar; one that fails validity is not asked whether it agrees with itself.
pub(super) fn values(tally: &mut Tally, rows: &[Row<'_>], bounds: Option<PriceBounds>) {
    for row in rows {
        if valid(tally, row, bounds) {
            consistent(tally, row);
        }
    }
}

/// Whether no value of the bar can be objected to by its sign.
fn is_plain(row: &Row<'_>) -> bool {
    let candle = row.candle;
    let prices = row.open > 0.0 && row.high > 0.0 && row.low > 0.0 && row.close > 0.0;
    let below = |value: Option<Decimal>| value.is_some_and(|value| value.is_sign_negative());
    prices && row.volume >= 0.0 && !below(candle.quote_volume) && !below(candle.vwap)
}

fn valid(tally: &mut Tally, row: &Row<'_>, bounds: Option<PriceBounds>) -> bool {
    if bounds.is_none() && is_plain(row) {
        return true;
    }
    let candle = row.candle;
    let mut good = true;
    for (field, price) in [
        ("open", candle.open),
        ("high", candle.high),
        ("low", candle.low),
        ("close", candle.close),
    ] {
        if price <= Decimal::ZERO {
            good = false;
            let place = Place {
                field: Some(field),
                ..Place::row(row.position)
            };
            tally.object(&V_PRICE, Severity::Error, place, || {
                format!("{price} is not above zero")
            });
        } else if let Some(bounds) = bounds.filter(|bounds| !bounds.contains(price)) {
            good = false;
            let place = Place {
                field: Some(field),
                ..Place::row(row.position)
            };
            tally.object(&V_BOUNDS, Severity::Error, place, || {
                format!("{price} is outside {} to {}", bounds.min(), bounds.max())
            });
        }
    }
    for (field, size) in [
        ("volume", Some(candle.volume)),
        ("quote_volume", candle.quote_volume),
        ("vwap", candle.vwap),
    ] {
        if let Some(size) = size.filter(|size| *size < Decimal::ZERO) {
            good = false;
            let place = Place {
                field: Some(field),
                ..Place::row(row.position)
            };
            tally.object(&V_SIZE, Severity::Error, place, || {
                format!("{size} is negative")
            });
        }
    }
    good
}

/// Whether the lowest price is the low and the highest the high, as far as that is seen at once: prices of few digits, written alike.
#[inline]
fn is_in_order(candle: &Candle) -> bool {
    let scale = candle.close.scale();
    let alike =
        candle.open.scale() == scale && candle.high.scale() == scale && candle.low.scale() == scale;
    if !alike {
        return false;
    }
    let (Some(open), Some(high), Some(low), Some(close)) = (
        word(candle.open),
        word(candle.high),
        word(candle.low),
        word(candle.close),
    ) else {
        return false;
    };
    low <= open.min(close) && open.max(close) <= high
}

fn consistent(tally: &mut Tally, row: &Row<'_>) {
    let traded = row.volume != 0.0;
    let counted = row.candle.count.is_none_or(|count| (count != 0) == traded);
    if !counted || !is_in_order(row.candle) {
        disagreements(tally, row);
    } else if traded {
        averages(tally, row, |field| Place {
            field: Some(field),
            ..Place::row(row.position)
        });
    } else if row.candle.low != row.candle.high {
        disagreements(tally, row);
    }
}

/// What a bar says against itself, of one of which that is not out of the question.
#[cold]
fn disagreements(tally: &mut Tally, row: &Row<'_>) {
    let Candle {
        open,
        high,
        low,
        close,
        volume,
        ..
    } = *row.candle;
    let place = |field| Place {
        field: Some(field),
        ..Place::row(row.position)
    };
    if below(
        high,
        row.high,
        [(open, row.open), (close, row.close), (low, row.low)],
    ) {
        tally.object(&K_HIGH, Severity::Error, place("high"), || {
            format!("high {high} below open {open}, close {close} or low {low}")
        });
    }
    if above(
        low,
        row.low,
        [(open, row.open), (close, row.close), (high, row.high)],
    ) {
        tally.object(&K_LOW, Severity::Error, place("low"), || {
            format!("low {low} above open {open}, close {close} or high {high}")
        });
    }
    if volume.is_zero() && !(open == high && high == low && low == close) {
        tally.object(&K_ZERO_VOL, Severity::Warning, place("volume"), || {
            "the price moved without volume".to_owned()
        });
    }
    if let Some(count) = row.candle.count
        && volume.is_zero() != (count == 0)
    {
        tally.object(&K_COUNT, Severity::Warning, place("count"), || {
            format!("volume {volume} in {count} trades")
        });
    }
    if row.volume > 0.0 && compare(low, high).is_le() {
        averages(tally, row, place);
    }
}

/// Numbers this share apart are told apart without looking at every digit; their rounding is a thousandth of it.
const APART: f64 = 1e-12;

/// Whether a price is below one of others; all are above zero.
fn below(price: Decimal, near: f64, others: [(Decimal, f64); 3]) -> bool {
    let clear = near * (1.0 - APART);
    let mut others = others.into_iter();
    others.any(|(other, nearly)| nearly >= clear && compare(price, other).is_lt())
}

/// Whether a price is above one of others; all are above zero.
fn above(price: Decimal, near: f64, others: [(Decimal, f64); 3]) -> bool {
    let clear = near * (1.0 + APART);
    let mut others = others.into_iter();
    others.any(|(other, nearly)| nearly <= clear && compare(price, other).is_gt())
}

#[inline]
fn averages(tally: &mut Tally, row: &Row<'_>, place: impl Fn(&'static str) -> Place<'static>) {
    let Candle {
        high, low, volume, ..
    } = *row.candle;
    let inside = |value: f64, slack: f64| {
        value > row.low * (1.0 - slack + APART) && value < row.high * (1.0 + slack - APART)
    };
    if let Some(vwap) = row.candle.vwap.filter(|vwap| !inside(nearest(*vwap), 0.0)) {
        // A rounded average may lie one unit of the last place outside.
        let unit = last_place(high).max(last_place(low)).max(last_place(vwap));
        let below = low.checked_sub(unit).is_some_and(|low| vwap < low);
        let above = high.checked_add(unit).is_some_and(|high| vwap > high);
        if below || above {
            tally.object(&K_VWAP, Severity::Error, place("vwap"), || {
                format!("{vwap} is outside {low} to {high}")
            });
        }
    }
    let outside = |quote: &Decimal| !inside(nearest(*quote) / row.volume, 1e-6);
    if let Some(quote) = row.candle.quote_volume.filter(outside) {
        let unit = last_place(quote);
        let least = scaled(low, -1).and_then(|low| low.checked_mul(volume));
        let most = scaled(high, 1).and_then(|high| high.checked_mul(volume));
        let below = least.is_some_and(|least| quote.checked_add(unit).is_some_and(|q| q < least));
        let above = most.is_some_and(|most| quote.checked_sub(unit).is_some_and(|q| q > most));
        if below || above {
            tally.object(
                &K_QUOTE_VOLUME,
                Severity::Error,
                place("quote_volume"),
                || format!("{quote} over {volume} is outside {low} to {high}"),
            );
        }
    }
}
