//! Traces of bars that no market made: repeated, drawn with a ruler, written by a faulty program.

use robust_market::Severity;
use rust_decimal::Decimal;

use super::measure::middle;
use super::{Row, digits};
use crate::engine::MAD_TO_SIGMA;
use crate::finite::nearest;
use crate::rules::{
    A_CONSTANT, A_FROZEN, A_INTERPOLATED, A_OFF_GRID, A_REPEATED_BLOCK, A_VOLUME_REPEAT,
    A_VOLUME_SPIKE, Rule,
};
use crate::tally::{Place, Tally};

/// Identical bars with volume in a row: real ones repeat at most once in 282 458.
const FROZEN: usize = 3;
/// Equal volumes in a row.
const REPEAT: usize = 4;
/// Second differences of about zero in a row; real series have at most seven.
const LINE: usize = 8;
/// A line must rise or fall by more than this many ticks a bar, or ticks alone would draw it.
const SLOPE: f64 = 3.5;
/// Steps of a flatter line, which must keep to its ticks: fills have 20 and more, and a market of few ticks draws nine by chance
/// once in some 100 000 bars.
const FLAT_LINE: usize = 12;
/// Bars that repeat earlier ones.
const BLOCK: usize = 8;
/// A series of one bar over and over is told from this on.
const CONSTANT: usize = 10;
/// Bars from which on the usual volume is known.
const VOLUMES: usize = 30;

fn place(row: &Row<'_>, field: &'static str) -> Place<'static> {
    Place {
        field: Some(field),
        ..Place::row(row.position)
    }
}

/// Equal decimals are nearest to the same number, but for its last bits where their digits are written otherwise.
fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= a.abs() * 1e-12
}

fn alike(first: &Row<'_>, second: &Row<'_>) -> bool {
    let (a, b) = (first.candle, second.candle);
    near(first.close, second.close)
        && near(first.volume, second.volume)
        && a.close == b.close
        && a.volume == b.volume
        && a.open == b.open
        && a.high == b.high
        && a.low == b.low
}

/// Judges closed bars in order of time; says whether the series is nothing but a placeholder.
pub(super) fn judge(tally: &mut Tally, rows: &[&Row<'_>], tick: f64) -> bool {
    if constant(tally, rows) {
        return true;
    }
    // Both begin with bars of equal volume beside each other.
    let beside = rows.windows(2).filter(|pair| match pair {
        [a, b] => near(a.volume, b.volume) && a.volume != 0.0,
        _ => false,
    });
    if beside.count() + 1 >= FROZEN.min(REPEAT) {
        runs(tally, rows, &A_FROZEN, FROZEN, "close", |a, b| {
            a.volume != 0.0 && alike(a, b)
        });
        volumes(tally, rows);
    }
    volume_spike(tally, rows);
    let (steep, flat) = straight(rows, tick.max(0.0));
    if steep {
        lines(tally, rows, tick);
    }
    if flat {
        flat_lines(tally, rows, tick);
    }
    blocks(tally, rows);
    false
}

/// Closes that are looked at together in search of a line: a line is longer than twice as many.
const GLANCE: usize = 4;

/// Whether some bars may close on a steep straight line, and whether on a flat one: a glance at every fourth, because each line
/// holds one of those with the next four.
fn straight(rows: &[&Row<'_>], tick: f64) -> (bool, bool) {
    let (mut steep, mut flat) = (false, false);
    for at in (0..rows.len()).step_by(GLANCE) {
        let Some([a, b, c, d, e]) = rows.get(at..=at + GLANCE) else {
            break;
        };
        let first = b.close - a.close;
        // Two steps of one line are each within the slack of a third, and steeper by that than the least slope.
        let slack = (3.01 * tick).max(first.abs() * 3e-9);
        let second = (c.close - b.close - first).abs() <= slack;
        steep |= second && first.abs() >= (SLOPE - 1.6) * tick;
        let away = (e.close - a.close).abs();
        flat |= away >= 2.9 * tick && away <= (4.0 * SLOPE + 1.1) * tick && {
            let next = (d.close - a.close).abs();
            next >= 1.9 * tick && next <= (3.0 * SLOPE + 1.1) * tick
        };
    }
    (steep, flat)
}

fn constant(tally: &mut Tally, rows: &[&Row<'_>]) -> bool {
    let Some(first) = rows.first().filter(|_| rows.len() >= CONSTANT) else {
        return false;
    };
    let same = first.volume != 0.0 && rows.iter().all(|row| alike(row, first));
    if same {
        tally.whole(&A_CONSTANT, Severity::Critical, None, || {
            format!("{} times the same bar with volume", rows.len())
        });
    }
    same
}

/// Objects to all but the first bar of each run of at least `least` pairwise alike bars.
fn runs(
    tally: &mut Tally,
    rows: &[&Row<'_>],
    rule: &Rule,
    least: usize,
    field: &'static str,
    alike: impl Fn(&Row<'_>, &Row<'_>) -> bool,
) {
    for run in rows.chunk_by(|a, b| alike(a, b)) {
        if run.len() < least {
            continue;
        }
        for row in run.iter().skip(1) {
            tally.object(rule, Severity::Error, place(row, field), || {
                format!("one of {} alike in a row", run.len())
            });
        }
    }
}

fn volumes(tally: &mut Tally, rows: &[&Row<'_>]) {
    let equal = |a: &Row<'_>, b: &Row<'_>| {
        a.volume != 0.0 && near(a.volume, b.volume) && a.candle.volume == b.candle.volume
    };
    let long = rows
        .chunk_by(|a, b| equal(a, b))
        .any(|run| run.len() >= REPEAT && !run_is_frozen(run));
    if long {
        let mut all: Vec<Decimal> = rows
            .iter()
            .map(|row| row.candle.volume)
            .filter(|volume| !volume.is_zero())
            .collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        // The run itself is not held against the rest: eight of ten others must be distinct.
        if all.len() * 5 > count * 4 || (count < 50 && all.len() * 2 > count) {
            runs(tally, rows, &A_VOLUME_REPEAT, REPEAT, "volume", |a, b| {
                equal(a, b) && !alike(a, b)
            });
        }
    }
}

fn run_is_frozen(run: &[&Row<'_>]) -> bool {
    run.windows(2)
        .all(|pair| matches!(pair, [a, b] if alike(a, b)))
}

/// A volume less than so many e-folds above the usual one is never suspicious.
const ABOVE_MIN: f64 = 4.0;

/// Objects to volumes far above the usual one that stand alone.
fn volume_spike(tally: &mut Tally, rows: &[&Row<'_>]) {
    let volumes = || {
        rows.iter()
            .map(|row| row.volume)
            .filter(|volume| *volume > 0.0)
    };
    let (count, most) = volumes().fold((0_usize, 0.0_f64), |(count, most), volume| {
        (count + 1, most.max(volume))
    });
    // Most series hold nothing that is far above: where more than half are near the largest one, so is the middle.
    let near = most / ABOVE_MIN.exp() * (1.0 + 1e-12);
    if count < VOLUMES || volumes().filter(|volume| *volume >= near).count() * 2 > count + 1 {
        return;
    }
    let mut keys = Vec::with_capacity(count);
    let Some(usual) = middle(volumes(), &mut keys) else {
        return;
    };
    if most <= usual * ABOVE_MIN.exp() {
        return;
    }
    // Where one bar in twenty is a hundred times the middle, a volume that is far above it is usual.
    let far = volumes().filter(|volume| *volume > 100.0 * usual).count();
    if far * 20 > count {
        return;
    }
    let usual = usual.ln();
    let spread = middle(
        volumes().map(|volume| (volume.ln() - usual).abs()),
        &mut keys,
    );
    let spread = (spread.unwrap_or(0.0) * MAD_TO_SIGMA).max(0.3);
    let traded: Vec<(f64, &Row<'_>)> = rows
        .iter()
        .filter(|row| row.volume > 0.0)
        .map(|row| (row.volume.ln(), *row))
        .collect();
    for (place_at, (ln, row)) in traded.iter().enumerate() {
        let above = ln - usual;
        if above <= ABOVE_MIN {
            continue;
        }
        let beside = |at: Option<usize>| at.and_then(|at| traded.get(at)).map_or(usual, |n| n.0);
        let next_to = beside(place_at.checked_sub(1)).max(beside(Some(place_at + 1)));
        // A market that wakes up trades more for many bars: a faulty volume stands alone.
        let lonely = ln - next_to;
        let far = above > 8.0 * spread && lonely > 3.0;
        // In a bar that moved no more than usual bars do, less is enough.
        let alone = above > (4.0 * spread).max(5.0) && lonely > 4.0 && calm(rows, row);
        if far || alone {
            tally.object(
                &A_VOLUME_SPIKE,
                Severity::Warning,
                place(row, "volume"),
                || format!("{:.0} times the usual volume", above.exp()),
            );
        }
    }
}

/// Whether a bar moved at most three times as far as bars usually do.
fn calm(rows: &[&Row<'_>], row: &Row<'_>) -> bool {
    let range = |row: &Row<'_>| (row.high - row.low) / row.close;
    let all = rows.iter().map(|row| range(row));
    middle(all, &mut Vec::new()).is_some_and(|usual| range(row) <= 3.0 * usual)
}

/// Objects to bars on a straight line between two others.
fn lines(tally: &mut Tally, rows: &[&Row<'_>], tick: f64) {
    let mut from = 0;
    let mut slope: Option<f64> = None;
    let ticks = tick.max(0.0);
    let close = |at: usize| rows.get(at).map(|row| row.close);
    for at in 1..=rows.len() {
        let step = match (close(at - 1), close(at)) {
            (Some(a), Some(b)) => Some(b - a),
            _ => None,
        };
        let goes_on = match (slope, step) {
            (Some(slope), Some(step)) => {
                let slack = (1.5 * ticks).max(step.abs() * 1e-9);
                (step - slope).abs() <= slack
            }
            _ => false,
        };
        if goes_on {
            continue;
        }
        // The run went from bar `from` to bar `at - 1`.
        if let Some(slope) = slope
            && at - from >= LINE + 2
            && slope.abs() > SLOPE * ticks
        {
            for row in rows.iter().take(at - 1).skip(from + 1) {
                tally.object(
                    &A_INTERPOLATED,
                    Severity::Error,
                    place(row, "close"),
                    || format!("one of {} closes on a straight line", at - from),
                );
            }
        }
        from = at - 1;
        slope = step;
    }
}

/// Objects to bars on a flat line, of one to [`SLOPE`] ticks a bar, each close within half a tick of it.
fn flat_lines(tally: &mut Tally, rows: &[&Row<'_>], tick: f64) {
    if tick <= 0.0 {
        return;
    }
    let half = 0.5 + 1e-6;
    let ticks = 1.0 / tick;
    let close = |at: usize| rows.get(at).map(|row| row.close * ticks);
    let mut from = 0;
    while let (Some(start), Some(next)) = (close(from), close(from + 1)) {
        // Slopes of lines that begin at the first close and pass every other one within half a tick.
        let (mut least, mut most) = (f64::NEG_INFINITY, f64::INFINITY);
        let mut steps = 0;
        if (1.0 - half..SLOPE + half).contains(&(next - start).abs()) {
            while let Some(close) = close(from + steps + 1) {
                let count = f64::from(u32::try_from(steps + 1).unwrap_or(u32::MAX));
                let away = close - start;
                let (low, high) = ((away - half) / count, (away + half) / count);
                if low > most || high < least {
                    break;
                }
                (least, most) = (least.max(low), most.min(high));
                steps += 1;
            }
        }
        let slope = (least + most).abs() / 2.0;
        if steps < FLAT_LINE || !(1.0 - 1e-6..=SLOPE).contains(&slope) {
            from += 1;
            continue;
        }
        for row in rows.iter().skip(from + 1).take(steps) {
            tally.object(
                &A_INTERPOLATED,
                Severity::Error,
                place(row, "close"),
                || format!("one of {steps} closes on a straight line"),
            );
        }
        from += steps;
    }
}

/// Objects to blocks of bars that were in the series before.
fn blocks(tally: &mut Tally, rows: &[&Row<'_>]) {
    if rows.len() < 2 * BLOCK {
        return;
    }
    let mix = |row: &Row<'_>| {
        let words = row.close.to_bits() ^ row.volume.to_bits().rotate_left(17);
        let mixed = words.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        usize::try_from(mixed >> 48).unwrap_or(0)
    };
    // A cheap sieve first: bars whose close and volume may have been there before.
    let mut sieve = vec![0_u64; 1_024];
    let mut run = 0;
    let mut longest = 0;
    for row in rows {
        let bit = mix(row);
        let word = sieve.get_mut(bit / 64);
        let known = word
            .as_ref()
            .is_some_and(|word| **word >> (bit % 64) & 1 == 1);
        if let Some(word) = word {
            *word |= 1 << (bit % 64);
        }
        run = if known && row.volume != 0.0 {
            run + 1
        } else {
            0
        };
        longest = longest.max(run);
    }
    if longest < BLOCK {
        return;
    }
    let mut first = std::collections::HashMap::new();
    let mut run: Vec<&Row<'_>> = Vec::new();
    let mut expected: Option<usize> = None;
    let flush = |tally: &mut Tally, run: &mut Vec<&Row<'_>>| {
        if run.len() >= BLOCK && !run_is_frozen(run) {
            for row in run.iter() {
                tally.object(
                    &A_REPEATED_BLOCK,
                    Severity::Error,
                    place(row, "close"),
                    || format!("one of {} bars that were in the series before", run.len()),
                );
            }
        }
        run.clear();
    };
    for (at, row) in rows.iter().enumerate() {
        let candle = row.candle;
        let key = (
            candle.open,
            candle.high,
            candle.low,
            candle.close,
            candle.volume,
        );
        let goes_on = expected
            .and_then(|earlier| rows.get(earlier))
            .is_some_and(|earlier| alike(earlier, row));
        if goes_on {
            run.push(row);
            expected = expected.map(|earlier| earlier + 1);
        } else {
            flush(tally, &mut run);
            expected = None;
            if let Some(earlier) = first.get(&key).filter(|_| !candle.volume.is_zero()) {
                run.push(row);
                expected = Some(earlier + 1);
            }
        }
        first.entry(key).or_insert(at);
    }
    flush(tally, &mut run);
}

/// How many decimals the prices of each bar need, how many those of nine in ten do, and the step that this makes.
pub(super) struct Digits {
    needed: Vec<u32>,
    usual: u32,
    pub(super) tick: f64,
}

impl Digits {
    /// Every bar counts: of a sample of every fifth, a fault in every twentieth is in a quarter.
    pub(super) fn of(rows: &[&Row<'_>]) -> Option<Self> {
        let mut guess = 0;
        let needed: Vec<u32> = rows
            .iter()
            .map(|row| {
                guess = digits::needed(row.candle, guess);
                guess
            })
            .collect();
        let mut bars = [0_usize; 1 + Decimal::MAX_SCALE as usize];
        for decimals in &needed {
            let at = usize::try_from(*decimals).ok();
            if let Some(count) = at.and_then(|at| bars.get_mut(at)) {
                *count += 1;
            }
        }
        let rank = rows.len().checked_sub(1)? * 9 / 10;
        let mut below = 0;
        let usual = bars.iter().position(|count| {
            below += count;
            below > rank
        })?;
        let usual = u32::try_from(usual).ok()?;
        let tick = nearest(Decimal::try_new(1, usual).ok()?);
        Some(Self {
            needed,
            usual,
            tick,
        })
    }
}

/// Objects to a few bars whose prices have more decimals than the rest.
pub(super) fn off_grid(tally: &mut Tally, rows: &[&Row<'_>], digits: &Digits) {
    // One digit more is what an exchange does that makes its tick finer; the noise of a float has many.
    let usual = digits.usual.saturating_add(1);
    let off: Vec<(usize, &&Row<'_>)> = rows
        .iter()
        .zip(&digits.needed)
        .enumerate()
        .filter(|(_, (_, needed))| **needed > usual)
        .map(|(at, (row, _))| (at, row))
        .collect();
    // More of them are another tick, not a fault.
    if off.is_empty() || rows.len() < VOLUMES || off.len() * 5 >= rows.len() {
        return;
    }
    // All of them at one end of the series: that is where the exchange changed its tick.
    let (Some((first, _)), Some((last, _))) = (off.first(), off.last()) else {
        return;
    };
    let room = 2 * off.len();
    if off.len() > 2 && (*last < room || *first + room >= rows.len()) {
        return;
    }
    for (_, row) in off {
        tally.object(&A_OFF_GRID, Severity::Warning, place(row, "close"), || {
            format!("a price with more than {usual} decimals, unlike the series")
        });
    }
}
