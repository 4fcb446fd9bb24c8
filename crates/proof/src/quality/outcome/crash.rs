//! What a reader has in a crash.

use super::{Outcome, at_most};
use crate::report::Row;

impl Outcome {
    /// What a reader gets in the worst hours of recorded series; nothing where none was given.
    pub(super) fn crash(&self) -> Option<Row> {
        if self.crashes.is_empty() {
            return None;
        }
        let lasted: Vec<String> = self
            .crashes
            .iter()
            .filter(|crash| crash.without > 0)
            .map(|crash| format!("{} {} s of {}", crash.name, crash.without, crash.of))
            .collect();
        let undelivered = self
            .crashes
            .iter()
            .map(|crash| crash.undelivered)
            .sum::<u64>();
        let note = format!(
            "seconds whose newest print is rejected, so that nobody gets it, in the worst 48 bars of {} series; \
             quarantined, for readers who withhold those: {}",
            self.crashes.len(),
            if lasted.is_empty() {
                "none".to_owned()
            } else {
                lasted.join(", ")
            }
        );
        let seconds = undelivered as f64;
        Some(at_most(
            "quality.crash_seconds_without_value",
            seconds,
            "s",
            0.0,
            note,
        ))
    }
}
