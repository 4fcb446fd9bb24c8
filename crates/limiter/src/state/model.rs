//! The pure core beside a model that shares nothing with it: a plain list of everything that was
//! ever charged, searched from end to end for each question.

use std::task::Waker;

use super::{Ask, Grant, Poll, State};
use crate::log::Nanos;
use crate::slots::Slots;
use crate::windows::Windows;
use crate::{Charge, Class, ClassCell, Cost, Pause, Rejected, Window};

/// A charge as the server would remember it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub(super) at: Nanos,
    pub(super) window: usize,
    pub(super) key: u64,
    pub(super) units: u64,
    pub(super) spent: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) seq: u64,
    pub(super) cost: Cost,
    pub(super) class: ClassCell,
    pub(super) deadline: Option<Nanos>,
    pub(super) slot: bool,
}

/// A grant that is not yet dispatched.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) cost: Cost,
    pub(super) grant: Grant,
}

#[derive(Clone, Debug)]
pub(super) struct Spent {
    at: Nanos,
    cost: Cost,
    /// Whether it is under way and takes a slot.
    pub(super) slot: bool,
}

/// What can happen.
#[derive(Clone, Debug)]
pub(super) enum Op {
    Step(i64),
    Ask {
        cost: Vec<(usize, u64, u32)>,
        class: usize,
        deadline: Option<u64>,
        slot: bool,
    },
    Turn,
    Commit(usize),
    Drop(usize),
    Refund(usize),
    /// A request is over.
    Release(usize),
    Settle(usize, Vec<(usize, u64, u32)>),
    Observe(usize, usize, u32),
    Abandon(usize),
    Raise(usize, usize),
    Pause(u64),
    Resume,
}

/// The core, and what the model knows of it.
pub(super) struct World {
    pub(super) state: State,
    pub(super) windows: Vec<Window>,
    /// How many may be under way at once.
    pub(super) max: Option<usize>,
    /// What the clock says; may step back.
    pub(super) clock: Nanos,
    pub(super) waiting: Vec<Waiting>,
    pub(super) permits: Vec<Held>,
    pub(super) spent: Vec<Spent>,
    pub(super) entries: Vec<Entry>,
    /// Whether anything was charged that was never granted.
    pub(super) surprised: bool,
    /// Whether the server told us of use that is not ours.
    pub(super) foreign: bool,
}

impl World {
    pub(super) fn new(windows: Vec<Window>, max_queue: usize, max: Option<usize>) -> Self {
        let mut state = State::new(Windows::new(windows.clone(), 1_000), max_queue, None);
        state.slots = Slots::new(max);
        Self {
            state,
            windows,
            max,
            clock: 1_000,
            waiting: Vec::new(),
            permits: Vec::new(),
            spent: Vec::new(),
            entries: Vec::new(),
            surprised: false,
            foreign: false,
        }
    }

    pub(super) fn now(&mut self) -> Nanos {
        self.state.at(self.clock)
    }

    pub(super) fn horizon(&self, window: usize) -> Nanos {
        u64::try_from(self.windows[window].horizon().as_nanos()).unwrap()
    }

    pub(super) fn cell(&self, window: usize) -> Nanos {
        u64::try_from(self.windows[window].cell().as_nanos()).unwrap()
    }

    pub(super) fn limit(&self, window: usize) -> u64 {
        u64::from(self.windows[window].limit)
    }

    /// Units that the server has in the window which ends at `now`, as far as we charged them.
    pub(super) fn charged(&self, window: usize, key: u64, now: Nanos, reach: Nanos) -> u64 {
        let entries = self.entries.iter();
        entries
            .filter(|entry| (entry.window, entry.key) == (window, key) && entry.at + reach > now)
            .map(|entry| entry.units)
            .sum()
    }

    pub(super) fn held(&self, window: usize, key: u64) -> u64 {
        let costs = self.permits.iter().flat_map(|held| &held.cost);
        units(costs, window, key)
    }

    pub(super) fn cost(&self, raw: &[(usize, u64, u32)]) -> Cost {
        raw.iter()
            .map(|&(window, key, units)| {
                let window = window % self.windows.len();
                let limit = self.windows[window].limit;
                let key = if self.windows[window].keyed { key } else { 0 };
                Charge {
                    window,
                    key,
                    units: units % (limit + 1),
                }
            })
            .collect()
    }

    pub(super) fn apply(&mut self, op: &Op) {
        let now = self.now();
        match op {
            Op::Step(by) => {
                self.clock = self.clock.saturating_add_signed(*by);
                return;
            }
            Op::Turn => self.state.turn(now),
            Op::Ask {
                cost,
                class,
                deadline,
                slot,
            } => self.ask(now, cost, *class, *deadline, *slot),
            Op::Commit(which) => self.commit(now, *which),
            Op::Drop(which) => {
                if let Some(index) = pick(*which, self.permits.len()) {
                    let Held { cost, grant } = self.permits.swap_remove(index);
                    self.state.give_back(now, &cost, grant);
                }
            }
            Op::Refund(which) => self.refund(now, *which),
            Op::Release(which) => {
                if let Some(index) = pick(*which, self.spent.len()) {
                    self.end(now, index);
                }
            }
            Op::Settle(which, cost) => self.settle(now, *which, cost),
            Op::Observe(which, window, used) => self.observe(now, *which, *window, *used),
            Op::Abandon(which) => {
                if let Some(index) = pick(*which, self.waiting.len()) {
                    let waiter = self.waiting.remove(index);
                    self.state.abandon(now, waiter.seq);
                }
            }
            Op::Raise(which, class) => {
                if let Some(index) = pick(*which, self.waiting.len()) {
                    self.waiting[index].class.raise(Class::ALL[*class]);
                    self.state.turn(now);
                }
            }
            Op::Pause(length) => self.state.pause(now, now + length, Pause::Manual, now),
            Op::Resume => self.state.resume(now),
        }
        self.harvest(now);
        self.judge(now);
    }

    fn ask(
        &mut self,
        now: Nanos,
        raw: &[(usize, u64, u32)],
        class: usize,
        deadline: Option<u64>,
        slot: bool,
    ) {
        // As the limiter's handle has it: where nothing bounds them, there are none.
        let slot = slot && self.max.is_some();
        let cost = self.cost(raw);
        let checked = self.state.windows.check(cost.clone(), Class::Critical);
        let too_large = cost
            .iter()
            .any(|charge| units(&cost, charge.window, charge.key) > self.limit(charge.window));
        assert_eq!(checked.is_err(), too_large);
        let born = Class::ALL[class];
        let cost = match checked {
            Ok(cost) => cost,
            Err(rejected) => {
                self.state.refuse_always(born, &rejected);
                return;
            }
        };
        let class = ClassCell::new(born);
        let deadline = deadline.map(|after| now + after);
        let ask = Ask {
            cost: cost.clone(),
            class: class.clone(),
            deadline,
            slot,
        };
        let waiter = Waiting {
            seq: u64::MAX,
            cost: cost.clone(),
            class,
            deadline,
            slot,
        };
        // A turn of the queue comes first, as when somebody else asks.
        if deadline.is_none()
            && let Some(grant) = self.state.grant_without_clock(&cost, born, slot)
        {
            self.granted(now, &[(waiter, grant)]);
            return;
        }
        match self.state.grant_now(now, &ask) {
            Ok(grant) => {
                let mut granted = self.fetch(now);
                granted.push((waiter, grant));
                self.granted(now, &granted);
            }
            Err(placement) => {
                self.harvest(now);
                let overdue = deadline.is_some_and(|deadline| deadline < now);
                assert!(!placement.is_due(now) || overdue);
                let full = self.waiting.len() >= self.state.max_queue;
                match self
                    .state
                    .enqueue(now, ask, placement, Waker::noop().clone())
                {
                    Ok(seq) => self.waiting.push(Waiting { seq, ..waiter }),
                    Err(Rejected::Full { .. }) => assert!(full),
                    Err(Rejected::TooLate { retry_in, .. } | Rejected::Paused { retry_in }) => {
                        let at = now + u64::try_from(retry_in.as_nanos()).unwrap();
                        assert!(deadline.is_some_and(|deadline| at > deadline || deadline < now));
                    }
                    Err(Rejected::Busy { .. }) => assert!(overdue, "it may wait for a slot"),
                    Err(other) => panic!("{other}"),
                }
            }
        }
    }

    /// Fetches all answers and takes the grants over.
    pub(super) fn harvest(&mut self, now: Nanos) {
        let granted = self.fetch(now);
        self.granted(now, &granted);
    }

    /// Fetches all answers and returns the grants.
    fn fetch(&mut self, now: Nanos) -> Vec<(Waiting, Grant)> {
        let mut granted = Vec::new();
        let mut waiting = Vec::new();
        for waiter in std::mem::take(&mut self.waiting) {
            match self.state.poll(waiter.seq, Waker::noop()).0 {
                Poll::Granted(cost, grant) => {
                    assert_eq!(cost, waiter.cost);
                    assert!(
                        waiter.deadline.is_none_or(|deadline| deadline >= now),
                        "granted too late"
                    );
                    granted.push((waiter, grant));
                }
                Poll::Refused(Rejected::TooLate { .. } | Rejected::Busy { .. }) => {
                    assert!(
                        waiter.deadline.is_some_and(|deadline| deadline < now),
                        "refused too early"
                    );
                }
                Poll::Refused(Rejected::Paused { .. }) => assert!(waiter.deadline.is_some()),
                Poll::Refused(Rejected::Full { .. }) => {
                    assert!(waiter.class.get() < Class::Critical)
                }
                Poll::Refused(other) => panic!("{other}"),
                Poll::Waiting => waiting.push(waiter),
            }
        }
        self.waiting = waiting;
        granted
    }

    fn commit(&mut self, now: Nanos, which: usize) {
        if let Some(index) = pick(which, self.permits.len()) {
            let Held { cost, grant } = self.permits.swap_remove(index);
            self.state.commit(now, &cost);
            let spent = self.spent.len();
            self.entries.extend(cost.iter().map(|charge| Entry {
                at: now,
                window: charge.window,
                key: charge.key,
                units: u64::from(charge.units),
                spent,
            }));
            self.spent.push(Spent {
                at: now,
                cost,
                slot: grant.slot,
            });
        }
    }

    /// A request is over: its slot goes to the next.
    fn end(&mut self, now: Nanos, index: usize) {
        if std::mem::take(&mut self.spent[index].slot) {
            self.state.slots.release(true);
            self.state.turn(now);
        }
    }

    pub(super) fn end_all(&mut self, now: Nanos) {
        for index in 0..self.spent.len() {
            self.end(now, index);
            self.harvest(now);
        }
    }

    pub(super) fn commit_all(&mut self, now: Nanos) {
        while !self.permits.is_empty() {
            self.commit(now, 0);
        }
    }

    fn refund(&mut self, now: Nanos, which: usize) {
        if let Some(index) = pick(which, self.spent.len()) {
            let Spent { at, cost, slot } = self.spent[index].clone();
            self.state.slots.release(slot);
            self.spent[index].slot = false;
            self.state.refund(now, at, &cost, Class::Low);
            self.spent[index].cost = Cost::new();
            self.entries.retain(|entry| entry.spent != index);
        }
    }

    fn settle(&mut self, now: Nanos, which: usize, actual: &[(usize, u64, u32)]) {
        let Some(index) = pick(which, self.spent.len()) else {
            return;
        };
        let actual = self.cost(actual);
        let Spent { at, mut cost, .. } = self.spent[index].clone();
        // An expired charge is not corrected: on neither side.
        let live = (0..self.windows.len()).all(|window| at + self.horizon(window) > now);
        if !live {
            return;
        }
        for charge in &actual {
            self.surprised |=
                units(&actual, charge.window, charge.key) > units(&cost, charge.window, charge.key);
        }
        self.state.settle(now, at, &mut cost, &actual, Class::Low);
        self.spent[index].cost = cost;
        self.entries.retain(|entry| entry.spent != index);
        self.entries.extend(actual.iter().map(|charge| Entry {
            at,
            window: charge.window,
            key: charge.key,
            units: u64::from(charge.units),
            spent: index,
        }));
    }

    fn observe(&mut self, now: Nanos, which: usize, window: usize, used: u32) {
        let Some(index) = pick(which, self.spent.len()) else {
            return;
        };
        let window = window % self.windows.len();
        if self.windows[window].keyed {
            return;
        }
        let used = used % (self.windows[window].limit + 2);
        let at = self.spent[index].at;
        let before = self.state.windows.snapshot(now)[window].used;
        self.state.observe(now, at, window, 0, used);
        self.foreign = true;
        let after = self.state.windows.snapshot(now)[window].used;
        assert!(after >= before, "a server's count lowered what we know");
        if at + self.horizon(window) > now && self.cell(window) == 0 {
            let guard = u64::try_from(self.windows[window].guard.as_nanos()).unwrap();
            let entries = self.entries.iter();
            let later = entries.filter(|entry| entry.window == window && entry.at > at + guard);
            let known = u64::from(used)
                + later.map(|entry| entry.units).sum::<u64>()
                + self.held(window, 0);
            // A surprise may be filed with a later commit, and is then taken for later.
            assert!(
                after == before.max(known) || (self.surprised && after > known),
                "{after} is neither {before} nor {known}"
            );
        }
    }

    /// Serves everyone who is left, by the limiter's own idea of when to look again.
    pub(super) fn drain(&mut self) {
        let now = self.now();
        self.state.resume(now);
        self.harvest(now);
        for _ in 0..10_000 {
            let now = self.now();
            self.commit_all(now);
            self.end_all(now);
            if !self.permits.is_empty() {
                continue;
            }
            if self.waiting.is_empty() {
                assert_eq!(self.state.slots.taken(), 0, "all slots are given back");
                return;
            }
            let due = self.state.due.expect("somebody waits, so something is due");
            assert!(due < Nanos::MAX, "waits for a slot, and all are free");
            self.clock = self.clock.max(due);
            let now = self.now();
            self.state.turn(now);
            self.harvest(now);
            self.judge(now);
        }
        panic!("{} wait for ever", self.waiting.len());
    }
}

pub(super) fn is_ahead(other: &Waiting, waiter: &Waiting) -> bool {
    let (theirs, ours) = (other.class.get(), waiter.class.get());
    theirs > ours || (theirs == ours && other.seq < waiter.seq)
}

pub(super) fn units<'a>(
    charges: impl IntoIterator<Item = &'a Charge>,
    window: usize,
    key: u64,
) -> u64 {
    charges
        .into_iter()
        .filter(|charge| (charge.window, charge.key) == (window, key))
        .map(|charge| u64::from(charge.units))
        .sum()
}

fn pick(which: usize, len: usize) -> Option<usize> {
    (len > 0).then(|| which % len.max(1))
}
