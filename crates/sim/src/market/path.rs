//! The logarithm of an asset's price over time, readable at any hour without the hours before.

use crate::market::hash::{mix, spread};

/// Doubling spans from one hour to 2^14 hours (1.9 years); beyond that an asset does not drift.
const LEVELS: u32 = 15;
/// Minutes of an hour.
const MINUTES: usize = 60;
/// How much of the random walk's own size the sum of the levels keeps.
const SIZE: f64 = 0.45;

/// One asset's path: a walk at every scale from a minute to years.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path {
    seed: u64,
    /// Standard deviation of the log price over a day.
    daily: f64,
}

impl Path {
    pub(crate) fn new(seed: u64, daily: f64) -> Self {
        Self { seed, daily }
    }

    /// The log price at the start of an hour, against the reference price: a sum of lines between random points that
    /// lie 1, 2, 4, … hours apart, each √2 larger than the one before, as a random walk's are.
    fn at_hour(&self, hour: i64) -> f64 {
        let hourly = self.daily / 24_f64.sqrt();
        (0..LEVELS)
            .map(|level| {
                let cell = hour >> level;
                let into = (hour & ((1 << level) - 1)) as f64 / (1_i64 << level) as f64;
                let point = |cell: i64| spread(mix(self.seed, u64::from(level), cell as u64));
                let line = point(cell) * (1.0 - into) + point(cell + 1) * into;
                line * SIZE * hourly * f64::from(1_u32 << level).sqrt()
            })
            .sum()
    }

    /// The log prices at the 61 full minutes from the start to the end of an hour.
    pub(crate) fn minutes(&self, hour: i64) -> [f64; MINUTES + 1] {
        let (from, to) = (self.at_hour(hour), self.at_hour(hour + 1));
        let step = self.daily / 1_440_f64.sqrt();
        let mut rng = fastrand::Rng::with_seed(mix(self.seed, u64::MAX, hour as u64));
        let mut walk = [0.0; MINUTES + 1];
        let mut sum = 0.0;
        for point in walk.iter_mut().skip(1) {
            sum += spread(rng.u64(..)) * step;
            *point = sum;
        }
        // Bent so that it ends where the next hour starts.
        for (minute, point) in walk.iter_mut().enumerate() {
            let into = minute as f64 / MINUTES as f64;
            *point += from + (to - from - sum) * into;
        }
        walk
    }
}

/// The log price inside an hour, on the line between two minutes.
pub(crate) fn between(minutes: &[f64; MINUTES + 1], into_hour: f64) -> f64 {
    let at = into_hour * MINUTES as f64;
    let minute = (at as usize).min(MINUTES - 1);
    let into = at - minute as f64;
    match minutes.get(minute..minute + 2) {
        Some([from, to]) => from * (1.0 - into) + to * into,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_join_and_the_walk_has_the_size_of_a_market() {
        let path = Path::new(7, 0.03);
        let mut squares = 0.0;
        let hours = 2_000;
        for hour in 480_000..480_000 + hours {
            let (this, next) = (path.minutes(hour), path.minutes(hour + 1));
            assert!((this[60] - next[0]).abs() < 1e-9);
            squares += (this[60] - this[0]).powi(2);
        }
        let daily = (squares / hours as f64 * 24.0).sqrt();
        assert!((0.01..0.06).contains(&daily), "{daily}");
    }

    #[test]
    fn the_price_stays_within_an_order_of_magnitude_for_ever() {
        let path = Path::new(7, 0.05);
        for hour in (-2_000_000..2_000_000).step_by(997) {
            assert!(path.at_hour(hour).abs() < 2.5);
        }
    }
}
