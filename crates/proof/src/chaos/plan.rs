//! What happens under one seed: settings, calls and faults, all drawn before anything runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use robust_backoff::Jitter;
use robust_connectors::{Binance, Connector, Htx, Kraken, KuCoin};
use robust_limiter::Class;
use robust_market::{Exchange, Interval, Request, Symbol};
use robust_sim::Fault;
use robust_source::{SlowCalls, SourceConfig};

/// Everything that one seed says.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// Which exchange it is about.
    pub connector: Arc<dyn Connector>,
    /// The settings of the source.
    pub config: SourceConfig,
    /// The calls, in the order in which they begin.
    pub calls: Vec<Asked>,
    /// The weather: from when on what goes wrong.
    pub weather: Vec<(Duration, Trouble)>,
    /// Jumps of the source's wall clock: when, and by how many seconds.
    pub jumps: Vec<(Duration, i64)>,
    /// The longest time that a request travels.
    pub travel: Duration,
    /// When the storm is over.
    pub until: Duration,
    /// Nothing goes wrong, nobody gives up, and all ask for the same: then calls of one class end in the order in which they came.
    pub calm: bool,
}

/// One call.
#[derive(Debug, Clone)]
pub struct Asked {
    /// When it begins.
    pub at: Duration,
    /// What it asks for.
    pub request: Arc<Request>,
    /// How urgent it is.
    pub class: Class,
    /// How urgent it becomes, and when.
    pub raised: Option<(Duration, Class)>,
    /// How long it may take.
    pub patience: Duration,
    /// How long it may wait for its first attempt.
    pub admit: Option<Duration>,
    /// When its future is dropped.
    pub cut: Cut,
}

/// When the future of a call is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// Not before its end.
    Never,
    /// After so long.
    After(Duration),
    /// After so many polls.
    Polls(u32),
}

/// What goes wrong on the way or at the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// A fault of the simulator.
    Sim(Fault),
    /// 429 without a word on when to come back.
    LimitedWithoutTime,
    /// 429 with a date so many seconds after that of the answer.
    LimitedUntil(u32),
    /// 429 with what is no time.
    LimitedNonsense,
    /// 503 with `Retry-After`.
    Busy(u32),
    /// A page that says that the exchange is under maintenance.
    Maintenance,
    /// Each request takes up to this long.
    Slow(Duration),
    /// Each request has a trouble of its own, or none.
    Mixed,
}

impl Plan {
    /// Draws everything from the seed.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x0c4a_05c4_a05c_4a05);
        let connector = exchange(&mut rng);
        let calm = rng.u8(..8) == 0;
        let until = Duration::from_secs(rng.u64(20..150));
        let travel = Duration::from_millis(if calm { 0 } else { rng.u64(0..200) });
        let mut config = config(&mut rng);
        if calm {
            // Long enough for whoever waits in a queue of everybody.
            config.max_timeout = Duration::from_secs(3_600);
        }
        let pairs = pairs(&*connector);
        let number = rng.usize(5..70);
        let same = question(&mut rng, &pairs);
        let mut calls: Vec<Asked> = (0..number)
            .map(|_| {
                if calm {
                    Asked::calm(&mut rng, &same)
                } else {
                    Asked::wild(&mut rng, &pairs, until)
                }
            })
            .collect();
        calls.sort_by_key(|call| call.at);
        let mut weather = Vec::new();
        let mut jumps = Vec::new();
        if !calm {
            let mut at = Duration::ZERO;
            while at < until {
                weather.push((at, trouble(&mut rng, true)));
                at += Duration::from_millis(rng.u64(300..25_000));
            }
            for _ in 0..rng.u8(..3) {
                let at = until.mul_f64(rng.f64());
                jumps.push((at, rng.i64(-3_600..3_600)));
            }
            jumps.sort_unstable();
        }
        Self {
            seed,
            connector,
            config,
            calls,
            weather,
            jumps,
            travel,
            until,
            calm,
        }
    }
}

fn exchange(rng: &mut Rng) -> Arc<dyn Connector> {
    match rng.u8(..4) {
        0 => Arc::new(Kraken),
        1 => Arc::new(Binance),
        2 => Arc::new(KuCoin),
        _ => Arc::new(Htx),
    }
}

/// Pairs that every exchange lists, simulated or not.
fn pairs(connector: &dyn Connector) -> Vec<Symbol> {
    let everywhere = ["BTC/USD", "ETH/USD", "BTC/USDT", "ETH/USDT"].map(str::parse);
    let known = connector.symbols();
    let listed = |symbol: &Symbol| known.get(symbol).is_some();
    everywhere.into_iter().flatten().filter(listed).collect()
}

fn ms(rng: &mut Rng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(rng.u64(range))
}

fn config(rng: &mut Rng) -> SourceConfig {
    let mut config = match rng.u8(..4) {
        0 => SourceConfig::conservative(),
        1 => SourceConfig::aggressive(),
        2 => SourceConfig::exchange(),
        _ => SourceConfig::default(),
    };
    if rng.bool() {
        config.timeout = ms(rng, 50..15_000);
        config.max_timeout = ms(rng, 100..60_000);
        config.retries = rng.u32(..6);
        config.backoff_base = ms(rng, 0..3_000);
        config.backoff_max = config.backoff_base + ms(rng, 0..20_000);
        config.jitter = match rng.u8(..4) {
            0 => Jitter::None,
            1 => Jitter::Full,
            2 => Jitter::Equal,
            _ => Jitter::Decorrelated,
        };
        config.breaker_failures = rng.u32(1..10);
        config.breaker_open = ms(rng, 0..120_000);
        config.breaker_open_factor = 1.0 + f64::from(rng.u8(..30)) / 10.0;
        config.half_open_permits = rng.u32(1..4);
        config.half_open_ratio = f64::from(rng.u8(1..=10)) / 10.0;
        config.slow_calls = rng.bool().then(|| SlowCalls::new(ms(rng, 10..5_000)));
        if rng.bool() {
            config.recovery = None;
        }
        config.requests_per_minute = rng.bool().then(|| rng.u32(1..300));
        config.concurrency = rng.usize(1..30);
    }
    config
}

fn question(rng: &mut Rng, pairs: &[Symbol]) -> Arc<Request> {
    let Some(symbol) = rng.choice(pairs).cloned() else {
        return Arc::new(Request::ServerTime);
    };
    Arc::new(match rng.u8(..8) {
        0 => Request::ServerTime,
        1 => Request::Trades {
            symbol,
            since: None,
            limit: Some(5),
        },
        2 => Request::Candles {
            symbol,
            interval: Interval::M1,
            since: None,
            limit: Some(5),
        },
        3 | 4 => Request::OrderBook {
            symbol,
            depth: Some(20),
        },
        _ => Request::Ticker { symbol },
    })
}

impl Asked {
    fn calm(rng: &mut Rng, request: &Arc<Request>) -> Self {
        Self {
            at: ms(rng, 0..2_000),
            request: Arc::clone(request),
            class: rng.choice(Class::ALL).unwrap_or_default(),
            raised: None,
            patience: Duration::from_secs(3_600),
            admit: None,
            cut: Cut::Never,
        }
    }

    fn wild(rng: &mut Rng, pairs: &[Symbol], until: Duration) -> Self {
        let burst = rng.bool();
        let at = if burst {
            // Everybody at once, at one of a few moments.
            until.mul_f64(f64::from(rng.u8(..4)) / 4.0)
        } else {
            until.mul_f64(rng.f64())
        };
        let unlisted = rng.u8(..40) == 0;
        let request = match "NOBODY/KNOWS".parse() {
            Ok(symbol) if unlisted => Arc::new(Request::Ticker { symbol }),
            _ => question(rng, pairs),
        };
        Self {
            at,
            request,
            class: rng.choice(Class::ALL).unwrap_or_default(),
            raised: (rng.u8(..10) == 0).then(|| (ms(rng, 0..5_000), Class::Critical)),
            patience: match rng.u8(..12) {
                0 => Duration::ZERO,
                1 => ms(rng, 1..50),
                2..5 => ms(rng, 50..3_000),
                _ => ms(rng, 3_000..90_000),
            },
            admit: (rng.u8(..5) == 0).then(|| ms(rng, 0..10_000)),
            cut: match rng.u8(..6) {
                0 => Cut::After(ms(rng, 0..8_000)),
                1 => Cut::Polls(rng.u32(0..12)),
                _ => Cut::Never,
            },
        }
    }
}

/// Some trouble; `mixed` when it may be another one for each request.
pub(super) fn trouble(rng: &mut Rng, mixed: bool) -> Trouble {
    let seconds = |rng: &mut Rng, most: u64| Duration::from_secs(rng.u64(1..most));
    match rng.u8(if mixed { 0 } else { 2 }..20) {
        0 | 1 => Trouble::Mixed,
        2..5 => Trouble::None,
        5 => Trouble::Sim(Fault::Hang),
        6 => Trouble::Sim(Fault::Refuse),
        7 => Trouble::Sim(Fault::Reset),
        8 => Trouble::Sim(Fault::Latency {
            by: ms(rng, 1..20_000),
        }),
        9 => Trouble::Sim(Fault::Status {
            code: rng.u16(500..505),
        }),
        10 => Trouble::Sim(Fault::RateLimited {
            retry_after: seconds(rng, 40),
        }),
        11 => Trouble::Sim(Fault::Ban {
            retry_after: seconds(rng, 300),
        }),
        12 => Trouble::Sim(Fault::Truncated),
        13 => Trouble::Sim(Fault::Html),
        14 => Trouble::Sim(Fault::Garbage),
        15 => match rng.u8(..3) {
            0 => Trouble::LimitedWithoutTime,
            1 => Trouble::LimitedNonsense,
            _ => Trouble::Sim(Fault::Stale),
        },
        16 => Trouble::LimitedUntil(rng.u32(1..60)),
        17 => Trouble::Busy(rng.u32(1..30)),
        18 => Trouble::Maintenance,
        _ => Trouble::Slow(ms(rng, 1..4_000)),
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exchange: Exchange = self.connector.exchange();
        writeln!(
            f,
            "seed {} {exchange}, {} calls in {:?}{}",
            self.seed,
            self.calls.len(),
            self.until,
            if self.calm { ", calm" } else { "" }
        )?;
        writeln!(f, "  {:?}", self.config)?;
        for (at, trouble) in &self.weather {
            writeln!(f, "  {at:>9.1?} {trouble:?}")?;
        }
        for (at, by) in &self.jumps {
            writeln!(f, "  {at:>9.1?} wall clock {by:+} s")?;
        }
        Ok(())
    }
}
