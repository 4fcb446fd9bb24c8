//! Whether what a trigger names ever comes, looked up before a job is taken.

use std::sync::Arc;

use super::Roster;
use super::add::{first, timetable};
use crate::error::AddError;
use crate::job::Spec;
use crate::moment::{Nanos, length, nanos};
use crate::trigger::{Measured, Phase, Timetable, Trigger};

impl<H: super::Handle> Roster<H> {
    /// Every part of a trigger can be one, and comes some day.
    pub(super) fn check_trigger(&self, spec: &Spec, now: Nanos) -> Result<(), AddError> {
        // As it was accepted, whatever has passed since.
        let there = self.slot_of(&spec.name).and_then(|slot| self.entry(slot));
        if there.is_some_and(|job| {
            job.spec.trigger == spec.trigger && job.spec.blackouts == spec.blackouts
        }) {
            return Ok(());
        }
        let parts = spec.trigger.parts();
        let alone = |part: &Trigger| match part {
            Trigger::OnSuccess(_) => Some("the success of others"),
            part if part.rests() => Some("a period from completion"),
            _ => None,
        };
        if let Some(part) = parts.iter().find_map(alone).filter(|_| parts.len() > 1) {
            return Err(AddError::NotOneOfSeveral {
                name: Arc::clone(&spec.name),
                part,
            });
        }
        let own = now.saturating_add(self.time.offset());
        if parts.is_empty() || parts.iter().any(|part| !comes(part, spec, own)) {
            return Err(AddError::Never {
                name: Arc::clone(&spec.name),
            });
        }
        Ok(())
    }
}

/// Whether one part of a trigger comes after `own`, outside its job's blackouts.
fn comes(part: &Trigger, spec: &Spec, own: Nanos) -> bool {
    let among = |anchor| Timetable {
        rule: part.rule(Some(anchor)),
        blackouts: spec.blackouts.clone(),
    };
    let table = among(own);
    let any_lit = || table.free_from(own).is_ok();
    match part {
        Trigger::OnSuccess(names) => !names.is_empty() && any_lit(),
        // A moment that has passed is missed once, at most.
        Trigger::At(moment) => table.free_from(nanos(*moment)) == Ok(nanos(*moment)),
        Trigger::Cron(_) => matches!(table.find_after(own), Ok(Some(_))),
        Trigger::Every { .. } | Trigger::Aligned { .. } if spec.blackouts.is_empty() => true,
        // Its moments follow its runs, or are laid where it is light.
        Trigger::Every {
            from: Measured::Completion,
            ..
        }
        | Trigger::Every {
            phase: Phase::Spread,
            ..
        } => any_lit(),
        Trigger::Every {
            period,
            phase: Phase::Added,
            ..
        } => {
            let first = own.checked_add(length(*period));
            first.is_some_and(|first| matches!(among(first).find_after(own), Ok(Some(_))))
        }
        Trigger::Every { .. } | Trigger::Aligned { .. } => {
            matches!(table.find_after(own), Ok(Some(_)))
        }
        Trigger::AnyOf(_) => false,
    }
}

/// Where the grid of a job begins. A phase that was drawn for it and would lie in the dark for ever is
/// moved to where that ends.
pub(super) fn anchor(spec: &Spec, own: Nanos, seed: u64, nth: u64) -> Option<Nanos> {
    let drawn = first(spec, own, seed, nth)?;
    let spread = |part: &Trigger| {
        matches!(
            part,
            Trigger::Every {
                phase: Phase::Spread,
                ..
            }
        )
    };
    if spec.blackouts.is_empty() || !spec.trigger.parts().iter().any(spread) {
        return Some(drawn);
    }
    let table = timetable(spec, Some(drawn));
    match table.find_after(own) {
        Ok(Some(_)) => Some(drawn),
        _ => Some(table.free_from(drawn).unwrap_or(drawn)),
    }
}

/// Where the grid of a job begins, as a journal knows it, when no later than two periods from now: the
/// wall clock may have been set back since.
pub(super) fn within_reach(spec: &Spec, anchor: Nanos, own: Nanos) -> Nanos {
    let Some(period) = spec.trigger.shortest_period() else {
        return anchor.min(own);
    };
    let period = length(period).max(1);
    let ahead = anchor.saturating_sub(own);
    if ahead > period.saturating_mul(2) {
        own.saturating_add(ahead % period)
    } else {
        anchor
    }
}
