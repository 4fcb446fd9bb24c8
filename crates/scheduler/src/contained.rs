//! Code that is not ours, where a panic of it must go no further.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What this gives, or nothing if it panics.
///
/// For what the user's code can leave half done only on its own side.
pub(crate) fn contained<R>(work: impl FnOnce() -> R) -> Option<R> {
    let panicked = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(done) => return Some(done),
        Err(panicked) => panicked,
    };
    // What was panicked with is the user's too, and so is its dropping.
    if let Err(again) = catch_unwind(AssertUnwindSafe(|| drop(panicked))) {
        std::mem::forget(again);
    }
    None
}
