//! What comes next, in words that a person can check.

use std::time::SystemTime;

use chrono::{FixedOffset, SecondsFormat, TimeZone as _};

use crate::moment::{Nanos, system, whole_second};
use crate::zone::Zone;

/// A moment to come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Upcoming {
    /// When.
    pub at: SystemTime,
    /// What the clocks of the zone show then, with their offset: `2027-03-28T03:00:00+02:00`.
    pub local: String,
    /// What a clock change did to it.
    pub change: Option<ClockChange>,
}

/// What a clock change did to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ClockChange {
    /// Its wall time was left out, so it comes at the change.
    Shifted,
    /// Its wall time is shown twice.
    Doubled,
}

/// A moment with what the clocks of a zone show.
pub(crate) fn upcoming(zone: &Zone, at: Nanos, change: Option<ClockChange>) -> Upcoming {
    let second = whole_second(at);
    let offset = i32::try_from(zone.segment(second).offset).ok();
    let local = offset
        .and_then(FixedOffset::east_opt)
        .and_then(|offset| offset.timestamp_opt(second, 0).single())
        .map(|moment| moment.to_rfc3339_opts(SecondsFormat::Secs, false));
    Upcoming {
        at: system(at),
        local: local.unwrap_or_default(),
        change,
    }
}
