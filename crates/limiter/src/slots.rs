//! How many calls may be under way at once.
//!
//! Pure: no async, no clock, no lock.

/// How many calls may be under way at once, and how many are.
#[derive(Debug)]
pub(crate) struct Slots {
    /// `None` counts nothing and bounds nothing.
    max: Option<usize>,
    taken: usize,
}

impl Slots {
    pub(crate) const fn new(max: Option<usize>) -> Self {
        Self { max, taken: 0 }
    }

    pub(crate) const fn max(&self) -> Option<usize> {
        self.max
    }

    pub(crate) const fn taken(&self) -> usize {
        self.taken
    }

    /// How many more may begin.
    pub(crate) fn free(&self) -> usize {
        self.max
            .map_or(usize::MAX, |max| max.saturating_sub(self.taken))
    }

    /// Whether one more may begin that takes a slot or not.
    pub(crate) fn fits(&self, slot: bool) -> bool {
        !slot || self.free() > 0
    }

    pub(crate) const fn take(&mut self, slot: bool) {
        if slot && self.max.is_some() {
            self.taken += 1;
        }
    }

    pub(crate) const fn release(&mut self, slot: bool) {
        if slot && self.max.is_some() {
            self.taken = self.taken.saturating_sub(1);
        }
    }

    /// How many more may begin, if there is a bound: for those who take and free slots without the lock.
    pub(crate) fn lend(&self) -> Option<u64> {
        let max = self.max?;
        u64::try_from(max.saturating_sub(self.taken)).ok()
    }

    /// Takes back what is `left` of the slots that were `lent`, which is more where more were freed than taken.
    pub(crate) fn take_back(&mut self, lent: u64, left: u64) {
        let size = |slots| usize::try_from(slots).unwrap_or(usize::MAX);
        self.taken = self
            .taken
            .saturating_add(size(lent))
            .saturating_sub(size(left));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_and_freed_elsewhere_is_known_again() {
        let mut slots = Slots::new(Some(3));
        slots.take(true);
        slots.take(true);
        assert_eq!(slots.lend(), Some(1));
        slots.take_back(1, 0);
        assert_eq!((slots.taken(), slots.free()), (3, 0), "one was taken");
        slots.take_back(0, 2);
        assert_eq!((slots.taken(), slots.free()), (1, 2), "two were freed");
        assert_eq!(Slots::new(None).lend(), None);
    }
}
