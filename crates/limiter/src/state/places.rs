//! Places that are kept in the queue for calls that are yet to come.

use super::{Ask, State};
use crate::forecast::Placement;
use crate::log::Nanos;
use crate::queue::{Kept, Waiter};
use crate::{Class, Cost};

impl State {
    /// Puts a place for such a call where it would stand itself, to be kept for so long after it could go. Returns its number and when
    /// that will be.
    pub(crate) fn keep_place(&mut self, now: Nanos, ask: Ask, keep: Nanos) -> (u64, Placement) {
        self.queue.refile(now, self.ageing);
        let class = ask.class.get();
        let placement = self.placement(now, &ask.cost, class, ask.slot);
        let place = Waiter {
            cost: ask.cost,
            class: ask.class,
            deadline: Some(placement.until(now, keep)),
            slot: ask.slot,
            since: now,
            window: None,
            born: class,
            filed: class,
            waker: None,
            kept: Kept::Held,
        };
        (self.queue.push(place), placement)
    }

    /// Keeps a place on, for a call of this cost; `None` when it is gone.
    pub(crate) fn renew_place(
        &mut self,
        now: Nanos,
        seq: u64,
        cost: Cost,
        keep: Nanos,
    ) -> Option<Placement> {
        self.queue.refile(now, self.ageing);
        let mut place = self.take_kept(seq)?;
        place.cost = cost;
        place.kept = Kept::Held;
        let placement = self.placement_at(now, (place.filed, seq), &place.cost, place.slot);
        place.deadline = Some(placement.until(now, keep));
        self.queue.insert(seq, place);
        // It may want less than before.
        self.turn(now);
        Some(placement)
    }

    /// Lets the first newcomer of its class take the place, until then.
    pub(crate) fn call_place(&mut self, now: Nanos, seq: u64, until: Nanos) {
        if let Some(mut place) = self.take_kept(seq) {
            place.kept = Kept::Called;
            place.deadline = Some(until);
            self.queue.insert(seq, place);
            if self.queue.calls() > 0 {
                // They are to be looked at again when it is gone.
                self.turn(now);
            }
        }
    }

    /// Gives a place up. Whoever stands behind it moves up.
    pub(crate) fn leave_place(&mut self, now: Nanos, seq: u64) {
        if self.take_kept(seq).is_some() {
            self.turn(now);
        }
    }

    /// Takes a place out that is still kept: not one that its call has taken over.
    fn take_kept(&mut self, seq: u64) -> Option<Waiter> {
        let place = self.queue.get_mut(seq)?;
        let kept = place.kept != Kept::No;
        kept.then(|| self.queue.remove(seq)).flatten()
    }

    /// The earliest grant of a newcomer that takes this place over, and the line that this is in.
    pub(super) fn placement_in(&mut self, now: Nanos, seq: u64, ask: &Ask) -> (Placement, Class) {
        let class = ask.class.get();
        let line = self.queue.get_mut(seq).map_or(class, |place| place.filed);
        let placement = self.placement_at(now, (line, seq), &ask.cost, ask.slot);
        (placement, line)
    }

    fn placement_at(
        &self,
        now: Nanos,
        (line, seq): (Class, u64),
        cost: &Cost,
        slot: bool,
    ) -> Placement {
        let mut forecast = self.forecast(now);
        for waiter in self.queue.before(line, seq) {
            if waiter.deadline.is_none_or(|deadline| deadline >= now) {
                forecast.place(&waiter.cost, waiter.filed, waiter.slot);
            }
        }
        forecast.place_last(cost, line, slot)
    }

    /// Puts a newcomer into the queue: in the place that was kept for it, or at the end of its line. Returns its number.
    pub(super) fn take_place(&mut self, now: Nanos, mut waiter: Waiter) -> u64 {
        let called = self.queue.called(waiter.born, now);
        let place = called.and_then(|seq| Some((seq, self.queue.remove(seq)?)));
        let Some((seq, place)) = place else {
            return self.queue.push(waiter);
        };
        waiter.filed = place.filed;
        self.queue.insert(seq, waiter);
        seq
    }
}
