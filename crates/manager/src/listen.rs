//! Callbacks for one sort of event each.

use std::sync::Arc;

use robust_market::{Payload, Sample};

use crate::{DataManager, Event, HealthEvent, QualityEvent, TooManyCallbacks};

impl DataManager {
    /// Calls `callback` for every fetched value; see [`on_event`](Self::on_event).
    ///
    /// # Errors
    ///
    /// [`TooManyCallbacks`] when there are 64 already; the callback is dropped.
    pub fn on_data(
        &self,
        mut callback: impl FnMut(Sample<Arc<Payload>>) + Send + 'static,
    ) -> Result<(), TooManyCallbacks> {
        self.on_event(move |event| {
            if let Event::Data(sample) = event {
                callback(sample);
            }
        })
    }

    /// Calls `callback` when the quality of a market changes; see [`QualityEvent`] for when, and [`on_event`](Self::on_event).
    ///
    /// # Errors
    ///
    /// [`TooManyCallbacks`] when there are 64 already; the callback is dropped.
    pub fn on_quality(
        &self,
        mut callback: impl FnMut(QualityEvent) + Send + 'static,
    ) -> Result<(), TooManyCallbacks> {
        self.on_event(move |event| {
            if let Event::Quality(event) = event {
                callback(event);
            }
        })
    }

    /// Calls `callback` when the health of a source changes; see [`Health`](crate::Health) for when, and [`on_event`](Self::on_event).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use robust_data_manager::{DataManager, Health};
    ///
    /// let manager = DataManager::builder().exchange("kraken").start()?;
    /// manager.on_health(|change| {
    ///     if change.is_worse() && change.now.state >= Health::Critical {
    ///         eprintln!("{change}"); // kraken: healthy, now critical: 23 of 100 attempts failed, 120 ms on average
    ///     }
    /// })?;
    /// // Nobody has asked anything yet.
    /// assert_eq!(manager.health("kraken")?.state, Health::Unknown);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`TooManyCallbacks`] when there are 64 already; the callback is dropped.
    pub fn on_health(
        &self,
        mut callback: impl FnMut(HealthEvent) + Send + 'static,
    ) -> Result<(), TooManyCallbacks> {
        self.on_event(move |event| {
            if let Event::Health(event) = event {
                callback(event);
            }
        })
    }
}
