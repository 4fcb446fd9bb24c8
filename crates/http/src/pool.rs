//! Idle connections by origin.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::connection::Wire;
use crate::error::{Error, Kind};
use crate::gate::{Gate, Slot};
use crate::h2::Shared;
use crate::request::Origin;
use crate::stats::{Counters, Stats};

/// More origins than this at one time are refused. The product talks to a handful; a number without a bound would let
/// a caller with generated host names grow the table for ever.
const MAX_ORIGINS: usize = 256;

/// A connection that is ready for a request.
#[derive(Debug)]
pub(crate) enum Conn {
    /// HTTP/1.1: ours alone until it is put back.
    Own(Box<Wire>),
    /// HTTP/2: a handle among others.
    Shared(Shared),
}

/// All origins of one client.
#[derive(Debug)]
pub(crate) struct Pool {
    origins: Mutex<HashMap<Origin, Arc<Host>>>,
    gate: Gate,
    max_per_host: usize,
    idle_timeout: Duration,
    reaper: Mutex<Option<JoinHandle<()>>>,
    pub(crate) counters: Counters,
}

/// One origin.
#[derive(Debug)]
pub(crate) struct Host {
    places: Arc<Semaphore>,
    idle: Mutex<Idle>,
    /// Held while the first HTTP/2 connection is made, so that the others share it instead of making their own.
    pub(crate) opening: tokio::sync::Mutex<()>,
    http1: AtomicBool,
}

/// A connection between two requests.
#[derive(Debug)]
struct Resting {
    wire: Box<Wire>,
    expires: Instant,
}

#[derive(Debug, Default)]
struct Idle {
    /// The last one put back is the first one taken: the others grow old and are closed.
    wires: Vec<Resting>,
    shared: Option<(Shared, Instant)>,
}

impl Idle {
    fn is_empty(&self) -> bool {
        self.wires.is_empty() && self.shared.is_none()
    }

    fn len(&self) -> usize {
        self.wires.len() + usize::from(self.shared.is_some())
    }

    /// Takes out what is older than `now`.
    fn expire(&mut self, now: Instant) -> Vec<Resting> {
        self.shared
            .take_if(|(shared, expires)| *expires <= now || !shared.is_open());
        self.wires
            .extract_if(.., |resting| resting.expires <= now)
            .collect()
    }

    fn next_expiry(&self) -> Option<Instant> {
        let shared = self.shared.iter().map(|(_, expires)| *expires);
        self.wires
            .iter()
            .map(|resting| resting.expires)
            .chain(shared)
            .min()
    }
}

impl Pool {
    pub(crate) fn new(gate: Gate, max_per_host: usize, idle_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            origins: Mutex::default(),
            gate,
            max_per_host,
            idle_timeout,
            reaper: Mutex::default(),
            counters: Counters::default(),
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            in_flight: self.gate.in_flight(),
            waiting: self.gate.waiting(),
            idle: lock(&self.origins)
                .values()
                .map(|host| lock(&host.idle).len())
                .sum(),
            ..self.counters.read()
        }
    }

    /// The shared state of an origin.
    pub(crate) fn host(&self, origin: &Origin) -> Result<Arc<Host>, Error> {
        let mut origins = lock(&self.origins);
        if let Some(host) = origins.get(origin) {
            return Ok(Arc::clone(host));
        }
        if origins.len() >= MAX_ORIGINS {
            origins.retain(|_, host| host.is_used());
        }
        if origins.len() >= MAX_ORIGINS {
            self.counters.refused();
            return Err(Error::unsent(Kind::PoolFull).detail("too many hosts at one time"));
        }
        let host = Arc::new(Host {
            places: Arc::new(Semaphore::new(self.max_per_host)),
            idle: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            http1: AtomicBool::new(false),
        });
        origins.insert(origin.clone(), Arc::clone(&host));
        Ok(host)
    }

    /// Waits for a place under both caps.
    pub(crate) async fn admit(&self, host: &Host) -> Result<Slot, Error> {
        let admitted = self.gate.admit(&host.places).await;
        if admitted.is_err() {
            self.counters.refused();
        }
        admitted
    }

    /// A live idle connection.
    pub(crate) async fn checkout(&self, host: &Host) -> Option<Conn> {
        poll_fn(|cx| Poll::Ready(self.take(host, cx))).await
    }

    fn take(&self, host: &Host, cx: &mut Context<'_>) -> Option<Conn> {
        loop {
            let now = Instant::now();
            let Resting { mut wire, expires } = {
                let mut idle = lock(&host.idle);
                if let Some((shared, expires)) =
                    idle.shared.as_mut().filter(|(shared, _)| shared.is_open())
                {
                    *expires = now + self.idle_timeout;
                    return Some(Conn::Shared(shared.clone()));
                }
                idle.wires.pop()?
            };
            // an idle connection is not polled, so this is where a close by the peer shows
            if now < expires && wire.is_reusable(cx) {
                return Some(Conn::Own(wire));
            }
        }
    }

    /// Keeps a connection for the next request; closes it when it cannot take one.
    ///
    /// The place that it was used under is still held: freed earlier, it would let a newcomer open one socket too many.
    pub(crate) fn put_back(
        self: &Arc<Self>,
        host: &Host,
        mut wire: Box<Wire>,
        _held: &Slot,
        cx: &mut Context<'_>,
    ) {
        // without a runtime nobody would close it again
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if !wire.is_reusable(cx) {
            return;
        }
        let expires = Instant::now() + self.idle_timeout;
        lock(&host.idle).wires.push(Resting { wire, expires });
        self.ensure_reaper(&runtime);
    }

    /// Lets all requests to this origin share a connection.
    pub(crate) fn share(self: &Arc<Self>, host: &Host, shared: &Shared) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        lock(&host.idle).shared = Some((shared.clone(), Instant::now() + self.idle_timeout));
        self.ensure_reaper(&runtime);
    }

    fn ensure_reaper(self: &Arc<Self>, runtime: &Handle) {
        let mut reaper = lock(&self.reaper);
        // the runtime that ran it may be gone while this one is not
        if reaper.as_ref().is_none_or(JoinHandle::is_finished) {
            *reaper = Some(runtime.spawn(reap(Arc::downgrade(self))));
        }
    }

    /// Closes what has waited too long and says when to look again; `None` when nothing is left.
    fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut expired = Vec::new();
        let mut next = None;
        {
            let mut reaper = lock(&self.reaper);
            let mut origins = lock(&self.origins);
            for host in origins.values() {
                let mut idle = lock(&host.idle);
                expired.extend(idle.expire(now));
                next = next.into_iter().chain(idle.next_expiry()).min();
            }
            origins.retain(|_, host| host.is_used());
            if next.is_none() {
                // under the lock that `ensure_reaper` takes, so that a connection put back now starts a new one
                *reaper = None;
            }
        }
        drop(expired);
        next
    }
}

impl Host {
    /// The origin chose HTTP/1.1: there is no connection to share, so nobody needs to wait for one.
    pub(crate) fn note_http1(&self) {
        self.http1.store(true, Ordering::Relaxed);
    }

    pub(crate) fn speaks_http1(&self) -> bool {
        self.http1.load(Ordering::Relaxed)
    }

    /// The shared connection takes no more requests.
    pub(crate) fn unshare(&self) {
        lock(&self.idle).shared = None;
    }

    /// Whether someone holds this state or a connection waits in it. Only to be asked under the lock of the table,
    /// where nobody else can take hold of it.
    fn is_used(self: &Arc<Self>) -> bool {
        Arc::strong_count(self) > 1 || !lock(&self.idle).is_empty()
    }
}

/// Closes idle connections in time. hyper would keep them until the next request.
async fn reap(pool: Weak<Pool>) {
    loop {
        let Some(next) = pool.upgrade().and_then(|pool| pool.sweep()) else {
            return;
        };
        sleep_until(next).await;
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(reaper) = lock(&self.reaper).take() {
            reaper.abort();
        }
    }
}

/// No code that can panic runs under these locks, so a poisoned one holds a whole value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
