//! What `tracing` is told.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_breaker::{Breaker, Outcome, Tracing};
use tokio::time::advance;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

const TARGET: &str = "robust_breaker";

/// Keeps every event as one line: level, target, message, fields.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// The lines since the last look.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    /// Those of a level.
    fn at(&self, level: &str) -> Vec<String> {
        let mut lines = self.take();
        lines.retain(|line| line.starts_with(level));
        lines
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = event.metadata().level();
        self.0
            .lock()
            .unwrap()
            .push(format!("{level} {}{}", line.message, line.fields));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            self.fields += &format!(" {}={value:?}", field.name());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_event_of_a_breaker_has_its_level_and_its_fields() {
    let heard = Recorder::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let breaker = Breaker::builder("tide gauge")
        .consecutive_failures(1)
        .open_for(Duration::from_secs(10))
        .listener(Tracing)
        .build();
    breaker.admit().unwrap().record(Outcome::Success);
    assert_eq!(
        heard.take(),
        [
            "TRACE admitted breaker=\"tide gauge\" permit=false generation=0",
            "TRACE ended breaker=\"tide gauge\" outcome=Some(Success) generation=0",
        ]
    );
    breaker.admit().unwrap().record(Outcome::FAILURE);
    let changes = heard.at("WARN");
    assert_eq!(
        changes,
        [
            "WARN changed breaker=\"tide gauge\" from=closed to=open generation=1 cause=1 failures in a row"
        ]
    );
    assert!(breaker.admit().is_err());
    assert_eq!(
        heard.take(),
        ["DEBUG refused breaker=\"tide gauge\" retry_in=10s generation=1"]
    );
    advance(Duration::from_secs(10)).await;
    breaker.admit().unwrap().record(Outcome::Success);
    let changes = heard.at("INFO");
    assert_eq!(
        changes,
        [
            "INFO changed breaker=\"tide gauge\" from=open to=half_open generation=2 cause=open time over",
            "INFO changed breaker=\"tide gauge\" from=half_open to=closed generation=3 cause=probes succeeded",
        ]
    );
    let (one, two) = (breaker.admit().unwrap(), breaker.admit().unwrap());
    one.record(Outcome::FAILURE);
    let retry_after = Some(Duration::from_secs(600));
    two.record(Outcome::Failure { retry_after });
    assert_eq!(
        heard.at("WARN")[1..],
        ["WARN lengthened breaker=\"tide gauge\" generation=4 retry_in=600s"]
    );
    breaker.metrics_only();
    heard.take();
    breaker.admit().unwrap().record(Outcome::FAILURE);
    let would = heard.at("WARN");
    assert_eq!(
        would,
        ["WARN would open breaker=\"tide gauge\" cause=1 failures in a row"]
    );
}
