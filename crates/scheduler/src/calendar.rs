//! What comes next among very many: the next seconds in boxes, the rest in a heap.
//!
//! A heap of a hundred thousand jobs is eight levels deep, and for each run as many places of memory
//! are waited for. Most jobs come again within seconds: those lie in boxes of 67 ms each, in no order,
//! and a box is sorted when its time comes. What comes sooner or later than the boxes reach is in the
//! heap. The order is exact, and a job leaves without a trace wherever it is.

use crate::heap::IndexedHeap;
use crate::moment::Nanos;

/// A box is two to the power of this long, in nanoseconds: 67 ms.
const LENGTH: u32 = 26;

/// How many boxes there are: 17 s of them.
const BOXES: usize = 256;

const ABSENT: u32 = u32::MAX;

/// Slots by (moment, order), each at most once.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    /// What comes sooner than the boxes that are closed, or later than the last of them.
    heap: IndexedHeap,
    /// The box that was opened last, in order.
    open: Vec<Node>,
    /// How many of them have come.
    come: usize,
    /// The boxes after `page`, each at its number modulo their count.
    boxes: Vec<Vec<Node>>,
    /// The number of the earliest box that is not empty.
    earliest: Option<i64>,
    /// Boxes up to this number are open.
    page: i64,
    places: Vec<Place>,
    len: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    at: Nanos,
    order: u32,
    slot: u32,
}

/// Where a slot is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Absent,
    Heap,
    Open(u32),
    Box(u8, u32),
}

/// The number of the box that a moment belongs to.
const fn number(at: Nanos) -> i64 {
    at >> LENGTH
}

/// Where a box of this number lies.
const fn index(number: i64) -> usize {
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the remainder is not negative and less than the count of boxes"
    )]
    let index = number.rem_euclid(BOXES as i64) as usize;
    index
}

impl Calendar {
    /// The earliest moment and its slot.
    pub(crate) fn first(&self) -> Option<(Nanos, u32)> {
        let open = self.open.get(self.come);
        let open = open.map(|node| (node.at, node.order, node.slot));
        let first = [open, self.heap.first()].into_iter().flatten().min();
        first.map(|(at, _, slot)| (at, slot))
    }

    /// Makes room for so many more slots.
    pub(crate) fn reserve(&mut self, more: usize) {
        self.places.reserve(more);
    }

    /// Time has come to `now`. Boxes are counted from there; what is first does not depend on it.
    pub(crate) fn turn_to(&mut self, now: Nanos) {
        let page = number(now);
        while let Some(earliest) = self.earliest.filter(|earliest| *earliest <= page) {
            self.open(earliest);
        }
        if page > self.page || self.earliest.is_none() {
            self.page = page;
        }
    }

    /// Puts a slot in, or moves it.
    pub(crate) fn set(&mut self, slot: u32, at: Nanos, order: u32) {
        let place = slot as usize;
        if self.places.len() <= place {
            self.places.resize(place + 1, Place::Absent);
        }
        let number = number(at);
        let boxed = number > self.page && number.saturating_sub(self.page) < BOXES as i64;
        if !boxed && self.place(slot) == Place::Heap {
            self.heap.set(slot, at, order);
            return self.bring_first();
        }
        self.take_out(slot);
        self.len += 1;
        if boxed {
            self.put_in_box(number, Node { at, order, slot });
        } else {
            self.heap.set(slot, at, order);
            self.put(slot, Place::Heap);
        }
        self.bring_first();
    }

    /// Takes a slot out, if it is in.
    pub(crate) fn remove(&mut self, slot: u32) {
        self.take_out(slot);
        self.bring_first();
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds slots that come up to this moment, in no order: those of open boxes.
    pub(crate) fn until(&self, moment: Nanos, slots: &mut Vec<u32>) {
        self.heap.until(moment, slots);
        let open = self.open.get(self.come..).unwrap_or_default();
        let come = open.iter().take_while(|node| node.at <= moment);
        slots.extend(come.map(|node| node.slot).filter(|slot| *slot != ABSENT));
    }

    /// The slots, in no order.
    #[cfg(test)]
    fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        let places = (0..).zip(&self.places);
        places.filter_map(|(slot, place)| (*place != Place::Absent).then_some(slot))
    }

    /// Reads a little of what will be written when a slot is put elsewhere.
    pub(crate) fn glance(&self, slot: u32) -> u64 {
        match self.place(slot) {
            Place::Absent | Place::Heap => 0,
            Place::Open(nth) | Place::Box(_, nth) => u64::from(nth),
        }
    }

    fn place(&self, slot: u32) -> Place {
        let place = self.places.get(slot as usize).copied();
        place.unwrap_or(Place::Absent)
    }

    fn put(&mut self, slot: u32, place: Place) {
        if let Some(kept) = self.places.get_mut(slot as usize) {
            *kept = place;
        }
    }

    fn put_in_box(&mut self, number: i64, node: Node) {
        if self.boxes.is_empty() {
            self.boxes.resize_with(BOXES, Vec::new);
        }
        let index = index(number);
        let Some(nodes) = self.boxes.get_mut(index) else {
            return;
        };
        let nth = u32::try_from(nodes.len()).unwrap_or(ABSENT);
        nodes.push(node);
        self.put(node.slot, Place::Box(u8::try_from(index).unwrap_or(0), nth));
        self.earliest = Some(
            self.earliest
                .map_or(number, |earliest| earliest.min(number)),
        );
    }

    fn take_out(&mut self, slot: u32) {
        let place = self.place(slot);
        match place {
            Place::Absent => return,
            Place::Heap => self.heap.remove(slot),
            Place::Open(nth) => {
                if let Some(node) = self.open.get_mut(nth as usize) {
                    node.slot = ABSENT;
                }
                self.pass_over();
            }
            Place::Box(index, nth) => self.take_from_box(index, nth),
        }
        self.len -= 1;
        self.put(slot, Place::Absent);
    }

    fn take_from_box(&mut self, index: u8, nth: u32) {
        let Some(nodes) = self.boxes.get_mut(usize::from(index)) else {
            return;
        };
        nodes.swap_remove(nth as usize);
        let (moved, empty) = (
            nodes.get(nth as usize).map(|node| node.slot),
            nodes.is_empty(),
        );
        if let Some(moved) = moved {
            self.put(moved, Place::Box(index, nth));
        }
        if empty {
            self.earliest = self.find_earliest();
        }
    }

    /// Those of the open box that were taken out are behind, once they would be first.
    fn pass_over(&mut self) {
        while self
            .open
            .get(self.come)
            .is_some_and(|node| node.slot == ABSENT)
        {
            self.come += 1;
        }
    }

    fn find_earliest(&self) -> Option<i64> {
        let full = |number: &i64| {
            self.boxes
                .get(index(*number))
                .is_some_and(|nodes| !nodes.is_empty())
        };
        let last = self.page.saturating_add(BOXES as i64);
        (self.page.saturating_add(1)..last).find(full)
    }

    /// Opens boxes until what is first of all is not in one that is closed.
    fn bring_first(&mut self) {
        while let Some(earliest) = self.earliest {
            let first = self.first();
            if first.is_some_and(|(at, _)| number(at) < earliest) {
                return;
            }
            self.open(earliest);
        }
    }

    /// Opens the earliest box.
    fn open(&mut self, number: i64) {
        self.page = self.page.max(number);
        let Some(nodes) = self.boxes.get_mut(index(number)) else {
            return;
        };
        if self.come >= self.open.len() {
            // The room of the one before is the room of a box to come.
            self.open.clear();
            self.come = 0;
            std::mem::swap(&mut self.open, nodes);
            self.open.sort_unstable();
            let opened = (0..).zip(&self.open);
            for (nth, node) in opened {
                if let Some(place) = self.places.get_mut(node.slot as usize) {
                    *place = Place::Open(nth);
                }
            }
        } else {
            for node in std::mem::take(nodes) {
                self.heap.set(node.slot, node.at, node.order);
                self.put(node.slot, Place::Heap);
            }
        }
        self.earliest = self.find_earliest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// What is done: a slot is put somewhere or taken out, or time goes on.
    #[derive(Debug, Clone)]
    enum Step {
        Set(u32, Nanos),
        Remove(u32),
        Turn(Nanos),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        // Within a box, over some boxes, over all of them and far beyond, before the beginning too.
        let moment = prop_oneof![
            0_i64..100_000_000,
            -1_000_000_000_i64..20_000_000_000,
            -1_000_000_i64..200_000_000_000,
            Just(Nanos::MAX),
            Just(Nanos::MIN),
        ];
        let step = prop_oneof![
            6 => (0_u32..40, moment.clone()).prop_map(|(slot, at)| Step::Set(slot, at)),
            2 => (0_u32..40).prop_map(Step::Remove),
            1 => moment.prop_map(Step::Turn),
        ];
        proptest::collection::vec(step, 1..300)
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_sorted_map(steps in steps()) {
            let (mut calendar, mut model) = (Calendar::default(), BTreeMap::new());
            for (sequence, step) in (0_u32..).zip(steps) {
                match step {
                    Step::Set(slot, at) => {
                        calendar.set(slot, at, sequence);
                        model.insert(slot, (at, sequence));
                    }
                    Step::Remove(slot) => {
                        calendar.remove(slot);
                        model.remove(&slot);
                    }
                    Step::Turn(now) => calendar.turn_to(now),
                }
                let first = model.iter().min_by_key(|(_, key)| **key).map(|(slot, (at, _))| (*at, *slot));
                prop_assert_eq!(calendar.first(), first);
                prop_assert_eq!(calendar.slots().count(), model.len());
                prop_assert_eq!(calendar.is_empty(), model.is_empty());
            }
            let mut drained = Vec::new();
            while let Some((at, slot)) = calendar.first() {
                calendar.remove(slot);
                drained.push((at, slot));
            }
            let mut expected: Vec<_> = model.into_iter().map(|(slot, (at, sequence))| (at, sequence, slot)).collect();
            expected.sort_unstable();
            prop_assert_eq!(drained, expected.into_iter().map(|(at, _, slot)| (at, slot)).collect::<Vec<_>>());
            prop_assert!(calendar.is_empty());
        }

        #[test]
        fn jobs_that_come_again_within_seconds_come_in_order_and_are_seen_ahead(
            periods in proptest::collection::vec(1_000_000_i64..12_000_000_000, 1..200),
        ) {
            let mut calendar = Calendar::default();
            for (slot, period) in (0_u32..).zip(&periods) {
                calendar.set(slot, *period, slot);
            }
            let mut last = (Nanos::MIN, 0);
            for _ in 0..2_000 {
                let Some((at, slot)) = calendar.first() else {
                    return Err(TestCaseError::fail("all are in"));
                };
                prop_assert!((at, slot) > last, "{:?} after {last:?}", (at, slot));
                last = (at, slot);
                calendar.turn_to(at);
                let mut soon = Vec::new();
                calendar.until(at, &mut soon);
                prop_assert!(soon.contains(&slot));
                calendar.set(slot, at + periods[slot as usize], slot);
            }
        }
    }
}
