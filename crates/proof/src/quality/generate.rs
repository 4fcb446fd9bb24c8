//! A market that is made up: prices with the statistics of real ones, trades on a grid, bars from the same trades.
//!
//! Returns follow a GARCH(1,1) (α 0.08, β 0.90) between two regimes of volatility with Student-t(4) innovations and rare jumps; volume is
//! lognormal and remembers itself; trades bounce between the two sides of a spread. `tests` compares with what was measured on
//! real series.

use fastrand::Rng;

use super::draw::{below, normal, open_unit, poisson, student4_scale};

/// What kind of market is made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Preset {
    /// Its name.
    pub name: &'static str,
    /// The first price, in steps.
    pub start: i64,
    /// Decimal places of a price.
    pub price_places: u32,
    /// Decimal places of a size.
    pub size_places: u32,
    /// Standard deviation of the return of a bar.
    pub volatility: f64,
    /// Trades of a bar.
    pub trades: f64,
    /// The usual amount of a trade, in steps.
    pub amount: f64,
    /// Share of bars without a trade.
    pub empty: f64,
    /// Half the spread, in steps.
    pub half_spread: i64,
    /// Whether the price falls by 45 % within 30 bars.
    pub crash: bool,
    /// How many bars trading stops for.
    pub halt: usize,
}

const CALM: Preset = Preset {
    name: "calm",
    start: 6_512_345,
    price_places: 2,
    size_places: 5,
    volatility: 0.001_2,
    trades: 24.0,
    amount: 9_000.0,
    empty: 0.0,
    half_spread: 3,
    crash: false,
    halt: 0,
};

/// The markets of the benchmark.
pub const PRESETS: [Preset; 6] = [
    CALM,
    Preset {
        name: "crash",
        crash: true,
        volatility: 0.002,
        ..CALM
    },
    Preset {
        name: "pepe",
        start: 31_234,
        price_places: 10,
        size_places: 0,
        volatility: 0.006,
        amount: 3e8,
        half_spread: 2,
        ..CALM
    },
    Preset {
        name: "empty35",
        start: 141_342,
        price_places: 8,
        size_places: 0,
        volatility: 0.001_5,
        trades: 3.0,
        amount: 300.0,
        empty: 0.35,
        half_spread: 20,
        ..CALM
    },
    Preset {
        name: "halt",
        halt: 90,
        ..CALM
    },
    Preset {
        name: "coarse",
        start: 640,
        price_places: 8,
        size_places: 1,
        volatility: 0.002,
        amount: 4_000.0,
        half_spread: 1,
        ..CALM
    },
];

/// One made trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tick {
    /// Milliseconds since the start of the series.
    pub ms: i64,
    /// Price, in steps.
    pub price: i64,
    /// Amount, in steps.
    pub amount: i64,
    /// Whether the taker bought.
    pub buy: bool,
}

/// One made bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bar {
    /// Its trades, oldest first.
    pub trades: Vec<Tick>,
    /// The middle between the quotes at its end, in steps.
    pub mid: i64,
    /// Half the spread at its end, in steps.
    pub half_spread: i64,
}

/// Makes `count` bars of `interval_ms`.
#[must_use]
pub(super) fn bars(preset: &Preset, interval_ms: i64, count: usize, rng: &mut Rng) -> Vec<Bar> {
    const ALPHA: f64 = 0.08;
    const BETA: f64 = 0.90;
    let base = preset.volatility * preset.volatility;
    let (mut variance, mut excited) = (base, false);
    let mut log_price = (preset.start as f64).ln();
    let mut log_activity = 0.0;
    let crash = preset.crash.then(|| count * 2 / 5..count * 2 / 5 + 30);
    let halt = count / 2..count / 2 + preset.halt;
    let mut bars = Vec::with_capacity(count);
    for index in 0..count {
        excited = if excited {
            rng.f64() > 0.02
        } else {
            rng.f64() < 0.005
        };
        let level = if excited { 6.0 * base } else { base };
        log_activity = 0.7 * log_activity + 0.35 * normal(rng);
        let falling = crash.as_ref().is_some_and(|crash| crash.contains(&index));
        let drift = if falling { 0.55_f64.ln() / 30.0 } else { 0.0 };
        let rest = halt.contains(&index) || rng.f64() < preset.empty;
        let activity = (preset.trades * f64::exp(log_activity)).clamp(1.0, 150.0);
        let trades = if rest {
            0
        } else {
            poisson(rng, activity).max(1)
        };
        let sigma = variance.sqrt() * student4_scale(rng);
        let jump = (rng.f64() < 0.002).then(|| below(rng, trades as usize));
        let before = log_price;
        let mut made = Vec::with_capacity(trades as usize);
        let mut ms = index as i64 * interval_ms;
        let mut times: Vec<i64> = (0..trades).map(|_| rng.i64(0..interval_ms)).collect();
        times.sort_unstable();
        let (mut buy, mut burst) = (rng.bool(), false);
        for (nth, at) in times.into_iter().enumerate() {
            log_price += drift / f64::from(trades) + sigma * normal(rng) / f64::from(trades).sqrt();
            if jump == Some(nth) {
                log_price += 6.0 * variance.sqrt() * normal(rng);
            }
            // A large order is filled at several prices in one millisecond.
            if !burst {
                ms = index as i64 * interval_ms + at;
                buy = rng.bool();
            }
            burst = rng.f64() < 0.4;
            let mid = log_price.exp();
            let side = if buy { 1.0 } else { -1.0 };
            let price = (mid + side * preset.half_spread as f64).round().max(1.0) as i64;
            let amount = preset.amount * (0.9 * normal(rng) + 0.4 * log_activity).exp();
            made.push(Tick {
                ms,
                price,
                amount: (amount.round() as i64).max(1),
                buy,
            });
        }
        // Quotes of a resting market hardly move.
        let moved = log_price - before - drift;
        variance = (1.0 - ALPHA - BETA) * level + ALPHA * moved * moved + BETA * variance;
        variance = variance.min(400.0 * base);
        let widening = 1.0 + (-open_unit(rng).ln()) * 0.3;
        let half_spread = (preset.half_spread as f64 * widening).round().max(1.0) as i64;
        let mid = (log_price.exp().round() as i64).max(half_spread + 1);
        bars.push(Bar {
            trades: made,
            mid,
            half_spread,
        });
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns(preset: &Preset, seed: u64) -> Vec<f64> {
        let bars = bars(preset, 60_000, 6_000, &mut Rng::with_seed(seed));
        let closes: Vec<f64> = bars
            .iter()
            .filter_map(|bar| bar.trades.last())
            .map(|tick| (tick.price as f64).ln())
            .collect();
        closes.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    fn autocorrelation(values: &[f64]) -> f64 {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
        let lagged: f64 = values
            .windows(2)
            .map(|p| (p[0] - mean) * (p[1] - mean))
            .sum();
        lagged / variance
    }

    fn kurtosis(values: &[f64]) -> f64 {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let second: f64 = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        let fourth: f64 = values.iter().map(|v| (v - mean).powi(4)).sum::<f64>() / n;
        fourth / (second * second)
    }

    /// Fourteen real series have a kurtosis of 5 to 1469, and absolute returns that remember the last one with 0.14 to 0.68; a random
    /// walk has 3 and 0.
    #[test]
    fn returns_have_the_tails_and_the_memory_of_real_ones() {
        for seed in 1..=3 {
            let returns = returns(&PRESETS[0], seed);
            let absolute: Vec<f64> = returns.iter().map(|r| r.abs()).collect();
            let (tails, memory) = (kurtosis(&returns), autocorrelation(&absolute));
            assert!((5.0..1_469.0).contains(&tails), "kurtosis {tails}");
            assert!((0.1..0.7).contains(&memory), "memory {memory}");
        }
    }

    #[test]
    fn trades_are_in_order_and_on_the_grid() {
        for preset in &PRESETS {
            let bars = bars(preset, 60_000, 600, &mut Rng::with_seed(5));
            let trades: Vec<&Tick> = bars.iter().flat_map(|bar| &bar.trades).collect();
            assert!(trades.windows(2).all(|pair| pair[0].ms <= pair[1].ms));
            assert!(trades.iter().all(|tick| tick.price > 0 && tick.amount > 0));
            let same = trades.windows(2).filter(|p| p[0].ms == p[1].ms).count();
            assert!(same * 5 > trades.len(), "{}: {same}", preset.name);
        }
    }

    #[test]
    fn presets_are_what_they_are_called() {
        let of = |name: &str| {
            let preset = PRESETS.iter().find(|preset| preset.name == name).unwrap();
            bars(preset, 60_000, 600, &mut Rng::with_seed(1))
        };
        let empty = of("empty35").iter().filter(|b| b.trades.is_empty()).count();
        assert!((150..270).contains(&empty), "{empty}");
        let halt = of("halt").iter().filter(|b| b.trades.is_empty()).count();
        assert_eq!(halt, 90);
        let crash = of("crash");
        let fall = crash[270].mid as f64 / crash[239].mid as f64;
        assert!((0.4..0.75).contains(&fall), "{fall}");
    }

    #[test]
    fn the_same_seed_makes_the_same_market() {
        let of = |seed| bars(&PRESETS[0], 1_000, 50, &mut Rng::with_seed(seed));
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }
}
