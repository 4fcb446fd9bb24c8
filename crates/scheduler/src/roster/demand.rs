//! What jobs ask of their sources in the long run.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;

use super::Roster;
use super::add::timetable;
use crate::error::AddError;
use crate::event::Event;
use crate::job::Spec;
use crate::moment::Nanos;
use crate::source::Overload;

/// Most gaps that the mean distance of a trigger's moments is taken from.
const SAMPLED: usize = 50;

impl<H: super::Handle> Roster<H> {
    /// No source that refuses overload is asked more than it bears.
    pub(super) fn check_load(&self, specs: &[&Spec], now: Nanos) -> Result<(), (usize, AddError)> {
        let mut added: HashMap<u32, f64> = HashMap::new();
        let followers = self.follower_rates(specs, now);
        for (index, spec) in specs.iter().enumerate() {
            let mut often = None;
            for (nth, name) in spec.sources.iter().enumerate() {
                let Some(source) = self.sources.find(name) else {
                    continue;
                };
                let Some(state) = self.sources.get(source) else {
                    continue;
                };
                if state.settings.budget.is_none() || state.settings.overload != Overload::Refuse {
                    continue;
                }
                let more = added.entry(source).or_default();
                let often = *often.get_or_insert_with(|| {
                    let rate = followers.get(&*spec.name).copied();
                    rate.unwrap_or_else(|| self.clock_rate(spec, now))
                });
                *more += spec.share(nth, often);
                if let Some(percent) = state.overload(state.demand + *more) {
                    let source_name = Arc::clone(name);
                    return Err((
                        index,
                        AddError::Overload {
                            source_name,
                            percent,
                        },
                    ));
                }
            }
        }
        Ok(())
    }

    /// How often a job comes due a second, by the mean distance of its next moments. One without a clock of its own never does.
    fn clock_rate(&self, spec: &Spec, now: Nanos) -> f64 {
        if let Some(period) = spec.trigger.period() {
            return 1.0 / period.as_secs_f64();
        }
        let wall = now.saturating_add(self.time.offset());
        let timetable = timetable(spec, Some(wall));
        let Some(first) = timetable.next_after(wall) else {
            return 0.0;
        };
        // From moment to moment: how far the first is away says nothing of those that follow.
        let (mut last, mut gaps) = (first, 0_u32);
        while let Some(next) = timetable
            .next_after(last)
            .filter(|_| (gaps as usize) < SAMPLED)
        {
            last = next;
            gaps += 1;
        }
        let span = last.saturating_sub(first) as f64 / 1e9;
        if span <= 0.0 {
            return 0.0;
        }
        f64::from(gaps) / span
    }

    /// How often a job that is put in comes due. One that follows others comes as often as the rarest of them, at most.
    pub(super) fn rate(&self, spec: &Spec, now: Nanos) -> f64 {
        if spec.trigger.upstreams().is_empty() {
            return self.clock_rate(spec, now);
        }
        let there = |name: &Arc<str>| self.slot_of(name).and_then(|slot| self.entry(slot));
        let rates = spec.trigger.upstreams().iter().filter_map(there);
        rarest(rates.map(|upstream| upstream.rate))
    }

    /// The rates of those that follow others, among jobs that are not put in yet and wait for each other in no circle.
    fn follower_rates<'a>(&self, specs: &[&'a Spec], now: Nanos) -> HashMap<&'a str, f64> {
        let mut rates = HashMap::new();
        let follows = |spec: &Spec| !spec.trigger.upstreams().is_empty();
        if !specs.iter().any(|spec| follows(spec)) {
            return rates;
        }
        let named: HashMap<&str, &Spec> = specs.iter().map(|spec| (&*spec.name, *spec)).collect();
        let mut open: Vec<&Spec> = specs.iter().copied().filter(|spec| follows(spec)).collect();
        while let Some(spec) = open.last().copied() {
            let upstreams = spec.trigger.upstreams().iter();
            let fresh = upstreams.clone().filter_map(|name| named.get(&**name));
            let before = open.len();
            for upstream in fresh {
                if rates.contains_key(&*upstream.name) {
                    continue;
                }
                if follows(upstream) {
                    open.push(upstream);
                } else {
                    rates.insert(&*upstream.name, self.clock_rate(upstream, now));
                }
            }
            if open.len() > before {
                continue;
            }
            let known = upstreams.filter_map(|name| match rates.get(&**name) {
                Some(rate) => Some(*rate),
                None => Some(self.entry(self.slot_of(name)?)?.rate),
            });
            let rate = rarest(known);
            rates.insert(&*spec.name, rate);
            open.pop();
        }
        rates
    }

    /// A job comes at another rate than before: so do those that follow it.
    pub(super) fn spread_rate(&mut self, slot: u32, now: Nanos) {
        let mut changed = vec![slot];
        while let Some(slot) = changed.pop() {
            let name = self.entry(slot).map(|job| Arc::clone(&job.spec.name));
            let waiters = name.and_then(|name| self.dependents.get(&name).cloned());
            for waiter in waiters.into_iter().flatten() {
                let Some(job) = self.entry(waiter) else {
                    continue;
                };
                if job.spec.trigger.upstreams().is_empty() {
                    continue;
                }
                let rate = self.rate(&job.spec, now);
                if rate.to_bits() == job.rate.to_bits() {
                    continue;
                }
                self.weigh_anew(waiter, rate);
                changed.push(waiter);
            }
        }
    }

    /// Counts what a job asks of its sources when it comes at this rate.
    pub(super) fn weigh_anew(&mut self, slot: u32, rate: f64) {
        let Some(sources) = self.entry(slot).map(|job| job.sources.clone()) else {
            return;
        };
        // Held, so that a source is not forgotten between the job's going and its coming.
        let count = |roster: &mut Self, comes| {
            let sources = sources.iter();
            sources.for_each(|source| roster.sources.count_job(*source, comes));
        };
        count(self, true);
        self.weigh(slot, false);
        if let Some(job) = self.entry_mut(slot) {
            job.rate = rate;
        }
        self.weigh(slot, true);
        count(self, false);
    }

    /// Counts what a job asks of its sources, or takes it off.
    pub(super) fn weigh(&mut self, slot: u32, comes: bool) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        let sources = job.sources.clone();
        let shares = (0..sources.len()).map(|nth| job.spec.share(nth, job.rate));
        let shares: SmallVec<[f64; 1]> = shares.collect();
        for (source, share) in sources.into_iter().zip(shares) {
            self.sources.count_job(source, comes);
            let Some(state) = self.sources.get_mut(source) else {
                continue;
            };
            let before = state.demand;
            state.demand = (state.demand + if comes { share } else { -share }).max(0.0);
            let overload = state.overload(state.demand);
            let grows = comes && state.demand > before;
            if let (Some(source), Some(percent)) = (state.name.clone().filter(|_| grows), overload)
            {
                self.tell(|| Event::Overload { source, percent });
            }
        }
    }
}

impl Spec {
    /// What it costs one of its sources a second, coming at this rate: each has its part of the runs.
    pub(super) fn share(&self, nth: usize, rate: f64) -> f64 {
        f64::from(self.cost_at(nth)) * rate / self.sources.len().max(1) as f64
    }

    /// What a run costs one of its sources.
    pub(super) fn cost_at(&self, nth: usize) -> u32 {
        self.costs.get(nth).copied().unwrap_or(self.cost)
    }
}

/// The least of these rates; none at all is never.
pub(super) fn rarest(rates: impl Iterator<Item = f64>) -> f64 {
    rates.reduce(f64::min).unwrap_or(0.0)
}
