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
}

impl<'a> Alarm<'a> {
    /// The timer lives on the stack of the call.
    pub(crate) fn new(at: Option<Instant>, timer: Pin<&'a mut Option<Sleep>>) -> Self {
        Self { at, timer }
    }

    /// Waits for something that precedes the request. A deadline that has passed starts nothing.
    pub(crate) async fn within<T>(
        &mut self,
        phase: Phase,
        future: impl Future<Output = T>,
    ) -> Result<T, Error> {
        if self.at.is_some_and(|at| at <= Instant::now()) {
            return Err(Error::timeout(phase, false));
        }
        let result = self.race(future).await;
        result.ok_or_else(|| Error::timeout(phase, false))
    }

    /// From now on at most this long. `false` when there is no time left at all.
    pub(crate) fn narrow(&mut self, most: Duration) -> bool {
        let now = Instant::now();
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
            Poll::Pending if self.rings(cx) => Poll::Ready(None),
            other => other.map(Some),
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
