//! Is this price plausible after the ones before it?

use robust_market::Timestamp;
use serde::{Deserialize, Serialize};

use crate::finite::{Finite64, seconds};
use crate::{Peers, Window};

/// Log returns that the usual spread is taken from.
const WINDOW: usize = 1_000;
/// Fewer returns than this are no history.
const COLD: usize = 30;
/// Fewer returns than this say nothing of what is usual at all.
const COOL: usize = 5;
/// Between the two, a return beyond this is doubted if it is also far beyond all others: 5 %.
const COOL_LEAST: f64 = 0.05;
/// So far: this many times the largest of them.
const COOL_BEYOND: f64 = 25.0;
/// Prints that may wait for the level to be confirmed.
const PENDING_MAX: usize = 8;
/// A return beyond this many σ is suspicious.
const SOFT: f64 = 10.5;
/// A return beyond this many σ is an error.
const HARD: f64 = 25.0;
/// A return beyond this is an error whatever the history: ln(price), so about 50 %.
const RETURN_MAX: f64 = 0.5;
/// Accepted returns enter the history clipped at this many σ, so that nothing masks what comes next.
const CLIP: f64 = 8.0;
/// Memory of the volatility: the weight of the past in the average of squares.
const EWMA: f64 = 0.97;
/// Consistent prints that make a new level.
const TIGHT: u8 = 3;
/// Prints that make a new level where each goes further (a waterfall).
const LOOSE: u8 = 5;
/// The prints of a new level lie within this of each other, however far it is: 5 %.
const TIGHT_MAX: f64 = 0.05;
/// A print of a waterfall lies within this of the one before it.
const LOOSE_MAX: f64 = 0.35;
/// σ grows with the square root of a pause, at most tenfold.
const PAUSE_MAX: f64 = 100.0;
/// Seconds in which the least step is nothing unusual: half a percent in a minute.
const FLOOR_LASTS: f64 = 60.0;
/// MAD of a normal distribution to its standard deviation.
pub(crate) const MAD_TO_SIGMA: f64 = 1.482_602_218_505_602;
/// Comparisons of two equal steps in ln(price) allow for the last bits.
const ROUNDING: f64 = 1e-9;

/// The smallest moves that mean something, per kind of data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Floor {
    /// Twelve of the smallest usual moves: σ is never less than a twelfth of it.
    noise: f64,
    /// A move up to this is never suspicious.
    pass: f64,
}

impl Floor {
    /// Half a percent, for tickers; what is a little less is noise already.
    pub(crate) const TICKER: Self = Self {
        noise: 0.005,
        pass: 0.0045,
    };
    /// One percent, for the middle of a book.
    pub(crate) const MIDDLE: Self = Self {
        noise: 0.01,
        pass: 0.01,
    };

    /// The smallest usual move.
    const fn sigma(self) -> f64 {
        self.noise / 12.0
    }
}

/// The streaming accuracy of one symbol: the last level, how much it usually moves, and prints that wait for confirmation.
///
/// Works on ln(price), so that it does not depend on the scale. A move is judged against the largest of the robust spread
/// of the last 1 000 accepted returns, the current volatility, and the tick. What is refused never enters the history; what
/// is confirmed by the prints after it becomes the new level, so that nothing locks in.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Engine {
    returns: Window,
    /// Average of squared returns.
    variance: Finite64,
    level: Option<(Finite64, Timestamp)>,
    /// Usual seconds between accepted prints.
    pace: Finite64,
    pending: Vec<Finite64>,
    tight: u8,
    loose: u8,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            returns: Window::new(WINDOW),
            variance: Finite64::ZERO,
            level: None,
            pace: Finite64::ZERO,
            pending: Vec::new(),
            tight: 0,
            loose: 0,
        }
    }
}

/// What the engine makes of one price. Nothing is learned until it is [told to](Engine::learn).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Weighed {
    ln: Finite64,
    at: Timestamp,
    /// ln(price) less the last level.
    pub(crate) step: f64,
    /// The usual step at this pause.
    pub(crate) sigma: f64,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Too little history to judge; plausible.
    Cold,
    /// Plausible.
    Near,
    /// Implausible, and yet another exchange agrees.
    Confirmed,
    /// The level is new, and confirmed by the prints before: so many wait for release.
    Level { released: usize },
    /// Implausible until confirmed.
    Pending {
        hard: bool,
        tight: u8,
        loose: u8,
        restart: bool,
    },
}

impl Engine {
    /// Whether there is enough history to judge.
    pub(crate) fn is_warm(&self) -> bool {
        self.returns.len() >= COLD
    }

    /// Prints that wait for the level to be confirmed.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// The usual step, without a pause.
    pub(crate) fn sigma(&mut self, floor: Floor, tick: f64) -> f64 {
        self.moves().max(floor.sigma()).max(tick)
    }

    /// The usual step as far as the history tells.
    fn moves(&mut self) -> f64 {
        let robust = self.returns.mad().unwrap_or(0.0) * MAD_TO_SIGMA;
        robust.max(self.variance.get().sqrt())
    }

    /// The usual step after a pause of so many seconds. What was measured from print to print grows with the pause beside the usual
    /// one, the least step only beside [`FLOOR_LASTS`]: it says what markets do in a while, not from one message of a stream to the
    /// next. A tick is a tick.
    fn sigma_after(&mut self, seconds: f64, floor: Floor, tick: f64) -> f64 {
        let pace = self.pace.get();
        let growth = |usual: f64| {
            if pace > 0.0 {
                (seconds / usual).clamp(1.0, PAUSE_MAX).sqrt()
            } else {
                1.0
            }
        };
        let least = floor.sigma() * growth(pace.max(FLOOR_LASTS));
        (self.moves() * growth(pace)).max(least).max(tick)
    }

    /// Weighs one price: ln(price), when it came, the tick as a share of the price, and what others say.
    pub(crate) fn weigh(
        &mut self,
        ln: Finite64,
        at: Timestamp,
        floor: Floor,
        tick: f64,
        peers: Option<&Peers>,
    ) -> Weighed {
        let Some((level, when)) = self.level else {
            return Weighed {
                ln,
                at,
                step: 0.0,
                sigma: 0.0,
                outcome: Outcome::Cold,
            };
        };
        let step = ln.get() - level.get();
        // A step that is small beside the floor is plausible and never clipped, whatever is usual: that need not be known.
        if self.is_warm() && step.abs() <= CLIP * floor.sigma() {
            return Weighed {
                ln,
                at,
                step,
                sigma: floor.sigma(),
                outcome: Outcome::Near,
            };
        }
        let sigma = self.sigma_after(seconds(when, at), floor, tick);
        Weighed {
            ln,
            at,
            step,
            sigma,
            outcome: self.decide(ln.get(), step, sigma, seconds(when, at), floor, peers),
        }
    }

    /// Whether a return is far beyond the few that are known. Too few to say what is usual, they still say what a jump is; the next print
    /// on the same side settles it, so that a market that begins wildly is never locked out.
    fn is_strange(&self, size: f64, seconds: f64) -> bool {
        if self.returns.len() < COOL || size <= COOL_LEAST {
            return false;
        }
        let largest = self
            .returns
            .iter()
            .fold(0.0, |most: f64, step| most.max(step.abs()));
        let pace = self.pace.get();
        let growth = if pace > 0.0 {
            (seconds / pace).clamp(1.0, PAUSE_MAX).sqrt()
        } else {
            1.0
        };
        size > COOL_LEAST.max(COOL_BEYOND * largest) * growth
    }

    fn decide(
        &self,
        ln: f64,
        step: f64,
        sigma: f64,
        seconds: f64,
        floor: Floor,
        peers: Option<&Peers>,
    ) -> Outcome {
        let size = step.abs();
        let warm = self.is_warm();
        if !warm {
            if size <= RETURN_MAX && !self.is_strange(size, seconds) {
                return Outcome::Cold;
            }
        } else if size <= floor.pass || (size <= SOFT * sigma && size <= RETURN_MAX) {
            return Outcome::Near;
        }
        let near = floor.noise.max(3.0 * sigma);
        let hard = (warm && size > HARD * sigma) || size > RETURN_MAX;
        let shared =
            |peers: &Peers| peers.near(ln, near) >= 1 || (!hard && peers.class_moved(step, near));
        if peers.is_some_and(shared) {
            return Outcome::Confirmed;
        }
        let (tight, loose, restart) = self.count(ln, step, sigma, floor);
        // Two others that stay at the old level, and none at the new one: this exchange is alone.
        let alone = peers.is_some_and(|peers| peers.near(ln - step, near) >= 2);
        let again = !warm && !hard && self.is_same_side(ln - step, step);
        if !alone && (again || (!restart && (tight >= TIGHT || loose >= LOOSE))) {
            return Outcome::Level {
                released: self.pending.len(),
            };
        }
        Outcome::Pending {
            hard,
            tight,
            loose,
            restart,
        }
    }

    /// Whether the print before went the same way from the level, and waits.
    fn is_same_side(&self, level: f64, step: f64) -> bool {
        let before = self.pending.last();
        before.is_some_and(|before| (before.get() - level).signum() == step.signum())
    }

    /// How many prints agree with this one, itself counted, and whether it begins anew.
    fn count(&self, ln: f64, step: f64, sigma: f64, floor: Floor) -> (u8, u8, bool) {
        let Some(before) = self.pending.last().map(|before| before.get()) else {
            return (1, 1, true);
        };
        let level = ln - step;
        let same_side = (before - level).signum() == step.signum();
        let further = (ln - before).abs();
        let size = step.abs() * (1.0 + ROUNDING);
        let usual = (6.0 * sigma).max(floor.noise);
        let close = further <= usual.max((0.25 * size).min(TIGHT_MAX));
        let falls_on = (ln - before).signum() == step.signum();
        // Two equal steps of a fall differ by as much as the market usually moves.
        let follows = falls_on && further <= (0.5 * (size + usual)).min(LOOSE_MAX);
        if !same_side || !(close || follows) {
            return (1, 1, true);
        }
        (
            self.tight.saturating_add(u8::from(close)),
            self.loose.saturating_add(1),
            false,
        )
    }

    /// Takes in what was weighed. For values that no other rule objects to.
    pub(crate) fn learn(&mut self, weighed: &Weighed) {
        match weighed.outcome {
            Outcome::Cold | Outcome::Near => self.accept(weighed),
            Outcome::Confirmed => {
                // A jump that others share is no measure of the usual step.
                self.settle(weighed);
            }
            Outcome::Level { .. } => {
                let steps = self.median_step(weighed.ln.get()).min(0.1);
                let variance = self.variance.get().max(steps * steps);
                self.variance = Finite64::new(variance).unwrap_or(self.variance);
                self.settle(weighed);
            }
            Outcome::Pending {
                tight,
                loose,
                restart,
                ..
            } => {
                if restart {
                    self.pending.clear();
                }
                if self.pending.capacity() == 0 {
                    self.pending.reserve_exact(PENDING_MAX);
                }
                if self.pending.len() >= PENDING_MAX {
                    self.pending.remove(0);
                }
                self.pending.push(weighed.ln);
                (self.tight, self.loose) = (tight, loose);
            }
        }
    }

    fn accept(&mut self, weighed: &Weighed) {
        if let Some((_, when)) = self.level {
            // While cold there is no σ to clip at: a first return would otherwise be cut to the floor.
            let clip = if self.is_warm() {
                CLIP * weighed.sigma
            } else {
                RETURN_MAX
            };
            let step = weighed.step.clamp(-clip, clip);
            if let Some(step) = Finite64::new(step) {
                self.returns.push(step);
            }
            let variance = EWMA * self.variance.get() + (1.0 - EWMA) * step * step;
            self.variance = Finite64::new(variance).unwrap_or(self.variance);
            let gap = seconds(when, weighed.at).clamp(0.0, 86_400.0);
            let pace = if self.pace.get() > 0.0 {
                self.pace.get() + (gap - self.pace.get()) * 0.05
            } else {
                gap
            };
            self.pace = Finite64::new(pace).unwrap_or(self.pace);
        }
        self.settle(weighed);
    }

    fn settle(&mut self, weighed: &Weighed) {
        self.level = Some((weighed.ln, weighed.at));
        self.pending.clear();
        (self.tight, self.loose) = (0, 0);
    }

    /// The middle of the steps between the prints that waited, the newest one counted.
    fn median_step(&self, newest: f64) -> f64 {
        let mut steps = [0.0; PENDING_MAX];
        let next = self
            .pending
            .iter()
            .skip(1)
            .map(|ln| ln.get())
            .chain([newest]);
        let mut count = 0;
        for (slot, (a, b)) in steps.iter_mut().zip(self.pending.iter().zip(next)) {
            *slot = (b - a.get()).abs();
            count += 1;
        }
        let Some(steps) = steps.get_mut(..count) else {
            return 0.0;
        };
        steps.sort_unstable_by(f64::total_cmp);
        steps.get(count / 2).copied().unwrap_or(0.0)
    }

    /// Feeds a step of a known series as history, such as that of a closed bar, scaled to this engine's pace.
    pub(crate) fn teach(&mut self, step: Finite64) {
        self.returns.push(step);
        let step = step.get();
        let variance = EWMA * self.variance.get() + (1.0 - EWMA) * step * step;
        self.variance = Finite64::new(variance).unwrap_or(self.variance);
    }

    /// Sets the level where none is known yet.
    pub(crate) fn start(&mut self, ln: Finite64, at: Timestamp, pace: f64) {
        if self.level.is_none() {
            self.level = Some((ln, at));
            self.pace = Finite64::new(pace).unwrap_or_default();
        }
    }

    pub(crate) fn memory(&self) -> usize {
        self.returns.memory() + self.pending.capacity() * size_of::<Finite64>()
    }
}

#[cfg(test)]
mod tests;
