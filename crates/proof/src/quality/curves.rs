//! How small a fault may be to be found, how soon a new level is believed, and how long a reader who wants only good data has none.

use fastrand::Rng;
use robust_market::{Acceptance, Candles, Dimension, Payload, Severity, Ticker};
use robust_quality::{Profile, SymbolState};
use rust_decimal::Decimal;
use std::time::Duration;

use super::catalogue::{Data, Fault};
use super::corrupt::{corrupt, lift_bar, lift_print};
use super::made::{self, Style};
use super::recorded::{Recorded, Series};
use super::scene::{Base, Broken, Feed, Shot, Source};
use super::{PRESETS, Share, quantile, robust_deviation};

/// The multiples of the deviation that are tried.
pub const SIGMAS: [u32; 10] = [2, 4, 6, 8, 10, 12, 14, 15, 18, 20];

/// What was found of displaced bars and prints, by multiple of the deviation.
#[derive(Debug, Clone, Default)]
pub struct Power {
    /// One displaced bar among 300.
    pub candles: [Share; SIGMAS.len()],
    /// One displaced print after a history.
    pub tickers: [Share; SIGMAS.len()],
}

/// The least deviation of prints: a half percent is noise to twelve of it, as the rules of prints have it.
const LEAST_OF_PRINTS: f64 = 0.005 / 12.0;
/// The least deviation of bars.
const LEAST_OF_BARS: f64 = 1e-5;

/// How far prices usually move: the largest of the robust deviation of the returns, their recent volatility (an average of squares that
/// remembers 0.97, of returns clipped at eight deviations), some steps of the price, and a least one. `None` of less than 30 returns.
fn deviation(prices: &[Decimal], steps: Decimal, least: f64) -> Option<f64> {
    const MEMORY: f64 = 0.97;
    let logs: Vec<f64> = prices
        .iter()
        .filter_map(|p| f64::try_from(*p).ok())
        .map(f64::ln)
        .collect();
    let returns: Vec<f64> = logs.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let last = f64::try_from(*prices.last()?).ok()?;
    let usual = robust_deviation(&returns)
        .max(f64::try_from(steps).ok()? / last)
        .max(least);
    let variance = returns.iter().fold(usual * usual, |variance, r| {
        let clip = 8.0 * variance.sqrt().max(usual);
        MEMORY * variance + (1.0 - MEMORY) * r.clamp(-clip, clip).powi(2)
    });
    (returns.len() >= 30).then(|| usual.max(variance.sqrt()))
}

/// The same of the bars before `row`, and half the usual distance from low to high.
fn deviation_of_bars(series: &Candles, row: usize, step: Decimal) -> Option<f64> {
    let before = series.rows.get(..row)?;
    let closes: Vec<Decimal> = before.iter().map(|bar| bar.close).collect();
    let sigma = deviation(&closes, step * Decimal::TWO, LEAST_OF_BARS)?;
    let mut heights: Vec<f64> = before
        .iter()
        .filter_map(|bar| f64::try_from(bar.high.checked_div(bar.low)?).ok())
        .map(|height| height.ln() / 2.0)
        .collect();
    Some(sigma.max(quantile(&mut heights, 0.5)))
}

impl Power {
    /// `n` displacements of each size for each feed.
    #[must_use]
    pub fn run(n: u32, recorded: &Recorded) -> Self {
        let mut power = Self::default();
        let mut rng = Rng::with_seed(12);
        for data in [Data::Candles, Data::Ticker] {
            let recorded = recorded.feeds.get(&data).into_iter().flatten().cloned();
            for feed in made_feeds(data, &mut rng).into_iter().chain(recorded) {
                power.feed(data, &feed, n, &mut rng);
            }
        }
        power
    }

    fn feed(&mut self, data: Data, feed: &Feed, n: u32, rng: &mut Rng) {
        let warm = if data == Data::Candles { 0 } else { 130 };
        if feed.shots.len() <= warm {
            return;
        }
        let places: Vec<usize> = (0..n).map(|_| rng.usize(warm..feed.shots.len())).collect();
        let (bases, _) = Base::at(feed, &places);
        for base in bases {
            for (nth, multiple) in SIGMAS.iter().enumerate() {
                let sign = if rng.bool() { 1.0 } else { -1.0 };
                let away = sign * f64::from(*multiple);
                let Some((broken, marked)) = displaced(&base, feed, away, rng) else {
                    continue;
                };
                let found = base.judge(&broken).is_some_and(|report| {
                    report.issues.iter().any(|issue| {
                        issue.severity >= Severity::Warning
                            && issue.dimension == Dimension::Accuracy
                            && (issue.index == marked
                                || issue.index.is_none()
                                || data == Data::Ticker)
                    })
                });
                let shares = if data == Data::Candles {
                    &mut self.candles
                } else {
                    &mut self.tickers
                };
                if let Some(share) = shares.get_mut(nth) {
                    share.add(found);
                }
            }
        }
    }

    /// The share found at a multiple, of bars and of prints.
    #[must_use]
    pub fn at(&self, sigmas: u32) -> (Share, Share) {
        let nth = SIGMAS
            .iter()
            .position(|multiple| *multiple == sigmas)
            .unwrap_or(0);
        (
            self.candles.get(nth).copied().unwrap_or_default(),
            self.tickers.get(nth).copied().unwrap_or_default(),
        )
    }
}

/// One bar or print of the base `away` deviations off its place, and the bar's number.
fn displaced(
    base: &Base,
    feed: &Feed,
    away: f64,
    rng: &mut Rng,
) -> Option<(Broken, Option<usize>)> {
    let step = Decimal::new(1, base.source.grid.price);
    if let Payload::Candles(series) = &base.shot.decoded.value {
        let last = series.rows.len().checked_sub(12)?.max(41);
        // A bar without a trade has no price of its own.
        let row = (0..64)
            .map(|_| rng.usize(40..last))
            .find(|row| series.rows.get(*row).is_some_and(|r| !r.volume.is_zero()))?;
        let sigma = deviation_of_bars(series, row, step)?;
        let mut shot = base.shot.clone();
        let Payload::Candles(series) = &mut shot.decoded.value else {
            return None;
        };
        lift_bar(
            series.rows.get_mut(row)?,
            (away * sigma).exp(),
            base.source.grid,
        )?;
        let broken = Broken {
            between: Vec::new(),
            shot,
            marked: vec![row],
        };
        return Some((broken, Some(row)));
    }
    let end = feed
        .shots
        .iter()
        .position(|shot| shot.received == base.shot.received)?;
    let before = feed.shots.get(end.saturating_sub(256)..end)?;
    let prices: Vec<Decimal> = before.iter().filter_map(middle).collect();
    let sigma = deviation(&prices, step, LEAST_OF_PRINTS)?;
    let mut base = base.clone();
    // What other exchanges say would find any size.
    base.shot.peers = None;
    corrupt(&base, Fault::Lift((away * sigma).exp()), rng).map(|broken| (broken, None))
}

fn middle(shot: &Shot) -> Option<Decimal> {
    match &shot.decoded.value {
        Payload::Ticker(ticker) => match (ticker.bid, ticker.ask) {
            (Some(bid), Some(ask)) => Some((bid + ask) / Decimal::TWO),
            _ => ticker.last,
        },
        _ => None,
    }
}

fn made_feeds(data: Data, rng: &mut Rng) -> Vec<Feed> {
    let mut feeds = Vec::new();
    for preset in PRESETS.iter().filter(|preset| preset.halt == 0) {
        for style in [Style::Binance, Style::Htx] {
            feeds.extend(made::feed(data, preset, style, rng.u64(..)));
        }
    }
    feeds
}

/// How soon a new level is believed.
#[derive(Debug, Clone, Default)]
pub struct Shifts {
    /// By what the price is multiplied, and of the feeds the most prints until one is accepted, that one counted.
    pub steps: Vec<(f64, usize)>,
    /// The most prints of a fall by 5 % a print that are not accepted in a row, plus one.
    pub waterfall: usize,
    /// The feed that took so long.
    pub slowest: String,
}

/// The prints after which a level is given up.
const PATIENCE: usize = 60;

impl Shifts {
    /// Shifts the generated tickers.
    #[must_use]
    pub fn run() -> Self {
        let feeds = made_feeds(Data::Ticker, &mut Rng::with_seed(31));
        let most = |factor: &dyn Fn(usize) -> f64| {
            feeds
                .iter()
                .map(|feed| until_accepted(feed, factor))
                .max()
                .unwrap_or(PATIENCE)
        };
        let steps = [0.5, 0.8, 0.9, 1.1, 1.3, 2.0]
            .into_iter()
            .map(|step| (step, most(&|_| step)))
            .collect();
        let fall = |print| 0.95_f64.powi(i32::try_from(print + 1).unwrap_or(1).min(20));
        let slowest = feeds
            .iter()
            .map(|feed| (until_accepted(feed, &fall), &feed.name))
            .max();
        Self {
            steps,
            waterfall: slowest.map_or(PATIENCE, |(prints, _)| prints),
            slowest: slowest.map_or_else(String::new, |(_, name)| name.clone()),
        }
    }
}

/// The longest run of prints that are not accepted, plus one, after the price is multiplied from the middle of the feed on.
fn until_accepted(feed: &Feed, factor: &dyn Fn(usize) -> f64) -> usize {
    let mut state = SymbolState::new();
    let (mut run, mut longest) = (0, 0);
    let start = feed.shots.len() / 2;
    for (index, shot) in feed.shots.iter().take(start + PATIENCE).enumerate() {
        let mut shot = shot.clone();
        shot.peers = None;
        if let (Some(print), Payload::Ticker(ticker)) =
            (index.checked_sub(start), &mut shot.decoded.value)
        {
            // Nothing but the level is new: the day's range follows, and every field that was there still is.
            let _ = lift_print(ticker, factor(print), feed.source.grid);
        }
        let accepted = feed
            .source
            .judge(&shot, &mut state)
            .is_some_and(|report| report.acceptance == Acceptance::Accept);
        if index >= start {
            run = if accepted { 0 } else { run + 1 };
            longest = longest.max(run);
        }
    }
    longest + 1
}

/// The worst hours of a recorded series, printed as tickers.
#[derive(Debug, Clone)]
pub struct Crash {
    /// The series.
    pub name: String,
    /// How far the price fell or rose within 24 bars, as a share.
    pub moved: f64,
    /// The distance of two prints, in seconds.
    pub every: u64,
    /// Seconds whose newest print is not accepted: a reader who withholds what is quarantined has none.
    pub without: u64,
    /// Seconds whose newest print is rejected: nobody has one.
    pub undelivered: u64,
    /// Seconds of the whole.
    pub of: u64,
}

/// Prints of a bar: open, both extremes, close.
const PRINTS: usize = 4;

impl Crash {
    /// The largest move within 24 bars of each series, with as many bars before it as it takes to know the pair.
    #[must_use]
    pub fn all(recorded: &Recorded) -> Vec<Self> {
        recorded.series.iter().filter_map(Self::of).collect()
    }

    fn of(series: &Series) -> Option<Self> {
        const SPAN: usize = 24;
        let closes: Vec<f64> = series
            .rows
            .iter()
            .filter_map(|row| f64::try_from(row.close).ok())
            .collect();
        let moved = |at: usize| Some((closes.get(at + SPAN)? / closes.get(at)?).ln().abs());
        let worst = (80..closes.len().checked_sub(SPAN)?).max_by(|a, b| {
            moved(*a)
                .unwrap_or(0.0)
                .total_cmp(&moved(*b).unwrap_or(0.0))
        })?;
        let every = series.interval.duration() / u32::try_from(PRINTS).ok()?;
        let source = Source {
            exchange: robust_market::Exchange::BINANCE,
            request: robust_market::Request::Ticker {
                symbol: series.symbol.clone(),
            },
            profile: Profile::default().with_cadence(every),
            grid: super::Grid { price: 0, size: 0 },
        };
        let mut state = SymbolState::new();
        let [mut without, mut undelivered, mut of] = [Duration::ZERO; 3];
        for (index, row) in series
            .rows
            .iter()
            .enumerate()
            .take(worst + 2 * SPAN)
            .skip(worst - 80)
        {
            let extremes = if row.close < row.open {
                [row.high, row.low]
            } else {
                [row.low, row.high]
            };
            for (nth, price) in [row.open, extremes[0], extremes[1], row.close]
                .into_iter()
                .enumerate()
            {
                let mut ticker = Ticker::new(series.symbol.clone());
                let time = row
                    .time
                    .saturating_add(every * u32::try_from(nth + 1).ok()?);
                (ticker.last, ticker.time, ticker.base_volume) =
                    (Some(price), Some(time), Some(row.volume));
                let shot = Shot::sound(
                    Payload::Ticker(ticker),
                    time.saturating_add(Duration::from_millis(100)),
                );
                let report = source.judge(&shot, &mut state)?;
                if index >= worst {
                    of += every;
                    if report.acceptance < Acceptance::AcceptWithExclusions {
                        without += every;
                    }
                    if report.acceptance < Acceptance::Quarantine {
                        undelivered += every;
                    }
                }
            }
        }
        Some(Self {
            name: series.name.clone(),
            moved: moved(worst)?.exp() - 1.0,
            every: every.as_secs(),
            without: without.as_secs(),
            undelivered: undelivered.as_secs(),
            of: of.as_secs(),
        })
    }
}
