//! What can be seen of a circuit.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{Circuit, News, Phase, buckets::Successes, ramp::Ramp, rules::Streak};
use crate::{
    Rate, State, Transition,
    word::{Mode, View},
};

impl Circuit {
    /// What the path without a lock needs to know.
    pub(crate) fn view(&self) -> View {
        let (mode, left) = match &self.phase {
            Phase::Closed {
                ramp: Some(ramp), ..
            } => (Mode::Guarded, ramp.left()),
            Phase::Closed { .. } | Phase::MetricsOnly => {
                let to_clear = self.streak != Streak::default() || self.not_before.is_some();
                let wanted = self.rules.successes_wanted();
                (Mode::Closed, wanted.max(u32::from(to_clear)))
            }
            Phase::Open { .. } => (Mode::Open, 0),
            Phase::HalfOpen(probing) => {
                let gone = probing.permits.out().saturating_add(probing.reported);
                let left = self.settings.half_open_permits.saturating_sub(gone);
                (Mode::Guarded, left)
            }
            Phase::Disabled => (Mode::Disabled, 0),
        };
        View {
            mode,
            generation: self.generation,
            left,
        }
    }

    pub(crate) fn state(&self) -> State {
        match &self.phase {
            Phase::Closed { .. } => State::Closed,
            Phase::Open { until } => State::Open { until: *until },
            Phase::HalfOpen(_) => State::HalfOpen,
            Phase::Disabled => State::Disabled,
            Phase::MetricsOnly => State::MetricsOnly,
        }
    }

    /// When the next permit that is out is overdue.
    pub(crate) fn due(&self) -> Option<Instant> {
        match &self.phase {
            Phase::HalfOpen(probing) => probing.permits.due(),
            Phase::Closed {
                ramp: Some(ramp), ..
            } => ramp.permits.due(),
            _ => None,
        }
    }

    pub(crate) fn probes_out(&self) -> u32 {
        match &self.phase {
            Phase::HalfOpen(probing) => probing.permits.out(),
            _ => 0,
        }
    }

    pub(crate) fn ramp_limit(&self) -> Option<u32> {
        match &self.phase {
            Phase::Closed { ramp, .. } => ramp.as_ref().map(Ramp::limit),
            _ => None,
        }
    }

    pub(crate) fn rates(&self, now: Instant) -> Vec<Rate> {
        self.rules.rates(self.counted_in, now)
    }

    pub(crate) fn open_level(&self, now: Instant) -> u32 {
        match &self.phase {
            Phase::Closed { since, .. } => self.open_time.level_after(*since, now),
            _ => self.open_time.level(),
        }
    }

    pub(crate) fn slow_after(&self) -> Option<Duration> {
        self.rules.slow_after()
    }

    /// Where good calls are counted by their time.
    pub(crate) fn successes(&self) -> Box<[Arc<Successes>]> {
        self.rules.successes()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) fn streak(&self) -> u32 {
        self.streak.failures
    }

    pub(crate) fn opened_times(&self) -> u64 {
        self.opened_times
    }

    pub(crate) fn would_have_opened(&self) -> u64 {
        self.would_have_opened
    }

    pub(crate) fn last_transition(&self) -> Transition {
        self.last
    }

    /// What happened since the last time this was asked, oldest first.
    pub(crate) fn news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }
}
