//! Every interleaving of the word, of the cell and of the tally, under `RUSTFLAGS="--cfg loom"`.
#![cfg(loom)]
#![allow(dead_code, reason = "the modules are whole, their tests here are not")]
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test that cannot go on fails; the modules belong to the crate"
)]

mod sync {
    pub(crate) use loom::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    };
}
#[path = "../src/cell.rs"]
mod cell;
#[path = "../src/tally.rs"]
mod tally;
#[path = "../src/word.rs"]
mod word;

use std::sync::Arc as StdArc;

use cell::{Cell, Pool};
use loom::{
    sync::{Arc, Mutex},
    thread,
};
use tally::Tally;
use word::{Mode, View, Word, wrapped};

const WANTED: u32 = 8;

fn closed(generation: u64, left: u32) -> View {
    View {
        mode: Mode::Closed,
        generation,
        left,
    }
}

fn open(generation: u64) -> View {
    View {
        mode: Mode::Open,
        generation,
        left: 0,
    }
}

/// What the breaker keeps under its lock, without the rules: how many successes it knows of.
struct Locked {
    generation: u64,
    granted: u32,
    counted: u32,
}

/// One whose word is its own.
struct Alone {
    word: Word,
    locked: Mutex<Locked>,
}

impl Alone {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            word: Word::new(closed(0, WANTED)),
            locked: Mutex::new(Locked {
                generation: 0,
                granted: WANTED,
                counted: 0,
            }),
        })
    }

    /// The steps of `Breaker::with`, in its order.
    fn with(&self, act: impl FnOnce(&mut Locked) -> View) {
        let mut locked = self.locked.lock().unwrap();
        let seen = self.word.load();
        if seen.mode == Mode::Closed {
            locked.counted += locked.granted.saturating_sub(seen.left);
        }
        let next = act(&mut locked);
        self.word.publish(seen, next);
        locked.granted = next.left;
    }

    /// A failure in the same generation: all successes are wanted anew.
    fn failure(&self) {
        self.with(|locked| closed(locked.generation, WANTED));
    }

    /// A change of state: opens and closes again.
    fn open_and_close(&self) {
        self.with(|locked| {
            locked.generation += 1;
            open(locked.generation)
        });
        self.with(|locked| {
            locked.generation += 1;
            locked.counted = 0;
            closed(locked.generation, WANTED)
        });
    }
}

/// Successes that are counted without the lock are counted once, whatever the lock's holder does.
#[test]
fn no_success_is_lost_and_none_counts_twice() {
    loom::model(|| {
        let cell = Alone::new();
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let cell = Arc::clone(&cell);
                thread::spawn(move || cell.word.success(0))
            })
            .collect();
        cell.failure();
        for thread in threads {
            thread.join().unwrap();
        }
        cell.failure();
        assert_eq!(cell.locked.lock().unwrap().counted, 2);
    });
}

/// A success of a generation that is over is never counted in another.
#[test]
fn a_stale_success_never_counts() {
    loom::model(|| {
        let cell = Alone::new();
        let stale = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.word.success(0))
        };
        cell.open_and_close();
        stale.join().unwrap();
        assert_eq!(cell.word.load(), closed(2, WANTED));
        cell.failure();
        assert_eq!(cell.locked.lock().unwrap().counted, 0);
    });
}

/// Two holders of the lock and a success between them.
#[test]
fn two_changes_and_a_success_agree() {
    loom::model(|| {
        let cell = Alone::new();
        let change = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.open_and_close())
        };
        let success = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.word.success(0))
        };
        cell.failure();
        change.join().unwrap();
        success.join().unwrap();
        let view = cell.word.load();
        assert_eq!((view.mode, view.generation), (Mode::Closed, 2));
        assert_eq!(
            view.left, WANTED,
            "nothing of generation 0 counts in generation 2"
        );
    });
}

/// Whoever sees the word of an open circuit sees the moment that was written before it.
#[test]
fn the_word_brings_the_open_time_with_it() {
    loom::model(|| {
        let word = StdArc::new(Word::new(closed(0, 0)));
        let until = Arc::new(sync::AtomicU64::new(0));
        let opener = {
            let (word, until) = (StdArc::clone(&word), Arc::clone(&until));
            thread::spawn(move || {
                until.store(60, sync::Ordering::Release);
                word.publish(closed(0, 0), open(1));
            })
        };
        if word.load().mode == Mode::Open {
            assert_eq!(until.load(sync::Ordering::Acquire), 60);
        }
        opener.join().unwrap();
    });
}

/// Two threads count in one bucket while a third counts in the next turn of the ring.
#[test]
fn the_tally_loses_nothing_within_its_window() {
    loom::model(|| {
        let tally = Arc::new(Tally::new(2));
        let threads: Vec<_> = [4, 5]
            .into_iter()
            .map(|bucket| {
                let tally = Arc::clone(&tally);
                thread::spawn(move || tally.add(1, bucket))
            })
            .collect();
        tally.add(1, 4);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(tally.sum(1, 5), 3);
        assert_eq!(tally.sum(1, 4), 2);
        assert_eq!(tally.sum(2, 5), 0, "another generation");
    });
}

/// The first calls after a rest in which the numbers of the buckets came half round: one of them clears
/// what is old, and takes nothing of what the others count meanwhile.
#[test]
fn a_sweep_takes_nothing_of_those_who_count_meanwhile() {
    loom::model(|| {
        let tally = Arc::new(Tally::new(2));
        (0..3).for_each(|_| tally.add(1, 4));
        let now = (1 << 31) + 2;
        let threads: Vec<_> = [now, now + 1]
            .into_iter()
            .map(|bucket| {
                let tally = Arc::clone(&tally);
                thread::spawn(move || tally.add(1, bucket))
            })
            .collect();
        tally.add(1, now);
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(tally.sum(1, now + 1), 3);
        assert_eq!(tally.sum(1, now), 2);
    });
}

/// A straggler of an earlier turn or generation takes nothing from the later one.
#[test]
fn a_stale_success_takes_nothing_from_the_tally() {
    loom::model(|| {
        let tally = Arc::new(Tally::new(2));
        let stragglers: Vec<_> = [(1, 9), (2, 7)]
            .into_iter()
            .map(|(generation, bucket)| {
                let tally = Arc::clone(&tally);
                thread::spawn(move || tally.add(generation, bucket))
            })
            .collect();
        tally.add(2, 9);
        for straggler in stragglers {
            straggler.join().unwrap();
        }
        assert_eq!(tally.sum(2, 9), 1);
    });
}

/// A breaker whose word is in a cell of a pool, as `Shared` is.
struct Owner {
    pool: StdArc<Pool<Owner>>,
    cell: &'static Cell<Owner>,
    base: u64,
    /// The weights of the failures that count.
    failures: Mutex<u32>,
}

impl Owner {
    /// The steps of `Shared::new`, in its order.
    fn new(pool: &StdArc<Pool<Self>>) -> StdArc<Self> {
        let cell = pool.take();
        let unowned = cell.word.load();
        let owner = StdArc::new(Self {
            pool: StdArc::clone(pool),
            cell,
            base: unowned.generation,
            failures: Mutex::new(0),
        });
        cell.set_owner(StdArc::downgrade(&owner));
        cell.word.publish(unowned, closed(owner.base, WANTED));
        owner
    }

    /// The steps of `Owner::end`: the circuit, in its first generation, looks at the generation.
    fn end(&self, stamp: u64) {
        let mut failures = self.failures.lock().unwrap();
        if wrapped(stamp.wrapping_sub(self.base)) == 0 {
            *failures += 1;
        }
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.pool.put_back(self.cell);
    }
}

/// What a ticket that holds the cell alone does with a failure; the steps of `Hot::report`.
fn report(cell: &Cell<Owner>, stamp: u64) {
    if cell.word.load().generation == stamp
        && let Some(owner) = cell.owner()
    {
        owner.end(stamp);
    }
}

/// A success of an earlier owner is not counted by the next one of its cell.
#[test]
fn a_success_of_an_earlier_owner_never_counts() {
    loom::model(|| {
        let pool = StdArc::new(Pool::new());
        let earlier = Owner::new(&pool);
        let (cell, stamp) = (earlier.cell, earlier.cell.word.admit().unwrap());
        let late = thread::spawn(move || cell.word.success(stamp));
        drop(earlier);
        let next = Owner::new(&pool);
        assert!(std::ptr::eq(next.cell, cell), "the same cell");
        late.join().unwrap();
        assert_eq!(cell.word.load(), closed(next.base, WANTED));
        assert_ne!(next.base, stamp);
    });
}

/// A failure of an earlier owner finds that one, or nobody, or the next one, who ignores it.
#[test]
fn a_failure_of_an_earlier_owner_never_counts() {
    loom::model(|| {
        let pool = StdArc::new(Pool::new());
        let earlier = Owner::new(&pool);
        let (cell, stamp) = (earlier.cell, earlier.cell.word.admit().unwrap());
        let late = thread::spawn(move || report(cell, stamp));
        drop(earlier);
        // While the late one still holds the earlier owner, that one's cell is not free.
        let next = Owner::new(&pool);
        report(next.cell, next.cell.word.admit().unwrap());
        late.join().unwrap();
        assert_eq!(*next.failures.lock().unwrap(), 1, "its own");
        assert_eq!(next.cell.word.load(), closed(next.base, WANTED));
    });
}

/// Two who give back and take at the same time never hold the same cell.
#[test]
fn a_cell_has_one_owner() {
    loom::model(|| {
        let pool = StdArc::new(Pool::new());
        let first = Owner::new(&pool);
        let other = {
            let pool = StdArc::clone(&pool);
            thread::spawn(move || Owner::new(&pool))
        };
        drop(first);
        let (one, other) = (Owner::new(&pool), other.join().unwrap());
        assert!(!std::ptr::eq(one.cell, other.cell));
        let reports = [&one, &other].map(|owner| owner.cell.word.admit().unwrap());
        report(one.cell, reports[0]);
        report(other.cell, reports[1]);
        assert_eq!(*one.failures.lock().unwrap(), 1);
        assert_eq!(*other.failures.lock().unwrap(), 1);
    });
}
