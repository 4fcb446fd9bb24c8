//! The one timer of a limiter's queue.
//!
//! A task of its own, and not the first waiter: a future that is neither polled nor dropped would
//! hold up everyone behind it. It lives while somebody waits. tokio's timers tick every
//! millisecond, so everything due by then is granted at each turn.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::listener::Listener;
use crate::log::Nanos;
use crate::shared::{Shared, Timer};

/// Starts the timer task, after [`Timer::Looking`] was set. Without a runtime nobody waits.
pub(crate) fn start<L: Listener>(shared: &Arc<Shared<L>>) {
    let driving = Driving {
        shared: Arc::clone(shared),
        done: false,
    };
    if let Ok(runtime) = Handle::try_current() {
        // Made here, so that a runtime without a timer panics in the face of the caller.
        let sleep = Box::pin(sleep_until(Instant::now()));
        runtime.spawn(drive(driving, sleep));
    }
}

async fn drive<L: Listener>(mut driving: Driving<L>, mut sleep: Pin<Box<Sleep>>) {
    let shared = Arc::clone(&driving.shared);
    loop {
        let due = shared.change_inner(|inner| {
            let now = inner.state.at(shared.now());
            inner.state.turn(now);
            inner.timer = inner.state.due.map_or(Timer::Absent, Timer::Asleep);
            inner.state.due
        });
        let Some(due) = due else {
            driving.done = true;
            return;
        };
        // Who waits for a slot only is woken by whoever frees one.
        let timed = due < Nanos::MAX;
        if timed {
            sleep.as_mut().reset(shared.instant(due));
        }
        let mut rearmed = pin!(shared.rearm.notified());
        poll_fn(|cx| {
            if rearmed.as_mut().poll(cx).is_ready() || timed && sleep.as_mut().poll(cx).is_ready() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

/// The task's life. When it ends too early, with its runtime, it wakes the waiters of other
/// runtimes, so that one of them starts a new task.
struct Driving<L: Listener> {
    shared: Arc<Shared<L>>,
    /// Nobody waits; another task may have been started since.
    done: bool,
}

impl<L: Listener> Drop for Driving<L> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.change_inner(|inner| {
                inner.timer = Timer::Absent;
                inner.state.wake_all();
            });
        }
    }
}
