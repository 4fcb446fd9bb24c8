//! Where a limiter has the time from.

use std::fmt;
use std::sync::{Arc, Once, OnceLock};
use std::thread;

use tokio::time::Instant;

use crate::counter::{BRIEF, Counter, Look};
use crate::log::Nanos;

/// Where a limiter has the time from: tokio's clock, or the processor's counter between two looks at it. Clones are one clock.
///
/// tokio's clock is the default, and stands still when it is paused, as in tests. A look at it takes about 25 ns, which is more than
/// all the rest of a call that need not wait.
///
/// ```
/// use std::time::Duration;
/// use robust_limiter::{Charge, Class, Limiter, MonotonicClock, Rejected, Window};
///
/// # fn main() -> Result<(), Rejected> {
/// let limiter = Limiter::builder("busy")
///     .window(Window::sliding("calls", 1_000_000, Duration::from_secs(1)))
///     .clock(MonotonicClock::counter())
///     .build();
/// limiter.try_spend(Charge::new(0, 1), Class::Medium)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MonotonicClock(Option<Arc<Counted>>);

impl MonotonicClock {
    /// tokio's clock, at every look.
    #[must_use]
    pub const fn tokio() -> Self {
        Self(None)
    }

    /// tokio's clock about ten times a second, and the processor's counter in between: for a process that asks for the time a
    /// million times a second.
    ///
    /// The counter tells only how much later than the last look at the clock it is, for 100 ms at most. It is believed once its rate
    /// was measured twice with the same result, so not before 200 ms, and from then on the time differs from tokio's by
    /// less than 100 µs (usually one). When the counter is set back, or the machine sleeps, it is not believed until it
    /// was measured again, and what it says is wrong for 100 ms at most. Who waits does so by tokio's timers in any case.
    ///
    /// The first one in a process has a thread find out how the processor counts, which takes up to 200 ms; until then, and where no
    /// thread can be had, all of them look at tokio's clock. Where the processor has no such counter it reads the system's clock and
    /// saves nothing.
    ///
    /// It is safe beside a paused clock: where tokio's clock shows another time than the system's, the counter is not believed, so that
    /// from its first instant a test whose clock is paused sees tokio's time alone. Only who pauses a clock that has run for
    /// a while can be told a time up to 100 ms late, and that for 100 ms.
    #[must_use]
    pub fn counter() -> Self {
        find_source();
        Self(Some(Arc::new(Counted::new())))
    }

    /// Whether the time comes from the counter now, and not from a look at tokio's clock.
    #[must_use]
    pub fn is_counting(&self) -> bool {
        let counted = self.0.as_ref();
        counted.is_some_and(|counted| counted.read().is_some())
    }

    /// The present time.
    #[must_use]
    #[inline]
    pub fn now(&self) -> Instant {
        match &self.0 {
            None => Instant::now(),
            Some(counted) => counted.now(),
        }
    }

    /// Says these times first, look by look, and then the real one.
    #[cfg(test)]
    pub(crate) fn scripted(times: impl IntoIterator<Item = Nanos>) -> Self {
        let counted = Counted::new();
        counted.script.lock().unwrap().extend(times);
        Self(Some(Arc::new(counted)))
    }

    /// The time zero of [`nanos`](Self::nanos).
    pub(crate) fn birth(&self) -> Instant {
        self.0.as_ref().map_or_else(Instant::now, |it| it.birth)
    }

    /// The present time as nanoseconds since `birth`, which came from [`birth`](Self::birth).
    #[inline]
    pub(crate) fn nanos(&self, birth: Instant) -> Nanos {
        match &self.0 {
            None => since(birth, Instant::now()),
            Some(counted) => counted.nanos(),
        }
    }
}

/// The nanoseconds from `birth` to `at`.
#[inline]
pub(crate) fn since(birth: Instant, at: Instant) -> Nanos {
    Nanos::try_from(at.saturating_duration_since(birth).as_nanos()).unwrap_or(Nanos::MAX)
}

/// The processor's counter, once it is known.
static SOURCE: OnceLock<quanta::Clock> = OnceLock::new();

/// Has a thread find out, once in a process, how the processor counts: it takes too long for a task.
fn find_source() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let thread = thread::Builder::new().name("limiter-clock".to_owned());
        // Without one it stays unknown, and everybody looks at the clock.
        let _ = thread.spawn(|| SOURCE.get_or_init(quanta::Clock::new));
    });
}

struct Counted {
    birth: Instant,
    counter: Counter,
    /// What it says first, look by look.
    #[cfg(test)]
    script: std::sync::Mutex<std::collections::VecDeque<Nanos>>,
}

impl Counted {
    fn new() -> Self {
        Self {
            birth: Instant::now(),
            // Of long ago: the first look at it teaches where it stands, and no rate.
            counter: Counter::new(Look {
                before: 0,
                nanos: 0,
                after: 0,
                genuine: true,
            }),
            #[cfg(test)]
            script: std::sync::Mutex::default(),
        }
    }

    #[inline]
    fn read(&self) -> Option<Nanos> {
        self.counter.read(SOURCE.get()?.raw())
    }

    #[inline]
    fn nanos(&self) -> Nanos {
        #[cfg(test)]
        if let Some(said) = self.script.lock().unwrap().pop_front() {
            return said;
        }
        match self.read() {
            Some(nanos) => nanos,
            None => since(self.birth, self.look()),
        }
    }

    #[inline]
    fn now(&self) -> Instant {
        match self.read() {
            Some(nanos) => self.birth + std::time::Duration::from_nanos(nanos),
            None => self.look(),
        }
    }

    /// Looks at the clock itself.
    #[cold]
    #[inline(never)]
    #[expect(
        clippy::disallowed_methods,
        reason = "the system's clock tells whether tokio's is paused"
    )]
    fn look(&self) -> Instant {
        let Some(source) = SOURCE.get() else {
            return Instant::now();
        };
        let before = source.raw();
        let earlier = std::time::Instant::now();
        let now = Instant::now();
        let later = std::time::Instant::now();
        let look = Look {
            before,
            nanos: since(self.birth, now),
            after: source.raw(),
            genuine: (earlier..=later).contains(&now.into_std()),
        };
        // Of one that was interrupted nobody knows before what.
        if later.duration_since(earlier) <= BRIEF {
            self.counter.learn(look);
        }
        now
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted")
            .field("counter", &self.counter)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{advance, pause, sleep};

    use super::*;

    #[tokio::test]
    async fn the_counter_is_believed_after_a_while_and_tells_the_time() {
        let clock = MonotonicClock::counter();
        let began = Instant::now();
        while !clock.is_counting() {
            assert!(began.elapsed() < Duration::from_secs(60), "{clock:?}");
            let _ = clock.now();
            sleep(Duration::from_millis(20)).await;
        }
        let (before, told, after) = (Instant::now(), clock.now(), Instant::now());
        let off = Duration::from_micros(200);
        assert!(before <= told + off && told <= after + off);
        assert!(!MonotonicClock::tokio().is_counting());
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_paused_is_all_there_is_however_regularly_it_moves() {
        let clock = MonotonicClock::counter();
        let mut system = clock.look_at_the_system();
        for _ in 0..6 {
            // Four times as fast as the system's, always: a rate that could be believed.
            let mut later = system;
            while later - system < Duration::from_millis(50) {
                later = clock.look_at_the_system();
            }
            advance(4 * (later - system)).await;
            system = later;
            assert_eq!(clock.now(), Instant::now());
            assert!(!clock.is_counting());
        }
    }

    #[tokio::test]
    async fn who_pauses_a_clock_that_ran_is_told_its_time_after_100_ms() {
        let clock = MonotonicClock::counter();
        while !clock.is_counting() {
            let _ = clock.now();
            sleep(Duration::from_millis(20)).await;
        }
        pause();
        let system = clock.look_at_the_system();
        while clock.look_at_the_system() - system < Duration::from_millis(150) {
            std::thread::yield_now();
        }
        assert_eq!(clock.now(), Instant::now());
        // Later its time differs from the system's, for good.
        tokio::time::resume();
        for _ in 0..5 {
            sleep(Duration::from_millis(110)).await;
            let _ = clock.now();
            assert!(!clock.is_counting());
        }
    }

    impl MonotonicClock {
        /// The system's clock, that nothing pauses.
        fn look_at_the_system(&self) -> Duration {
            let source = SOURCE.get_or_init(quanta::Clock::new);
            Duration::from_nanos(source.delta_as_nanos(0, source.raw()))
        }
    }
}
