//! Sound data: what is blamed of it, and how it scores.

use std::collections::BTreeMap;

use robust_market::{Acceptance, Severity};
use robust_quality::SymbolState;

use super::catalogue::Data;
use super::made::{self, Style};
use super::recorded::Recorded;
use super::scene::{Feed, Origin};
use super::{PRESETS, quantile};

/// What was said of one sound feed.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub data: Data,
    /// The exchange.
    pub exchange: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Records: bars, trades, levels, tickers.
    pub records: u64,
    /// Answers.
    pub answers: u64,
    /// Objections that weigh an Error or more.
    pub errors: u64,
    /// Objections that weigh a Warning.
    pub warnings: u64,
    /// Answers that were not accepted as a whole.
    pub not_accepted: u64,
    /// Answers that were rejected.
    pub rejected: u64,
    /// The scores.
    pub scores: Vec<f64>,
    /// How often each rule objected.
    pub rules: BTreeMap<&'static str, u64>,
}

impl Judged {
    /// Judges a feed from its first answer on, as a client would meet it.
    #[must_use]
    pub fn of(data: Data, feed: &Feed) -> Self {
        let mut judged = Self {
            name: feed.name.clone(),
            data,
            exchange: feed.source.exchange.to_string(),
            origin: feed.origin,
            records: 0,
            answers: 0,
            errors: 0,
            warnings: 0,
            not_accepted: 0,
            rejected: 0,
            scores: Vec::with_capacity(feed.shots.len()),
            rules: BTreeMap::new(),
        };
        let mut state = SymbolState::new();
        for shot in &feed.shots {
            let Some(report) = feed.source.judge(shot, &mut state) else {
                continue;
            };
            judged.answers += 1;
            judged.records += shot.decoded.value.len() as u64;
            judged.not_accepted += u64::from(report.acceptance != Acceptance::Accept);
            judged.rejected += u64::from(report.acceptance == Acceptance::Reject);
            judged.scores.push(report.overall.get());
            for issue in &report.issues {
                if issue.severity < Severity::Warning {
                    continue;
                }
                *judged.rules.entry(issue.rule).or_default() += 1;
                if issue.severity >= Severity::Error {
                    judged.errors += 1;
                } else {
                    judged.warnings += 1;
                }
            }
        }
        judged
    }

    /// The mean score.
    #[must_use]
    pub fn mean(&self) -> f64 {
        super::mean(&self.scores)
    }

    /// The score that 99 % of the answers reach.
    #[must_use]
    pub fn p1(&self) -> f64 {
        quantile(&mut self.scores.clone(), 0.01)
    }
}

/// `count` of `of`, per ten thousand; 0 of nothing.
#[must_use]
pub(super) fn per_10k(count: u64, of: u64) -> f64 {
    if of == 0 {
        0.0
    } else {
        count as f64 * 1e4 / of as f64
    }
}

/// Every sound feed.
#[derive(Debug, Default)]
pub struct Clean {
    /// One for each feed.
    pub sets: Vec<Judged>,
}

/// Hours of a made series of closes.
const HOURS: usize = 5_000;

/// The seed of the sound feeds; none of the faults'.
const SEED: u64 = 77;

impl Clean {
    /// Judges the recorded feeds, and of the generated ones every preset in every style.
    #[must_use]
    pub fn run(recorded: &Recorded) -> Self {
        let mut sets = Vec::new();
        for data in Data::ALL {
            for feed in recorded.feeds.get(&data).into_iter().flatten() {
                sets.push(Judged::of(data, feed));
            }
            for (nth, preset) in PRESETS.iter().enumerate() {
                if data == Data::Ticker
                    && let Ok(feed) = made::hourly(preset, HOURS, SEED + nth as u64)
                {
                    sets.push(Judged::of(data, &feed));
                }
                for style in Style::ALL {
                    let seed = SEED + nth as u64;
                    if let Ok(feed) = made::feed(data, preset, style, seed) {
                        sets.push(Judged::of(data, &feed));
                    }
                }
            }
        }
        Self { sets }
    }

    /// Sums over the feeds that fit.
    pub fn sum(&self, fits: impl Fn(&Judged) -> bool, of: impl Fn(&Judged) -> u64) -> u64 {
        self.sets.iter().filter(|set| fits(set)).map(of).sum()
    }

    /// Sets, answers, mean score and the score that 99 % reach, by exchange and kind.
    #[must_use]
    pub fn by_exchange(&self) -> BTreeMap<(String, Data), (usize, u64, f64, f64)> {
        let mut scores: BTreeMap<(String, Data), (usize, Vec<f64>)> = BTreeMap::new();
        for set in &self.sets {
            let all = scores.entry((set.exchange.clone(), set.data)).or_default();
            all.0 += 1;
            all.1.extend(&set.scores);
        }
        scores
            .into_iter()
            .map(|(key, (sets, mut scores))| {
                let mean = super::mean(&scores);
                let p1 = quantile(&mut scores, 0.01);
                (key, (sets, scores.len() as u64, mean, p1))
            })
            .collect()
    }

    /// Whether any recorded feed is there.
    #[must_use]
    pub fn has_recorded(&self) -> bool {
        self.sets.iter().any(|set| set.origin != Origin::Generated)
    }
}

/// Whether a ticker feed is of whole hours.
#[must_use]
pub(super) fn is_hourly(set: &Judged) -> bool {
    set.data == Data::Ticker && set.name.ends_with("closes")
}
