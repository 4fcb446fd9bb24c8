//! How many of the faults are found, and where they are booked.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;
use robust_market::{Acceptance, Dimension, Report, Severity};

use super::catalogue::{CATALOGUE, Data, Entry};
use super::corrupt::corrupt;
use super::draw::below;
use super::made::{self, Style};
use super::scene::{Base, Broken, Feed, Origin};
use super::stats::Share;
use super::{PRESETS, Preset};

/// Bases for one kind of data.
#[derive(Debug, Default)]
pub struct Pool {
    bases: BTreeMap<Data, Vec<Base>>,
    /// Sound answers that were not accepted without a warning as they are, by feed: they can carry no fault.
    pub refused: BTreeMap<String, u32>,
}

/// How many answers the rules see before a base is taken, where a feed has as many: after 200 they know which fields a source sends.
const WARM: usize = 220;
/// Bases of one feed.
const PER_FEED: usize = 6;

/// With fewer trials of a kind than this, each style with one preset has enough bases.
const FEW: u32 = 40;

impl Pool {
    /// Bases of every preset and style, of the series, and of recorded feeds, for `n` trials of each kind.
    #[must_use]
    pub fn new(n: u32, seed: u64, recorded: &BTreeMap<Data, Vec<Feed>>) -> Self {
        let mut pool = Self::default();
        let mut rng = Rng::with_seed(seed);
        for data in Data::ALL {
            for (row, preset) in PRESETS.iter().enumerate() {
                for (column, style) in Style::ALL.into_iter().enumerate() {
                    let seed = rng.u64(..);
                    let is_left_out = n < FEW && !(row + column).is_multiple_of(6);
                    if is_left_out || !is_plausible(data, preset, style) {
                        continue;
                    }
                    if let Ok(feed) = made::feed(data, preset, style, seed) {
                        pool.add(data, &feed, &mut rng);
                    }
                }
            }
            for feed in recorded.get(&data).into_iter().flatten() {
                if data == Data::Ticker {
                    let mut feed = feed.clone();
                    made::tell_peers(&mut feed, &mut rng);
                    pool.add(data, &feed, &mut rng);
                } else {
                    pool.add(data, feed, &mut rng);
                }
            }
        }
        pool
    }

    fn add(&mut self, data: Data, feed: &Feed, rng: &mut Rng) {
        let count = feed.shots.len();
        // Of a page of history follows little, of 220 prints much.
        let warm = if matches!(data, Data::Candles | Data::Trades) {
            1.min(count.saturating_sub(1))
        } else {
            WARM.min(count * 3 / 4)
        };
        let places: Vec<usize> = (0..PER_FEED)
            .map(|_| warm + below(rng, count - warm))
            .collect();
        let (bases, refused) = Base::at(feed, &places);
        if refused > 0 {
            *self.refused.entry(feed.name.clone()).or_default() += refused;
        }
        self.bases.entry(data).or_default().extend(bases);
    }

    /// A base for a fault, and what the fault makes of it. Half of them recorded, where there are recordings.
    fn draw(&self, entry: &Entry, rng: &mut Rng) -> Option<(&Base, Broken)> {
        let bases = self.bases.get(&entry.data)?;
        let recorded: Vec<&Base> = bases
            .iter()
            .filter(|b| b.origin != Origin::Generated)
            .collect();
        let made: Vec<&Base> = bases
            .iter()
            .filter(|b| b.origin == Origin::Generated)
            .collect();
        let wants_recorded = rng.bool();
        (0..400).find_map(|attempt| {
            // Some faults cannot be made of any recording: no feed there has both a time and a sequence.
            let from = if wants_recorded && attempt < 200 && !recorded.is_empty() {
                &recorded
            } else {
                &made
            };
            let base = *from.get(below(rng, from.len()))?;
            corrupt(base, entry.fault, rng).map(|broken| (base, broken))
        })
    }
}

/// Whether an exchange of this style shows such a market: where bars without trades are left out, a halt shows nothing but a hole.
fn is_plausible(data: Data, preset: &Preset, style: Style) -> bool {
    let sparse = !matches!(style, Style::Binance | Style::Kraken);
    !(data == Data::Candles && preset.halt > 0 && sparse)
}

/// What became of one kind of fault.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// A warning or worse, anywhere.
    pub any: Share,
    /// A warning or worse in the dimension where it belongs.
    pub dimension: Share,
    /// Not accepted; of a list accepted with exclusions, one of the broken records excluded.
    pub kept_out: Share,
    /// What the rules said, by acceptance.
    pub acceptance: [u32; 4],
    /// Rules that objected, and how often.
    pub rules: BTreeMap<&'static str, u32>,
    /// Rules that objected alone, and how often.
    pub alone: BTreeMap<&'static str, u32>,
    /// Some that were missed: the name of the base.
    pub missed: Vec<String>,
    /// Found on generated bases.
    pub generated: Share,
    /// Found on recorded bases.
    pub recorded: Share,
}

/// The most examples of misses that are kept for one kind.
const EXAMPLES: usize = 3;

impl Found {
    fn add(&mut self, base: &Base, broken: &Broken, report: &Report, dimension: Dimension) {
        let heavy = || {
            report
                .issues
                .iter()
                .filter(|issue| issue.severity >= Severity::Warning)
        };
        let any = heavy().next().is_some();
        let there = heavy().any(|issue| issue.dimension == dimension);
        self.any.add(any);
        self.dimension.add(there);
        self.kept_out.add(keeps_out(broken, report));
        if let Some(count) = self.acceptance.get_mut(report.acceptance as usize) {
            *count += 1;
        }
        let rules: BTreeSet<&'static str> = heavy().map(|issue| issue.rule).collect();
        if let (Some(rule), 1) = (rules.first(), rules.len()) {
            *self.alone.entry(rule).or_default() += 1;
        }
        for issue in heavy() {
            *self.rules.entry(issue.rule).or_default() += 1;
        }
        if base.origin == Origin::Generated {
            self.generated.add(any);
        } else {
            self.recorded.add(any);
        }
        if !there && self.missed.len() < EXAMPLES {
            self.missed.push(base.name.clone());
        }
    }
}

/// Whether the broken record does not reach who reads the report.
fn keeps_out(broken: &Broken, report: &Report) -> bool {
    match report.acceptance {
        Acceptance::Accept => false,
        Acceptance::AcceptWithExclusions => {
            broken.marked.is_empty()
                || broken
                    .marked
                    .iter()
                    .any(|index| report.exclusions.contains(index))
        }
        Acceptance::Quarantine | Acceptance::Reject => true,
    }
}

/// The result for every kind, in the order of the catalogue.
#[derive(Debug, Default)]
pub struct Recall {
    /// One for each kind.
    pub found: Vec<(Entry, Found)>,
    /// Sound answers that could not be used as bases, by feed.
    pub refused: BTreeMap<String, u32>,
}

impl Recall {
    /// Breaks `n` bases a seed with each kind of fault, and judges them.
    #[must_use]
    pub fn run(n: u32, seeds: &[u64], recorded: &BTreeMap<Data, Vec<Feed>>) -> Self {
        let mut found: Vec<(Entry, Found)> = CATALOGUE
            .iter()
            .map(|entry| (*entry, Found::default()))
            .collect();
        let mut refused = BTreeMap::new();
        for seed in seeds {
            let pool = Pool::new(n, *seed, recorded);
            for (name, count) in &pool.refused {
                *refused.entry(name.clone()).or_default() += count;
            }
            for (nth, (entry, found)) in found.iter_mut().enumerate() {
                let mut rng = Rng::with_seed(seed.wrapping_mul(1_000).wrapping_add(nth as u64));
                for _ in 0..n {
                    let Some((base, broken)) = pool.draw(entry, &mut rng) else {
                        break;
                    };
                    if let Some(report) = base.judge(&broken) {
                        found.add(base, &broken, &report, entry.dimension);
                    }
                }
            }
        }
        Self { found, refused }
    }

    /// The mean over kinds of a share; kinds weigh the same.
    #[must_use]
    pub fn mean(&self, of: impl Fn(&Entry) -> bool, share: impl Fn(&Found) -> Share) -> f64 {
        let shares: Vec<f64> = self
            .found
            .iter()
            .filter(|(entry, _)| of(entry))
            .map(|(_, found)| share(found).value())
            .collect();
        super::stats::mean(&shares)
    }

    /// All trials of some kinds together.
    #[must_use]
    pub fn sum(&self, of: impl Fn(&Entry) -> bool, share: impl Fn(&Found) -> Share) -> Share {
        let mut sum = Share::default();
        for (_, found) in self.found.iter().filter(|(entry, _)| of(entry)) {
            let share = share(found);
            sum.hits += share.hits;
            sum.trials += share.trials;
        }
        sum
    }
}
