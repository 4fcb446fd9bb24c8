//! A job is changed: what the change does not touch stays.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use smallvec::SmallVec;

use super::add::{class_of, timetable};
use super::comes::anchor;
use super::demand::rarest;
use super::queue::Place;
use super::{Alarm, Roster};
use crate::error::AddError;
use crate::event::Event;
use crate::job::{JobId, Spec};
use crate::moment::{Nanos, length};
use crate::source::Overload;
use crate::trigger::{Trigger, golden};

/// What an occurrence waits for that an update must not let begin anew.
#[derive(Debug, Clone, Copy)]
enum Wait {
    /// Its next try, at this moment.
    Try(Nanos),
    /// Other jobs, since this moment.
    Upstream(Nanos),
}

impl<H: super::Handle> Roster<H> {
    /// What stands now of a job, with what a change has made of `base`. Of two changes at the same
    /// time the later one takes back nothing that it did not touch itself.
    pub(crate) fn merged(&self, id: JobId, base: &Spec, changed: Spec) -> Option<Spec> {
        let now = &self.entry(self.find(id)?)?.spec;
        Some(changed.over(base, now))
    }

    /// Changes a job; its history, its ledger and what waits for it stay.
    pub(crate) fn update(&mut self, id: JobId, spec: Spec, now: Nanos) -> Result<(), AddError> {
        let slot = self.find(id).ok_or(AddError::Unknown)?;
        let job = self.entry(slot).ok_or(AddError::Unknown)?;
        if job.spec.name != spec.name {
            return Err(AddError::Unknown);
        }
        self.check_spec(&spec, now)?;
        self.check_edges(&[&spec]).map_err(|(_, error)| error)?;
        self.check_heavier(slot, &spec, now)?;

        let wait = self.stands_still(slot);
        let sources: SmallVec<[u32; 1]> = spec
            .sources
            .iter()
            .map(|name| self.sources.open(name))
            .collect();
        // Held, so that a source that stays is not forgotten between its going and its coming.
        let held = sources.clone();
        held.iter()
            .for_each(|source| self.sources.count_job(*source, true));
        self.withdraw(slot);
        self.forget_use(slot);
        self.drop_turn(slot);
        self.link(slot, false);
        self.weigh(slot, false);
        let group = self.entry(slot).and_then(|job| job.spec.exclusive.clone());
        self.move_runs(id, group.as_ref(), spec.exclusive.as_ref());

        let rate = self.rate(&spec, now);
        let after = self.change_times(slot, &spec, &sources, now);
        let job = self.entry_mut(slot).ok_or(AddError::Unknown)?;
        job.sources = sources;
        job.rate = rate;
        job.needs = Vec::new();
        job.spec = spec;

        self.by_mono.remove(slot);
        self.by_wall.remove(slot);
        self.link(slot, true);
        self.weigh(slot, true);
        self.spread_rate(slot, now);
        held.iter()
            .for_each(|source| self.sources.count_job(*source, false));
        self.tell_of(slot, |job| Event::Updated { job });
        match after {
            Some(after) => self.plan_after(slot, after),
            None => self.schedule(slot),
        }
        self.mind_use(slot);
        self.goes_on(slot, wait);
        if after.is_some() {
            self.mark(slot);
        }
        Ok(())
    }

    /// Gives a job the timetable and the splay that it will have. If its moments are others, its next
    /// one comes after the moment that is given back.
    fn change_times(
        &mut self,
        slot: u32,
        spec: &Spec,
        sources: &[u32],
        now: Nanos,
    ) -> Option<Nanos> {
        let (mono, seed) = (spec.follows_mono(), self.limits.seed);
        let clock = self.time.of(mono);
        let job = self.entry(slot)?;
        let same_trigger = job.spec.trigger.comes_with(&spec.trigger);
        let other_times = !same_trigger || job.spec.blackouts != spec.blackouts;
        let (old, class) = (class_of(&job.spec, &job.sources), class_of(spec, sources));
        // From its old clock to the one that it follows from now on.
        let step = clock.saturating_sub(self.time.of(job.mono));
        let followed = if same_trigger {
            job.followed
        } else {
            self.slowest_of(spec)
        };
        // Its place among those of its class is not kept: it gets the next one.
        let nth = (old != class || job.spec.splay != spec.splay || !same_trigger).then(|| {
            self.sources.leave(old.0, old.1);
            self.sources.enrol(class.0, class.1)
        });
        let own = now.saturating_add(clock);
        let job = self.entry_mut(slot)?;
        if let Some(nth) = nth {
            job.splay = spec.splay_of(class.1, seed, nth);
        }
        if !other_times {
            return None;
        }
        let next = job.next.map(|next| next.saturating_add(step));
        // A moment that has come and not been released yet, as it had to settle, is still to come.
        let unreleased = next.filter(|next| *next <= own);
        let from = unreleased.map_or(own, |next| next.saturating_sub(1));
        (job.mono, job.followed) = (mono, followed);
        let kept = job.anchor.map(|anchor| anchor.saturating_add(step));
        let comes =
            |kept: &Nanos| matches!(timetable(spec, Some(*kept)).find_after(own), Ok(Some(_)));
        job.anchor = match kept.filter(|kept| same_trigger && comes(kept)) {
            None => anchor(spec, own, seed, nth.unwrap_or(0)),
            kept => kept,
        };
        job.timetable = timetable(spec, job.anchor);
        job.faulted = false;
        job.strays = true;
        Some(job.search_from(from))
    }

    /// No source that refuses overload is asked more than it bears because of a change, and more than
    /// before.
    fn check_heavier(&self, slot: u32, spec: &Spec, now: Nanos) -> Result<(), AddError> {
        let Some(job) = self.entry(slot) else {
            return Ok(());
        };
        let same = job.spec.trigger == spec.trigger && job.spec.blackouts == spec.blackouts;
        let rate = if same { job.rate } else { self.rate(spec, now) };
        let mut more: BTreeMap<Arc<str>, f64> = BTreeMap::new();
        let mut weigh = |spec: &Spec, rate: f64| {
            for (nth, name) in spec.sources.iter().enumerate() {
                *more.entry(Arc::clone(name)).or_default() += spec.share(nth, rate);
            }
        };
        weigh(&job.spec, -job.rate);
        weigh(spec, rate);
        // Those that follow it come as often as it does.
        let mut rates = HashMap::from([(slot, rate)]);
        let mut changed = vec![slot];
        while let Some(slot) = changed.pop() {
            for waiter in self.waiters(slot) {
                let Some(job) = self.entry(waiter) else {
                    continue;
                };
                let upstreams = job.spec.trigger.upstreams();
                if upstreams.is_empty() {
                    continue;
                }
                let there = upstreams.iter().filter_map(|name| self.slot_of(name));
                let rate = rarest(there.filter_map(|slot| {
                    let known = rates.get(&slot).copied();
                    known.or_else(|| Some(self.entry(slot)?.rate))
                }));
                let before = rates.insert(waiter, rate).unwrap_or(job.rate);
                if before.to_bits() != rate.to_bits() {
                    weigh(&job.spec, -before);
                    weigh(&job.spec, rate);
                    changed.push(waiter);
                }
            }
        }
        for (source_name, more) in more.into_iter().filter(|(_, more)| *more > 0.0) {
            let source = self.sources.find(&source_name);
            let Some(state) = source.and_then(|source| self.sources.get(source)) else {
                continue;
            };
            if state.settings.overload == Overload::Refuse
                && let Some(percent) = state.overload(state.demand + more)
            {
                return Err(AddError::Overload {
                    source_name,
                    percent,
                });
            }
        }
        Ok(())
    }

    /// What the waiting occurrence of a job waits for, if that must not begin anew.
    fn stands_still(&self, slot: u32) -> Option<Wait> {
        let job = self.entry(slot)?;
        match job.waiting.as_ref()?.place {
            Place::Alarm((at, _)) => Some(Wait::Try(at)),
            Place::Upstream(Some((until, _))) => {
                let patience = job.spec.patience()?;
                Some(Wait::Upstream(until.saturating_sub(patience)))
            }
            _ => None,
        }
    }

    /// An occurrence that was withdrawn goes on waiting, if it must wait still.
    fn goes_on(&mut self, slot: u32, wait: Option<Wait>) {
        if let Some(Wait::Try(at)) = wait {
            let alarm = self.set_alarm(at, Alarm::Retry(slot));
            if let Some(waiting) = self.entry_mut(slot).and_then(|job| job.waiting.as_mut()) {
                waiting.place = Place::Alarm(alarm);
            }
            return;
        }
        self.come_forward(slot);
        let Some(Wait::Upstream(since)) = wait else {
            return;
        };
        let Some(job) = self.entry(slot) else {
            return;
        };
        let place = job.waiting.as_ref().map(|waiting| waiting.place);
        if let (Some(Place::Upstream(Some(anew))), Some(patience)) = (place, job.spec.patience()) {
            self.alarms.remove(&anew);
            let alarm = self.set_alarm(since.saturating_add(patience), Alarm::DepLimit(slot));
            if let Some(waiting) = self.entry_mut(slot).and_then(|job| job.waiting.as_mut()) {
                waiting.place = Place::Upstream(Some(alarm));
            }
        }
    }
}

impl Spec {
    /// How long an occurrence waits for others at most.
    pub(super) fn patience(&self) -> Option<Nanos> {
        let limits = self.upstreams.iter().filter_map(|up| up.wait_max);
        limits.min().map(length)
    }

    /// The splay of the how many-th job of a class of this period.
    pub(super) fn splay_of(&self, period: Nanos, seed: u64, nth: u64) -> Nanos {
        match length(self.splay) {
            0 => 0,
            most => golden(most.min(period.max(1)).max(1), seed, nth),
        }
    }

    /// This, where it differs from `base`; `now` elsewhere.
    fn over(self, base: &Self, now: &Self) -> Self {
        fn over<T: PartialEq + Clone>(changed: T, base: &T, now: &T) -> T {
            if changed == *base {
                now.clone()
            } else {
                changed
            }
        }
        // Taken apart, so that no field is forgotten.
        let Self {
            name,
            sources,
            trigger,
            blackouts,
            priority,
            cost,
            costs,
            run_at_start,
            splay,
            useful_for,
            timeout,
            escalated,
            misfire,
            grace,
            overlap,
            retry,
            failures,
            upstreams,
            exclusive,
            mark,
        } = self;
        Self {
            name,
            sources: over(sources, &base.sources, &now.sources),
            trigger: over(trigger, &base.trigger, &now.trigger),
            blackouts: over(blackouts, &base.blackouts, &now.blackouts),
            priority: over(priority, &base.priority, &now.priority),
            cost: over(cost, &base.cost, &now.cost),
            costs: over(costs, &base.costs, &now.costs),
            run_at_start: over(run_at_start, &base.run_at_start, &now.run_at_start),
            splay: over(splay, &base.splay, &now.splay),
            useful_for: over(useful_for, &base.useful_for, &now.useful_for),
            timeout: over(timeout, &base.timeout, &now.timeout),
            escalated: over(escalated, &base.escalated, &now.escalated),
            misfire: over(misfire, &base.misfire, &now.misfire),
            grace: over(grace, &base.grace, &now.grace),
            overlap: over(overlap, &base.overlap, &now.overlap),
            retry: over(retry, &base.retry, &now.retry),
            failures: over(failures, &base.failures, &now.failures),
            upstreams: over(upstreams, &base.upstreams, &now.upstreams),
            exclusive: over(exclusive, &base.exclusive, &now.exclusive),
            mark: over(mark, &base.mark, &now.mark),
        }
    }
}

impl Trigger {
    /// Whether both have the same moments, however long after them they are released.
    fn comes_with(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Aligned { interval, .. },
                Self::Aligned {
                    interval: other, ..
                },
            ) => interval == other,
            (Self::AnyOf(all), Self::AnyOf(others)) => {
                let mut pairs = all.iter().zip(others.iter());
                all.len() == others.len() && pairs.all(|(one, other)| one.comes_with(other))
            }
            _ => self == other,
        }
    }
}
