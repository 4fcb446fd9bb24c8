//! Several sources of one pair, and the clocks of sources.

use std::time::Duration;

use fastrand::Rng;
use robust_market::{Dimension, Exchange, Payload, Report, Request, Severity, Symbol, Timestamp};
use robust_quality::{Context, Profile, StatePool};

use super::{Due, Kind};
use crate::quality::PRESETS;
use crate::quality::catalogue::Data;
use crate::quality::corrupt::lift_print;
use crate::quality::made::{self, Length, Style};
use crate::quality::scene::{Feed, Shot};

/// Seconds that are played.
const SECONDS: usize = 100;
/// The second from which on something is wrong, and what is sound may be blamed.
const FROM: usize = 60;

const LENGTH: Length = Length {
    pages: 1,
    seconds: SECONDS,
    minutes: 1,
    levels: 5,
};

/// The kinds of sources and clocks.
pub(super) fn kinds(n: u32, seeds: &[u64]) -> Vec<Kind> {
    use Dimension::{Accuracy, Timeliness};
    let mut kinds = vec![
        Kind::new(
            "X01a",
            Due::Told,
            Accuracy,
            "one of three sources 1 % off from the start",
        ),
        Kind::new(
            "X01b",
            Due::Found,
            Accuracy,
            "one of three sources 2 % off from the start",
        ),
        Kind::new(
            "X01c",
            Due::Found,
            Accuracy,
            "one of three sources 5 % off from the start",
        ),
        Kind::new(
            "X02",
            Due::Found,
            Timeliness,
            "two of three sources send what they sent before",
        ),
        Kind::new(
            "X03",
            Due::Silence,
            Accuracy,
            "a dollar token loses 3 % within a minute, on every exchange",
        ),
        Kind::new(
            "X04",
            Due::Silence,
            Dimension::Completeness,
            "half an hour of maintenance: no market of the exchange has these bars",
        ),
        Kind::new(
            "C01",
            Due::Silence,
            Timeliness,
            "a clock that is 1.3 s ahead",
        ),
        Kind::new(
            "C02",
            Due::Silence,
            Timeliness,
            "a clock that is 1.3 s behind",
        ),
        Kind::new("C03", Due::Found, Timeliness, "a clock that is 90 s ahead"),
        Kind::new("C04", Due::Found, Timeliness, "a clock that is 90 s behind"),
    ];
    for seed in seeds {
        let mut rng = Rng::with_seed(*seed);
        for nth in 0..n as usize {
            // A market at rest is neither off nor late.
            let moving: Vec<_> = PRESETS
                .iter()
                .filter(|p| p.halt == 0 && p.empty == 0.0)
                .collect();
            let preset = moving[nth % moving.len()];
            let Ok(feed) = made::feed_of(Data::Ticker, preset, Style::Stream, rng.u64(..), LENGTH)
            else {
                continue;
            };
            for kind in &mut kinds {
                match kind.id {
                    "X01a" => biased(&feed, 1.01, &mut rng, kind),
                    "X01b" => biased(&feed, 1.02, &mut rng, kind),
                    "X01c" => biased(&feed, 1.05, &mut rng, kind),
                    "X02" => stale(&feed, &mut rng, kind),
                    "X03" => depeg(&feed, &mut rng, kind),
                    "X04" => maintenance(&mut rng, kind),
                    "C01" => skewed(&feed, 1_300, kind),
                    "C02" => skewed(&feed, -1_300, kind),
                    "C03" => skewed(&feed, 90_000, kind),
                    _ => skewed(&feed, -90_000, kind),
                }
            }
        }
    }
    kinds
}

/// Sources of one pair that all see the same market.
struct Stage {
    pool: StatePool,
    sources: Vec<Exchange>,
    request: Request,
    profile: Profile,
}

impl Stage {
    fn of(feed: &Feed) -> Self {
        let names = ["first", "second", "third"];
        Self {
            pool: StatePool::default(),
            sources: names.iter().filter_map(|name| name.parse().ok()).collect(),
            request: feed.source.request.clone(),
            profile: feed.source.profile,
        }
    }

    fn judge(&mut self, source: usize, shot: &Shot) -> Option<Report> {
        let exchange = self.sources.get(source)?.clone();
        let context = Context::new(&self.request, self.profile, shot.received, shot.now);
        self.pool.judge(&exchange, &shot.decoded, &context)
    }
}

/// What a source sees: the market times a factor, some hundredths of a percent off, some milliseconds later.
fn seen(feed: &Feed, second: usize, factor: f64, rng: &mut Rng) -> Option<Shot> {
    let mut shot = feed.shots.get(second)?.clone();
    shot.peers = None;
    if let Payload::Ticker(ticker) = &mut shot.decoded.value {
        let noise = 1.0 + (rng.f64() - 0.5) * 2e-4;
        lift_print(ticker, factor * noise, feed.source.grid)?;
    }
    let late = Duration::from_millis(rng.u64(0..50));
    shot.received = shot.received.saturating_add(late);
    shot.now = shot.received;
    Some(shot)
}

fn speaks(report: &Report, dimension: Dimension) -> bool {
    report
        .issues
        .iter()
        .any(|issue| issue.severity >= Severity::Warning && issue.dimension == dimension)
}

fn biased(feed: &Feed, factor: f64, rng: &mut Rng, kind: &mut Kind) {
    let mut stage = Stage::of(feed);
    let mut found = false;
    for second in 0..feed.shots.len() {
        for source in 0..3 {
            let factor = if source == 2 { factor } else { 1.0 };
            let Some(shot) = seen(feed, second, factor, rng) else {
                continue;
            };
            let report = stage.judge(source, &shot);
            match report {
                Some(report) if source == 2 => found = speaks(&report, kind.dimension),
                Some(report) if second >= FROM => kind.sound(&report),
                _ => {}
            }
        }
    }
    kind.found.add(found);
}

fn stale(feed: &Feed, rng: &mut Rng, kind: &mut Kind) {
    let mut stage = Stage::of(feed);
    let mut found = [false; 2];
    for second in 0..feed.shots.len() {
        for source in 0..3 {
            let stands = source < 2 && second >= FROM;
            let from = if stands { FROM } else { second };
            let Some(mut shot) = seen(feed, from, 1.0, rng) else {
                continue;
            };
            if let (true, Some(now)) = (stands, feed.shots.get(second)) {
                (shot.received, shot.now) = (now.received, now.received);
            }
            match (stage.judge(source, &shot), found.get_mut(source)) {
                (Some(report), Some(found)) => *found = speaks(&report, kind.dimension),
                (Some(report), None) if second >= FROM => kind.sound(&report),
                _ => {}
            }
        }
    }
    kind.found.add(found == [true; 2]);
}

/// The pair in another dollar, on every exchange: all of them fall together, and that is the market.
fn depeg(feed: &Feed, rng: &mut Rng, kind: &mut Kind) {
    let Ok(other): Result<Symbol, _> = "AAA/USDC".parse() else {
        return;
    };
    let mut stage = Stage::of(feed);
    let asked = stage.request.clone();
    for second in 0..feed.shots.len() {
        let fallen = second.saturating_sub(FROM / 2).min(60) as f64;
        for source in 0..3 {
            for falls in [false, true] {
                let factor = if falls { 1.0 - 0.0005 * fallen } else { 1.0 };
                let Some(mut shot) = seen(feed, second, factor, rng) else {
                    continue;
                };
                if let (true, Payload::Ticker(ticker)) = (falls, &mut shot.decoded.value) {
                    ticker.symbol = other.clone();
                    stage.request = Request::Ticker {
                        symbol: other.clone(),
                    };
                } else {
                    stage.request = asked.clone();
                }
                if let Some(report) = stage.judge(source, &shot) {
                    kind.sound(&report);
                }
            }
        }
    }
}

/// Pages of five markets with the same hole, twice: at first nothing is known of the others.
fn maintenance(rng: &mut Rng, kind: &mut Kind) {
    const HOLE: std::ops::Range<usize> = 120..150;
    let mut pool = StatePool::default();
    let mut pages = Vec::new();
    for name in ["AAA/USDT", "BBB/USDT", "CCC/USDT", "DDD/USDT", "EEE/USDT"] {
        let made = made::feed_of(
            Data::Candles,
            &PRESETS[0],
            Style::Binance,
            rng.u64(..),
            LENGTH,
        );
        let (Ok(mut feed), Ok(symbol)) = (made, name.parse::<Symbol>()) else {
            return;
        };
        let Some(mut shot) = feed.shots.pop() else {
            return;
        };
        if let Payload::Candles(page) = &mut shot.decoded.value {
            page.rows.drain(HOLE);
            page.symbol = symbol.clone();
        }
        if let Request::Candles {
            symbol: asked,
            limit,
            ..
        } = &mut feed.source.request
        {
            (*asked, *limit) = (symbol, None);
        }
        pages.push((feed.source, shot));
    }
    for round in 0..2 {
        for (source, shot) in &pages {
            let context = Context::new(&source.request, source.profile, shot.received, shot.now);
            let report = pool.judge(&source.exchange, &shot.decoded, &context);
            if let (Some(report), 1) = (report, round) {
                kind.sound(&report);
            }
        }
    }
}

/// Times by a clock that is off; what the first answers are blamed for shows that nothing is known of the clock yet.
fn skewed(feed: &Feed, ms: i64, kind: &mut Kind) {
    const KNOWN: usize = 5;
    let mut stage = Stage::of(feed);
    let mut found = false;
    for (second, shot) in feed.shots.iter().enumerate() {
        let mut shot = shot.clone();
        shot.peers = None;
        if let Payload::Ticker(ticker) = &mut shot.decoded.value {
            let shifted = |time: Timestamp| Timestamp::from_ns(time.as_ns() + ms * 1_000_000);
            ticker.time = ticker.time.map(shifted);
        }
        let Some(report) = stage.judge(0, &shot) else {
            continue;
        };
        if kind.due == Due::Found {
            found = speaks(&report, kind.dimension);
        } else if second >= KNOWN {
            kind.sound(&report);
        }
    }
    if kind.due == Due::Found {
        kind.found.add(found);
    }
}
