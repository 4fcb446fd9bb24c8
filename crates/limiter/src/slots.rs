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
}
