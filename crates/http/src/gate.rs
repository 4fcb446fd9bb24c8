//! The caps: how many requests may be in flight, per host and in all.
//!
//! "In flight" counts from admission to the end of the body, which is what aiohttp's `limit` and `limit_per_host` mean
//! (connections in use, idle ones not counted). It bounds sockets and memory alike.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Kind};

/// A place under both caps, given back on drop.
#[derive(Debug)]
pub(crate) struct Slot {
    _host: OwnedSemaphorePermit,
    _total: OwnedSemaphorePermit,
}

/// Hands out [`Slot`]s, first come first served.
#[derive(Debug)]
pub(crate) struct Gate {
    total: Arc<Semaphore>,
    max_total: usize,
    waiting: AtomicUsize,
    max_waiting: usize,
}

impl Gate {
    pub(crate) fn new(max_total: usize, max_waiting: usize) -> Self {
        Self {
            total: Arc::new(Semaphore::new(max_total)),
            max_total,
            waiting: AtomicUsize::new(0),
            max_waiting,
        }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.max_total
            .saturating_sub(self.total.available_permits())
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Waits for a place: the host's first, then the common one, always in this order.
    ///
    /// # Cancel safety
    ///
    /// A dropped future leaves the queue and gives back what it had.
    pub(crate) async fn admit(&self, host: &Arc<Semaphore>) -> Result<Slot, Error> {
        // a free permit is never taken past a waiter: tokio hands released permits to the queue directly
        if let Ok(host) = Arc::clone(host).try_acquire_owned() {
            if let Ok(total) = Arc::clone(&self.total).try_acquire_owned() {
                return Ok(Slot {
                    _host: host,
                    _total: total,
                });
            }
            let _waiting = self.wait()?;
            return Ok(Slot {
                _host: host,
                _total: acquire(&self.total).await?,
            });
        }
        let _waiting = self.wait()?;
        let host = acquire(host).await?;
        Ok(Slot {
            _host: host,
            _total: acquire(&self.total).await?,
        })
    }

    fn wait(&self) -> Result<Waiting<'_>, Error> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(&self.waiting);
        if before >= self.max_waiting {
            Err(full())
        } else {
            Ok(waiting)
        }
    }
}

/// One who waits; leaves the count on drop.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Error> {
    // these semaphores are never closed
    Arc::clone(semaphore)
        .acquire_owned()
        .await
        .map_err(|_closed| full())
}

fn full() -> Error {
    Error::unsent(Kind::PoolFull)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll_once<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> Option<F::Output> {
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        match future.as_mut().poll(&mut cx) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn places_are_given_in_order_of_arrival() {
        let gate = Gate::new(1, 10);
        let host = Arc::new(Semaphore::new(1));
        let held = poll_once(&mut Box::pin(gate.admit(&host)))
            .unwrap()
            .unwrap();
        let (mut first, mut second) = (Box::pin(gate.admit(&host)), Box::pin(gate.admit(&host)));
        assert!(poll_once(&mut first).is_none() && poll_once(&mut second).is_none());
        assert_eq!((gate.in_flight(), gate.waiting()), (1, 2));

        drop(held);

        assert!(poll_once(&mut second).is_none());
        let newcomer = poll_once(&mut Box::pin(gate.admit(&host)));
        assert!(
            newcomer.is_none(),
            "a newcomer does not pass those who wait"
        );
        assert!(poll_once(&mut first).is_some());
    }

    #[test]
    fn waiting_for_the_common_cap_holds_the_hosts_place_and_gives_it_back() {
        let gate = Gate::new(1, 10);
        let (one, two) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
        let _held = poll_once(&mut Box::pin(gate.admit(&one))).unwrap().unwrap();
        let mut waiting = Box::pin(gate.admit(&two));
        assert!(poll_once(&mut waiting).is_none());
        assert_eq!((two.available_permits(), gate.waiting()), (0, 1));

        drop(waiting);

        assert_eq!(
            (two.available_permits(), gate.waiting(), gate.in_flight()),
            (1, 0, 1)
        );
    }

    #[test]
    fn queue_is_bounded() {
        let gate = Gate::new(1, 1);
        let host = Arc::new(Semaphore::new(1));
        let _held = poll_once(&mut Box::pin(gate.admit(&host)))
            .unwrap()
            .unwrap();
        let mut waiting = Box::pin(gate.admit(&host));
        assert!(poll_once(&mut waiting).is_none());

        let refused = poll_once(&mut Box::pin(gate.admit(&host)))
            .unwrap()
            .unwrap_err();

        assert_eq!(
            (refused.kind(), refused.sent(), gate.waiting()),
            (Kind::PoolFull, false, 1)
        );
    }
}
