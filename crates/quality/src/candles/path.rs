//! Is the path of the prices plausible? A market without a closing hour opens each bar where it closed the one before.

use robust_market::{Dimension, Severity};

use super::Row;
use super::across::{self, Joint};
use super::grid::Grid;
use super::measure::{logarithm, middle};
use crate::engine::MAD_TO_SIGMA;
use crate::level::Close;
use crate::rules::{A_DISPLACED, A_LEVEL_SHIFT, A_OPEN_GAP, A_SPIKE, A_WICK};
use crate::tally::{Place, Tally};
use crate::{Finite64, SymbolState};

/// Fewer bars than this have no usual move of their own.
const ENOUGH: usize = 30;
/// Memory of the volatility: the weight of the past in the average of squares.
const EWMA: f64 = 0.97;
/// Returns enter the volatility clipped at this many σ.
const CLIP: f64 = 8.0;
/// No market moves less than this in a bar.
const SIGMA_MIN: f64 = 1e-5;
/// A gap beyond this many σ, and this much of the price, is suspicious: in 282 458 real bars one was over 5 σ.
const GAP: (f64, f64) = (6.0, 0.002);
/// A gap beyond this many of the page's own gaps (nine in ten are no wider) is suspicious as well, from one usual move and this much of
/// the price on, however far the bars themselves move: on the recordings that rules are tuned on no gap of 60 234 is beyond six.
const GAP_OWN: (f64, f64) = (6.0, 0.01);
/// The same of two gaps that take each other back: none of them is beyond four.
const GAP_TAKEN_BACK: f64 = 4.0;
/// Gaps within this share of the price are below that for certain.
const GAP_LEAST: f64 = 0.95 * GAP.1;
/// A gap beyond this is an error.
pub(super) const GAP_HARD: (f64, f64) = (25.0, 0.2);
/// A close that is taken back at once is suspicious, or an error, beyond this.
const SPIKE: (f64, f64) = (8.0, 0.01);
const SPIKE_HARD: (f64, f64) = (15.0, 0.3);
/// The next bar opens within this share of such a move of where it ended.
const SEEN_AGAIN: f64 = 0.25;
/// A wick beyond this is suspicious.
const WICK: (f64, f64) = (25.0, 0.25);
/// A move that is kept is told from this on.
const SHIFT: (f64, f64) = (12.0, 0.02);
/// First bars of a page, whose volatility is taken from what follows.
const HEAD: usize = 64;
/// What a short series without a past has for a usual move: its hard limits alone are left, such as half of the price and back.
const COLD: f64 = 1.0 / 16.0;
/// Fewer bars than this are not judged without a past.
const COLD_ENOUGH: usize = 3;
/// Bars in a row that may be lifted off the path together.
pub(super) const LIFTED_MAX: usize = 12;
/// Empty bars that a path of prices may be followed across, where they are left out.
const ACROSS_MAX: i64 = 10;

/// The bars of one page as numbers, in order of time.
pub(super) struct Path {
    bars: Vec<Bar>,
    /// The smallest step of a price, as far as the digits tell.
    tick: f64,
    /// The gap that nine of ten bars do not exceed; infinite where it is not known.
    usual_gap: f64,
    /// Places of the bars with a gap, a wick or a step that some usual move could make suspicious; of the others nothing is said.
    rough: Vec<usize>,
    /// Whether there is a bar for every interval.
    dense: bool,
    /// Whether the prices go on at another level in the middle of the page.
    pub(super) breaks: bool,
}

#[derive(Debug, Clone, Copy)]
struct Bar {
    position: usize,
    open: f64,
    close: f64,
    high: f64,
    low: f64,
    /// ln of open over the close before; zero where they are close or there is no bar right before.
    gap: f64,
    /// ln of close over the close before.
    step: f64,
    /// Whether the bar before it is there.
    follows: bool,
    /// Whether nothing is missing before it: the bars between were left out because nothing was traded.
    continues: bool,
    /// Bars since the last trade: the price may have gone as far as in so many bars.
    since_trade: f64,
    /// σ², of which hardly any bar needs the root.
    variance: f64,
}

impl Bar {
    fn sigma(&self) -> f64 {
        self.variance.sqrt()
    }
}

/// Whether a wick may be long enough to be suspicious: e^0.25 is 1.284.
#[inline]
fn has_wick(open: f64, high: f64, low: f64, close: f64) -> bool {
    (high > 1.28 * open && high > 1.28 * close) || (open > 1.28 * low && close > 1.28 * low)
}

/// Whether a size is beyond a number of usual moves and a least size; the usual move is only asked for where that matters.
fn beyond(size: f64, (sigmas, least): (f64, f64), sigma: impl FnOnce() -> f64) -> bool {
    size > least && size > sigmas * sigma()
}

impl Path {
    /// The bars that nothing heavier was objected to, closed ones only; `dense` where there is a bar for every interval.
    pub(super) fn of(rows: &[&Row<'_>], tick: f64, dense: bool) -> Self {
        let mut bars: Vec<Bar> = Vec::with_capacity(rows.len());
        let mut before: Option<(&Row<'_>, f64)> = None;
        let mut quiet = 1.0;
        let mut rough = Vec::new();
        for row in rows {
            let close = row.close;
            let (mut gap, mut step, mut follows, mut continues) = (0.0, 0.0, false, false);
            if let Some((previous, last)) = before {
                let apart = row.slot.saturating_sub(previous.slot);
                follows = apart == 1;
                continues = follows || (!dense && (1..=ACROSS_MAX).contains(&apart));
                step = logarithm(last, close);
                // A smaller one is never looked at.
                if continues && (row.open - last).abs() > GAP_LEAST * last {
                    gap = logarithm(last, row.open);
                }
                if continues && !follows {
                    let left_out = u32::try_from(apart - 1).unwrap_or(0);
                    quiet += f64::from(left_out);
                }
            }
            let moves = gap != 0.0 || step.abs() > SPIKE.1;
            if moves || has_wick(row.open, row.high, row.low, close) {
                rough.push(bars.len());
            }
            bars.push(Bar {
                position: row.position,
                open: row.open,
                close,
                high: row.high,
                low: row.low,
                gap,
                step,
                follows,
                continues,
                // Without a trade there is no new price, however long the pause.
                since_trade: if row.volume == 0.0 { 1.0 } else { quiet },
                variance: 0.0,
            });
            quiet = if row.volume == 0.0 { quiet + 1.0 } else { 1.0 };
            before = Some((row, close));
        }
        Self {
            bars,
            tick,
            usual_gap: f64::INFINITY,
            rough,
            dense,
            breaks: false,
        }
    }

    /// Judges every bar by its neighbours and the usual move of the page, or of the page before where this one is short. Without
    /// either the hard limits are left, and accuracy is only spoken of where they are broken.
    pub(super) fn judge(
        &mut self,
        tally: &mut Tally,
        rows: &[&Row<'_>],
        grid: &Grid,
        state: &mut SymbolState,
    ) -> Joint {
        let known = state.seen.bar_sigma.get();
        let usual = self.usual(state);
        let sigma = usual.map_or(COLD, |usual| usual.max(known));
        let joint = across::judge(tally, rows, grid, sigma, &state.seen.bar_level);
        if let (Joint::Goes(end), Some(first)) = (joint, rows.first()) {
            self.follow(&end, first.slot.saturating_sub(grid.slot(end.at)));
        }
        if usual.is_none() && self.bars.len() < COLD_ENOUGH {
            return joint;
        }
        if !self.rough.is_empty() {
            match usual {
                Some(usual) => self.volatility(usual),
                None => self.be_cold(),
            }
            self.learn_gaps();
            self.neighbours(tally);
        }
        if usual.is_some() || tally.is_objected(Dimension::Accuracy) {
            tally.checked(Dimension::Accuracy, self.bars.len());
        }
        joint
    }

    /// Puts the close of the page before in front of the first bar.
    fn follow(&mut self, end: &Close, apart: i64) {
        let last = end.price.get();
        let Some(bar) = self.bars.first_mut().filter(|_| apart >= 1) else {
            return;
        };
        bar.follows = apart == 1;
        bar.continues = bar.follows || (!self.dense && apart <= ACROSS_MAX);
        bar.step = logarithm(last, bar.close);
        if bar.continues && (bar.open - last).abs() > GAP_LEAST * last {
            bar.gap = logarithm(last, bar.open);
            bar.since_trade = bar.since_trade.max(end.quiet.get() + (apart - 1) as f64);
        }
        let moves = bar.gap != 0.0 || bar.step.abs() > SPIKE.1;
        if moves && self.rough.first() != Some(&0) {
            self.rough.insert(0, 0);
        }
    }

    fn be_cold(&mut self) {
        for bar in &mut self.bars {
            bar.variance = COLD * COLD;
        }
    }

    fn neighbours(&mut self, tally: &mut Tally) {
        let mut breaks = false;
        let lifted = self.lifted(tally);
        for (place, bar) in self.rough() {
            let flagged = |at: usize| lifted.get(at).copied().unwrap_or(Lifted::No);
            if flagged(place) == Lifted::Off {
                continue;
            }
            if flagged(place) == Lifted::No {
                breaks |= self.gap(tally, bar);
            }
            self.wick(tally, bar);
            let next = self.bars.get(place + 1).filter(|next| next.follows);
            let beside = flagged(place + 1) == Lifted::Off || flagged(place) == Lifted::Back;
            if let Some(next) = next.filter(|_| !beside) {
                self.turn(tally, bar, next);
            }
        }
        self.breaks = breaks;
    }

    /// The bars of which something may be said.
    fn rough(&self) -> impl Iterator<Item = (usize, &Bar)> {
        let bar = |place: &usize| Some((*place, self.bars.get(*place)?));
        self.rough.iter().filter_map(bar)
    }

    /// ln of each close over the one before it.
    pub(super) fn steps(&self) -> Vec<f64> {
        let steps = self.bars.iter().filter(|bar| bar.follows);
        steps.map(|bar| bar.step).collect()
    }

    /// The usual move of a bar; learned for the next page.
    fn usual(&self, state: &mut SymbolState) -> Option<f64> {
        if self.bars.len() < ENOUGH {
            let known = state.seen.bar_sigma.get();
            return (known > 0.0 && !self.bars.is_empty()).then_some(known);
        }
        let mut keys = Vec::with_capacity(self.bars.len());
        let steps = || {
            self.bars
                .iter()
                .filter(|bar| bar.follows)
                .map(|bar| bar.step)
        };
        let centre = middle(steps(), &mut keys).unwrap_or(0.0);
        let apart = middle(steps().map(|step| (step - centre).abs()), &mut keys);
        let robust = apart.unwrap_or(0.0) * MAD_TO_SIGMA;
        // Where at least half of the bars are lower than that, so is the middle one.
        let low = |bar: &&Bar| bar.high - bar.low <= 2.0 * robust * bar.close;
        let range = if self.bars.iter().filter(low).count() * 2 > self.bars.len() {
            0.0
        } else {
            let ranges = self.bars.iter().map(|bar| (bar.high - bar.low) / bar.close);
            middle(ranges, &mut keys).unwrap_or(0.0) / 2.0
        };
        let usual = robust.max(range).max(SIGMA_MIN);
        state.seen.bar_sigma = Finite64::new(usual)?;
        Some(usual)
    }

    /// σ of each bar from what came before it.
    fn volatility(&mut self, usual: f64) {
        let mut variance = usual * usual;
        let usual = variance.max(SIGMA_MIN * SIGMA_MIN);
        let head = self.head(variance);
        for (place, bar) in self.bars.iter_mut().enumerate() {
            let tick = 2.0 * self.tick / bar.close;
            let early = head.get(place).copied().unwrap_or(0.0);
            let all = variance.max(tick * tick).max(usual).max(early);
            bar.variance = if all.is_finite() { all } else { usual };
            if bar.follows {
                let square = (bar.step * bar.step).min(CLIP * CLIP * bar.variance);
                variance = EWMA * variance + (1.0 - EWMA) * square;
            }
        }
    }

    /// σ² of the first bars from what comes after them: nothing that came before is known. A bar's own way out is left out.
    fn head(&self, usual: f64) -> [f64; HEAD] {
        let mut head = [0.0; HEAD];
        let mut variance = usual;
        for place in (0..HEAD).rev() {
            if let Some(next) = self.bars.get(place + 2).filter(|next| next.follows) {
                let square = (next.step * next.step).min(CLIP * CLIP * variance);
                variance = EWMA * variance + (1.0 - EWMA) * square;
            }
            if let Some(slot) = head.get_mut(place) {
                *slot = variance;
            }
        }
        head
    }

    /// Measures how wide gaps usually are, where one may be wide beside them.
    fn learn_gaps(&mut self) {
        let large = |bar: &Bar| bar.gap.abs() > GAP_OWN.1;
        if self.bars.len() < ENOUGH || !self.rough().any(|(_, bar)| large(bar)) {
            return;
        }
        let pairs = self.bars.iter().zip(self.bars.iter().skip(1));
        let mut gaps: Vec<f64> = pairs
            .filter(|(_, bar)| bar.follows)
            .map(|(before, bar)| logarithm(before.close, bar.open).abs())
            .collect();
        let most = gaps.len() * 9 / 10;
        if gaps.len() >= ENOUGH {
            let (_, usual, _) = gaps.select_nth_unstable_by(most, f64::total_cmp);
            self.usual_gap = *usual;
        }
    }

    /// Whether the gap before a bar is suspicious, by the usual move of `by`.
    fn is_wide(&self, bar: &Bar, by: &Bar) -> bool {
        let size = bar.gap.abs();
        size > GAP.1
            && size > 3.0 * self.tick / bar.close
            && size > GAP.0 * by.sigma() * bar.since_trade.sqrt()
    }

    /// Whether it is suspicious beside so many of the page's own gaps.
    fn is_unlike_others(&self, bar: &Bar, by: &Bar, many: f64) -> bool {
        let size = bar.gap.abs();
        let pause = bar.since_trade.sqrt();
        size > GAP_OWN.1
            && size > 3.0 * self.tick / bar.close
            && size > many * self.usual_gap * pause
            && size > by.sigma() * pause
    }

    /// Bars that a gap leads to and an equal gap leads away from.
    fn lifted(&self, tally: &mut Tally) -> Vec<Lifted> {
        let mut lifted = Vec::new();
        for (place, bar) in self.rough() {
            let wide = |next: &Bar| {
                // By the usual move before the first gap: what is lifted must not measure its own way back.
                self.is_wide(next, bar) || self.is_unlike_others(next, bar, GAP_TAKEN_BACK)
            };
            if bar.gap == 0.0 || !wide(bar) {
                continue;
            }
            if lifted.get(place).is_some_and(|l| *l != Lifted::No) {
                continue;
            }
            let back = (place + 1..=place + LIFTED_MAX)
                .take_while(|at| self.bars.get(*at).is_some_and(|next| next.continues))
                .find(|at| {
                    self.bars.get(*at).is_some_and(|next| {
                        let opposite = next.gap.signum() != bar.gap.signum();
                        // One bar may move while it is off; a block must come back to where it left.
                        let returns = (next.gap + bar.gap).abs() < bar.gap.abs() / 2.0;
                        wide(next) && opposite && (*at == place + 1 || returns)
                    })
                });
            let Some((back, next)) = back.and_then(|at| Some((at, self.bars.get(at)?))) else {
                continue;
            };
            let certain =
                |gap: &Bar| self.is_wide(gap, bar) || self.is_unlike_others(gap, bar, GAP_OWN.0);
            let severity = if certain(bar) && certain(next) {
                Severity::Error
            } else {
                Severity::Warning
            };
            lifted.resize(self.bars.len(), Lifted::No);
            for (at, off) in self.bars.iter().enumerate().take(back).skip(place) {
                if let Some(slot) = lifted.get_mut(at) {
                    *slot = Lifted::Off;
                }
                tally.object(&A_DISPLACED, severity, at_row(off, "open"), || {
                    format!("lifted {:+.2} % off the path", 100.0 * bar.gap.exp_m1())
                });
            }
            if let Some(slot) = lifted.get_mut(back) {
                *slot = Lifted::Back;
            }
        }
        lifted
    }

    /// Says whether the gap is an error.
    fn gap(&self, tally: &mut Tally, bar: &Bar) -> bool {
        let wide = || self.is_wide(bar, bar) || self.is_unlike_others(bar, bar, GAP_OWN.0);
        if !bar.follows || bar.gap == 0.0 || !wide() {
            return false;
        }
        let size = bar.gap.abs();
        let severity = if beyond(size, GAP_HARD, || bar.sigma()) {
            Severity::Error
        } else {
            Severity::Warning
        };
        tally.object(&A_OPEN_GAP, severity, at_row(bar, "open"), || {
            format!(
                "opens {:+.2} % from the close before, {:.0} usual moves",
                100.0 * bar.gap.exp_m1(),
                size / bar.sigma()
            )
        });
        severity == Severity::Error
    }

    fn wick(&self, tally: &mut Tally, bar: &Bar) {
        // The logarithm is only taken of what is large enough.
        if !has_wick(bar.open, bar.high, bar.low, bar.close) {
            return;
        }
        let (top, bottom) = (bar.open.max(bar.close), bar.open.min(bar.close));
        let up = bar.high / top;
        let down = bottom / bar.low;
        let most = up.max(down);
        if beyond(most.ln(), WICK, || bar.sigma()) {
            let field = if up >= down { "high" } else { "low" };
            tally.object(&A_WICK, Severity::Warning, at_row(bar, field), || {
                format!("a wick of {:.0} %", 100.0 * (most - 1.0))
            });
        }
    }

    /// What the next bar makes of this one's move: taken back, or kept.
    fn turn(&self, tally: &mut Tally, bar: &Bar, next: &Bar) {
        if !bar.follows {
            return;
        }
        let sigma = || bar.sigma();
        let size = bar.step.abs();
        if !beyond(size, SPIKE, sigma) {
            return;
        }
        let opposite = bar.step.signum() != next.step.signum();
        let taken_back = size.min(next.step.abs());
        // A bar that opens of its own where this one closed has seen the same price: not one number is wrong, the market was there.
        let away = (next.open - bar.close).abs();
        let seen_again = away > 0.0 && away <= SEEN_AGAIN * taken_back * bar.close;
        let hard = beyond(taken_back, SPIKE_HARD, sigma);
        if opposite && beyond(taken_back, SPIKE, sigma) && (hard || !seen_again) {
            let severity = if hard {
                Severity::Error
            } else {
                Severity::Warning
            };
            tally.object(&A_SPIKE, severity, at_row(bar, "close"), || {
                format!(
                    "{:+.2} % and back at once, {:.0} usual moves",
                    100.0 * bar.step.exp_m1(),
                    taken_back / sigma()
                )
            });
        } else if beyond(size, SHIFT, sigma) && taken_back < size / 2.0 {
            tally.object(&A_LEVEL_SHIFT, Severity::Info, at_row(bar, "close"), || {
                format!("{:+.2} %, and kept", 100.0 * bar.step.exp_m1())
            });
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifted {
    No,
    /// Off the path.
    Off,
    /// The first bar that is back on it.
    Back,
}

const fn at_row<'a>(bar: &Bar, field: &'a str) -> Place<'a> {
    Place {
        unit: bar.position,
        record: bar.position,
        field: Some(field),
    }
}
