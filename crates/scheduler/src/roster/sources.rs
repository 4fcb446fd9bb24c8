//! The sources: whose turn it is, and what each bears.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::lane::Lane;
use super::queue::Key;
use super::{Occurrence, Roster};
use crate::ledger::Tally;
use crate::moment::{Nanos, duration, length};
use crate::source::Settings;
use crate::trigger::Settle;

/// The source of jobs that name none.
pub(super) const NONE: u32 = 0;

/// The longest that a source is parked, or a retry put off: a number that came over the net must not
/// stop anything for good. Whoever still means it says it again.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// The steps in which a settle time is learned: down.
const PART: Nanos = 5_000_000;

/// And up, of which one outweighs 19 down.
const STEP_UP: Nanos = 19 * PART;

/// All sources; the first is that of jobs that name none.
#[derive(Debug)]
pub(super) struct Sources {
    all: Vec<State>,
    names: BTreeMap<Arc<str>, u32>,
    /// Places of sources that nobody names any more.
    free: Vec<u32>,
    /// Sources that have something to start and are not known to be unable to, in turn.
    ring: VecDeque<u32>,
    /// How many jobs of each class of phases there were and are.
    classes: HashMap<(u32, Nanos), Class>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) name: Option<Arc<str>>,
    pub(super) settings: Settings,
    /// Whether it was described, or is only a name that jobs gave.
    described: bool,
    pub(super) jobs: usize,
    /// What is ready: priorities 1 and 2, and the others.
    pub(super) lanes: [Lane; 2],
    pub(super) in_flight: usize,
    pub(super) under_way: u64,
    pub(super) trial: bool,
    /// Until when it is parked, with the alarm.
    pub(super) parked: Option<(Nanos, u64)>,
    /// The most urgent priority that its gate has refused since: what is more urgent may be asked for. 0 while it is parked for all.
    pub(super) refused: u8,
    /// Whether something more urgent than that may be ready.
    pub(super) eager: bool,
    /// Turns that it may still take, in cost.
    pub(super) deficit: u64,
    in_ring: bool,
    /// Mean time of a run and share of failures, exponentially weighted.
    pub(super) latency: f64,
    pub(super) errors: f64,
    settle: Option<Nanos>,
    /// Cost a second that its jobs ask.
    pub(super) demand: f64,
    pub(super) tally: Tally,
}

/// Jobs of one source and period. Counted, so that the map is bounded by the number of jobs.
#[derive(Debug, Default)]
struct Class {
    next: u64,
    jobs: usize,
}

impl Default for Sources {
    fn default() -> Self {
        Self {
            all: vec![State::default()],
            names: BTreeMap::new(),
            free: Vec::new(),
            ring: VecDeque::new(),
            classes: HashMap::new(),
        }
    }
}

impl Sources {
    pub(super) fn get(&self, source: u32) -> Option<&State> {
        self.all.get(source as usize)
    }

    pub(super) fn get_mut(&mut self, source: u32) -> Option<&mut State> {
        self.all.get_mut(source as usize)
    }

    pub(super) fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(super) fn named(&self) -> impl Iterator<Item = &State> {
        let states = self.names.values().filter_map(|index| self.get(*index));
        states.filter(|state| state.jobs > 0 || state.described)
    }

    pub(super) fn name(&self, source: u32) -> Option<Arc<str>> {
        self.get(source).and_then(|state| state.name.clone())
    }

    /// The source of this name, made if there is none.
    pub(super) fn open(&mut self, name: &Arc<str>) -> u32 {
        if let Some(index) = self.names.get(name) {
            return *index;
        }
        let state = State {
            name: Some(Arc::clone(name)),
            ..State::default()
        };
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.all.push(State::default());
                u32::try_from(self.all.len() - 1).unwrap_or(u32::MAX)
            }
        };
        if let Some(place) = self.get_mut(index) {
            *place = state;
        }
        self.names.insert(Arc::clone(name), index);
        index
    }

    pub(super) fn describe(&mut self, name: &Arc<str>, settings: Settings) -> u32 {
        let index = self.open(name);
        if let Some(state) = self.get_mut(index) {
            state.settings = settings;
            state.described = true;
            // The new gate says anew whether one at a time is the rule.
            state.trial = false;
        }
        self.activate(index);
        index
    }

    pub(super) fn book(&mut self, source: u32, entry: impl Fn(&mut Tally)) {
        if source != NONE
            && let Some(state) = self.get_mut(source)
        {
            entry(&mut state.tally);
        }
    }

    /// A job of a source comes or goes.
    pub(super) fn count_job(&mut self, source: u32, comes: bool) {
        if let Some(state) = self.get_mut(source) {
            state.jobs = if comes {
                state.jobs + 1
            } else {
                state.jobs.saturating_sub(1)
            };
        }
        self.forget_if_idle(source);
    }

    /// A source that only jobs named goes with the last of them and its last run, so that there are
    /// no more sources than jobs.
    pub(super) fn forget_if_idle(&mut self, source: u32) {
        let Some(state) = self.get_mut(source) else {
            return;
        };
        let used = state.described || state.jobs + state.in_flight + state.ready() > 0;
        if source == NONE || used {
            return;
        }
        if let Some(name) = std::mem::take(state).name {
            self.names.remove(&name);
            self.ring.retain(|other| *other != source);
            self.free.push(source);
        }
    }

    /// The how many-th of its class a job is.
    pub(super) fn enrol(&mut self, source: u32, period: Nanos) -> u64 {
        let class = self.classes.entry((source, period)).or_default();
        let nth = class.next;
        class.next += 1;
        class.jobs += 1;
        nth
    }

    pub(super) fn leave(&mut self, source: u32, period: Nanos) {
        if let Some(class) = self.classes.get_mut(&(source, period)) {
            class.jobs = class.jobs.saturating_sub(1);
            if class.jobs == 0 {
                self.classes.remove(&(source, period));
            }
        }
    }

    /// Puts an occurrence of this priority into the urgent lane of its source, or the other.
    pub(super) fn push(&mut self, source: u32, key: Key, priority: u8, urgent: bool) {
        if let Some(state) = self.get_mut(source) {
            state.eager |= priority < state.refused;
            if let Some(lane) = state.lanes.get_mut(usize::from(!urgent)) {
                lane.push(key);
            }
        }
        self.activate(source);
    }

    pub(super) fn pull(&mut self, source: u32, key: Key, urgent: bool) {
        if let Some(lane) = self
            .get_mut(source)
            .and_then(|state| state.lanes.get_mut(usize::from(!urgent)))
        {
            lane.remove(key);
        }
    }

    /// A source takes part in the turns again.
    pub(super) fn activate(&mut self, source: u32) {
        if let Some(state) = self.get_mut(source)
            && !state.in_ring
            && (state.parked.is_none() || state.eager)
            && state.ready() > 0
        {
            state.in_ring = true;
            self.ring.push_back(source);
        }
    }

    /// Room has come free that any source may take.
    pub(super) fn activate_all(&mut self) {
        for source in 0..u32::try_from(self.all.len()).unwrap_or(u32::MAX) {
            self.activate(source);
        }
    }

    /// The source whose turn it is.
    pub(super) fn turn(&self) -> Option<u32> {
        self.ring.front().copied()
    }

    pub(super) fn turns(&self) -> usize {
        self.ring.len()
    }

    /// Ends a turn: the source goes to the back, or out.
    pub(super) fn pass(&mut self, stays: bool) {
        let Some(source) = self.ring.pop_front() else {
            return;
        };
        if stays {
            self.ring.push_back(source);
        } else if let Some(state) = self.get_mut(source) {
            // What it has earned stays: it earned it with something to start, and less than one start.
            state.in_ring = false;
        }
    }

    /// So many rounds pass at once in which nobody could start anything.
    pub(super) fn credit(&mut self, rounds: u64) {
        for index in &self.ring {
            if let Some(state) = self.all.get_mut(*index as usize) {
                let earned = rounds.saturating_mul(u64::from(state.settings.weight));
                state.deficit = state.deficit.saturating_add(earned);
            }
        }
    }

    /// Rounds until the first source in the ring may start what it has.
    pub(super) fn rounds(&self, cost: impl Fn(u32) -> u64) -> u64 {
        let rounds = self.ring.iter().filter_map(|index| {
            let state = self.get(*index)?;
            let lacks = cost(*index).saturating_sub(state.deficit);
            Some(lacks.div_ceil(u64::from(state.settings.weight.max(1))))
        });
        rounds.min().unwrap_or(0)
    }

    pub(super) fn unpark(&mut self, source: u32, key: (Nanos, u64)) {
        if let Some(state) = self.get_mut(source)
            && state.parked == Some(key)
        {
            state.parked = None;
            (state.refused, state.eager) = (0, false);
            self.activate(source);
        }
    }

    /// How many places, names and classes are kept.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.all.len(), self.names.len(), self.classes.len())
    }

    /// How long the data of a source takes to settle.
    pub(super) fn settle(&self, source: u32, settle: Settle) -> Nanos {
        match settle {
            Settle::Fixed(settle) => length(settle),
            Settle::Adaptive { first, most } => {
                let learned = self.get(source).and_then(|state| state.settle);
                learned.unwrap_or(length(first)).min(length(most))
            }
        }
    }
}

impl State {
    pub(super) fn ready(&self) -> usize {
        self.lanes.iter().map(Lane::len).sum()
    }

    pub(super) fn learned_settle(&self) -> Option<std::time::Duration> {
        self.settle.map(duration)
    }

    /// What the demand is of the budget, in percent.
    pub(super) fn load_percent(&self, demand: f64) -> Option<u32> {
        let percent = self.percent(demand)?.round();
        Some(if percent.is_finite() {
            percent.clamp(0.0, 1e9) as u32
        } else {
            u32::MAX
        })
    }

    /// What a demand that goes beyond the budget is of it, in percent, rounded up to a tenth.
    pub(super) fn overload(&self, demand: f64) -> Option<f64> {
        // A hair for costs that were rounded up, and for sums of fractions.
        const WHOLE: f64 = 100.001;
        let percent = self.percent(demand)?;
        let beyond = percent.is_nan() || percent > WHOLE;
        beyond.then(|| (percent * 10.0 - 1e-6).ceil() / 10.0)
    }

    fn percent(&self, demand: f64) -> Option<f64> {
        let (cost, per) = self.settings.budget?;
        let bears = f64::from(cost) / per.as_secs_f64();
        Some(demand / bears * 100.0)
    }

    /// A run has ended. Weighted by a tenth, as the seed does.
    pub(super) fn learn(&mut self, took: Nanos, failed: bool) {
        let took = took as f64;
        self.latency = if self.latency == 0.0 {
            took
        } else {
            0.9 * self.latency + 0.1 * took
        };
        self.errors = 0.9 * self.errors + if failed { 0.1 } else { 0.0 };
    }

    /// Follows the 95th percentile of what data takes to settle: up by 19 parts when it was not
    /// ready, down by one when it was (the step rule of Robbins and Monro for a quantile). An answer to
    /// somebody who asked later than it takes to settle says nothing of that.
    pub(super) fn learn_settle(&mut self, settle: Settle, ready: bool, in_time: bool) {
        let Settle::Adaptive { first, most } = settle else {
            return;
        };
        let now = self.settle.unwrap_or(length(first));
        let next = match (in_time, ready) {
            (false, _) => now,
            (true, true) => now - PART,
            (true, false) => now.saturating_add(STEP_UP),
        };
        self.settle = Some(next.clamp(0, length(most).max(0)));
    }
}

impl<H: super::Handle> Roster<H> {
    /// Whether the first try of an occurrence was made when its data was to have settled, give or take
    /// one step of learning.
    pub(super) fn asked_in_time(&self, slot: u32, settle: Settle, asked: &Occurrence) -> bool {
        let Some(job) = self.entry(slot) else {
            return false;
        };
        let source = job.sources.first().copied().unwrap_or(NONE);
        // Splays, and other triggers of the job that settle longer.
        let beside = self
            .delay(slot)
            .saturating_sub(self.sources.settle(source, settle));
        let late = asked.first_start.saturating_sub(asked.release);
        (-STEP_UP..=STEP_UP).contains(&late.saturating_add(beside))
    }

    /// Picks the source of a job's next run: the only one, or the better of two drawn at random.
    pub(super) fn choose_source(&mut self, slot: u32) -> Option<u32> {
        let job = self.entry(slot)?;
        let sources = &job.sources;
        if sources.len() <= 1 {
            return Some(sources.first().copied().unwrap_or(NONE));
        }
        let last = job.last_source;
        // Among those that can be asked; where none can, any may be the first that can again.
        let parked = |source: &u32| {
            let state = self.sources.get(*source);
            state.is_none_or(|state| state.parked.is_some())
        };
        let free = sources.iter().filter(|source| !parked(source)).count();
        let drawn = |parked_too: bool, nth: usize| {
            let mut can = sources.iter().filter(|one| parked_too || !parked(one));
            can.nth(nth).copied()
        };
        let (all, count) = match free {
            0 => (true, sources.len()),
            1 => return drawn(false, 0),
            free => (false, free),
        };
        let mut rng = self.rng.clone();
        let one = rng.usize(..count);
        let other = (one + 1 + rng.usize(..count - 1)) % count;
        let (one, other) = (drawn(all, one)?, drawn(all, other)?);
        let stay = sources.contains(&last) && (all || !parked(&last));
        self.rng = rng;
        let best = if self.strain(other) < self.strain(one) {
            other
        } else {
            one
        };
        // A move must be worth it: answers of one source fit together better.
        let stays = stay && self.strain(best) >= 0.75 * self.strain(last);
        Some(if stays { last } else { best })
    }

    /// How much a source has to bear, by free places, latency and health.
    fn strain(&self, source: u32) -> f64 {
        let Some(state) = self.sources.get(source) else {
            return f64::INFINITY;
        };
        if state.parked.is_some() {
            return f64::INFINITY;
        }
        let places = state.settings.max_in_flight.min(self.limits.max_in_flight);
        let load = (state.in_flight + state.ready() + 1) as f64 / places.max(1) as f64;
        let latency = state.latency.max(1_000_000.0);
        load * latency / (1.0 - state.errors.min(0.99))
    }
}
