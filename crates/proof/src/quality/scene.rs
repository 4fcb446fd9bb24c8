//! A payload with everything that it is judged by: the question, what came before it, the clock.

use std::time::Duration;

use robust_market::{Acceptance, Decoded, Exchange, Payload, Report, Request, Severity, Timestamp};
use robust_quality::{Context, Peers, Profile, SymbolState, judge};
use rust_decimal::Decimal;

/// The steps of prices and sizes, as decimal places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Places of a price.
    pub price: u32,
    /// Places of a size.
    pub size: u32,
}

impl Grid {
    /// The price times a factor, on the grid again; `None` where that is zero or does not fit.
    #[must_use]
    pub fn price(self, price: Decimal, factor: f64) -> Option<Decimal> {
        scaled(price, factor, self.price)
    }

    /// The size times a factor, on the grid again; `None` where that is zero or does not fit.
    #[must_use]
    pub fn size(self, size: Decimal, factor: f64) -> Option<Decimal> {
        scaled(size, factor, self.size)
    }
}

fn scaled(value: Decimal, factor: f64, places: u32) -> Option<Decimal> {
    let factor = Decimal::from_f64_retain(factor)?.round_dp(9);
    let value = value.checked_mul(factor)?.round_dp(places);
    (!value.is_zero()).then_some(value)
}

/// One answer and when it came.
#[derive(Debug, Clone)]
pub struct Shot {
    /// What was decoded.
    pub decoded: Decoded<Payload>,
    /// When its first byte came.
    pub received: Timestamp,
    /// The time that ages are measured at.
    pub now: Timestamp,
    /// What other exchanges say of the pair.
    pub peers: Option<Peers>,
    /// How far the source's clock is ahead, where more than this feed tells.
    pub clock_ahead: Option<Duration>,
}

impl Shot {
    /// A sound answer, judged when it comes.
    #[must_use]
    pub const fn sound(payload: Payload, received: Timestamp) -> Self {
        Self {
            decoded: Decoded::clean(payload),
            received,
            now: received,
            peers: None,
            clock_ahead: None,
        }
    }

    /// An answer that may be broken, judged when it comes.
    #[must_use]
    pub fn read(decoded: Decoded<Payload>, received: Timestamp, now: Timestamp) -> Self {
        Self {
            decoded,
            received,
            now,
            peers: None,
            clock_ahead: None,
        }
    }
}

/// What stays the same from answer to answer of one source.
#[derive(Debug, Clone)]
pub struct Source {
    /// The exchange.
    pub exchange: Exchange,
    /// The question.
    pub request: Request,
    /// What the exchange is able to send.
    pub profile: Profile,
    /// The steps of prices and sizes.
    pub grid: Grid,
}

impl Source {
    /// Judges one answer and lets the state learn from it. `None` never happens for the kinds of this benchmark.
    pub fn judge(&self, shot: &Shot, state: &mut SymbolState) -> Option<Report> {
        let mut context = Context::new(&self.request, self.profile, shot.received, shot.now);
        context.peers = shot.peers;
        context.clock_ahead = shot.clock_ahead;
        judge(&shot.decoded, &context, state)
    }
}

/// Answers of one source, oldest first.
#[derive(Debug, Clone)]
pub struct Feed {
    /// Its name: a file, or a preset of the generator.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The source.
    pub source: Source,
    /// The answers.
    pub shots: Vec<Shot>,
}

/// Where a feed comes from, and whether rules may have been tuned on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Origin {
    /// Made by the generator.
    Generated,
    /// Recorded; its numbers may be looked at while rules are made.
    RealTuning,
    /// Recorded; shown, never tuned on.
    RealHeldOut,
}

impl Origin {
    /// Its name in the table.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::RealTuning => "tuning",
            Self::RealHeldOut => "held out",
        }
    }
}

/// A sound answer with what came before it, to be broken.
#[derive(Debug, Clone)]
pub struct Base {
    /// The name of its feed.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// The source.
    pub source: Source,
    /// What was learned from the answers before.
    pub state: SymbolState,
    /// The last answers before, oldest first, already learned.
    pub recent: Vec<Shot>,
    /// The answer.
    pub shot: Shot,
}

/// How many answers before are kept for faults that repeat them.
const RECENT: usize = 8;

impl Base {
    /// Bases at `places` of a feed, ascending; those that are not accepted without a warning as they are cannot be used, and are counted.
    #[must_use]
    pub fn at(feed: &Feed, places: &[usize]) -> (Vec<Self>, u32) {
        let mut bases = Vec::new();
        let mut refused = 0;
        let mut state = SymbolState::new();
        let end = places.iter().max().map_or(0, |last| last + 1);
        for (index, shot) in feed.shots.iter().enumerate().take(end) {
            let wanted = places.contains(&index);
            let before = wanted.then(|| state.clone());
            let report = feed.source.judge(shot, &mut state);
            let (Some(before), Some(report)) = (before, report) else {
                continue;
            };
            if report.acceptance != Acceptance::Accept || objects(&report) {
                refused += 1;
                continue;
            }
            bases.push(Self {
                name: feed.name.clone(),
                origin: feed.origin,
                source: feed.source.clone(),
                state: before,
                recent: feed.shots[index.saturating_sub(RECENT)..index].to_vec(),
                shot: shot.clone(),
            });
        }
        (bases, refused)
    }

    /// Judges a broken answer, after those that come between.
    #[must_use]
    pub fn judge(&self, broken: &Broken) -> Option<Report> {
        let mut state = self.state.clone();
        for shot in &broken.between {
            let _ = self.source.judge(shot, &mut state);
        }
        self.source.judge(&broken.shot, &mut state)
    }
}

/// What a fault made of a base.
#[derive(Debug, Clone)]
pub struct Broken {
    /// Answers that come before the broken one.
    pub between: Vec<Shot>,
    /// The broken answer.
    pub shot: Shot,
    /// Positions on the wire of the broken records; empty when it is the whole answer.
    pub marked: Vec<usize>,
}

/// Whether a report holds a warning or worse.
#[must_use]
pub fn objects(report: &Report) -> bool {
    report
        .issues
        .iter()
        .any(|issue| issue.severity >= Severity::Warning)
}
