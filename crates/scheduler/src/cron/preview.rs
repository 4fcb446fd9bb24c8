//! What comes next, in words that a person can check.

use std::time::SystemTime;

use chrono::{FixedOffset, SecondsFormat, TimeZone as _};

use crate::moment::{Nanos, SECOND, system, whole_second};
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
    /// Its wall time was left out, and it does not come. Then the moment is that of the change, and what the clocks show is that wall
    /// time by the offset before. In forecasts only.
    LeftOut,
}

/// A wall time that a change at this second leaves out, by the offset before it.
pub(crate) fn left_out(change: i64, wall: i64, offset: i64) -> Upcoming {
    Upcoming {
        at: system(change.saturating_mul(SECOND)),
        local: shown(wall.saturating_sub(offset), offset),
        change: Some(ClockChange::LeftOut),
    }
}

/// A moment with what the clocks of a zone show.
pub(crate) fn upcoming(zone: &Zone, at: Nanos, change: Option<ClockChange>) -> Upcoming {
    let second = whole_second(at);
    Upcoming {
        at: system(at),
        local: shown(second, zone.segment(second).offset),
        change,
    }
}

fn shown(second: i64, offset: i64) -> String {
    let offset = i32::try_from(offset).ok();
    let local = offset
        .and_then(FixedOffset::east_opt)
        .and_then(|offset| offset.timestamp_opt(second, 0).single())
        .map(|moment| moment.to_rfc3339_opts(SecondsFormat::Secs, false));
    local.unwrap_or_default()
}
