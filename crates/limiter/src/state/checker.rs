//! Every kind of window beside a checker that knows only when what was sent: at each grant it adds up, from end to end, what the
//! server could have counted by then.

mod draws;
mod judge;

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use proptest::prelude::*;

use self::draws::{op, window};
use super::{Ask, Grant, Poll, State};
use crate::headroom::Shares;
use crate::log::Nanos;
use crate::open_cell::Taken;
use crate::recovery::Recovering;
use crate::windows::Windows;
use crate::{Charge, Class, ClassCell, Cost, Kind, Pause, Rate, Recovery, Window};

/// One unit counted: when, in which window and for whom.
#[derive(Clone, Debug)]
struct Sent {
    at: Nanos,
    window: usize,
    key: u64,
    units: u64,
    spent: usize,
}

#[derive(Clone, Debug)]
enum Op {
    Step(u64),
    Ask(Vec<(usize, u64, u32)>, usize),
    /// At once or not at all; then, from the open cell, so much more so much later, as long as that goes.
    Spend(Vec<(usize, u64, u32)>, usize, Vec<(u64, u32)>),
    Commit(usize),
    Drop(usize),
    Refund(usize),
    Settle(usize, u32),
    SetLimit(usize, u32),
    SetRate(usize, u32, Rate, u32),
    Pause(u64, bool),
    SlowDown,
    Abandon(usize),
}

#[derive(Debug)]
struct Checker {
    state: State,
    windows: Vec<Window>,
    limits: Vec<u64>,
    /// Of windows that drain, since when at which rate.
    rates: Vec<Vec<(Nanos, Rate)>>,
    now: Nanos,
    /// The server's clock less ours.
    offset: Nanos,
    waiting: Vec<(u64, Cost)>,
    permits: Vec<(Cost, Grant)>,
    spent: Vec<(Nanos, Cost)>,
    sent: Vec<Sent>,
}

fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap()
}

impl Checker {
    fn apply(&mut self, op: &Op) {
        let now = self.state.at(self.now);
        match op {
            Op::Step(by) => {
                self.now += by;
                let now = self.state.at(self.now);
                self.state.turn(now);
            }
            Op::Ask(charges, class) => self.ask(now, charges, *class),
            Op::Spend(charges, class, more) => self.spend(now, charges, *class, more),
            Op::Commit(which) => {
                if !self.permits.is_empty() {
                    let index = which % self.permits.len();
                    self.commit(now, index);
                }
            }
            Op::Drop(which) => {
                if !self.permits.is_empty() {
                    let (cost, grant) = self.permits.swap_remove(which % self.permits.len());
                    self.state.give_back(now, &cost, grant);
                }
            }
            Op::Refund(which) => {
                if !self.spent.is_empty() {
                    let index = which % self.spent.len();
                    let (at, cost) = self.spent[index].clone();
                    self.state.refund(now, at, &cost, Class::Low);
                    self.spent[index].1 = Cost::new();
                    self.sent.retain(|sent| sent.spent != index);
                }
            }
            Op::Settle(which, less) => self.settle(now, *which, *less),
            Op::SetLimit(window, limit) => {
                let window = window % self.windows.len();
                let set = self.state.set_limit(now, window, *limit);
                let smooth = matches!(self.windows[window].kind, Kind::Gcra { .. });
                assert!(set.is_ok() || smooth && *limit == 1, "{set:?}");
                self.changed(now, window, *limit, set.is_ok());
            }
            Op::SetRate(window, limit, rate, burst) => {
                let window = window % self.windows.len();
                let set = self.state.set_rate(now, window, *limit, (*rate, *burst));
                let smooth = matches!(self.windows[window].kind, Kind::Gcra { .. });
                assert!(smooth || set.is_err(), "{set:?}");
                self.changed(now, window, *limit, set.is_ok());
            }
            Op::Pause(length, servers) => {
                let reason = if *servers {
                    Pause::RetryAfter
                } else {
                    Pause::Manual
                };
                self.state.pause(now, now + length, reason, now);
            }
            Op::SlowDown => self.state.slow_down(now, now, now),
            Op::Abandon(which) => {
                if !self.waiting.is_empty() {
                    let (seq, _) = self.waiting.swap_remove(which % self.waiting.len());
                    self.state.abandon(now, seq);
                }
            }
        }
        self.harvest();
        self.balance();
    }

    fn cost(&self, charges: &[(usize, u64, u32)]) -> Cost {
        charges
            .iter()
            .map(|&(window, key, units)| {
                let window = window % self.windows.len();
                let most = u32::try_from(self.limits[window]).unwrap();
                Charge::keyed(window, key, units % (most + 1))
            })
            .collect()
    }

    /// What the layer does with a call that need not wait, and then without the lock.
    fn spend(
        &mut self,
        now: Nanos,
        charges: &[(usize, u64, u32)],
        class: usize,
        more: &[(u64, u32)],
    ) {
        let (cost, class) = (self.cost(charges), Class::ALL[class]);
        if !self.state.spend_now(now, &cost, class, false) {
            return;
        }
        self.at_once(now, cost);
        let Some(offer) = self.state.open_cell(class) else {
            return;
        };
        let (first, last) = (offer.first, offer.last);
        let mut room = offer.room;
        let mut taken = Taken {
            units: 0,
            calls: 0,
            slots: None,
        };
        for &(step, units) in more {
            if self.now + step > last || u64::from(units) > room {
                break;
            }
            self.now += step;
            let now = self.state.at(self.now);
            room -= u64::from(units);
            taken.units += u64::from(units);
            taken.calls += 1;
            self.at_once(now, Charge::new(0, units).into());
        }
        self.state.absorb(class, (first, last), taken);
    }

    /// Granted and sent in one step.
    fn at_once(&mut self, now: Nanos, cost: Cost) {
        assert!(self.waiting.is_empty(), "it passed who waits");
        assert!(self.state.paused(now).is_none(), "sent in a pause");
        let grant = Grant {
            class: Class::Low,
            slot: false,
            probe: 0,
        };
        self.granted(&cost, grant);
        self.permits.pop();
        self.sent_now(now, cost);
    }

    fn ask(&mut self, now: Nanos, charges: &[(usize, u64, u32)], class: usize) {
        let cost = self.cost(charges);
        let class = Class::ALL[class];
        let cost = match self.state.windows.check(cost, class) {
            Ok(cost) => cost,
            Err(rejected) => return self.state.refuse_always(class, &rejected),
        };
        if let Some(grant) = self.state.grant_without_clock(&cost, class, false) {
            return self.granted(&cost, grant);
        }
        let ask = Ask {
            cost: cost.clone(),
            class: ClassCell::fixed(class),
            deadline: None,
            slot: false,
        };
        match self.state.grant_now(now, &ask) {
            Ok(grant) => self.granted(&cost, grant),
            Err(placement) => {
                let waker = Waker::noop().clone();
                if let Ok(seq) = self.state.enqueue(now, ask, placement, waker) {
                    self.waiting.push((seq, cost));
                }
            }
        }
    }

    fn commit(&mut self, now: Nanos, index: usize) {
        let (cost, grant) = self.permits.swap_remove(index);
        self.state.commit(now, &cost);
        self.state.end_probe(now, grant.probe, true);
        self.sent_now(now, cost);
    }

    fn sent_now(&mut self, now: Nanos, cost: Cost) {
        let spent = self.spent.len();
        self.sent.extend(cost.iter().map(|charge| Sent {
            at: now,
            window: charge.window,
            key: charge.key,
            units: u64::from(charge.units),
            spent,
        }));
        self.spent.push((now, cost));
    }

    /// It cost less than was reserved.
    fn settle(&mut self, now: Nanos, which: usize, less: u32) {
        if self.spent.is_empty() {
            return;
        }
        let index = which % self.spent.len();
        let (at, mut cost) = self.spent[index].clone();
        let mut actual = cost.clone();
        for charge in &mut actual {
            charge.units = charge.units.saturating_sub(less % 5);
        }
        self.state.settle(now, at, &mut cost, &actual, Class::Low);
        actual.retain(|charge| charge.units > 0);
        self.sent.retain(|sent| sent.spent != index);
        self.sent.extend(actual.iter().map(|charge| Sent {
            at,
            window: charge.window,
            key: charge.key,
            units: u64::from(charge.units),
            spent: index,
        }));
        self.spent[index].1 = actual;
    }

    fn harvest(&mut self) {
        for (seq, cost) in std::mem::take(&mut self.waiting) {
            match self.state.poll(seq, Waker::noop()).0 {
                Poll::Granted(granted, grant) => {
                    assert_eq!(granted, cost);
                    self.granted(&cost, grant);
                }
                Poll::Refused(_) => {}
                Poll::Waiting => self.waiting.push((seq, cost)),
            }
        }
    }

    fn granted(&mut self, cost: &Cost, grant: Grant) {
        self.permits.push((cost.clone(), grant));
        for charge in cost {
            self.judge(charge.window, charge.key);
        }
    }

    /// Nothing vanishes.
    fn balance(&self) {
        let counts = self.state.counts;
        let waiting = u64::try_from(self.waiting.len()).unwrap();
        let held = u64::try_from(self.permits.len()).unwrap();
        assert_eq!(
            counts.asked,
            counts.granted + counts.rejected + counts.abandoned + waiting
        );
        assert_eq!(counts.granted, counts.committed + counts.returned + held);
        let classes = self.state.classes;
        assert_eq!(
            counts.granted,
            classes.iter().map(|class| class.granted).sum::<u64>()
        );
        assert_eq!(
            counts.refunded,
            classes.iter().map(|class| class.refunded).sum::<u64>()
        );
        assert_eq!(
            counts.rejected,
            classes.iter().map(|class| class.rejected).sum::<u64>()
        );
    }

    /// Everyone who is left is served, and then nothing is in use for ever.
    fn drain(&mut self) {
        let now = self.state.at(self.now);
        self.state.resume(now);
        for _ in 0..20_000 {
            self.harvest();
            let now = self.state.at(self.now);
            while !self.permits.is_empty() {
                self.commit(now, 0);
            }
            self.harvest();
            if !self.permits.is_empty() {
                continue;
            }
            if self.waiting.is_empty() {
                let end = self.now + 1_000_000_000;
                for window in self.state.windows.snapshot(end) {
                    assert_eq!(window.used, 0, "something is left in {window:?}");
                }
                return;
            }
            let due = self.state.due.expect("somebody waits, so something is due");
            assert!(
                due < Nanos::MAX,
                "{:?} wait for what never comes",
                self.waiting
            );
            self.now = self.now.max(due);
            let now = self.state.at(self.now);
            self.state.turn(now);
        }
        panic!("{:?} wait for ever", self.waiting);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// All kinds, several windows, weights, classes with shares and ageing, refunds, settles, pauses with recovery, limits that
    /// change, big jumps of the clock.
    #[test]
    fn no_kind_of_window_grants_more_than_its_limit_whatever_happens(
        windows in prop::collection::vec(window(), 1..4),
        shares in (prop::option::of(0..100_u8), prop::option::of(0..50_u8)),
        recovery in any::<bool>(),
        ageing in prop::option::of(1..2_000_u64),
        doubt in 0..40_u64,
        ops in prop::collection::vec(op(), 1..160),
    ) {
        let offset = 123_456_u64;
        let mut state = State::new(Windows::new(windows.clone(), 1_000), 30, None);
        let (headroom, outside) = shares;
        let mut share = Shares { outside: outside.unwrap_or(0), ..state.windows.shares() };
        if let Some(low) = headroom {
            share.headroom = [low, low.max(50), low.max(80), 100];
        }
        state.windows.share(0, share);
        state.ageing = ageing;
        if recovery {
            let step = Duration::from_nanos(200);
            state.recovering = Recovering::new(Some(Recovery::default().add(10, step).probe(Some(step))));
        }
        // The server's clock is known to the journey of one answer.
        state.windows.learn_clock(0, (0, doubt), i128::from(offset + doubt / 2), 0);
        let limits = windows.iter().map(|window| u64::from(window.capacity())).collect();
        let rates = windows.iter().map(|window| window.rate().map(|rate| (0, rate)).into_iter().collect()).collect();
        let mut checker = Checker {
            state,
            windows,
            limits,
            rates,
            now: 1_000,
            offset,
            waiting: Vec::new(),
            permits: Vec::new(),
            spent: Vec::new(),
            sent: Vec::new(),
        };
        for op in &ops {
            checker.apply(op);
        }
        checker.drain();
    }

    /// A window that was filled without the lock says the same as one that was filled with it.
    #[test]
    fn what_is_committed_without_the_lock_counts_as_long(
        calls in prop::collection::vec((0..200_u64, 1..4_u64), 1..100),
    ) {
        let window = Window::sliding("cells", 1_000, Duration::from_nanos(51_200)).guard(Duration::ZERO);
        let mut windows = Windows::new(vec![window], 0);
        let mut sent: BTreeMap<Nanos, u64> = BTreeMap::new();
        let mut now = 0;
        let mut open: Option<(u64, Nanos, Nanos)> = None;
        for (step, units) in calls {
            now += step;
            if let Some((room, _, last)) = &mut open
                && *room >= units
                && now <= *last
            {
                *room -= units;
                *sent.entry(now).or_default() += units;
                continue;
            }
            if let Some((room, first, last)) = open.take() {
                let taken = windows.newest_cell(Class::Low).map_or(0, |(before, ..)| before - room);
                windows.commit_between(first, last, taken);
            }
            let cost = Cost::from(Charge::new(0, u32::try_from(units).unwrap()));
            if windows.hold(now, &cost, Class::Low) {
                windows.commit(now, &cost);
                *sent.entry(now).or_default() += units;
            }
            open = windows.newest_cell(Class::Low);
            let known = windows.snapshot(now)[0].used;
            let counted: u64 = sent.iter().filter(|(at, _)| **at + 51_200 > now).map(|(_, units)| units).sum();
            prop_assert!(known >= counted, "{known} of {counted} at {now}");
        }
    }
}
