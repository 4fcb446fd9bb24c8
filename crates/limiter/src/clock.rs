//! Where a limiter has the time from.

use std::fmt;
use std::sync::Arc;

use tokio::time::Instant;

use crate::counter::{Counter, Look};
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
    /// Where the processor has no such counter it reads the system's clock and saves nothing. The first one in a process finds that
    /// out, and holds its thread for up to 200 ms.
    ///
    /// Not for a paused clock: nothing tells a pause from a machine that is slow, until 100 ms have passed.
    #[must_use]
    pub fn counter() -> Self {
        Self(Some(Arc::new(Counted::new())))
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

struct Counted {
    birth: Instant,
    source: quanta::Clock,
    counter: Counter,
}

impl Counted {
    fn new() -> Self {
        let source = quanta::Clock::new();
        let birth = Instant::now();
        let ticks = source.raw();
        let counter = Counter::new(Look {
            before: ticks,
            nanos: 0,
            after: ticks,
        });
        Self {
            birth,
            source,
            counter,
        }
    }

    #[inline]
    fn nanos(&self) -> Nanos {
        match self.counter.read(self.source.raw()) {
            Some(nanos) => nanos,
            None => since(self.birth, self.look()),
        }
    }

    #[inline]
    fn now(&self) -> Instant {
        match self.counter.read(self.source.raw()) {
            Some(nanos) => self.birth + std::time::Duration::from_nanos(nanos),
            None => self.look(),
        }
    }

    /// Looks at the clock itself.
    #[cold]
    #[inline(never)]
    fn look(&self) -> Instant {
        let before = self.source.raw();
        let now = Instant::now();
        self.counter.learn(Look {
            before,
            nanos: since(self.birth, now),
            after: self.source.raw(),
        });
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
