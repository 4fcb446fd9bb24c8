//! What comes next among very many: a 4-ary heap whose entries know their place.
//!
//! 20 B a job, exact order, and a job leaves in O(log n) without a tombstone.

use smallvec::SmallVec;

use crate::moment::Nanos;

/// Children of a node: as many as a cache line holds, which makes the tree half as high.
const WIDTH: usize = 4;

const ABSENT: u32 = u32::MAX;

/// Slots by (moment, order), each at most once.
#[derive(Debug, Default)]
pub(crate) struct IndexedHeap {
    root: Option<Node>,
    /// The others. The children of node `k` are line `k`, so that each level is one look at memory.
    lines: Vec<Line>,
    len: usize,
    /// Where each slot is.
    places: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Node {
    at: Nanos,
    order: u32,
    slot: u32,
}

/// What is behind the last node.
const NOBODY: Node = Node {
    at: Nanos::MAX,
    order: u32::MAX,
    slot: ABSENT,
};

/// The children of a node, in a cache line of their own.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
struct Line([Node; WIDTH]);

impl IndexedHeap {
    /// The earliest: its moment, its order and its slot.
    pub(crate) fn first(&self) -> Option<(Nanos, u32, u32)> {
        self.root.map(|node| (node.at, node.order, node.slot))
    }

    /// Puts a slot in, or moves it.
    pub(crate) fn set(&mut self, slot: u32, at: Nanos, order: u32) {
        let index = slot as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, ABSENT);
        }
        let node = Node { at, order, slot };
        match self
            .places
            .get(index)
            .copied()
            .filter(|place| *place != ABSENT)
        {
            // From where it is: the one that came due first moves a few levels down, not through all.
            Some(place) => self.settle(place as usize, node),
            None => {
                let place = self.len;
                self.len += 1;
                if self.lines.len() < place.div_ceil(WIDTH) {
                    self.lines.push(Line([NOBODY; WIDTH]));
                }
                let place = self.rise(place, node);
                self.put(place, node);
            }
        }
    }

    /// Takes a slot out, if it is in.
    pub(crate) fn remove(&mut self, slot: u32) {
        let Some(place) = self.places.get_mut(slot as usize) else {
            return;
        };
        let place = std::mem::replace(place, ABSENT);
        let Some(last) = self.len.checked_sub(1).filter(|_| place != ABSENT) else {
            return;
        };
        let node = self.node(last);
        self.len = last;
        match last {
            0 => self.root = None,
            _ => self.write(last, NOBODY),
        }
        self.lines.truncate(last.saturating_sub(1).div_ceil(WIDTH));
        if last != place as usize {
            self.settle(place as usize, node);
        }
    }

    /// Adds the slots that come up to this moment, in no order.
    pub(crate) fn until(&self, moment: Nanos, slots: &mut Vec<u32>) {
        let comes = |node: &Node| node.at <= moment && node.slot != ABSENT;
        let Some(root) = self.root.filter(comes) else {
            return;
        };
        slots.push(root.slot);
        let mut open: SmallVec<[usize; 32]> = SmallVec::from_elem(0, 1);
        while let Some(place) = open.pop() {
            let line = self.lines.get(place).map_or(&[][..], |line| &line.0);
            for (nth, node) in line.iter().enumerate().filter(|(_, node)| comes(node)) {
                slots.push(node.slot);
                open.push(child(place, nth));
            }
        }
    }

    /// Finds the place of a node that stands at `place`, whatever is written there.
    fn settle(&mut self, place: usize, node: Node) {
        let mut new = self.rise(place, node);
        if new == place {
            new = self.sink(place, node);
        }
        self.put(new, node);
    }

    /// Moves those down that are later than a node at `place`; gives the place that is free then.
    fn rise(&mut self, mut place: usize, node: Node) -> usize {
        while place > 0 {
            let above = (place - 1) / WIDTH;
            let parent = self.node(above);
            if node >= parent {
                break;
            }
            self.put(place, parent);
            place = above;
        }
        place
    }

    /// Moves those up that are earlier than a node at `place`; gives the place that is free then.
    fn sink(&mut self, mut place: usize, node: Node) -> usize {
        while let Some(line) = self.lines.get(place) {
            let [mut least, others @ ..] = line.0;
            let mut nth = 0;
            for (other, index) in others.into_iter().zip(1..) {
                if other < least {
                    (least, nth) = (other, index);
                }
            }
            if least >= node {
                break;
            }
            self.put(place, least);
            place = child(place, nth);
        }
        place
    }

    fn node(&self, place: usize) -> Node {
        let node = match place.checked_sub(1) {
            None => self.root.as_ref(),
            Some(nth) => {
                let line = self.lines.get(nth / WIDTH);
                line.and_then(|line| line.0.get(nth % WIDTH))
            }
        };
        node.copied().unwrap_or(NOBODY)
    }

    fn write(&mut self, place: usize, node: Node) {
        match place.checked_sub(1) {
            None => self.root = Some(node),
            Some(nth) => {
                let line = self.lines.get_mut(nth / WIDTH);
                if let Some(kept) = line.and_then(|line| line.0.get_mut(nth % WIDTH)) {
                    *kept = node;
                }
            }
        }
    }

    fn put(&mut self, place: usize, node: Node) {
        self.write(place, node);
        if let Some(kept) = self.places.get_mut(node.slot as usize) {
            *kept = u32::try_from(place).unwrap_or(ABSENT);
        }
    }
}

/// The place of the nth child.
const fn child(place: usize, nth: usize) -> usize {
    place * WIDTH + 1 + nth
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_agrees_with_a_sorted_map(steps in proptest::collection::vec((0_u32..40, proptest::option::of(0_i64..50)), 1..300)) {
            let (mut heap, mut model) = (IndexedHeap::default(), BTreeMap::new());
            for (sequence, (slot, at)) in steps.into_iter().enumerate() {
                match at {
                    Some(at) => {
                        heap.set(slot, at, sequence as u32);
                        model.insert(slot, (at, sequence));
                    }
                    None => {
                        heap.remove(slot);
                        model.remove(&slot);
                    }
                }
                let first = model.iter().min_by_key(|(_, key)| **key).map(|(slot, (at, sequence))| (*at, *sequence as u32, *slot));
                prop_assert_eq!(heap.first(), first);
            }
            let mut drained = Vec::new();
            while let Some(first @ (_, _, slot)) = heap.first() {
                heap.remove(slot);
                drained.push(first);
            }
            let mut expected: Vec<_> = model.into_iter().map(|(slot, (at, sequence))| (at, sequence as u32, slot)).collect();
            expected.sort_unstable();
            prop_assert_eq!(drained, expected);
        }
    }
}
