//! Every interleaving of the commit without the lock: `RUSTFLAGS="--cfg loom" cargo test -p robust-limiter --test loom --release`
//!
//! Empty without `--cfg loom`.
#![cfg(loom)]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "a model, and a test that panics has failed, which is what it is for"
)]

use loom::sync::{Arc, Mutex};
use loom::thread;

mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering};
}

#[path = "loom/door.rs"]
mod door;

#[allow(dead_code, reason = "the times are for who files what was taken")]
#[path = "../src/open_cell.rs"]
mod open_cell;

use open_cell::{OpenCell, Opening};

const CLASS: u8 = 1;

/// What stands behind the lock: the opening and what was filed.
#[derive(Debug, Default)]
struct Behind {
    opening: Opening,
    filed: u32,
    calls: u32,
}

fn close(cell: &OpenCell, behind: &mut Behind) {
    if let Some(taken) = cell.close(&behind.opening) {
        behind.filed += taken.units;
        behind.calls += taken.calls;
    }
}

/// What the takers were told is what is filed, and never more than was open.
#[test]
fn what_is_taken_is_filed_once_and_never_more_than_was_open() {
    loom::model(|| {
        let cell = Arc::new(OpenCell::new());
        let behind = Arc::new(Mutex::new(Behind::default()));
        cell.open(&mut behind.lock().unwrap().opening, CLASS, 3, 0, 10);
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let cell = Arc::clone(&cell);
                thread::spawn(move || u32::from(cell.take(CLASS, 2, u64::MAX, || 5).is_ok()))
            })
            .collect();
        close(&cell, &mut behind.lock().unwrap());
        let told: u32 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
        let mut behind = behind.lock().unwrap();
        close(&cell, &mut behind);
        assert_eq!((behind.filed, behind.calls), (2 * told, told));
        assert!(told <= 1, "three units have room for one call of two");
    });
}

/// Nobody who read the clock in an earlier cell commits into a later one, or into one that has ended.
#[test]
fn a_cell_that_was_closed_and_opened_again_takes_only_what_fits_its_time() {
    loom::model(|| {
        let cell = Arc::new(OpenCell::new());
        let mut behind = Behind::default();
        cell.open(&mut behind.opening, CLASS, 1, 0, 10);
        let taker = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.take(CLASS, 1, u64::MAX, || 15))
        };
        close(&cell, &mut behind);
        let early = behind.filed;
        cell.open(&mut behind.opening, CLASS, 1, 11, 20);
        let told = taker.join().unwrap();
        close(&cell, &mut behind);
        assert_eq!(early, 0, "15 is after the end of the first");
        assert_eq!(behind.filed, u32::from(told.is_ok()));
    });
}
