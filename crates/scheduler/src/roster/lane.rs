//! What is ready for a source, the first of it first.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::queue::Key;

/// For how many keys the room is kept when all have left.
const KEPT: usize = 1_024;

/// Keys, each at most once. Nearly always the first is taken, so it is a heap; another that leaves is
/// remembered until it would be first.
///
/// A tree of nodes does the same, but takes and gives back memory as it grows and shrinks with every
/// crowd that comes due. Measured: a twentieth of the time of a run.
#[derive(Debug, Default)]
pub(super) struct Lane {
    heap: BinaryHeap<Reverse<Key>>,
    /// Keys in the heap that have left; the first of the heap is none of them.
    gone: BTreeSet<Key>,
}

impl Lane {
    pub(super) fn first(&self) -> Option<&Key> {
        self.heap.peek().map(|Reverse(key)| key)
    }

    pub(super) fn push(&mut self, key: Key) {
        if !self.gone.remove(&key) {
            self.heap.push(Reverse(key));
        }
    }

    /// Takes a key out that is in.
    pub(super) fn remove(&mut self, key: Key) {
        if self.first() == Some(&key) {
            self.heap.pop();
            while self.first().is_some_and(|first| self.gone.contains(first)) {
                if let Some(Reverse(first)) = self.heap.pop() {
                    self.gone.remove(&first);
                }
            }
            if self.heap.is_empty() && self.heap.capacity() > KEPT {
                self.heap = BinaryHeap::new();
            }
            return;
        }
        self.gone.insert(key);
        if self.gone.len() > self.heap.len() / 2 {
            let gone = std::mem::take(&mut self.gone);
            self.heap.retain(|Reverse(key)| !gone.contains(key));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len().saturating_sub(self.gone.len())
    }

    /// All of them, in no order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> + '_ {
        let all = self.heap.iter().map(|Reverse(key)| key);
        all.filter(|key| !self.gone.contains(key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_agrees_with_a_sorted_set(steps in proptest::collection::vec((0_u32..30, any::<bool>()), 1..300)) {
            let (mut lane, mut model) = (Lane::default(), BTreeSet::new());
            for (slot, take) in steps {
                let age = i64::from(slot * 7 % 30);
                let key = Key { age, deadline: 0, nominal: 0, arrival: 0, slot };
                let first = model.first().copied();
                match (model.contains(&key), take, first) {
                    (false, ..) => {
                        lane.push(key);
                        model.insert(key);
                    }
                    (true, true, Some(first)) => {
                        lane.remove(first);
                        model.remove(&first);
                    }
                    (true, ..) => {
                        lane.remove(key);
                        model.remove(&key);
                    }
                }
                prop_assert_eq!(lane.first(), model.first());
                prop_assert_eq!(lane.len(), model.len());
                let keys: BTreeSet<Key> = lane.keys().copied().collect();
                prop_assert_eq!(&keys, &model);
            }
        }
    }
}
