//! Jobs come and are changed: checked first, all of them, then put in.

use std::collections::HashSet;
use std::sync::Arc;

use smallvec::SmallVec;

use super::comes::{anchor, within_reach};
use super::stop::Stage;
use super::{Entry, LEAST_PERIOD, NOBODY, Roster, Slot};
use crate::error::AddError;
use crate::event::Event;
use crate::job::{JobId, Spec};
use crate::ledger::{SkipReason, Tally};
use crate::moment::{Nanos, length, nanos};
use crate::record::Recent;
use crate::source::Settings;
use crate::trigger::{Phase, Timetable, Trigger, golden};

impl<H: super::Handle> Roster<H> {
    /// Whether these jobs may be added, all together.
    pub(crate) fn check(&self, specs: &[&Spec], now: Nanos) -> Result<(), (usize, AddError)> {
        let mut fresh = HashSet::with_capacity(specs.len());
        for (index, spec) in specs.iter().enumerate() {
            let at = |error| (index, error);
            self.check_spec(spec, now).map_err(at)?;
            let name = || Arc::clone(&spec.name);
            if self.names.contains_key(&spec.name) && self.slot_of(&spec.name).is_none() {
                return Err(at(AddError::Removing { name: name() }));
            }
            if self.names.contains_key(&spec.name) || !fresh.insert(&spec.name) {
                return Err(at(AddError::Duplicate { name: name() }));
            }
        }
        let limit = self.limits.max_jobs.min(u32::MAX as usize - 1);
        if self.names.len() + specs.len() > limit {
            let first_too_many = limit.saturating_sub(self.names.len());
            return Err((first_too_many, AddError::Full { limit }));
        }
        self.check_edges(specs)?;
        self.check_load(specs, now)
    }

    pub(super) fn check_spec(&self, spec: &Spec, now: Nanos) -> Result<(), AddError> {
        if !matches!(self.stage, Stage::Open) {
            return Err(AddError::ShutDown);
        }
        if spec.name.is_empty() {
            return Err(AddError::NoName);
        }
        let shortest = spec.trigger.shortest_period();
        if let Some(period) = shortest.filter(|period| *period < LEAST_PERIOD) {
            return Err(AddError::PeriodTooShort {
                period,
                least: LEAST_PERIOD,
            });
        }
        if !(1..=5).contains(&spec.priority) {
            return Err(AddError::Priority {
                priority: spec.priority,
            });
        }
        let times = [spec.timeout, spec.useful_for, spec.escalated];
        if times.into_iter().flatten().any(|time| time.is_zero()) {
            return Err(AddError::NoTime);
        }
        let own = now.saturating_add(self.time.offset());
        if !spec.trigger.is_counted() || !spec.trigger.settles_after(own) {
            return Err(AddError::OutOfRange {
                name: Arc::clone(&spec.name),
            });
        }
        self.check_trigger(spec, now)
    }

    /// Makes room for these, so that nothing grows step by step while they are put in.
    pub(crate) fn make_room_for(&mut self, specs: &[&Spec]) {
        let free = self.free.len();
        self.names.reserve(specs.len());
        self.slots.reserve(specs.len().saturating_sub(free));
        let mono = specs.iter().filter(|spec| spec.follows_mono()).count();
        self.by_mono.reserve(mono);
        self.by_wall.reserve(specs.len() - mono);
    }

    /// Adds a job that was checked.
    pub(crate) fn insert(&mut self, spec: Spec, handler: H, now: Nanos) -> JobId {
        let sources: SmallVec<[u32; 1]> = spec
            .sources
            .iter()
            .map(|name| self.sources.open(name))
            .collect();
        let class = class_of(&spec, &sources);
        let nth = self.sources.enrol(class.0, class.1);
        let mono = spec.follows_mono();
        let own = now.saturating_add(self.time.of(mono));
        let known = self.known(&spec, own);
        let anchor = match known.anchor {
            Some(anchor) => Some(within_reach(&spec, anchor, own)),
            None => anchor(&spec, own, self.limits.seed, nth),
        };
        let timetable = timetable(&spec, anchor);
        let splay = spec.splay_of(class.1, self.limits.seed, nth);
        let rate = self.rate(&spec, now);
        let next = match (&spec.trigger, known.from) {
            (_, Some(from)) => timetable.find_after(from),
            (Trigger::At(moment), None) => Ok(Some(nanos(*moment))),
            (_, None) => timetable.find_after(own),
        };
        let (run_at_start, name, order) = (spec.run_at_start, Arc::clone(&spec.name), self.added);
        self.added = self.added.saturating_add(1);
        let entry = Entry {
            handler,
            order,
            mono,
            anchor,
            timetable,
            splay,
            last_source: sources.first().copied().unwrap_or(super::sources::NONE),
            sources,
            rate,
            next: next.ok().flatten(),
            watermark: known.watermark,
            followed: known.followed,
            last_success: known.last_success,
            last_other: None,
            redo: Vec::new(),
            waiting: None,
            backlog: Default::default(),
            runs: SmallVec::new(),
            next_run: 0,
            missed: 0,
            needs: Vec::new(),
            inherited: NOBODY,
            failures: known.failures,
            failed_in_a_row: known.failures,
            not_before: known.not_before,
            quarantined: known.quarantined,
            timed_out_last: false,
            paused: known.paused,
            disabled: known.disabled,
            faulted: false,
            removed: false,
            strays: false,
            tally: Tally::default(),
            recent: Recent::default(),
            spec,
        };
        let id = self.place(entry);
        self.names.insert(Arc::clone(&name), id);
        self.link(id.slot, true);
        self.weigh(id.slot, true);
        self.spread_rate(id.slot, now);
        self.tell(|| Event::Added { job: name });
        self.schedule(id.slot);
        if next.is_err() {
            self.fault(id.slot);
        }
        if known.marked && !known.disabled {
            self.redo(id.slot, known.open, now);
            // What succeeded before the end of the last process, and was not followed.
            self.follow(id.slot, now);
            self.catch_up(id.slot, now);
        }
        let passed = self.passed(id.slot, own);
        if !known.marked && !passed.is_empty() {
            self.redo(id.slot, passed, now);
        }
        let at_start = run_at_start && !known.disabled && self.is_lit(id.slot, own);
        if at_start {
            // What was missed meanwhile comes first; that of a job that waits for others comes when
            // they are here too.
            if self
                .entry(id.slot)
                .is_some_and(|job| job.spec.upstreams.is_empty())
            {
                self.release_if_due(id.slot, now);
            }
            let nominal = self.fresh_nominal(id.slot, now);
            self.due_now(id.slot, nominal, now);
        }
        if at_start || !known.marked || known.behind {
            self.mark(id.slot);
        }
        id
    }

    /// The single moments among several triggers that had passed when their job came: missed, as one
    /// alone would be.
    fn passed(&self, slot: u32, own: Nanos) -> Vec<Nanos> {
        let Some(job) = self.entry(slot) else {
            return Vec::new();
        };
        let parts = job.spec.trigger.parts();
        let moments = parts.iter().filter_map(|part| match part {
            Trigger::At(moment) if parts.len() > 1 => Some(nanos(*moment)),
            _ => None,
        });
        moments.filter(|moment| *moment <= own).collect()
    }

    /// Whether a moment of a job's own time lies in none of its blackouts.
    pub(super) fn is_lit(&self, slot: u32, own: Nanos) -> bool {
        let job = self.entry(slot);
        job.is_some_and(|job| job.timetable.free_from(own) == Ok(own))
    }

    fn place(&mut self, entry: Entry<H>) -> JobId {
        let job = Some(Box::new(entry));
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            slot.job = job;
            return JobId {
                slot: index,
                generation: slot.generation,
            };
        }
        // `check` keeps the number of jobs below the range of the index.
        let index = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.slots.push(Slot { generation: 0, job });
        JobId {
            slot: index,
            generation: 0,
        }
    }

    pub(crate) fn describe_source(&mut self, name: &Arc<str>, settings: Settings) {
        let source = self.sources.describe(name, settings);
        // What was parked by the old gate asks the new one.
        if let Some(key) = self.sources.get(source).and_then(|state| state.parked) {
            self.alarms.remove(&key);
            self.sources.unpark(source, key);
        }
    }

    /// Frees the place of a removed job whose last run has ended.
    pub(super) fn vacate_if_done(&mut self, slot: u32) -> Option<H> {
        let job = self.entry(slot)?;
        if !job.removed || !job.runs.is_empty() {
            return None;
        }
        self.skip_all(slot, SkipReason::Removed);
        self.link(slot, false);
        self.weigh(slot, false);
        let job = self.entry(slot)?;
        let (source, period) = class_of(&job.spec, &job.sources);
        let name = (job.recent.aggregate.runs > 0).then(|| Arc::clone(&job.spec.name));
        self.sources.leave(source, period);
        if let Some(name) = name {
            let id = self.id(slot)?;
            self.history.forget(id, &name);
        }
        let place = self.slots.get_mut(slot as usize)?;
        let job = place.job.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(slot);
        self.names.remove(&job.spec.name);
        Some(job.handler)
    }
}

impl Spec {
    /// Whether a step of the wall clock does not concern it.
    pub(super) fn follows_mono(&self) -> bool {
        self.trigger.is_monotonic() && self.blackouts.is_empty()
            || matches!(self.trigger, Trigger::OnSuccess(_))
    }
}

/// The class of phases that a job belongs to: its source and period.
pub(super) fn class_of(spec: &Spec, sources: &[u32]) -> (u32, Nanos) {
    const DAY: Nanos = 86_400_000_000_000;
    let source = sources.first().copied().unwrap_or(super::sources::NONE);
    (source, spec.trigger.period().map_or(DAY, length))
}

pub(super) fn timetable(spec: &Spec, anchor: Option<Nanos>) -> Timetable {
    Timetable {
        rule: spec.trigger.rule(anchor),
        blackouts: spec.blackouts.clone(),
    }
}

/// Where the grid of a job begins that has no origin of its own.
pub(super) fn first(spec: &Spec, own: Nanos, seed: u64, nth: u64) -> Option<Nanos> {
    let Trigger::Every { period, phase, .. } = &spec.trigger else {
        // Of several triggers those without an origin share one, which is spread if one of them is.
        let spread = spec.trigger.parts().iter().filter_map(|part| match part {
            Trigger::Every {
                period,
                phase: Phase::Spread,
                ..
            } => Some(length(*period)),
            _ => None,
        });
        return own.checked_add(spread.min().map_or(0, |period| golden(period, seed, nth)));
    };
    let period = length(*period);
    let offset = match phase {
        Phase::Spread => match golden(period, seed, nth) {
            early if spec.run_at_start && early < period / 2 => early.checked_add(period)?,
            offset => offset,
        },
        _ => period,
    };
    own.checked_add(offset)
}
