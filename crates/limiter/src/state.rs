//! Everything behind the limiter's lock: windows, slots, queue, pause and counters.
//!
//! Pure: no async, no clock. Wakers are collected in [`State::wakes`], to be woken by the holder of
//! the lock after it has let go.

use std::collections::BTreeMap;
use std::task::Waker;
use std::time::Duration;

use smallvec::SmallVec;

use crate::forecast::{Forecast, Placement};
use crate::listener::Event;
use crate::log::Nanos;
use crate::open_cell::{Offer, Taken};
use crate::queue::{Kept, Queue, Waiter};
use crate::recovery::Recovering;
use crate::slots::Slots;
use crate::snapshot::{ClassSnapshot, Counts};
use crate::windows::{Surprise, Windows};
use crate::{Charge, Class, ClassCell, Cost, Pause, Rejected};

/// How soon to look again when the forecast and the windows disagree, which takes one cost with
/// more keys of a window than its table of keys holds.
const LOOK_AGAIN: Nanos = 1_000_000;

/// Everything behind the limiter's lock.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) windows: Windows,
    pub(crate) slots: Slots,
    pub(crate) queue: Queue,
    /// Waiters that have their answer and have not yet fetched it.
    answers: BTreeMap<u64, Answer>,
    pause: Option<(Nanos, Pause)>,
    max_queue: usize,
    max_wait: Option<Nanos>,
    /// The share of a forecast wait that it may be late by.
    pub(crate) doubt: Option<u32>,
    /// How long a waiter stands in a line before it goes to the next better one.
    pub(crate) ageing: Option<Nanos>,
    pub(crate) recovering: Recovering,
    pub(crate) counts: Counts,
    /// The same for each class, as it was when a call came.
    pub(crate) classes: [ClassSnapshot; 4],
    /// What happened, if anybody wants to hear of it.
    pub(crate) events: Option<Vec<Event>>,
    /// To be woken once the lock is free.
    pub(crate) wakes: SmallVec<[Waker; 4]>,
    /// When something will be due next; `Nanos::MAX` when that is when a slot gets free, `None` when nobody waits.
    pub(crate) due: Option<Nanos>,
    latest: Nanos,
}

#[derive(Debug)]
enum Answer {
    Granted {
        waiter: Waiter,
        grant: Grant,
        at: Nanos,
    },
    Refused(Rejected),
}

/// What a permit holds beside its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// How important the call was when it came.
    pub(crate) class: Class,
    /// Whether it holds a slot.
    pub(crate) slot: bool,
    /// Its number, if it is the first after a pause; 0 otherwise.
    pub(crate) probe: u32,
}

/// What became of a waiter.
#[derive(Debug)]
pub(crate) enum Poll {
    /// It holds its cost now.
    Granted(Cost, Grant),
    /// It will not be admitted.
    Refused(Rejected),
    /// It waits on.
    Waiting,
}

/// What a newcomer asks for.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) cost: Cost,
    pub(crate) class: ClassCell,
    pub(crate) deadline: Option<Nanos>,
    /// Whether it needs a slot.
    pub(crate) slot: bool,
}

impl State {
    pub(crate) fn new(windows: Windows, max_queue: usize, max_wait: Option<Duration>) -> Self {
        Self {
            queue: Queue::new(windows.len()),
            windows,
            slots: Slots::new(None),
            answers: BTreeMap::new(),
            pause: None,
            max_queue,
            max_wait: max_wait.map(|wait| Nanos::try_from(wait.as_nanos()).unwrap_or(Nanos::MAX)),
            doubt: None,
            ageing: None,
            recovering: Recovering::new(None),
            counts: Counts::default(),
            classes: [ClassSnapshot::default(); 4],
            events: None,
            wakes: SmallVec::new(),
            due: None,
            latest: 0,
        }
    }

    /// A time that never runs backwards.
    pub(crate) fn at(&mut self, now: Nanos) -> Nanos {
        self.latest = self.latest.max(now);
        self.latest
    }

    /// Grants without a look at the clock, where that is possible: nobody waits, nothing is
    /// paused, and there is room without forgetting anything.
    pub(crate) fn grant_without_clock(
        &mut self,
        cost: &Cost,
        class: Class,
        slot: bool,
    ) -> Option<Grant> {
        if self.pause.is_some()
            || !self.recovering.is_over()
            || !self.queue.is_empty()
            || !self.slots.fits(slot)
            || !self.windows.hold_without_clock(cost, class)
        {
            return None;
        }
        self.slots.take(slot);
        self.count_grant(class);
        Some(Grant {
            class,
            slot,
            probe: 0,
        })
    }

    /// Grants at once if nobody ahead is delayed by it; otherwise says when it will be granted.
    ///
    /// Counts nothing but the grant, so that it may be asked again with a later clock. The turn of the queue that is due is taken
    /// once it is known what becomes of the newcomer: in its place it is not delayed by who is less important.
    pub(crate) fn grant_now(&mut self, now: Nanos, ask: &Ask) -> Result<Grant, Placement> {
        self.tick(now);
        let class = ask.class.get();
        let in_time = ask.deadline.is_none_or(|deadline| deadline >= now);
        if self.queue.is_empty() {
            let nobody_ahead = self.paused(now).is_none();
            if in_time
                && nobody_ahead
                && let Some(grant) = self.hold(now, &ask.cost, class, class, ask.slot)
            {
                self.count_grant(class);
                return Ok(grant);
            }
        } else {
            self.queue.refile(now, self.ageing);
        }
        // Before the turn of the queue: who is less important must not be served first only
        // because it is due in the same instant. Who is ahead finds its room left free.
        let place = self.queue.called(class, now);
        let (placement, line) = match place {
            Some(place) => self.placement_in(now, place, ask),
            None => (self.placement(now, &ask.cost, class, ask.slot), class),
        };
        if !placement.is_due(now) || !in_time {
            return Err(placement);
        }
        let Some(grant) = self.hold(now, &ask.cost, class, line, ask.slot) else {
            let at = now.saturating_add(LOOK_AGAIN);
            return Err(Placement { at, ..placement });
        };
        if let Some(place) = place {
            self.queue.remove(place);
        }
        self.count_grant(class);
        self.turn(now);
        Ok(grant)
    }

    /// Grants and dispatches at once, if nobody ahead is delayed by it. Changes nothing when it says `false`.
    pub(crate) fn spend_now(
        &mut self,
        now: Nanos,
        cost: &[Charge],
        class: Class,
        slot: bool,
    ) -> bool {
        if self.pause.is_some()
            || !self.recovering.is_over()
            || !self.queue.is_empty()
            || !self.slots.fits(slot)
            || !self.windows.spend(now, cost, class)
        {
            return false;
        }
        self.slots.take(slot);
        self.count_grant(class);
        self.counts.committed += 1;
        true
    }

    /// Whether the newest cell may be filled without the lock: by whom, how much more, and from when to when.
    pub(crate) fn open_cell(&self, class: Class) -> Option<Offer> {
        let calm = self.pause.is_none() && self.recovering.is_over() && self.queue.is_empty();
        if !calm || !self.windows.single() {
            return None;
        }
        let (room, first, last) = self.windows.newest_cell(class)?;
        Some(Offer {
            class: class as u8,
            room,
            first,
            last,
        })
    }

    /// Takes over what was committed without the lock.
    pub(crate) fn absorb(&mut self, class: Class, (first, last): (Nanos, Nanos), taken: Taken) {
        if let Some((lent, left)) = taken.slots {
            self.slots.take_back(lent, left);
        }
        if taken.calls == 0 {
            return;
        }
        self.windows.commit_between(first, last, taken.units);
        self.counts.asked += taken.calls;
        self.counts.granted += taken.calls;
        self.counts.committed += taken.calls;
        self.class(class).granted += taken.calls;
    }

    /// Counts a grant at once.
    pub(crate) const fn count_grant(&mut self, class: Class) {
        self.counts.asked += 1;
        self.counts.granted += 1;
        self.class(class).granted += 1;
    }

    /// The counters of a class.
    pub(crate) const fn class(&mut self, class: Class) -> &mut ClassSnapshot {
        let [low, medium, high, critical] = &mut self.classes;
        match class {
            Class::Low => low,
            Class::Medium => medium,
            Class::High => high,
            Class::Critical => critical,
        }
    }

    /// Takes units and slot, or nothing, for who stands in `line`.
    fn hold(
        &mut self,
        now: Nanos,
        cost: &Cost,
        class: Class,
        line: Class,
        slot: bool,
    ) -> Option<Grant> {
        if self.recovering.is_probing() && self.recovering.room() == 0 {
            return None;
        }
        if !self.slots.fits(slot) || !self.windows.hold(now, cost, line) {
            return None;
        }
        self.slots.take(slot);
        Some(Grant {
            class,
            slot,
            probe: self.recovering.send_probe(now),
        })
    }

    /// Gives back what was held.
    fn release(&mut self, now: Nanos, cost: &Cost, grant: Grant) {
        self.windows.release(now, cost);
        self.slots.release(grant.slot);
        self.recovering.end_probe(grant.probe, false);
    }

    /// Tells whoever wants to hear of it.
    pub(crate) fn tell(&mut self, event: impl FnOnce() -> Event) {
        if let Some(events) = &mut self.events {
            events.push(event());
        }
    }

    /// Counts and words the refusal of a newcomer that does not wait.
    pub(crate) fn refuse(
        &mut self,
        now: Nanos,
        deadline: Nanos,
        placement: Placement,
        class: Class,
    ) -> Rejected {
        let rejected = self.too_late(now, deadline, placement);
        self.counts.asked += 1;
        self.count_refusal(class, &rejected);
        self.turn(now);
        rejected
    }

    /// Counts the refusal of a newcomer whose cost makes no sense.
    pub(crate) fn refuse_always(&mut self, class: Class, rejected: &Rejected) {
        self.counts.asked += 1;
        self.count_refusal(class, rejected);
    }

    fn count_refusal(&mut self, class: Class, rejected: &Rejected) {
        self.counts.rejected += 1;
        self.class(class).rejected += 1;
        let retry_in = rejected.retry_in();
        self.tell(|| Event::Refused { class, retry_in });
    }

    /// A permit was dropped before it was committed.
    pub(crate) fn give_back(&mut self, now: Nanos, cost: &Cost, grant: Grant) {
        self.release(now, cost, grant);
        self.counts.returned += 1;
        self.count_refund(grant.class);
        self.turn(now);
    }

    /// A permit is dispatched now.
    pub(crate) fn commit(&mut self, now: Nanos, cost: &Cost) {
        self.windows.commit(now, cost);
        self.counts.committed += 1;
    }

    /// What was dispatched at `at` was not sent after all.
    pub(crate) fn refund(&mut self, now: Nanos, at: Nanos, cost: &Cost, class: Class) {
        self.windows.refund(now, at, cost);
        self.count_refund(class);
        self.turn(now);
    }

    const fn count_refund(&mut self, class: Class) {
        self.counts.refunded += 1;
        self.class(class).refunded += 1;
    }

    /// What was dispatched at `at` really cost `actual`.
    pub(crate) fn settle(
        &mut self,
        now: Nanos,
        at: Nanos,
        charged: &mut Cost,
        actual: &Cost,
        class: Class,
    ) {
        let surprise = self.windows.settle(now, at, charged, actual);
        self.counts.settled_extra = self.counts.settled_extra.saturating_add(surprise.units);
        self.class(class).violations += surprise.violations;
        self.count_violations(surprise);
        self.turn(now);
    }

    /// The server says how much of a window was used when the request of `at` arrived.
    pub(crate) fn observe(&mut self, now: Nanos, at: Nanos, window: usize, key: u64, used: u32) {
        let surprise = self.windows.observe(now, at, window, key, used);
        self.count_violations(surprise);
    }

    fn count_violations(&mut self, Surprise { violations, .. }: Surprise) {
        self.counts.violations += violations;
        if violations > 0 {
            self.tell(|| Event::Violated {
                windows: violations,
            });
        }
    }

    /// The pause that is in force.
    pub(crate) fn paused(&self, now: Nanos) -> Option<(Nanos, Pause)> {
        self.pause.filter(|(until, _)| *until > now)
    }

    /// The earliest grant of a newcomer.
    pub(crate) fn placement(&self, now: Nanos, cost: &Cost, class: Class, slot: bool) -> Placement {
        let mut forecast = self.forecast(now);
        for waiter in self.queue.ahead_of(class) {
            // Whose deadline has passed is refused at the next turn, and must not keep others from what they can have.
            if waiter.deadline.is_none_or(|deadline| deadline >= now) {
                forecast.place(&waiter.cost, waiter.filed, waiter.slot);
            }
        }
        forecast.place_last(cost, class, slot)
    }

    /// The future with nobody placed yet.
    fn forecast(&self, now: Nanos) -> Forecast<'_> {
        let start = self.paused(now).map_or(now, |(until, _)| until);
        let probing = self.recovering.is_probing();
        let free = if probing {
            self.slots.free().min(self.recovering.room())
        } else {
            self.slots.free()
        };
        Forecast::new(&self.windows, now, start, free, probing)
    }

    /// Wakes everyone who waits, to look after itself.
    pub(crate) fn wake_all(&mut self) {
        let Self { queue, wakes, .. } = self;
        wakes.extend(queue.waiters_mut().filter_map(|waiter| waiter.waker.take()));
    }

    fn answer_no(&mut self, seq: u64, mut waiter: Waiter, rejected: Rejected) {
        if waiter.kept != Kept::No {
            // Nobody is there to be told.
            return;
        }
        self.count_refusal(waiter.born, &rejected);
        self.wakes.extend(waiter.waker.take());
        self.answers.insert(seq, Answer::Refused(rejected));
    }

    fn too_late(&self, now: Nanos, deadline: Nanos, placement: Placement) -> Rejected {
        let retry_in = placement.wait(now);
        if self.paused(now).is_some_and(|(until, _)| until > deadline) {
            return Rejected::Paused { retry_in };
        }
        if placement.busy && self.recovering.is_probing() {
            return Rejected::Paused { retry_in };
        }
        if placement.busy {
            let in_flight = self.slots.taken();
            return Rejected::Busy {
                in_flight,
                retry_in,
            };
        }
        let window = placement
            .window
            .or(Some(0))
            .and_then(|window| self.windows.window(window));
        Rejected::TooLate {
            retry_in,
            window: window.map(|window| window.name.clone()).unwrap_or_default(),
        }
    }
}

mod pausing;
mod places;
mod turn;
mod waiting;

#[cfg(test)]
mod checker;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod model;
#[cfg(test)]
mod properties;
