//! Is the peer sending fast enough?
//!
//! A deadline alone lets a peer that sends a byte now and then hold a connection until the last moment. So does a timeout
//! of each read. This counts bytes over windows of waiting time.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// At least so many bytes in each window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) window: Duration,
    /// Zero switches the rule off.
    pub(crate) least: usize,
}

/// The bytes of the current window.
///
/// Only time in which somebody waits for bytes counts: a reader that takes its time does not make the peer slow.
#[derive(Debug)]
pub(crate) struct Run {
    start: Instant,
    bytes: usize,
    away: Option<Instant>,
}

/// The peer sent less than it has to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooSlow;

impl Pace {
    pub(crate) fn is_off(self) -> bool {
        self.least == 0
    }
}

impl Run {
    /// The first wait begins.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            start: now,
            bytes: 0,
            away: None,
        }
    }

    /// Bytes came; until [`waits`](Self::waits) nobody waits for more.
    pub(crate) fn came(&mut self, now: Instant, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.away.get_or_insert(now);
    }

    /// Somebody waits again.
    pub(crate) fn waits(&mut self, now: Instant) {
        if let Some(since) = self.away.take() {
            self.start += now.saturating_duration_since(since);
        }
    }

    /// When to judge.
    pub(crate) fn judged_at(&self, pace: Pace) -> Instant {
        self.start + pace.window
    }

    /// Judges the window if it is over, and begins the next.
    pub(crate) fn judge(&mut self, now: Instant, pace: Pace) -> Result<(), TooSlow> {
        if now < self.judged_at(pace) {
            return Ok(());
        }
        if self.bytes < pace.least {
            return Err(TooSlow);
        }
        *self = Self::new(now);
        Ok(())
    }
}

/// A [`Run`] with an alarm: for whoever waits for bytes.
#[derive(Debug)]
pub(crate) struct Watch {
    run: Run,
    pace: Pace,
    deadline: Option<Instant>,
    alarm: Pin<Box<Sleep>>,
}

/// Why there is no use in waiting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Late,
    TooSlow,
}

impl Watch {
    /// The first wait begins.
    pub(crate) fn new(pace: Pace, deadline: Option<Instant>) -> Self {
        let run = Run::new(Instant::now());
        let alarm = Box::pin(sleep_until(next(&run, pace, deadline)));
        Self {
            run,
            pace,
            deadline,
            alarm,
        }
    }

    pub(crate) fn came(&mut self, bytes: usize) {
        self.run.came(Instant::now(), bytes);
    }

    /// There are no bytes; is there still hope? The alarm is armed once for many reads: one that rings too early is set
    /// again, one that would ring too late cannot be, since a pause of the reader only moves the judgement back.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        let mut now = Instant::now();
        self.run.waits(now);
        loop {
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(End::Late);
            }
            if !self.pace.is_off() && self.run.judge(now, self.pace).is_err() {
                return Poll::Ready(End::TooSlow);
            }
            if self.alarm.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.alarm
                .as_mut()
                .reset(next(&self.run, self.pace, self.deadline));
            now = Instant::now();
        }
    }
}

/// When to look again.
fn next(run: &Run, pace: Pace, deadline: Option<Instant>) -> Instant {
    let judged = run.judged_at(pace);
    match deadline {
        Some(deadline) if pace.is_off() => deadline,
        Some(deadline) => deadline.min(judged),
        None => judged,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PACE: Pace = Pace {
        window: Duration::from_secs(2),
        least: 2_000,
    };

    #[tokio::test(start_paused = true)]
    async fn a_window_with_too_few_bytes_is_too_slow_and_one_with_enough_begins_the_next() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut run = Run::new(start);
        run.came(at(1), 2_000);
        run.waits(at(1));
        assert_eq!(run.judge(at(1), PACE), Ok(()));
        assert_eq!(run.judge(at(2), PACE), Ok(()));
        run.came(at(3), 1_999);
        run.waits(at(3));
        assert_eq!(run.judge(at(3), PACE), Ok(()));
        assert_eq!(run.judge(at(4), PACE), Err(TooSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut run = Run::new(start);
        run.came(at(1), 1);
        run.waits(at(100));
        assert_eq!(run.judge(at(100), PACE), Ok(()));
        assert_eq!(run.judged_at(PACE), at(101));
        assert_eq!(run.judge(at(101), PACE), Err(TooSlow));
    }

    proptest! {
        /// A peer that sends a byte every so often passes exactly if a window of waiting holds enough of them.
        #[test]
        fn drips_are_judged_by_their_rate(every_ms in 1_u64..400, bytes in 1_usize..4_000) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
            let _guard = runtime.enter();
            let mut now = Instant::now();
            let mut run = Run::new(now);
            let mut verdict = Ok(());
            for _ in 0..20_000 / every_ms {
                now += Duration::from_millis(every_ms);
                verdict = run.judge(now, PACE);
                if verdict.is_err() {
                    break;
                }
                run.came(now, bytes);
                run.waits(now);
            }
            let per_window = bytes * usize::try_from(2_000 / every_ms).unwrap();
            if per_window >= PACE.least + bytes {
                prop_assert_eq!(verdict, Ok(()));
            } else if per_window + bytes < PACE.least {
                prop_assert_eq!(verdict, Err(TooSlow));
            }
        }
    }
}
