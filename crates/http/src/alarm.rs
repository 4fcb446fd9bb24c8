//! The deadline of one call, up to the head of the answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

use crate::error::{Error, Phase};

/// One timer for all phases of a call, armed when there is something to wait for and left alone from then on.
pub(crate) struct Alarm<'a> {
    at: Option<Instant>,
    timer: Pin<&'a mut Option<Sleep>>,
    now: Option<Instant>,
}

impl<'a> Alarm<'a> {
    /// The timer lives on the stack of the call.
    pub(crate) fn new(at: Option<Instant>, timer: Pin<&'a mut Option<Sleep>>) -> Self {
        Self {
            at,
            timer,
            now: None,
        }
    }

    /// The time: the clock is read once for each stretch in which nothing is waited for.
    pub(crate) fn now(&mut self) -> Instant {
        *self.now.get_or_insert_with(Instant::now)
    }

    /// Waits for something that precedes the request. A deadline that has passed starts nothing.
    pub(crate) async fn within<T>(
        &mut self,
        phase: Phase,
        future: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let now = self.now();
        if self.at.is_some_and(|at| at <= now) {
            return Err(Error::timeout(phase, false));
        }
        let result = self.race(future).await;
        result.ok_or_else(|| Error::timeout(phase, false))
    }

    /// From now on at most this long. `false` when there is no time left at all.
    pub(crate) fn narrow(&mut self, most: Duration) -> bool {
        let now = self.now();
        let limit = now + most;
        match self.at {
            Some(at) if at <= now => false,
            Some(at) if at <= limit => true,
            _ => {
                self.at = Some(limit);
                self.timer.set(None);
                true
            }
        }
    }

    /// `None` when the deadline passed first.
    pub(crate) async fn race<T>(&mut self, future: impl Future<Output = T>) -> Option<T> {
        let mut future = pin!(future);
        poll_fn(|cx| match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => {
                self.now = None;
                if self.rings(cx) {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                }
            }
        })
        .await
    }

    fn rings(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(at) = self.at else {
            return false;
        };
        if self.timer.is_none() {
            self.timer.set(Some(sleep_until(at)));
        }
        let timer = self.timer.as_mut().as_pin_mut();
        timer.is_some_and(|timer| timer.poll(cx).is_ready())
    }
}
