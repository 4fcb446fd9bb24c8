//! Shares with their uncertainty, and quantiles.

/// Successes among trials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Successes.
    pub hits: u32,
    /// Trials.
    pub trials: u32,
}

impl Share {
    /// Counts one trial.
    pub const fn add(&mut self, hit: bool) {
        self.trials += 1;
        if hit {
            self.hits += 1;
        }
    }

    /// The share; 0 of no trial.
    #[must_use]
    pub fn value(self) -> f64 {
        if self.trials == 0 {
            0.0
        } else {
            f64::from(self.hits) / f64::from(self.trials)
        }
    }

    /// The interval of Wilson (1927) that holds the true share with 95 %.
    #[must_use]
    pub fn wilson(self) -> (f64, f64) {
        const Z: f64 = 1.959_964;
        if self.trials == 0 {
            return (0.0, 1.0);
        }
        let n = f64::from(self.trials);
        let p = self.value();
        let scale = 1.0 / (1.0 + Z * Z / n);
        let centre = (p + Z * Z / (2.0 * n)) * scale;
        let reach = Z * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt() * scale;
        ((centre - reach).max(0.0), (centre + reach).min(1.0))
    }
}

/// The mean; 0 of nothing.
#[must_use]
pub fn mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        0.0
    } else {
        values.iter().sum::<f64>() / values.len() as f64
    }
}

/// The value below which a share `q` of the values lies (nearest rank); 0 of nothing. Sorts `values`.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (q * values.len() as f64).ceil() as usize;
    values
        .get(rank.saturating_sub(1).min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}

/// 1.4826 times the median distance from the median: the standard deviation of a normal distribution, whatever the tails. 0 of nothing.
#[must_use]
pub fn robust_deviation(values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    if values.is_empty() {
        return 0.0;
    }
    let centre = quantile(&mut values, 0.5);
    for value in &mut values {
        *value = (*value - centre).abs();
    }
    1.4826 * quantile(&mut values, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_is_as_in_the_literature() {
        // Newcombe (1998), table I: 81 of 263 and 0 of 20.
        let (low, high) = Share {
            hits: 81,
            trials: 263,
        }
        .wilson();
        assert!(
            (low - 0.2553).abs() < 1e-4 && (high - 0.3662).abs() < 1e-4,
            "{low} {high}"
        );
        let (low, high) = Share {
            hits: 0,
            trials: 20,
        }
        .wilson();
        assert!(low == 0.0 && (high - 0.1611).abs() < 1e-4, "{low} {high}");
        assert_eq!(Share::default().wilson(), (0.0, 1.0));
    }

    #[test]
    fn quantiles_take_the_nearest_rank() {
        let mut values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(quantile(&mut values, 0.5), 3.0);
        assert_eq!(quantile(&mut values, 0.01), 1.0);
        assert_eq!(quantile(&mut values, 1.0), 5.0);
        assert_eq!(quantile(&mut [], 0.5), 0.0);
        assert_eq!(robust_deviation(&[1.0, 2.0, 3.0, 4.0, 100.0]), 1.4826);
    }
}
