//! Who is in, and who waits, first come first served.
//!
//! Pure: no async, no clock, no lock.

use std::collections::VecDeque;

/// Calls under way, and the waiting line before them. `W` is what wakes one who waits.
#[derive(Debug)]
pub(crate) struct Line<W> {
    limit: usize,
    in_flight: usize,
    /// In the order of their numbers, which is that of their arrival.
    waiting: VecDeque<(u64, W)>,
    next: u64,
}

/// The answer to one who waits and asks again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Called up: holds a place among those in flight.
    In,
    /// Still waits.
    Waiting,
}

impl<W> Line<W> {
    /// At most `limit` in flight, at least one.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            in_flight: 0,
            waiting: VecDeque::new(),
            next: 0,
        }
    }

    pub(crate) const fn limit(&self) -> usize {
        self.limit
    }

    pub(crate) const fn in_flight(&self) -> usize {
        self.in_flight
    }

    /// So many are in, who went in and out without asking here. Only while nobody waits.
    pub(crate) const fn set_in_flight(&mut self, in_flight: usize) {
        self.in_flight = in_flight;
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Goes in if there is room and nobody waits who came before.
    pub(crate) fn enter(&mut self) -> bool {
        let enters = self.waiting.is_empty() && self.in_flight < self.limit;
        self.in_flight += usize::from(enters);
        enters
    }

    /// Waits behind those who wait already.
    pub(crate) fn queue(&mut self, wake: W) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.push_back((number, wake));
        number
    }

    /// Looks whether number `number`, which was queued, has been called up, and if not, keeps what
    /// `wake` makes of what would wake it.
    pub(crate) fn ask(&mut self, number: u64, refresh: impl FnOnce(&mut W)) -> Place {
        match self.find(number) {
            Some((_, wake)) => {
                refresh(wake);
                Place::Waiting
            }
            None => Place::In,
        }
    }

    /// One who waited, or was called up, goes away for good. Who is called up instead is handed to `call`.
    pub(crate) fn leave(&mut self, number: u64, call: impl FnMut(W)) -> Place {
        match self
            .waiting
            .binary_search_by_key(&number, |(number, _)| *number)
        {
            Ok(at) => {
                self.waiting.remove(at);
                Place::Waiting
            }
            Err(_) => {
                self.exit(call);
                Place::In
            }
        }
    }

    /// One in flight is through.
    pub(crate) fn exit(&mut self, call: impl FnMut(W)) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.call_up(call);
    }

    /// From now on at most `limit`, at least one. Those above it finish in peace.
    pub(crate) fn set_limit(&mut self, limit: usize, call: impl FnMut(W)) {
        self.limit = limit.max(1);
        self.call_up(call);
    }

    fn call_up(&mut self, mut call: impl FnMut(W)) {
        while self.in_flight < self.limit {
            let Some((_, wake)) = self.waiting.pop_front() else {
                return;
            };
            self.in_flight += 1;
            call(wake);
        }
    }

    fn find(&mut self, number: u64) -> Option<&mut (u64, W)> {
        let at = self
            .waiting
            .binary_search_by_key(&number, |(number, _)| *number)
            .ok()?;
        self.waiting.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Come,
        Finish(usize),
        GiveUp(usize),
        SetLimit(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => Just(Step::Come),
            3 => any::<usize>().prop_map(Step::Finish),
            1 => any::<usize>().prop_map(Step::GiveUp),
            1 => (0_usize..6).prop_map(Step::SetLimit),
        ]
    }

    proptest! {
        /// Against a list of everybody in the order of arrival, of whom the first `limit` are in,
        /// as long as a smaller limit has not caught up with those who are in already.
        #[test]
        fn the_first_to_come_are_in_and_nobody_waits_beside_a_free_place(
            limit in 0_usize..6, steps in prop::collection::vec(step(), 1..200)
        ) {
            let mut line = Line::new(limit);
            let mut limit = limit.max(1);
            let (mut inside, mut waiting) = (Vec::<u64>::new(), Vec::<(u64, u64)>::new());
            let mut called = Vec::new();
            for (name, step) in (0_u64..).zip(steps) {
                match step {
                    Step::Come if line.enter() => {
                        prop_assert!(waiting.is_empty(), "a newcomer barged in");
                        inside.push(name);
                    }
                    Step::Come => waiting.push((line.queue(name), name)),
                    Step::Finish(which) if !inside.is_empty() => {
                        inside.swap_remove(which % inside.len());
                        line.exit(|name| called.push(name));
                    }
                    Step::GiveUp(which) if !waiting.is_empty() => {
                        let (number, _) = waiting.remove(which % waiting.len());
                        prop_assert_eq!(line.leave(number, |name| called.push(name)), Place::Waiting);
                    }
                    Step::SetLimit(to) => {
                        limit = to.max(1);
                        line.set_limit(to, |name| called.push(name));
                    }
                    _ => {}
                }
                for name in called.drain(..) {
                    prop_assert_eq!(waiting.remove(0).1, name, "called up out of turn");
                    inside.push(name);
                    prop_assert!(inside.len() <= limit, "more than the limit were let in");
                }
                prop_assert_eq!(line.in_flight(), inside.len());
                prop_assert_eq!(line.waiting(), waiting.len());
                prop_assert!(waiting.is_empty() || inside.len() >= limit, "a place is free and somebody waits");
                for (number, _) in &waiting {
                    prop_assert_eq!(line.ask(*number, |_| ()), Place::Waiting);
                }
            }
        }
    }

    #[test]
    fn one_who_is_called_up_and_goes_away_passes_the_place_on() {
        let mut line = Line::new(1);
        assert!(line.enter());
        let (second, third) = (line.queue("second"), line.queue("third"));
        let mut called = Vec::new();
        line.exit(|name| called.push(name));
        assert_eq!(line.ask(second, |_| ()), Place::In);
        assert_eq!(line.leave(second, |name| called.push(name)), Place::In);
        assert_eq!(called, ["second", "third"]);
        assert_eq!(line.ask(third, |_| ()), Place::In);
        assert_eq!((line.in_flight(), line.waiting()), (1, 0));
    }
}
