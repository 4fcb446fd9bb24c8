//! The future of a permit.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use crate::class::Watch;
use crate::forecast::Placement;
use crate::listener::Listener;
use crate::log::Nanos;
use crate::shared::{Shared, Timer};
use crate::state::{self, Ask, Grant, State};
use crate::{Class, ClassCell, Cost, Permit, Rejected, driver};

/// The future of a permit; returned by [`Limiter::acquire`](crate::Limiter::acquire).
///
/// It asks when it is first polled.
///
/// # Cancel safety
///
/// Dropping it gives its place in the queue back, and its grant, if it had one.
#[must_use = "futures do nothing unless polled"]
pub struct Acquire<L: Listener = ()> {
    shared: Arc<Shared<L>>,
    step: Step,
}

enum Step {
    /// Not yet asked.
    Asking(Ask),
    /// In the queue, or answered there.
    Queued {
        seq: u64,
        class: ClassCell,
    },
    Done,
}

/// What the first poll finds.
enum First {
    Granted(Cost, Grant),
    Refused(Rejected),
    Queued {
        seq: u64,
        filed: Class,
        start_timer: bool,
    },
}

impl<L: Listener> Acquire<L> {
    pub(crate) const fn new(shared: Arc<Shared<L>>, ask: Ask) -> Self {
        Self {
            shared,
            step: Step::Asking(ask),
        }
    }

    fn permit(&self, cost: Cost, grant: Grant) -> Permit<L> {
        Permit::new(Arc::clone(&self.shared), cost, grant)
    }

    fn ask(&mut self, ask: Ask, cx: &Context<'_>) -> Poll<Result<Permit<L>, Rejected>> {
        let class = ask.class.clone();
        match self.shared.first(ask, cx) {
            First::Granted(cost, grant) => Poll::Ready(Ok(self.permit(cost, grant))),
            First::Refused(rejected) => Poll::Ready(Err(rejected)),
            First::Queued {
                seq,
                filed,
                start_timer,
            } => {
                self.step = Step::Queued {
                    seq,
                    class: class.clone(),
                };
                class.watch(seq, self.watcher());
                // A raise between the two was seen by nobody.
                if class.get() > filed {
                    self.shared.class_raised();
                }
                if start_timer {
                    driver::start(&self.shared);
                }
                self.fetch(seq, cx)
            }
        }
    }

    fn fetch(&mut self, seq: u64, cx: &Context<'_>) -> Poll<Result<Permit<L>, Rejected>> {
        let ((outcome, _replaced), start_timer) = self.shared.change_inner(|inner| {
            let outcome = inner.state.poll(seq, cx.waker());
            // The timer is gone when its runtime is; whoever is woken starts another.
            let missing = matches!(outcome.0, state::Poll::Waiting)
                && inner.timer == Timer::Absent
                && Handle::try_current().is_ok();
            if missing {
                inner.timer = Timer::Looking;
            }
            (outcome, missing)
        });
        if start_timer {
            driver::start(&self.shared);
        }
        let result = match outcome {
            state::Poll::Waiting => return Poll::Pending,
            state::Poll::Granted(cost, grant) => Ok(self.permit(cost, grant)),
            state::Poll::Refused(rejected) => Err(rejected),
        };
        self.leave();
        Poll::Ready(result)
    }

    /// Ends the interest in the class.
    fn leave(&mut self) -> Step {
        let step = std::mem::replace(&mut self.step, Step::Done);
        if let Step::Queued { seq, class } = &step {
            class.unwatch(*seq, &self.watcher());
        }
        step
    }

    fn watcher(&self) -> Weak<dyn Watch> {
        let weak: Weak<Shared<L>> = Arc::downgrade(&self.shared);
        weak
    }
}

impl<L: Listener> Future for Acquire<L> {
    type Output = Result<Permit<L>, Rejected>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match std::mem::replace(&mut this.step, Step::Done) {
            Step::Asking(ask) => this.ask(ask, cx),
            Step::Queued { seq, class } => {
                this.step = Step::Queued { seq, class };
                this.fetch(seq, cx)
            }
            // Polled after its end, which a future may answer as it likes.
            Step::Done => Poll::Pending,
        }
    }
}

impl<L: Listener> Drop for Acquire<L> {
    fn drop(&mut self) {
        if let Step::Queued { seq, .. } = self.leave() {
            // Dropped with the lock free, for it holds a waker.
            let _waiter = self.shared.change(|state, now| state.abandon(now, seq));
        }
    }
}

impl<L: Listener> Shared<L> {
    /// Grants at once, refuses at once, or queues.
    fn first(&self, ask: Ask, cx: &Context<'_>) -> First {
        self.change_inner(|inner| {
            let state = &mut inner.state;
            let class = ask.class.get();
            let cost = match state.windows.check(ask.cost, class) {
                Ok(cost) => cost,
                Err(rejected) => {
                    state.refuse_always(class, &rejected);
                    return First::Refused(rejected);
                }
            };
            let ask = Ask { cost, ..ask };
            if ask.deadline.is_none()
                && let Some(grant) = state.grant_without_clock(&ask.cost, class, ask.slot)
            {
                return First::Granted(ask.cost, grant);
            }
            let (now, outcome) = self.grant_now(state, &ask);
            let placement = match outcome {
                Ok(grant) => return First::Granted(ask.cost, grant),
                Err(placement) => placement,
            };
            if Handle::try_current().is_err() {
                // Nothing could ever wake it.
                return First::Refused(state.refuse(now, now, placement, class));
            }
            let filed = ask.class.get();
            match state.enqueue(now, ask, placement, cx.waker().clone()) {
                Err(rejected) => First::Refused(rejected),
                Ok(seq) => {
                    let start_timer = inner.timer == Timer::Absent;
                    if start_timer {
                        inner.timer = Timer::Looking;
                    }
                    First::Queued {
                        seq,
                        filed,
                        start_timer,
                    }
                }
            }
        })
    }

    /// Asks for a grant; asks again before it says no, for the clock may have gone on since it was
    /// read: the thread may have been put to sleep in between.
    pub(crate) fn grant_now(
        &self,
        state: &mut State,
        ask: &Ask,
    ) -> (Nanos, Result<Grant, Placement>) {
        let now = state.at(self.now());
        match state.grant_now(now, ask) {
            Ok(grant) => (now, Ok(grant)),
            Err(placement) => {
                let again = state.at(self.now());
                if again == now {
                    (now, Err(placement))
                } else {
                    (again, state.grant_now(again, ask))
                }
            }
        }
    }
}

impl<L: Listener> fmt::Debug for Acquire<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let step = match &self.step {
            Step::Asking(_) => "asking",
            Step::Queued { .. } => "queued",
            Step::Done => "done",
        };
        f.debug_struct("Acquire")
            .field("limiter", &self.shared.name)
            .field("step", &step)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::{Charge, Class, Cost, Limiter, MonotonicClock, Rejected, Window};

    const PER: u64 = 1_000_000_000;

    /// A limiter whose only unit was committed at 0, and whose clock then says these times.
    fn spent_at_zero(times: &[u64]) -> (Limiter, Cost) {
        let window = Window::sliding("w", 1, Duration::from_nanos(PER)).guard(Duration::ZERO);
        let clock = MonotonicClock::scripted([0].into_iter().chain(times.iter().copied()));
        let limiter = Limiter::builder("scripted")
            .window(window)
            .clock(clock)
            .build();
        let cost = Cost::from(Charge::new(0, 1));
        // The first needs no clock to be granted: the only look is that of the commit.
        limiter.try_acquire(&cost, Class::Low).unwrap().commit();
        (limiter, cost)
    }

    /// P12, without luck: whoever was pushed off the processor between its look at the clock and the answer is not refused by the
    /// time that it saw before.
    #[test]
    fn the_clock_is_read_again_before_a_no() {
        let (limiter, cost) = spent_at_zero(&[PER - 1, PER]);
        assert!(limiter.try_acquire(&cost, Class::Low).is_ok());
        let (limiter, cost) = spent_at_zero(&[PER - 2, PER - 1]);
        let refused = limiter.try_acquire(&cost, Class::Low).unwrap_err();
        let retry_in = Duration::from_nanos(1);
        let window = "w".into();
        assert_eq!(
            refused,
            Rejected::TooLate { retry_in, window },
            "by the later look"
        );
    }
}
