//! Faults of series of bars.

use std::time::Duration;

use fastrand::Rng;
use robust_market::{Candle, Candles, Timestamp};
use rust_decimal::Decimal;

use super::Wire;
use crate::quality::catalogue::{Cell, Fault, Field};
use crate::quality::draw::below;
use crate::quality::scene::Grid;

/// The rows at either end that single faults leave alone: a fault needs neighbours, and the newest bar may still change.
const EDGE: usize = 12;

/// Breaks a series.
pub(super) fn corrupt(
    series: &mut Candles,
    fault: Fault,
    mut wire: Wire<'_>,
    dense: bool,
    rng: &mut Rng,
) -> Option<()> {
    let grid = wire.grid;
    let interval = series.interval.duration();
    let rows = &mut series.rows;
    let count = rows.len();
    let row = inner(count, 1, rng)?;
    match fault {
        Fault::BreakCell(field, cell) => {
            let name = match field {
                Field::Price => ["open", "high", "low", "close"][rng.usize(0..4)],
                Field::Size => "volume",
                _ => return None,
            };
            wire.exclude(rows, row, row, name, cell);
        }
        Fault::ShortRow => {
            wire.exclude(rows, row, row, "close", Cell::Missing);
            wire.note(Some(row), "volume", Cell::Missing);
        }
        Fault::SetZero(Field::Price) => one(rows, row, &mut wire, |c| c.close = Decimal::ZERO),
        Fault::Negate(Field::Price) => one(rows, row, &mut wire, |c| c.close = -c.close),
        Fault::Negate(Field::Size) => {
            let row = find(rows, rng, |c| !c.volume.is_zero())?;
            one(rows, row, &mut wire, |c| c.volume = -c.volume);
        }
        Fault::HighBelowBody | Fault::LowAboveBody => {
            let row = find(rows, rng, |c| c.open != c.close)?;
            one(rows, row, &mut wire, |c| {
                let middle = (c.open + c.close) / Decimal::TWO;
                let (low, high) = (c.open.min(c.close), c.open.max(c.close));
                if fault == Fault::HighBelowBody {
                    c.high = middle.round_dp(grid.price).min(high - step(grid));
                    c.low = c.low.min(c.high);
                } else {
                    c.low = middle.round_dp(grid.price).max(low + step(grid));
                    c.high = c.high.max(c.low);
                }
            });
        }
        Fault::HighLowSwapped => {
            let row = find(rows, rng, |c| c.high != c.low)?;
            one(rows, row, &mut wire, |c| {
                std::mem::swap(&mut c.high, &mut c.low)
            });
        }
        Fault::ColumnsSwapped => {
            // A market at rest has nothing to swap.
            let moves = rows.iter().filter(|c| c.high != c.low).count();
            (moves > count / 10).then_some(())?;
            for c in rows.iter_mut() {
                std::mem::swap(&mut c.high, &mut c.low);
            }
        }
        Fault::Gap(bars) => {
            (dense && gapless(rows, interval)).then_some(())?;
            let from = inner(count, bars, rng)?;
            rows.drain(from..from + bars);
        }
        Fault::DuplicateExact | Fault::DuplicateConflict => {
            let mut twice = rows.get(row)?.clone();
            if fault == Fault::DuplicateConflict {
                twice.close = grid
                    .price(twice.close, 1.001)?
                    .max(twice.close + step(grid));
                twice.high = twice.high.max(twice.close);
            }
            rows.insert(row + 1, twice);
            wire.marked.extend([row, row + 1]);
        }
        Fault::SwapNeighbours => {
            rows.swap(row, row + 1);
            wire.marked.extend([row, row + 1]);
        }
        Fault::Reverse => rows.reverse(),
        Fault::Misaligned(seconds) => {
            let by = Duration::from_secs(u64::try_from(seconds).ok()?);
            one(rows, row, &mut wire, |c| c.time = c.time.saturating_add(by));
        }
        Fault::SecondsForMs => {
            for c in rows.iter_mut() {
                c.time = Timestamp::from_ms(c.time.as_secs())?;
            }
        }
        Fault::WrongInterval(times) => {
            let last = rows.last()?.time;
            for (back, c) in rows.iter_mut().rev().enumerate() {
                let by = interval * times * u32::try_from(back).ok()?;
                c.time = aligned(last, interval * times).saturating_sub(by);
            }
        }
        Fault::Future(seconds) => {
            let by = Duration::from_secs(u64::try_from(seconds).ok()?);
            // Within its own bar no time is in the future.
            (interval < by).then_some(())?;
            for c in rows.iter_mut() {
                c.time = c.time.saturating_add(by);
            }
        }
        Fault::Lift(factor) => {
            let row = find(rows, rng, |c| !c.volume.is_zero())?;
            lift(rows.get_mut(row)?, factor, grid)?;
            wire.marked.push(row);
        }
        Fault::Wick(factor) => {
            let high = grid.price(rows.get(row)?.high, factor)?;
            one(rows, row, &mut wire, |c| c.high = high);
        }
        Fault::OtherSymbolRows(bars) => {
            let from = inner(count, bars, rng)?;
            let away = 1.0 + 3.0 * rng.f64();
            let factor = if rng.bool() {
                away.exp()
            } else {
                (-away).exp()
            };
            for index in from..from + bars {
                lift(rows.get_mut(index)?, factor, grid)?;
                wire.marked.push(index);
            }
        }
        Fault::FrozenTail(bars) => {
            let from = count.checked_sub(bars + 1)?;
            let (head, tail) = rows.split_at_mut(from + 1);
            let model = head.last()?.clone();
            (!model.volume.is_zero() && model.high != model.low).then_some(())?;
            for (nth, c) in tail.iter_mut().enumerate() {
                *c = Candle {
                    time: c.time,
                    closed: c.closed,
                    ..model.clone()
                };
                wire.marked.push(from + 1 + nth);
            }
        }
        Fault::Interpolated(bars) => interpolate(rows, bars, grid, &mut wire, rng)?,
        Fault::VolumeTimes(factor) => {
            let row = find(rows, rng, |c| !c.volume.is_zero())?;
            let c = rows.get_mut(row)?;
            c.volume = grid.size(c.volume, factor)?;
            // Made of the same wrong trades: only the amount is implausible.
            c.quote_volume = c.quote_volume.and_then(|value| scaled(value, factor));
            wire.marked.push(row);
        }
        Fault::ZeroVolumeWithRange => {
            let row = find(rows, rng, |c| c.high != c.low && !c.volume.is_zero())?;
            one(rows, row, &mut wire, |c| {
                c.volume = Decimal::ZERO;
                c.quote_volume = c.quote_volume.map(|_| Decimal::ZERO);
                c.vwap = c.vwap.map(|_| Decimal::ZERO);
                c.count = c.count.map(|_| 0);
            });
        }
        Fault::HalfTheResponse => {
            rows.drain(..count / 2);
        }
        Fault::ConstantRows => {
            let model = rows.iter().find(|c| !c.volume.is_zero())?.clone();
            for c in rows.iter_mut() {
                *c = Candle {
                    time: c.time,
                    closed: c.closed,
                    open: model.close,
                    high: model.close,
                    low: model.close,
                    quote_volume: model
                        .quote_volume
                        .and(model.volume.checked_mul(model.close)),
                    vwap: model.vwap.map(|_| model.close),
                    ..model.clone()
                };
            }
        }
        Fault::OpenGap(factor) => {
            let row = find(rows, rng, |c| !c.volume.is_zero())?;
            let open = grid.price(rows.get(row.checked_sub(1)?)?.close, factor)?;
            one(rows, row, &mut wire, |c| {
                c.open = open;
                c.high = c.high.max(open);
            });
        }
        Fault::PageRepeated => {
            let again = rows.get(count.checked_sub(100)?..)?.to_vec();
            rows.extend(again);
        }
        Fault::FloatNoise => {
            // Drawn, so that no rule that looks at every so many rows can be lucky or unlucky.
            for index in 0..count {
                let c = rows.get_mut(index)?;
                if rng.f64() >= 0.05 || c.volume.is_zero() {
                    continue;
                }
                let noise = Decimal::new(4, grid.price + 8);
                c.close = c.close.checked_add(noise)?;
                c.high = c.high.max(c.close);
                wire.marked.push(index);
            }
            // A market at rest has hardly a row to put it into.
            (wire.marked.len() * 100 >= count).then_some(())?;
        }
        _ => return None,
    }
    Some(())
}

/// A place for `bars` rows with neighbours on both sides.
fn inner(count: usize, bars: usize, rng: &mut Rng) -> Option<usize> {
    let room = count.checked_sub(2 * EDGE + bars)?;
    (room > 0).then(|| EDGE + below(rng, room))
}

/// An inner row for which `fits` holds.
fn find(rows: &[Candle], rng: &mut Rng, fits: impl Fn(&Candle) -> bool) -> Option<usize> {
    (0..64).find_map(|_| {
        let row = inner(rows.len(), 1, rng)?;
        rows.get(row).is_some_and(&fits).then_some(row)
    })
}

fn one(rows: &mut [Candle], row: usize, wire: &mut Wire<'_>, change: impl FnOnce(&mut Candle)) {
    if let Some(candle) = rows.get_mut(row) {
        change(candle);
        wire.marked.push(row);
    }
}

fn step(grid: Grid) -> Decimal {
    Decimal::new(1, grid.price)
}

fn scaled(value: Decimal, factor: f64) -> Option<Decimal> {
    value.checked_mul(Decimal::from_f64_retain(factor)?.round_dp(9))
}

/// The whole bar times a factor: prices on the grid, and the quote volume with them.
pub(in crate::quality) fn lift(candle: &mut Candle, factor: f64, grid: Grid) -> Option<()> {
    for price in [
        &mut candle.open,
        &mut candle.high,
        &mut candle.low,
        &mut candle.close,
    ] {
        *price = grid.price(*price, factor)?;
    }
    // The average is rounded like the prices, so that it stays within them.
    candle.vwap = match candle.vwap {
        Some(vwap) if !vwap.is_zero() => {
            Some(grid.price(vwap, factor)?.clamp(candle.low, candle.high))
        }
        same => same,
    };
    candle.quote_volume = match candle.quote_volume {
        Some(value) if !candle.volume.is_zero() => {
            let value = scaled(value, factor)?;
            let low = candle.low.checked_mul(candle.volume)?;
            let high = candle.high.checked_mul(candle.volume)?;
            Some(value.clamp(low, high))
        }
        same => same,
    };
    Some(())
}

/// Rows on a straight line from the close before them to their last close.
fn interpolate(
    rows: &mut [Candle],
    bars: usize,
    grid: Grid,
    wire: &mut Wire<'_>,
    rng: &mut Rng,
) -> Option<()> {
    let from = inner(rows.len(), bars, rng)?;
    let start = rows.get(from.checked_sub(1)?)?.close;
    let end = rows.get(from + bars - 1)?.close;
    let slope = (end - start) / Decimal::from(bars);
    // A flat line is a market at rest, and so is one without trades.
    let rests = rows
        .get(from..from + bars)?
        .iter()
        .any(|c| c.volume.is_zero());
    (slope.abs() >= step(grid) && !rests).then_some(())?;
    let mut before = start;
    for nth in 0..bars {
        let c = rows.get_mut(from + nth)?;
        let close = (start + slope * Decimal::from(nth + 1)).round_dp(grid.price);
        (c.open, c.close) = (before, close);
        (c.low, c.high) = (before.min(close), before.max(close));
        let middle = ((before + close) / Decimal::TWO).round_dp(grid.price);
        c.vwap = c.vwap.map(|_| {
            if c.volume.is_zero() {
                Decimal::ZERO
            } else {
                middle
            }
        });
        if c.quote_volume.is_some() {
            c.quote_volume = c.volume.checked_mul(middle);
        }
        before = close;
        wire.marked.push(from + nth);
    }
    Some(())
}

fn gapless(rows: &[Candle], interval: Duration) -> bool {
    rows.windows(2)
        .all(|pair| matches!(pair, [a, b] if b.time.since(a.time) == interval))
}

fn aligned(time: Timestamp, interval: Duration) -> Timestamp {
    let ns = i64::try_from(interval.as_nanos()).unwrap_or(i64::MAX);
    Timestamp::from_ns(time.as_ns() - time.as_ns().rem_euclid(ns))
}
