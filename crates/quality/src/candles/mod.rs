//! Rules for a series of price bars.

mod across;
mod digits;
mod drawn;
mod gaps;
mod grid;
mod made;
mod measure;
mod path;
mod rows;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use robust_market::{Candle, Candles, Decoded, Dimension, Payload, Report, Request, Severity};

use crate::finite::nearest;
use crate::rules::{
    K_DESCENDING, K_ORDER, U_DUP_CONFLICT, U_DUP_EXACT, U_REVISED, V_INTERVAL, V_SYMBOL, V_TS_UNIT,
};
use crate::seen::Fingerprint;
use crate::tally::{Place, Tally};
use crate::timeliness::{self, Bounds, SourceTime};
use crate::{Context, SymbolState, defects, provenance};
use across::Joint;
use grid::Grid;

/// A bar whose time is possible, with its place on the wire and on the grid.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    candle: &'a Candle,
    position: usize,
    slot: i64,
    /// How far into its place on the grid it starts.
    offset: i64,
    forming: bool,
    /// Its numbers, for statistics and as a sieve before exact comparisons.
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}

/// Judges one series.
pub(crate) fn candles(
    candles: &Candles,
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    state: &mut SymbolState,
) -> Report {
    let total = candles.rows.len().saturating_add(decoded.excluded.len());
    let mut tally = Tally::list(total);
    asked_for(&mut tally, candles, context);
    let lacking = defects::rows(&mut tally, decoded, candles.rows.len());

    let grid = Grid::of(candles, context.profile.calendar);
    let timed = possible(&mut tally, candles, decoded, context, &grid);
    let straight = one_after_the_other(&timed);
    let regular = (straight && timed.len() > 2) || interval(&mut tally, &timed, &grid, context);
    if regular && !(straight && timed.first().is_none_or(|row| row.offset == 0)) {
        rows::grid(&mut tally, &timed);
    }
    rows::values(&mut tally, &timed, context.config.bounds(&candles.symbol));

    let unique = unique(&mut tally, &timed, straight);
    let backwards = order(&mut tally, &timed, &unique, straight);
    let series = gaps::Series {
        unique: &unique,
        straight,
        excluded: &decoded.excluded,
        lacking,
        total,
        regular: regular && !backwards,
    };
    gaps::completeness(&mut tally, &series, &grid, context, state);
    if regular {
        beside(&mut tally, &unique, &grid, context);
    }
    accuracy(&mut tally, &unique, (regular, &grid), context, state);
    let clock = SourceTime::of(context, &state.seen.clock);
    age(&mut tally, &timed, &unique, &grid, &clock, context);
    provenance::judge(
        &mut tally,
        context.provenance,
        Some(candles.symbol.as_str()),
    );
    tally.finish(context.config)
}

/// Holds the sound closed bars against what the market has shown in trades and shorter bars.
fn beside(tally: &mut Tally, unique: &[Row<'_>], grid: &Grid, context: &Context<'_>) {
    let Some(beside) = context.beside else {
        return;
    };
    for row in unique {
        if !row.forming && !tally.is_broken(row.position) {
            let end = grid.end(row.candle.time);
            let bar = (row.candle, row.position);
            beside.judge(
                tally,
                bar,
                grid.interval(),
                end,
                context.profile.dense_candles,
            );
        }
    }
}

/// Closed bars that are remembered for the next page; the newest ones overlap.
const OVERLAP: usize = 100;

/// Judges the closed bars that nothing was objected to so far by their neighbours and by the page before.
fn accuracy(
    tally: &mut Tally,
    unique: &[Row<'_>],
    (regular, grid): (bool, &Grid),
    context: &Context<'_>,
    state: &mut SymbolState,
) {
    if !regular {
        return;
    }
    let mut sound: Vec<&Row<'_>> = Vec::with_capacity(unique.len());
    let all = unique.iter();
    sound.extend(all.filter(|row| !row.forming && !tally.is_broken(row.position)));
    let digits = made::Digits::of(&sound);
    let known = context.profile.price_tick.map(nearest);
    let shown = digits.as_ref().map(|digits| digits.tick);
    let tick = known.or(shown).unwrap_or(0.0);
    if made::judge(tally, &sound, tick) {
        return;
    }
    if let Some(digits) = &digits {
        made::off_grid(tally, &sound, digits);
    }
    let mut path = path::Path::of(&sound, tick, context.profile.dense_candles);
    let joint = path.judge(tally, &sound, grid, state);
    drawn::judge(tally, &path.steps(), context);
    let believed = !matches!(joint, Joint::Away { .. });
    revised(tally, &sound, believed, state);
    across::learn(tally, &sound, joint, path.breaks, state);
}

/// Objects to closed bars that the exchange sent differently before, and remembers the newest ones where they are believed.
fn revised(tally: &mut Tally, sound: &[&Row<'_>], believed: bool, state: &mut SymbolState) {
    let mut place = 0;
    let newest = sound.len().saturating_sub(OVERLAP);
    // Only these can be known: the others of a long page cost nothing.
    let known = state.known_bars().map_or(0..0, |(from, to)| {
        sound.partition_point(|row| row.candle.time < from)
            ..sound.partition_point(|row| row.candle.time <= to)
    });
    for (at, row) in sound.iter().enumerate().skip(known.start.min(newest)) {
        if at >= known.end && at < newest {
            continue;
        }
        let candle = row.candle;
        let content = [
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
        ]
        .into_iter()
        .fold(Fingerprint::new(), Fingerprint::decimal)
        .get();
        let known = state.bar(candle.time, &mut place);
        if known == Some(content) {
            continue;
        }
        if known.is_some() {
            let place = Place {
                field: Some("close"),
                ..Place::row(row.position)
            };
            tally.object(&U_REVISED, Severity::Warning, place, || {
                format!("the closed bar of {} was another one before", candle.time)
            });
        }
        if believed && !tally.is_broken(row.position) {
            state.learn_bar(candle.time, content);
        }
    }
}

fn asked_for(tally: &mut Tally, candles: &Candles, context: &Context<'_>) {
    let Request::Candles {
        symbol, interval, ..
    } = context.request
    else {
        return;
    };
    if *symbol != candles.symbol {
        tally.whole(&V_SYMBOL, Severity::Critical, Some("symbol"), || {
            format!("{} came and was not asked for", candles.symbol)
        });
    }
    if *interval != candles.interval {
        tally.whole(&V_INTERVAL, Severity::Error, Some("interval"), || {
            format!("{} came, {interval} was asked for", candles.interval)
        });
    }
}

/// Bars whose time can be a time; objects to the others.
fn possible<'a>(
    tally: &mut Tally,
    candles: &'a Candles,
    decoded: &Decoded<Payload>,
    context: &Context<'_>,
    grid: &Grid,
) -> Vec<Row<'a>> {
    let mut rows = Vec::with_capacity(candles.rows.len());
    let mut other_unit = 0;
    // A bar that starts later is not forming: it comes from the future, and timeliness says so.
    let soon = context.now.saturating_add(Duration::from_secs(60));
    let range = timeliness::possible(context.now);
    let over = grid.over_before(context.now);
    let mut before = None;
    let mut positions = defects::positions(&decoded.excluded);
    let whole = decoded.excluded.is_empty();
    for (at, candle) in candles.rows.iter().enumerate() {
        let position = if whole {
            at
        } else {
            positions.next().unwrap_or(at)
        };
        let broken = if range.contains(&candle.time.as_ns()) {
            None
        } else {
            timeliness::impossible(candle.time, context.now)
        };
        match broken {
            None => {
                let (slot, offset) = grid.place_after(candle.time, before);
                before = Some((candle.time, slot, offset));
                rows.push(Row {
                    candle,
                    position,
                    slot,
                    offset,
                    forming: candle.time <= soon
                        && (!candle.closed
                            || (candle.time >= over && grid.end(candle.time) > context.now)),
                    open: nearest(candle.open),
                    high: nearest(candle.high),
                    low: nearest(candle.low),
                    close: nearest(candle.close),
                    volume: nearest(candle.volume),
                });
            }
            Some(rule) => {
                other_unit += usize::from(rule == &V_TS_UNIT);
                let place = Place {
                    field: Some("time"),
                    ..Place::row(position)
                };
                tally.object(rule, Severity::Error, place, || {
                    format!("{} cannot be the time of a bar", candle.time)
                });
            }
        }
    }
    if other_unit > 0 && other_unit == candles.rows.len() {
        tally.whole(&V_TS_UNIT, Severity::Critical, Some("time"), || {
            "every bar's time is in another unit".to_owned()
        });
    }
    rows
}

/// Whether the usual distance of the bars is the interval; where it is not, gaps and grid mean nothing.
fn interval(tally: &mut Tally, rows: &[Row<'_>], grid: &Grid, context: &Context<'_>) -> bool {
    let mut steps: Vec<i64> = grid.steps(rows.iter().map(|row| row.candle.time));
    if steps.len() < 2 {
        return true;
    }
    steps.sort_unstable();
    let usual = steps.get(steps.len() / 2).copied().unwrap_or_default();
    let step = grid.step();
    let right = if context.profile.dense_candles {
        usual == step
    } else {
        // Where empty bars are left out, the distance is some multiple, but hardly ever always of the same longer bar.
        usual >= step && usual % step == 0 && (usual == step || !all_longer(&steps, step))
    };
    if !right {
        tally.whole(&V_INTERVAL, Severity::Error, Some("time"), || {
            format!(
                "the bars are {} long, not {}",
                grid.words(usual),
                grid.words(step)
            )
        });
    }
    right
}

/// Whether each bar is the next one on the grid, and starts where its place does.
fn one_after_the_other(rows: &[Row<'_>]) -> bool {
    let follows = |pair: &[Row<'_>]| matches!(pair, [a, b] if b.slot.checked_sub(a.slot) == Some(1) && b.offset == a.offset);
    rows.windows(2).all(follows)
}

/// Distances from which on a common factor of all of them is no chance: of even ones, one in two to the power of this.
const FACTOR: usize = 20;

/// Whether every distance is a multiple of one longer bar.
fn all_longer(steps: &[i64], step: i64) -> bool {
    let common = steps.iter().fold(0, |a, b| {
        let (mut a, mut b) = (a, *b);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    });
    steps.len() >= FACTOR && common > step
}

/// One bar for each time, ascending; objects to the other copies.
fn unique<'r, 'a>(tally: &mut Tally, rows: &'r [Row<'a>], straight: bool) -> Cow<'r, [Row<'a>]> {
    let rises = |pair: &[Row<'_>]| matches!(pair, [a, b] if a.candle.time < b.candle.time);
    let ascending = straight || rows.windows(2).all(rises);
    if ascending {
        share_of_distinct(tally, rows.len(), rows.len());
        return Cow::Borrowed(rows);
    }
    let mut by_time: BTreeMap<_, Row<'a>> = BTreeMap::new();
    for row in rows {
        let Some(first) = by_time.get(&row.candle.time).copied() else {
            by_time.insert(row.candle.time, *row);
            continue;
        };
        let place = |row: Row<'_>| Place {
            field: Some("time"),
            ..Place::row(row.position)
        };
        if first.candle == row.candle {
            tally.object(&U_DUP_EXACT, Severity::Error, place(*row), || {
                format!("the bar of {} again", row.candle.time)
            });
            continue;
        }
        // The closed one is final; of two alike the later one is newer.
        let (kept, dropped) = if first.candle.closed && !row.candle.closed {
            (first, *row)
        } else {
            (*row, first)
        };
        let say = || format!("two different bars of {}", row.candle.time);
        tally.object(&U_DUP_CONFLICT, Severity::Warning, place(kept), say);
        tally.object(&U_DUP_CONFLICT, Severity::Error, place(dropped), say);
        by_time.insert(row.candle.time, kept);
    }
    share_of_distinct(tally, by_time.len(), rows.len());
    Cow::Owned(by_time.into_values().collect())
}

fn share_of_distinct(tally: &mut Tally, distinct: usize, all: usize) {
    if all > 0 {
        let count = |value: usize| u64::try_from(value).unwrap_or(u64::MAX);
        tally.own_share(Dimension::Uniqueness, count(distinct), count(all));
    }
}

/// Objects to bars that are out of order, copies aside; says whether the whole series runs backwards.
fn order(tally: &mut Tally, rows: &[Row<'_>], unique: &[Row<'_>], straight: bool) -> bool {
    tally.checked(Dimension::Consistency, rows.len());
    let rises = |pair: &[Row<'_>]| matches!(pair, [a, b] if a.candle.time < b.candle.time);
    if straight || unique.len() < 2 || rows.windows(2).all(rises) {
        return false;
    }
    let kept: std::collections::BTreeSet<usize> = unique.iter().map(|row| row.position).collect();
    let once: Vec<Row<'_>> = rows
        .iter()
        .filter(|row| kept.contains(&row.position))
        .copied()
        .collect();
    let falls = |pair: &[Row<'_>]| matches!(pair, [a, b] if b.candle.time < a.candle.time);
    let wrong: Vec<usize> = once
        .windows(2)
        .filter(|pair| falls(pair))
        .filter_map(|pair| pair.get(1).map(|row| row.position))
        .collect();
    if wrong.len() + 1 == once.len() && once.len() > 2 {
        tally.whole(&K_DESCENDING, Severity::Error, Some("time"), || {
            "the newest bar comes first".to_owned()
        });
        return true;
    }
    for position in &wrong {
        let place = Place {
            field: Some("time"),
            ..Place::row(*position)
        };
        tally.object(&K_ORDER, Severity::Error, place, || {
            "earlier than the bar before it".to_owned()
        });
    }
    if wrong.len() > 2 {
        tally.whole(&K_ORDER, Severity::Error, Some("time"), || {
            format!("{} bars are out of order", wrong.len())
        });
    }
    false
}

/// Age of the newest closed bar, counted from its close; only where the newest bars were asked for.
fn age(
    tally: &mut Tally,
    rows: &[Row<'_>],
    unique: &[Row<'_>],
    grid: &Grid,
    clock: &SourceTime,
    context: &Context<'_>,
) {
    let newest = rows.iter().map(|row| row.candle.time).max();
    let closed = unique.iter().rev().find(|row| !row.forming);
    if let (Some(closed), true) = (closed, gaps::wants_newest(grid, context)) {
        let end = grid.end(closed.candle.time);
        timeliness::age(
            tally,
            end,
            clock.there,
            Bounds::bars(grid.interval()),
            clock,
        );
    }
    let Some(newest) = newest else {
        return;
    };
    timeliness::whole_ahead(tally, newest, clock);
}
