//! Rules for each bar.

use robust_market::{Candle, Severity};
use rust_decimal::Decimal;

use super::Row;
use super::grid::Grid;
use crate::PriceBounds;
use crate::exact::{last_place, scaled};
use crate::rules::{
    K_COUNT, K_HIGH, K_LOW, K_QUOTE_VOLUME, K_VWAP, K_ZERO_VOL, V_BOUNDS, V_GRID, V_PRICE,
    V_SHIFTED_GRID, V_SIZE,
};
use crate::tally::{Place, Tally};

/// Bars in a row with one offset that make a shift of the exchange rather than a fault of one bar.
const SHIFTED_RUN: usize = 3;

/// Judges where each bar starts.
pub(super) fn grid(tally: &mut Tally, rows: &[Row<'_>], grid: &Grid) {
    let offset = |row: &Row<'_>| grid.offset(row.candle.time);
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

fn valid(tally: &mut Tally, row: &Row<'_>, bounds: Option<PriceBounds>) -> bool {
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

fn consistent(tally: &mut Tally, row: &Row<'_>) {
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
    if high < open.max(close).max(low) {
        tally.object(&K_HIGH, Severity::Error, place("high"), || {
            format!("high {high} below open {open}, close {close} or low {low}")
        });
    }
    if low > open.min(close).min(high) {
        tally.object(&K_LOW, Severity::Error, place("low"), || {
            format!("low {low} above open {open}, close {close} or high {high}")
        });
    }
    let still = open == high && high == low && low == close;
    if volume.is_zero() && !still {
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
    if volume > Decimal::ZERO && low <= high {
        averages(tally, row, place);
    }
}

fn averages(tally: &mut Tally, row: &Row<'_>, place: impl Fn(&'static str) -> Place<'static>) {
    let Candle {
        high, low, volume, ..
    } = *row.candle;
    if let Some(vwap) = row.candle.vwap {
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
    if let Some(quote) = row.candle.quote_volume {
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
