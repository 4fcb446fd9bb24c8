//! What a call under way holds of its breaker.
//!
//! A call may outlive every handle of its breaker, so it has to hold something that lives longer.
//! Counting references would cost two locked instructions a call, half of the price of the whole, on
//! a cache line that all threads write to. So the word of a breaker lives in a [`Cell`] that is never
//! freed: it comes from a [`Pool`], goes back there with the last handle, and serves the next breaker.
//! There are as many cells as there were breakers at the same time, and all of them can be reached from
//! the pool or from a breaker: a leak checker finds nothing.
//!
//! The generation of a cell goes on upward from owner to owner. A call of an earlier owner is a call
//! of a generation that is over, and counts as little as any other such call.

use std::sync::{Arc, PoisonError, Weak};

use crate::{
    sync::{Mutex, MutexGuard},
    word::{Mode, View, Word},
};

/// The word of a breaker, and the way to the rest of it for the calls that have something to say.
///
/// It has two cache lines for itself, the pair that is fetched together: what others write next to it
/// must not disturb those who read it.
#[repr(align(128))]
pub(crate) struct Cell<O: ?Sized + 'static> {
    pub(crate) word: Word,
    owner: Mutex<Option<Weak<O>>>,
}

impl<O: ?Sized> Cell<O> {
    /// Whose it is now, if anyone has a handle. Not necessarily of whom the caller once got it: the
    /// owner has to compare generations.
    pub(crate) fn owner(&self) -> Option<Arc<O>> {
        self.lock().as_ref().and_then(Weak::upgrade)
    }

    pub(crate) fn set_owner(&self, owner: Weak<O>) {
        *self.lock() = Some(owner);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Weak<O>>> {
        // Nothing can panic under it: a poisoned lock is usable.
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The cells that nobody owns.
pub(crate) struct Pool<O: ?Sized + 'static> {
    free: Mutex<Vec<&'static Cell<O>>>,
}

impl<O: ?Sized> Pool<O> {
    pub(crate) fn new() -> Self {
        Self {
            free: Mutex::new(Vec::new()),
        }
    }

    /// A cell for a new owner, whose generations count from that of its word on.
    pub(crate) fn take(&self) -> &'static Cell<O> {
        self.lock().pop().unwrap_or_else(|| {
            Box::leak(Box::new(Cell {
                word: Word::new(unowned(0)),
                owner: Mutex::new(None),
            }))
        })
    }

    /// For an owner that is gone: ends its last generation and keeps the cell for another.
    pub(crate) fn put_back(&self, cell: &'static Cell<O>) {
        let seen = cell.word.load();
        cell.word.publish(seen, unowned(seen.generation + 1));
        *cell.lock() = None;
        self.lock().push(cell);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<&'static Cell<O>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nothing counts.
fn unowned(generation: u64) -> View {
    View {
        mode: Mode::Disabled,
        generation,
        left: 0,
    }
}
