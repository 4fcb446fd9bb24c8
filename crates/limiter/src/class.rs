//! How important a call is, and how its importance can rise while it waits.

use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use smallvec::SmallVec;

/// How important a call is; a higher class is served first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Work that nobody waits for.
    Low = 0,
    /// Ordinary work.
    #[default]
    Medium = 1,
    /// Somebody waits for it.
    High = 2,
    /// Money or safety depends on it.
    Critical = 3,
}

impl Class {
    /// All classes, the least important first.
    pub const ALL: [Self; 4] = [Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The place of this class in [`Class::ALL`] and in arrays by class.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The class so many steps above this one.
    pub(crate) const fn raised(self, steps: u64) -> Self {
        let repr = self as u64;
        match repr.saturating_add(steps) {
            0 => Self::Low,
            1 => Self::Medium,
            2 => Self::High,
            _ => Self::Critical,
        }
    }

    pub(crate) const fn from_repr(repr: u8) -> Self {
        match repr {
            0 => Self::Low,
            1 => Self::Medium,
            2 => Self::High,
            _ => Self::Critical,
        }
    }
}

/// A class that may rise while the call waits, and never falls.
///
/// Clones share one class. Many callers that wait for one shared piece of work keep its cell and
/// [`raise`](Self::raise) it to their own class; every queue in which the work waits re-files it
/// at once, and reads the class again at each grant.
///
/// `ClassCell::from(class)` and [`ClassCell::fixed`] cost no allocation and can **not** be raised:
/// they are for the call that nobody joins.
#[derive(Clone)]
pub struct ClassCell {
    /// Two fields and not an enum, whose one byte or eight would be moved as fifteen, which stalls the processor.
    shared: Option<Arc<Raisable>>,
    /// The class of a cell that is not shared.
    fixed: Class,
}

/// Who watches a class: the waiter's number and its queue.
type Watchers = SmallVec<[(u64, Weak<dyn Watch>); 1]>;

struct Raisable {
    class: AtomicU8,
    /// The queues that this class waits in. Locked only to enter, leave and raise.
    watchers: Mutex<Watchers>,
}

/// A queue that wants to know when a waiter's class rises.
pub(crate) trait Watch: Send + Sync {
    /// Looks at the classes of all waiters again.
    fn class_raised(&self);
}

impl ClassCell {
    /// A class that can be raised through any clone.
    #[must_use]
    pub fn new(class: Class) -> Self {
        let shared = Raisable {
            class: AtomicU8::new(class as u8),
            watchers: Mutex::new(SmallVec::new()),
        };
        Self {
            shared: Some(Arc::new(shared)),
            fixed: class,
        }
    }

    /// A class that stays as it is, without an allocation.
    #[must_use]
    pub const fn fixed(class: Class) -> Self {
        Self {
            shared: None,
            fixed: class,
        }
    }

    /// The class as it is now.
    #[must_use]
    #[inline]
    pub fn get(&self) -> Class {
        match &self.shared {
            None => self.fixed,
            Some(shared) => Class::from_repr(shared.class.load(Ordering::Acquire)),
        }
    }

    /// Raises the class to at least `class`; says whether that changed it.
    ///
    /// A lower or equal class changes nothing, nor does anything change a [`fixed`](Self::fixed)
    /// cell. A call that waits in a limiter's queue takes its better place before this returns.
    pub fn raise(&self, class: Class) -> bool {
        let Some(shared) = &self.shared else {
            return false;
        };
        let before = shared.class.fetch_max(class as u8, Ordering::AcqRel);
        if before >= class as u8 {
            return false;
        }
        // The list is copied out: a queue takes its own lock, and must never wait for ours.
        let watchers: SmallVec<[Weak<dyn Watch>; 1]> = shared
            .watchers()
            .iter()
            .map(|(_, watcher)| watcher.clone())
            .collect();
        for watcher in watchers.iter().filter_map(Weak::upgrade) {
            watcher.class_raised();
        }
        true
    }

    /// Registers a queue under `seq`; to be followed by another look at [`get`](Self::get),
    /// because a raise before this call was not reported.
    pub(crate) fn watch(&self, seq: u64, watcher: Weak<dyn Watch>) {
        if let Some(shared) = &self.shared {
            shared.watchers().push((seq, watcher));
        }
    }

    /// Takes the registration of `watcher` under `seq` back.
    pub(crate) fn unwatch(&self, seq: u64, watcher: &Weak<dyn Watch>) {
        if let Some(shared) = &self.shared {
            shared
                .watchers()
                .retain(|(entry, queue)| *entry != seq || !Weak::ptr_eq(queue, watcher));
        }
    }
}

impl Raisable {
    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ClassCell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClassCell").field(&self.get()).finish()
    }
}

impl From<Class> for ClassCell {
    /// A [`fixed`](ClassCell::fixed) class.
    fn from(class: Class) -> Self {
        Self::fixed(class)
    }
}

impl From<&Self> for ClassCell {
    fn from(cell: &Self) -> Self {
        cell.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn class_rises_through_any_clone_and_never_falls() {
        let cell = ClassCell::new(Class::Low);
        let other = cell.clone();
        assert!(other.raise(Class::High));
        assert_eq!(cell.get(), Class::High);
        assert!(!cell.raise(Class::Medium));
        assert!(!cell.raise(Class::High));
        assert_eq!(other.get(), Class::High);
    }

    #[test]
    fn fixed_class_says_that_it_cannot_be_raised() {
        let cell = ClassCell::from(Class::Low);
        assert!(!cell.raise(Class::Critical));
        assert_eq!(cell.get(), Class::Low);
    }

    #[test]
    fn classes_are_ordered_by_importance() {
        assert!(Class::ALL.is_sorted());
        for (index, class) in Class::ALL.into_iter().enumerate() {
            assert_eq!(class.index(), index);
            assert_eq!(Class::from_repr(class as u8), class);
        }
    }
}
