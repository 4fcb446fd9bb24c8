//! What `tracing` is told.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use robust_limiter::{Charge, Class, Limiter, Pause, Tracing, Window};
use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

const TARGET: &str = "robust_limiter";

/// Keeps every event as one line: level, target, message, fields.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// The lines since the last look.
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
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
async fn every_event_of_a_limiter_has_its_level_and_its_fields() {
    let heard = Recorder::default();
    let _guard = tracing::subscriber::set_default(heard.clone());
    let limiter = Limiter::builder("ferry")
        .window(Window::sliding("cars", 1, Duration::from_secs(60)).guard(Duration::ZERO))
        .listener(Tracing)
        .build();
    let car = Charge::new(0, 1).into();
    limiter
        .acquire(&car, Class::High, None)
        .await
        .unwrap()
        .commit();
    assert!(heard.take().is_empty(), "who need not wait is no news");
    limiter
        .acquire(&car, Class::High, None)
        .await
        .unwrap()
        .commit();
    assert_eq!(
        heard.take(),
        ["DEBUG waited limiter=\"ferry\" class=High wait=60s window=\"cars\""]
    );
    let soon = Instant::now() + Duration::from_secs(1);
    assert!(limiter.acquire(&car, Class::Low, Some(soon)).await.is_err());
    assert_eq!(
        heard.take(),
        ["DEBUG refused limiter=\"ferry\" class=Low retry_in=Some(60s)"]
    );
    limiter.pause(Instant::now() + Duration::from_secs(90), Pause::Manual);
    assert_eq!(
        heard.take(),
        ["WARN paused limiter=\"ferry\" length=90s reason=manual"]
    );
    limiter.resume();
    limiter.set_limit(0, 5).unwrap();
    assert_eq!(
        heard.take(),
        [
            "INFO resumed limiter=\"ferry\"",
            "INFO limit changed limiter=\"ferry\" window=\"cars\" limit=5",
        ]
    );
}
