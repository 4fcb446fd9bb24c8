//! What `tracing` is told, as lines that a test compares.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, set_default};
use tracing::{Event, Metadata, Subscriber};

/// Keeps every event of one target on this thread, from its making until it is dropped, as one line: level, message, fields.
#[derive(Debug)]
pub struct Heard {
    lines: Lines,
    _until_dropped: DefaultGuard,
}

impl Heard {
    /// Listens to the events of `target`, which is the name of a crate where the event names none itself.
    #[must_use]
    pub fn of(target: &'static str) -> Self {
        let lines = Lines::default();
        let recorder = Recorder {
            target,
            lines: lines.clone(),
        };
        Self {
            lines,
            _until_dropped: set_default(recorder),
        }
    }

    /// The lines since the last look.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.lines.locked())
    }

    /// Those of a level; the others since the last look are gone too.
    pub fn take_of(&self, level: &str) -> Vec<String> {
        let mut lines = self.take();
        lines.retain(|line| line.starts_with(level));
        lines
    }
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    /// A test that panicked with the lock has left whole lines.
    fn locked(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Recorder {
    target: &'static str,
    lines: Lines,
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == self.target
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = event.metadata().level();
        let line = format!("{level} {}{}", line.message, line.fields);
        self.lines.locked().push(line);
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

#[cfg(test)]
mod tests {
    use super::Heard;

    #[test]
    fn only_the_events_of_the_target_are_heard_and_only_until_it_is_dropped() {
        tracing::info!(target: "ferry", "before");
        let heard = Heard::of("ferry");
        tracing::warn!(target: "ferry", wind = "gale", knots = 40, "stays");
        tracing::warn!(target: "harbour", "is not asked about");
        let _inside = tracing::info_span!(target: "ferry", "a span is no line").entered();
        assert_eq!(heard.take(), ["WARN stays wind=\"gale\" knots=40"]);
        assert!(heard.take().is_empty());
        tracing::info!(target: "ferry", "leaves");
        tracing::debug!(target: "ferry", "hoots");
        assert_eq!(heard.take_of("DEBUG"), ["DEBUG hoots"]);
        assert!(heard.take().is_empty());
        drop(heard);
        let other = Heard::of("ferry");
        assert!(other.take().is_empty());
    }
}
