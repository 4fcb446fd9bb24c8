//! What is measured: ours, the floor and the peers, all behind the same few calls.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use super::record::Recorder;

/// A scheduler as the scenarios use it. Each job does nothing but to tell the recorder that it ran. Dropping it stops it.
pub trait Subject: Sized + Send + Sync + 'static {
    /// The finest period that it knows. Periods are whole multiples of it, so that nobody is blamed for what it does not offer.
    const GRAIN: Duration = Duration::from_millis(1);

    /// Starts it with its defaults.
    fn start() -> impl Future<Output = Result<Self>> + Send;

    /// Adds a job for each period of the recorder, and tells the recorder from when each counts.
    fn add_every(&self, recorder: &Arc<Recorder>) -> impl Future<Output = Result<()>> + Send;

    /// Adds a job for each place of the recorder, all to run once, at this moment.
    fn add_once(
        &self,
        recorder: &Arc<Recorder>,
        at: Instant,
    ) -> impl Future<Output = Result<()>> + Send;
}
