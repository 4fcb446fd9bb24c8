//! Is the path of the trades plausible? A print is judged by those around it, a sweep through the book as one event.

use robust_market::{Dimension, Severity};

use super::Row;
use super::level::{self, Level};
use crate::engine::MAD_TO_SIGMA;
use crate::rules::A_OUTLIER;
use crate::tally::{Place, Tally};
use crate::{Finite64, SymbolState, Window};

/// Events before and after that a print is judged by.
pub(super) const AROUND: usize = 10;
/// Fewer events than this, those of the page before counted, say nothing.
const ENOUGH: usize = 5;
/// Steps between trades are never smaller than this: two hundredths of a percent.
const STEP_MIN: f64 = 2e-4;
/// A print this many usual steps and this far from those around it is suspicious.
const SOFT: (f64, f64) = (12.0, 0.01);
/// A print this many usual steps and this far from those around it is an error.
pub(super) const HARD: (f64, f64) = (25.0, 0.05);
/// Within one match a print may go this many times as far as the match has gone before.
const WALK: f64 = 3.0;

/// One match of an order against the book: prints of one instant and one side whose prices run in one direction.
#[derive(Debug, Clone, Copy)]
pub(super) struct Event {
    /// Places of its prints in the list.
    pub(super) from: usize,
    to: usize,
    /// ln of the first price.
    first: f64,
    /// ln of the average price, weighted by amount.
    pub(super) average: f64,
}

/// Judges rows in order of time by those around them and by the last ones of the page before.
///
/// Says whether the page is at a level that is not believed yet.
pub(super) fn judge(tally: &mut Tally, rows: &[&Row<'_>], state: &mut SymbolState) -> bool {
    let prices: Vec<f64> = logarithms(rows);
    let events = events(rows, &prices);
    let mut line = Vec::with_capacity(crate::state::PRINTS + events.len());
    line.extend(state.seen.prints.iter());
    let mut before = line.len();
    line.extend(events.iter().map(|event| event.average));
    let base = step(&line, state);
    if rows.is_empty() {
        return false;
    }
    let level = level::judge(tally, rows, &events, base, state);
    if level != Level::Same {
        // What was before says nothing of prices at another level.
        line.drain(..before);
        before = 0;
    }
    if level == Level::Moved {
        state.seen.prints = Window::new(crate::state::PRINTS);
    }
    let mut refused = Vec::new();
    if line.len() >= ENOUGH {
        tally.checked(Dimension::Accuracy, rows.len());
        for place in doubtful(&events, &prices, &line, limit(SOFT, base)) {
            let Some(event) = events.get(place) else {
                continue;
            };
            let around = Around::of(&line, before + place);
            if !event_is_plausible(tally, rows, &prices, event, &around, base) {
                refused.push(place);
            } else if jumps(rows, &events, &line, before, place) {
                jump(tally, rows, event);
            }
        }
        wild(tally, &line, base);
    }
    if level == Level::Away {
        return true;
    }
    learn(&events, base, &refused, state);
    if refused.len() < events.len() {
        let newest = rows.last().map(|row| row.trade.time);
        let level = &mut state.seen.print_level;
        level.at = newest.max(level.at);
        if refused.is_empty() {
            level.waiting = None;
        }
    }
    false
}

/// No market makes such a step between two trades within seconds, but for one match: ln 1.65.
const JUMP: f64 = 0.5;
/// Steps of which a tenth are larger than this are those of no market: a fifth of the price.
const WILD: f64 = 0.2;

/// Whether the level jumps at an event, and is kept.
fn jumps(rows: &[&Row<'_>], events: &[Event], line: &[f64], before: usize, place: usize) -> bool {
    let pair = place
        .checked_sub(1)
        .and_then(|last| Some((events.get(last)?, events.get(place)?)));
    let times = pair.and_then(|(last, event)| {
        Some((
            rows.get(last.to.checked_sub(1)?)?.ns(),
            rows.get(event.from)?.ns(),
        ))
    });
    if times.is_none_or(|(last, at)| at.abs_diff(last) > JUMP_WITHIN_NS) {
        return false;
    }
    let at = before + place;
    let old = line.get(at.saturating_sub(AROUND)..at).unwrap_or_default();
    let to = line.len().min(at + AROUND);
    let new = line.get(at..to).unwrap_or_default();
    let step = |from: Option<f64>, to: Option<f64>| {
        from.zip(to)
            .is_some_and(|(from, to)| (to - from).abs() > JUMP)
    };
    step(old.last().copied(), new.first().copied()) && step(middle(old, &[]), middle(new, &[]))
}

/// Trades further apart than this may have jumped: ten seconds.
const JUMP_WITHIN_NS: u64 = 10_000_000_000;

fn jump(tally: &mut Tally, rows: &[&Row<'_>], event: &Event) {
    if let Some(row) = rows.get(event.from) {
        let place = Place {
            field: Some("price"),
            ..Place::row(row.position)
        };
        tally.object(&A_OUTLIER, Severity::Warning, place, || {
            "half of the price or more within seconds, and kept".to_owned()
        });
    }
}

/// Objects to prices that jump to and fro, such as those of a column that holds no prices.
fn wild(tally: &mut Tally, line: &[f64], base: f64) {
    if line.len() > 2 * AROUND && base > WILD {
        tally.whole(&A_OUTLIER, Severity::Error, Some("price"), || {
            format!(
                "a tenth of the steps are beyond {:.0} %",
                100.0 * base.exp_m1()
            )
        });
    }
}

/// The distance that is suspicious, or an error, where trades usually are so far apart.
fn limit((steps, least): (f64, f64), base: f64) -> f64 {
    (steps * base).max(least)
}

/// Events in a row that are looked at together; no fewer than a print is judged by on either side.
const BLOCK: usize = 16;

/// The lowest and the highest of some logarithms of prices.
#[derive(Debug, Clone, Copy)]
struct Extent {
    low: f64,
    high: f64,
}

impl Extent {
    const NONE: Self = Self {
        low: f64::INFINITY,
        high: f64::NEG_INFINITY,
    };

    fn of(values: &[f64]) -> Self {
        values.iter().fold(Self::NONE, |extent, value| Self {
            low: extent.low.min(*value),
            high: extent.high.max(*value),
        })
    }

    const fn and(self, other: Self) -> Self {
        Self {
            low: self.low.min(other.low),
            high: self.high.max(other.high),
        }
    }
}

/// The events that may be too far from those around them, by their place: all of a block whose prices, with those of the blocks
/// beside it, are further apart than what is suspicious. A middle of prices is one of them, so nothing within is too far from it.
fn doubtful(
    events: &[Event],
    prices: &[f64],
    line: &[f64],
    limit: f64,
) -> impl Iterator<Item = usize> {
    let before = line.len().saturating_sub(events.len());
    // The averages lie among the prices of their events.
    let extents: Vec<Extent> = std::iter::once(Extent::of(line.get(..before).unwrap_or_default()))
        .chain(events.chunks(BLOCK).map(|block| {
            let from = block.first().map_or(0, |event| event.from);
            let to = block.last().map_or(0, |event| event.to);
            Extent::of(prices.get(from..to).unwrap_or_default())
        }))
        .chain([Extent::NONE])
        .collect();
    let count = events.len();
    let wide = (1..extents.len() - 1).filter(move |block| {
        let beside = extents.get(block - 1..block + 2).unwrap_or_default();
        let all = beside.iter().copied().fold(Extent::NONE, Extent::and);
        // A bit less than the limit: an average is rounded.
        all.high - all.low > limit * (1.0 - 1e-9)
    });
    wide.flat_map(move |block| (block - 1) * BLOCK..(block * BLOCK).min(count))
}

/// Prices whose logarithm is remembered within a page, by their last bits; trades bounce between a few.
const LOGARITHMS: usize = 128;

/// ln of each price; one that was there shortly before costs a look.
fn logarithms(rows: &[&Row<'_>]) -> Vec<f64> {
    let mut known = [(f64::NAN, f64::NAN); LOGARITHMS];
    rows.iter()
        .map(|row| {
            let mixed = row.price.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let place = usize::try_from(mixed >> 57).unwrap_or(0);
            match known.get_mut(place) {
                Some((price, ln)) if *price == row.price => *ln,
                slot => {
                    let ln = row.price.ln();
                    if let Some(slot) = slot {
                        *slot = (row.price, ln);
                    }
                    ln
                }
            }
        })
        .collect()
}

fn events(rows: &[&Row<'_>], prices: &[f64]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::with_capacity(rows.len());
    let mut direction = 0.0_f64;
    let mut sums = (0.0, 0.0);
    let mut previous: Option<(&Row<'_>, f64)> = None;
    for (at, (row, ln)) in rows.iter().zip(prices).enumerate() {
        let amount = row.amount;
        let before_it = previous.replace((row, *ln));
        if let (Some((last, before)), Some(event)) = (before_it, events.last_mut()) {
            let step = ln - before;
            let same = last.trade.time == row.trade.time
                && last.trade.side == row.trade.side
                && step * direction >= 0.0;
            if same {
                direction = if step == 0.0 {
                    direction
                } else {
                    step.signum()
                };
                event.to = at + 1;
                sums = (sums.0 + ln * amount, sums.1 + amount);
                event.average = sums.0 / sums.1;
                continue;
            }
        }
        direction = 0.0;
        sums = (ln * amount, amount);
        events.push(Event {
            from: at,
            to: at + 1,
            first: *ln,
            average: *ln,
        });
    }
    events
}

/// The usual step from event to event; that of the page before where this one is short.
fn step(line: &[f64], state: &SymbolState) -> f64 {
    let known = state.seen.print_step.get();
    let steps = line.windows(2).filter_map(|pair| match pair {
        [a, b] => Some((b - a).abs()),
        _ => None,
    });
    let count = line.len().saturating_sub(1);
    if count < 2 * AROUND {
        // A few steps may be those of the fault itself.
        return known.max(STEP_MIN);
    }
    // Numbers that are not below zero have the order of their bits.
    let mut steps: Vec<u64> = steps.map(f64::to_bits).collect();
    let (half, most) = (count / 2, count * 9 / 10);
    let (_, middle, above) = steps.select_nth_unstable(half);
    let usual = f64::from_bits(*middle) * MAD_TO_SIGMA;
    let most = match most.checked_sub(half + 1) {
        Some(place) => *above.select_nth_unstable(place).1,
        None => *middle,
    };
    usual.max(f64::from_bits(most)).max(STEP_MIN)
}

/// The middles of the events before, after, and around one.
struct Around([Option<f64>; 3]);

impl Around {
    fn of(line: &[f64], at: usize) -> Self {
        let before = line.get(at.saturating_sub(AROUND)..at).unwrap_or_default();
        let to = line.len().min(at + 1 + AROUND);
        let after = line.get(at + 1..to).unwrap_or_default();
        Self([
            middle(before, &[]),
            middle(after, &[]),
            middle(before, after),
        ])
    }

    /// How far a price is from the nearest of them.
    fn far(&self, ln: f64) -> f64 {
        let far = self.0.iter().flatten().map(|middle| (ln - middle).abs());
        far.fold(f64::INFINITY, f64::min)
    }
}

/// The middle of some prices, at most [`AROUND`] in each part.
pub(super) fn middle(first: &[f64], second: &[f64]) -> Option<f64> {
    let mut room = [0.0; 2 * AROUND];
    let values = room.get_mut(..first.len() + second.len())?;
    for (slot, value) in values.iter_mut().zip(first.iter().chain(second)) {
        *slot = *value;
    }
    let place = values.len().checked_sub(1)? / 2;
    let (_, middle, _) = values.select_nth_unstable_by(place, f64::total_cmp);
    Some(*middle)
}

/// Judges the prints of one event: its first one and its average, and those that the walk of the match does not explain.
fn event_is_plausible(
    tally: &mut Tally,
    rows: &[&Row<'_>],
    prices: &[f64],
    event: &Event,
    around: &Around,
    base: f64,
) -> bool {
    let (soft, hard) = (limit(SOFT, base), limit(HARD, base));
    let severity = |far: f64| {
        if !far.is_finite() || far <= soft {
            None
        } else if far <= hard {
            Some(Severity::Warning)
        } else {
            Some(Severity::Error)
        }
    };
    let mut plausible = true;
    let mut object = |at: usize, severity: Severity, far: f64| {
        plausible &= severity < Severity::Error;
        if let Some(row) = rows.get(at) {
            let place = Place {
                field: Some("price"),
                ..Place::row(row.position)
            };
            tally.object(&A_OUTLIER, severity, place, || {
                format!("{:.2} % from the trades around it", 100.0 * far.exp_m1())
            });
        }
    };
    let mut walked = 0.0_f64;
    let mut last_good = event.first;
    for at in event.from..event.to {
        let Some(ln) = prices.get(at).copied() else {
            break;
        };
        let step = (ln - last_good).abs();
        let walks = at > event.from && step <= (WALK * walked).max(soft);
        let far = around.far(ln);
        match severity(far).filter(|_| !walks) {
            Some(severity) => object(at, severity, far),
            None => {
                walked = (ln - event.first).abs();
                last_good = ln;
            }
        }
    }
    plausible
}

/// Remembers the last prices for the page after this one.
fn learn(events: &[Event], base: f64, refused: &[usize], state: &mut SymbolState) {
    let newest = events.len().saturating_sub(2 * crate::state::PRINTS);
    for (place, event) in events.iter().enumerate().skip(newest) {
        if refused.binary_search(&place).is_err()
            && let Some(ln) = Finite64::new(event.average)
        {
            state.seen.prints.push(ln);
        }
    }
    state.seen.print_step = Finite64::new(base).unwrap_or(state.seen.print_step);
}
