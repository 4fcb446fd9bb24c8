//! How a counter of the processor stands in for the clock between two looks at it.
//!
//! Pure: no clock, no counter. The counter only ever tells the distance from the last look at the clock, and only for [`REACH`];
//! so whatever is wrong with it is wrong for so long and by so much. Its rate is measured between looks, and believed once two
//! measurements in a row agree to [`AGREE`]. Until then, and when it runs backwards, has stood still or was set anew (a machine that
//! slept, a virtual one that was moved), everybody reads the clock itself. So they do when the clock is not the system's: a test's,
//! that is or was paused.

use std::time::Duration;

use crate::atomic::{AtomicU64, Ordering, fence};
use crate::log::Nanos;

/// How long the counter stands in for the clock: 100 ms.
pub(crate) const REACH: Nanos = 100_000_000;

/// Two measured rates agree when they differ by less than this part of them. So in 100 ms the counter is off by 100 µs at most, and
/// by a microsecond as a rule.
const AGREE: u64 = 1_000;

/// The longest look at the clock that anything is measured by: 10 µs. A longer one was interrupted, and nobody knows before what.
pub(crate) const BRIEF: Duration = Duration::from_micros(10);

/// Not known, or not believed: reaches nowhere.
const UNKNOWN: u64 = u64::MAX;

/// One look at the clock between two at the counter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// The counter before it.
    pub(crate) before: u64,
    /// What the clock said.
    pub(crate) nanos: Nanos,
    /// The counter after it.
    pub(crate) after: u64,
    /// Whether the system's own clock said the same.
    pub(crate) genuine: bool,
}

/// The last look at the clock, and how fast the counter runs.
#[derive(Debug)]
pub(crate) struct Counter {
    /// Odd while the numbers below are written; other readers then look at the clock themselves.
    turn: AtomicU64,
    ticks: AtomicU64,
    nanos: AtomicU64,
    /// Nanoseconds of a tick in parts of 2^32, if that is believed.
    rate: AtomicU64,
    /// The same as it was measured last, believed or not.
    measured: AtomicU64,
}

impl Counter {
    pub(crate) fn new(look: Look) -> Self {
        Self {
            turn: AtomicU64::new(0),
            ticks: AtomicU64::new(look.after),
            nanos: AtomicU64::new(look.nanos),
            rate: AtomicU64::new(UNKNOWN),
            measured: AtomicU64::new(UNKNOWN),
        }
    }

    /// The time when the counter shows `ticks`; `None` when the clock has to be looked at.
    #[inline]
    pub(crate) fn read(&self, ticks: u64) -> Option<Nanos> {
        let turn = self.turn.load(Ordering::Acquire);
        let from = self.ticks.load(Ordering::Relaxed);
        let nanos = self.nanos.load(Ordering::Relaxed);
        let rate = self.rate.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if turn & 1 == 1 || self.turn.load(Ordering::Relaxed) != turn {
            return None;
        }
        let passed = scale(ticks.checked_sub(from)?, rate);
        (passed < REACH).then(|| nanos.saturating_add(passed))
    }

    /// Learns from a look at the clock, if it is time to.
    pub(crate) fn learn(&self, look: Look) {
        let turn = self.turn.load(Ordering::Relaxed);
        let claimed = turn & 1 == 0
            && self
                .turn
                .compare_exchange(turn, turn | 1, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if !claimed {
            // Another one is about it.
            return;
        }
        fence(Ordering::Release);
        self.learn_alone(look);
        self.turn.store(turn.wrapping_add(2), Ordering::Release);
    }

    fn learn_alone(&self, look: Look) {
        let ticks = self.ticks.load(Ordering::Relaxed);
        let nanos = self.nanos.load(Ordering::Relaxed);
        if !look.genuine {
            self.rate.store(UNKNOWN, Ordering::Relaxed);
            self.measured.store(UNKNOWN, Ordering::Relaxed);
            return;
        }
        let measured = match (look.after.checked_sub(ticks), look.nanos.checked_sub(nanos)) {
            // Too soon after the last to measure anything by.
            (Some(_), Some(passed)) if passed < REACH => return,
            (Some(ticks), Some(passed)) if ticks > 0 => divide(passed, ticks),
            _ => UNKNOWN,
        };
        let took = Duration::from_nanos(scale(look.after.wrapping_sub(look.before), measured));
        if measured != UNKNOWN && took > BRIEF {
            return;
        }
        let last = self.measured.load(Ordering::Relaxed);
        let agree = last != UNKNOWN && measured.abs_diff(last) < measured / AGREE;
        let rate = if agree { measured } else { UNKNOWN };
        self.ticks.store(look.after, Ordering::Relaxed);
        self.nanos.store(look.nanos, Ordering::Relaxed);
        self.rate.store(rate, Ordering::Relaxed);
        self.measured.store(measured, Ordering::Relaxed);
    }
}

/// The nanoseconds of so many ticks.
#[inline]
fn scale(ticks: u64, rate: u64) -> Nanos {
    let nanos = (u128::from(ticks) * u128::from(rate)) >> 32;
    Nanos::try_from(nanos).unwrap_or(Nanos::MAX)
}

/// The rate at which so many ticks take so long.
fn divide(nanos: Nanos, ticks: u64) -> u64 {
    let rate = (u128::from(nanos) << 32) / u128::from(ticks);
    u64::try_from(rate).unwrap_or(UNKNOWN)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A counter of 3 GHz beside a clock in nanoseconds.
    fn look(nanos: Nanos) -> Look {
        Look {
            before: 3 * nanos,
            nanos,
            after: 3 * nanos + 90,
            genuine: true,
        }
    }

    const STEP: Nanos = REACH + 5;

    #[test]
    fn the_rate_is_believed_when_two_measurements_agree_and_for_100_ms() {
        let counter = Counter::new(look(0));
        assert_eq!(counter.read(1_000), None, "nothing is measured");
        counter.learn(look(STEP));
        assert_eq!(counter.read(3 * STEP + 1_000), None, "nothing agrees");
        counter.learn(look(2 * STEP));
        let from = 3 * 2 * STEP + 90;
        assert_eq!(counter.read(from), Some(2 * STEP));
        let read = counter.read(from + 3_000).unwrap();
        assert!(read.abs_diff(2 * STEP + 1_000) <= 1, "{read}");
        assert!(counter.read(from + 3 * REACH - 3_000).is_some());
        assert_eq!(counter.read(from + 3 * REACH + 3_000), None, "too far");
        assert_eq!(counter.read(from - 1), None, "backwards");
    }

    #[test]
    fn an_interrupted_look_teaches_nothing() {
        let counter = Counter::new(look(0));
        for n in 1..3 {
            counter.learn(look(n * STEP));
        }
        let slow = Look {
            after: 3 * 3 * STEP + 3 * 20_000,
            ..look(3 * STEP)
        };
        counter.learn(slow);
        assert_eq!(counter.read(slow.after), None, "as far away as before");
        counter.learn(look(3 * STEP + 30_000));
        assert!(counter.read(3 * (3 * STEP + 30_000) + 90).is_some());
    }

    #[test]
    fn a_clock_that_stands_still_is_never_guessed() {
        let counter = Counter::new(look(0));
        for n in 1..10 {
            let ticks = 3 * n * STEP;
            assert_eq!(counter.read(ticks), None);
            let paused = Look {
                before: ticks,
                nanos: 0,
                after: ticks + 90,
                genuine: true,
            };
            counter.learn(paused);
        }
    }

    #[test]
    fn another_clock_than_the_systems_is_never_guessed() {
        let counter = Counter::new(look(0));
        for n in 1..5 {
            let genuine = n != 3;
            counter.learn(Look {
                genuine,
                ..look(n * STEP)
            });
            let believed = counter.read(3 * n * STEP + 1_000).is_some();
            // The second measurement agrees; after the third all begins anew.
            assert_eq!(believed, n == 2, "{n}");
        }
    }

    /// A counter, the clock beside it, and what is made of both.
    struct Machine {
        ticks: u64,
        nanos: Nanos,
        /// Ticks of a nanosecond.
        speed: f64,
        counter: Counter,
    }

    impl Machine {
        fn new(ticks: u64, speed: f64) -> Self {
            let counter = Counter::new(look(0));
            Self {
                ticks,
                nanos: 0,
                speed,
                counter,
            }
        }

        fn run(&mut self, nanos: Nanos) {
            self.nanos += nanos;
            self.ticks += (nanos as f64 * self.speed) as u64;
        }

        /// What is taken for the time, and by how much it is off.
        fn read(&mut self) -> u64 {
            if let Some(read) = self.counter.read(self.ticks) {
                return read.abs_diff(self.nanos);
            }
            self.counter.learn(Look {
                before: self.ticks,
                nanos: self.nanos,
                after: self.ticks,
                genuine: true,
            });
            0
        }
    }

    proptest! {
        /// A machine that sleeps, a counter that begins anew and a clock that jumps cost 100 ms at most, and nothing after that.
        #[test]
        fn what_is_read_is_the_clock_or_close_to_it(
            ticks in 0..u64::MAX / 4,
            speed in 0.02_f64..6.0,
            steps in proptest::collection::vec((0..400_000_000_u64, 0..12_u8), 1..100),
        ) {
            let mut machine = Machine::new(ticks, speed);
            let close = REACH / AGREE + 1_000;
            for (step, what) in steps {
                match what {
                    // The clock stands still and the counter runs on.
                    0 => machine.ticks += step * 1_000,
                    // The counter begins anew.
                    1 => machine.ticks = step,
                    // The clock jumps.
                    2 => machine.nanos += step * 100,
                    _ => {
                        machine.run(step);
                        let off = machine.read();
                        prop_assert!(off <= close, "{off} ns off");
                        continue;
                    }
                }
                // Within its reach it cannot know that anything was amiss; after that it does.
                machine.run(REACH + REACH / 50);
                machine.read();
                for _ in 0..3 {
                    machine.run(REACH + REACH / 50);
                    let off = machine.read();
                    prop_assert!(off <= close, "{off} ns off after a jump");
                }
            }
        }
    }
}
