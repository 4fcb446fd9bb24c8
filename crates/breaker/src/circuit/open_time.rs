//! How long to stay open.

use std::time::Duration;

use tokio::time::Instant;

use crate::config::Settings;

/// The open time `base * factor^level`, capped, less a random share.
#[derive(Debug)]
pub(crate) struct OpenTime {
    base: Duration,
    factor: f64,
    max: Duration,
    jitter: f64,
    rng: fastrand::Rng,
    healthy_for: Duration,
    level: u32,
}

impl OpenTime {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            base: settings.open_for,
            factor: settings.open_factor,
            max: settings.open_max,
            jitter: settings.jitter,
            rng: fastrand::Rng::with_seed(settings.seed),
            healthy_for: settings.healthy_for,
            level: 0,
        }
    }

    /// Steps by which it has grown.
    pub(crate) fn level(&self) -> u32 {
        self.level
    }

    pub(crate) fn reset(&mut self) {
        self.level = 0;
    }

    /// Probing has failed: one step longer.
    pub(crate) fn grow(&mut self) {
        // Beyond the cap further steps would only have to be taken back.
        if self.at(self.level) < self.max {
            self.level = self.level.saturating_add(1);
        }
    }

    /// It was closed from `since` until now: one step shorter for each healthy period.
    pub(crate) fn shrink(&mut self, since: Instant, now: Instant) {
        self.level = self.level_after(since, now);
    }

    /// Its level if it has been closed since then.
    pub(crate) fn level_after(&self, since: Instant, now: Instant) -> u32 {
        let healthy =
            now.saturating_duration_since(since).as_nanos() / self.healthy_for.as_nanos().max(1);
        self.level
            .saturating_sub(u32::try_from(healthy).unwrap_or(u32::MAX))
    }

    /// Draws the next open time.
    pub(crate) fn draw(&mut self) -> Duration {
        let time = self.at(self.level);
        if self.jitter > 0.0 {
            // Below 1, so it stays in range.
            time.mul_f64(1.0 - self.jitter * self.rng.f64())
        } else {
            time
        }
    }

    fn at(&self, level: u32) -> Duration {
        if level == 0 || self.factor <= 1.0 {
            return self.base.min(self.max);
        }
        let grown =
            self.base.as_secs_f64() * self.factor.powi(i32::try_from(level).unwrap_or(i32::MAX));
        Duration::try_from_secs_f64(grown).map_or(self.max, |time| time.min(self.max))
    }
}
