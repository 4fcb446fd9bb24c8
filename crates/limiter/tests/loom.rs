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
    pub(crate) use loom::sync::atomic::{AtomicU64, Ordering, fence};
}

/// As in the crate.
mod log {
    pub(crate) type Nanos = u64;
}

#[path = "../src/concurrency/door.rs"]
mod door;

#[allow(dead_code, reason = "the times are for who files what was taken")]
#[path = "../src/open_cell.rs"]
mod open_cell;

#[path = "../src/counter.rs"]
mod counter;

use counter::{Counter, Look, REACH};
use open_cell::{Offer, OpenCell, Opening};

const CLASS: u8 = 1;

/// What stands behind the lock: the opening and what was filed.
#[derive(Debug, Default)]
struct Behind {
    opening: Opening,
    filed: u64,
    calls: u64,
}

const fn offer(room: u64, first: u64, last: u64) -> Option<Offer> {
    Some(Offer {
        class: CLASS,
        room,
        first,
        last,
    })
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
        cell.open(&mut behind.lock().unwrap().opening, offer(3, 0, 10), None);
        let takers: Vec<_> = (0..2)
            .map(|_| {
                let cell = Arc::clone(&cell);
                thread::spawn(move || u64::from(cell.take(CLASS, 2, false, u64::MAX, || 5).is_ok()))
            })
            .collect();
        close(&cell, &mut behind.lock().unwrap());
        let told: u64 = takers.into_iter().map(|taker| taker.join().unwrap()).sum();
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
        cell.open(&mut behind.opening, offer(1, 0, 10), None);
        let taker = {
            let cell = Arc::clone(&cell);
            thread::spawn(move || cell.take(CLASS, 1, false, u64::MAX, || 15))
        };
        close(&cell, &mut behind);
        let early = behind.filed;
        cell.open(&mut behind.opening, offer(1, 11, 20), None);
        let told = taker.join().unwrap();
        close(&cell, &mut behind);
        assert_eq!(early, 0, "15 is after the end of the first");
        assert_eq!(behind.filed, u64::from(told.is_ok()));
    });
}

mod slots {
    //! The slots of a limiter: nobody too many, none lost, and whoever waits is called up.

    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::{CLASS, OpenCell, Opening, offer};

    #[derive(Debug)]
    struct Behind {
        opening: Opening,
        max: u64,
        taken: u64,
        waiting: u64,
        filed: u64,
    }

    #[derive(Debug)]
    struct Gate {
        cell: OpenCell,
        behind: Mutex<Behind>,
    }

    impl Gate {
        fn new(max: u64) -> Arc<Self> {
            let gate = Self {
                cell: OpenCell::new(),
                behind: Mutex::new(Behind {
                    opening: Opening::default(),
                    max,
                    taken: 0,
                    waiting: 0,
                    filed: 0,
                }),
            };
            gate.locked(|_| ());
            Arc::new(gate)
        }

        /// As the lock of a limiter is taken and given back.
        fn locked<T>(&self, change: impl FnOnce(&mut Behind) -> T) -> T {
            let mut behind = self.behind.lock().unwrap();
            if let Some(taken) = self.cell.close(&behind.opening) {
                behind.filed += taken.units;
                if let Some((lent, left)) = taken.slots {
                    behind.taken = behind.taken + lent - left;
                }
            }
            let result = change(&mut behind);
            assert!(behind.taken <= behind.max);
            if behind.waiting == 0 {
                let free = behind.max - behind.taken;
                self.cell
                    .open(&mut behind.opening, offer(10, 0, 10), Some(free));
            }
            result
        }

        /// Whether it has a slot and a unit; otherwise it waits.
        fn enter_or_wait(&self) -> bool {
            let quick = self.cell.take(CLASS, 1, true, u64::MAX, || 5).is_ok();
            quick
                || self.locked(|behind| {
                    let enters = behind.waiting == 0 && behind.taken < behind.max;
                    behind.taken += u64::from(enters);
                    behind.filed += u64::from(enters);
                    behind.waiting += u64::from(!enters);
                    enters
                })
        }

        fn leave(&self) {
            if !self.cell.free() {
                self.locked(|behind| {
                    behind.taken -= 1;
                    if behind.waiting > 0 && behind.taken < behind.max {
                        behind.waiting -= 1;
                        behind.taken += 1;
                        behind.filed += 1;
                    }
                });
            }
        }
    }

    #[test]
    fn never_more_are_taken_than_there_are_and_none_is_lost() {
        // Not loom's, for it is the measuring stick and no part of the model.
        use std::sync::atomic::{AtomicU64, Ordering};

        fn visit(gate: &Gate, inside: &AtomicU64) {
            if gate.cell.take(CLASS, 1, true, u64::MAX, || 5).is_ok() {
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                thread::yield_now();
                inside.fetch_sub(1, Ordering::SeqCst);
                gate.leave();
            }
        }

        loom::model(|| {
            let gate = Gate::new(1);
            let inside = Arc::new(AtomicU64::new(0));
            let other = {
                let (gate, inside) = (Arc::clone(&gate), Arc::clone(&inside));
                thread::spawn(move || visit(&gate, &inside))
            };
            // Somebody looks inside meanwhile.
            gate.locked(|_| ());
            visit(&gate, &inside);
            other.join().unwrap();
            gate.locked(|behind| assert_eq!(behind.taken, 0));
        });
    }

    #[test]
    fn whoever_waits_gets_the_slot_of_whoever_leaves() {
        fn call(gate: &Gate) -> bool {
            let enters = gate.enter_or_wait();
            if enters {
                gate.leave();
            }
            enters
        }

        loom::model(|| {
            let gate = Gate::new(1);
            let other = {
                let gate = Arc::clone(&gate);
                thread::spawn(move || call(&gate))
            };
            let called_up = u64::from(!call(&gate)) + u64::from(!other.join().unwrap());
            gate.locked(|behind| {
                assert_eq!(behind.waiting, 0, "nobody is forgotten");
                assert_eq!(behind.taken, called_up, "who was called up is in");
                assert_eq!(behind.filed, 2);
            });
        });
    }
}

/// A counter whose tick is a nanosecond of a clock that began at `offset`.
const fn look(ticks: u64, offset: u64) -> Look {
    Look {
        before: ticks,
        nanos: ticks + offset,
        after: ticks,
        genuine: true,
    }
}

/// Who reads while another learns gets one whole set of numbers or none, never parts of two.
#[test]
fn what_is_read_while_another_learns_is_of_one_look() {
    loom::model(|| {
        let counter = Arc::new(Counter::new(look(0, 0)));
        counter.learn(look(REACH, 0));
        counter.learn(look(2 * REACH, 0));
        let learners: Vec<_> = [(3 * REACH, 0), (4 * REACH, 0)]
            .into_iter()
            .map(|(ticks, offset)| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || counter.learn(look(ticks, offset)))
            })
            .collect();
        let ticks = 3 * REACH - 1;
        let read = counter.read(ticks);
        assert!(
            read.is_none_or(|nanos| nanos == ticks),
            "{read:?} at {ticks}"
        );
        for learner in learners {
            learner.join().unwrap();
        }
    });
}

mod bulkhead {
    //! The bulkhead's door: nobody too many, nobody lost, and whoever waits is called up.

    use loom::sync::atomic::{AtomicU64, Ordering};
    use loom::sync::{Arc, Mutex};
    use loom::thread;

    use super::door::Door;

    /// What stands behind the lock, as the line of a bulkhead has it.
    #[derive(Debug)]
    struct Behind {
        limit: usize,
        inside: usize,
        granted: u64,
        waiting: usize,
    }

    #[derive(Debug)]
    struct Gate {
        door: Door,
        behind: Mutex<Behind>,
    }

    impl Gate {
        fn new(limit: usize) -> Arc<Self> {
            let gate = Self {
                door: Door::new(),
                behind: Mutex::new(Behind {
                    limit,
                    inside: 0,
                    granted: 0,
                    waiting: 0,
                }),
            };
            gate.door.open(limit, 0);
            Arc::new(gate)
        }

        fn locked<T>(&self, change: impl FnOnce(&mut Behind) -> T) -> T {
            let mut behind = self.behind.lock().unwrap();
            if let Some(seen) = self.door.shut() {
                behind.inside = seen.inside;
                behind.granted += seen.entered;
            }
            let result = change(&mut behind);
            if behind.waiting == 0 {
                self.door.open(behind.limit, behind.inside);
            }
            result
        }

        /// Whether it is in; otherwise it waits.
        fn enter_or_wait(&self) -> bool {
            self.door.enter()
                || self.locked(|behind| {
                    let enters = behind.waiting == 0 && behind.inside < behind.limit;
                    behind.inside += usize::from(enters);
                    behind.granted += u64::from(enters);
                    behind.waiting += usize::from(!enters);
                    enters
                })
        }

        fn exit(&self) {
            if !self.door.leave() {
                self.locked(|behind| {
                    behind.inside -= 1;
                    behind.call_up();
                });
            }
        }
    }

    impl Behind {
        fn call_up(&mut self) {
            while self.waiting > 0 && self.inside < self.limit {
                self.waiting -= 1;
                self.inside += 1;
                self.granted += 1;
            }
        }
    }

    /// One place, two who want it: one is in or both one after the other, and nobody waits beside a free place.
    #[test]
    fn nobody_waits_beside_a_free_place() {
        loom::model(|| {
            let gate = Gate::new(1);
            let guests: Vec<_> = (0..2)
                .map(|_| {
                    let gate = Arc::clone(&gate);
                    thread::spawn(move || {
                        let is_in = gate.enter_or_wait();
                        if is_in {
                            gate.exit();
                        }
                        u64::from(is_in)
                    })
                })
                .collect();
            let at_once: u64 = guests.into_iter().map(|guest| guest.join().unwrap()).sum();
            gate.locked(|behind| {
                assert_eq!(behind.waiting, 0);
                assert_eq!(
                    behind.inside as u64,
                    2 - at_once,
                    "who was called up holds a place"
                );
                assert_eq!(behind.granted, 2, "everybody is counted once");
            });
        });
    }

    /// The limit sinks while one goes in: there are never more than were allowed, and the counters are whole.
    #[test]
    fn a_limit_that_sinks_holds_for_all_who_come_after() {
        loom::model(|| {
            let gate = Gate::new(2);
            assert!(gate.enter_or_wait());
            let guest = {
                let gate = Arc::clone(&gate);
                thread::spawn(move || gate.enter_or_wait())
            };
            let inside = gate.locked(|behind| {
                behind.limit = 1;
                behind.call_up();
                behind.inside
            });
            let is_in = guest.join().unwrap();
            assert_eq!(is_in, inside == 2, "in before it sank, or not at all");
            gate.exit();
            gate.locked(|behind| assert_eq!((behind.inside, behind.waiting), (1, 0)));
        });
    }

    /// What somebody did inside is seen by who goes in after him, with no order of its own.
    #[test]
    fn the_next_one_sees_what_was_done_inside() {
        loom::model(|| {
            let gate = Gate::new(1);
            let done = Arc::new(AtomicU64::new(0));
            let guests: Vec<_> = (0..2)
                .map(|_| {
                    let (gate, done) = (Arc::clone(&gate), Arc::clone(&done));
                    thread::spawn(move || {
                        let is_in = gate.enter_or_wait();
                        if is_in {
                            let before = done.load(Ordering::Relaxed);
                            done.store(before + 1, Ordering::Relaxed);
                            gate.exit();
                        }
                        u64::from(is_in)
                    })
                })
                .collect();
            let in_at_once: u64 = guests.into_iter().map(|guest| guest.join().unwrap()).sum();
            assert_eq!(done.load(Ordering::Relaxed), in_at_once);
        });
    }
}
