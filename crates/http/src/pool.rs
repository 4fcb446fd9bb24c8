//! Idle connections by origin.

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::connection::Wire;
use crate::error::{Error, Kind};
use crate::gate::{Gate, Slot};
use crate::h2::Shared;
use crate::reach::Reach;
use crate::request::{Origin, Target, destination};
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
    routes: Mutex<Routes>,
    gate: Gate,
    max_per_host: usize,
    idle_timeout: Duration,
    max_age: Duration,
    rng: Mutex<fastrand::Rng>,
    reaper: Mutex<Option<Reaper>>,
    pub(crate) counters: Arc<Counters>,
}

/// The task that closes idle connections. It lives as long as there is traffic, not from one request to the next.
#[derive(Debug)]
struct Reaper {
    task: JoinHandle<()>,
    /// When it looks next, unless it is called before.
    looks: Instant,
    call: Arc<Notify>,
}

/// A target, and the state of its origin.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) target: Target,
    pub(crate) host: Arc<Host>,
}

/// Origins, and the spellings under which they are known.
#[derive(Debug, Default)]
struct Routes {
    origins: HashMap<Origin, Arc<Host>>,
    plain: HashMap<Box<str>, Arc<Route>>,
    encrypted: HashMap<Box<str>, Arc<Route>>,
}

impl Routes {
    fn spelled(&mut self, https: bool) -> &mut HashMap<Box<str>, Arc<Route>> {
        if https {
            &mut self.encrypted
        } else {
            &mut self.plain
        }
    }

    /// Forgets what nobody uses.
    fn tidy(&mut self) {
        let used =
            |route: &Arc<Route>| Arc::strong_count(route) > 1 || route.host.keeps_connections();
        self.plain.retain(|_, route| used(route));
        self.encrypted.retain(|_, route| used(route));
        self.origins
            .retain(|_, host| Arc::strong_count(host) > 1 || host.keeps_connections());
    }
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

    /// Takes out what has expired, and says how many of these were old rather than idle.
    fn expire(&mut self, now: Instant) -> (Vec<Resting>, usize) {
        let shared = self
            .shared
            .take_if(|(shared, expires)| *expires <= now || !shared.is_open());
        let wires: Vec<_> = self
            .wires
            .extract_if(.., |resting| resting.expires <= now)
            .collect();
        let shared = shared.iter().map(|(shared, _)| shared.retires());
        let old = wires
            .iter()
            .map(|resting| resting.wire.retires())
            .chain(shared);
        let old = old.filter(|retires| *retires <= now).count();
        (wires, old)
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
    pub(crate) fn new(
        gate: Gate,
        max_per_host: usize,
        idle_timeout: Duration,
        max_age: Duration,
        seed: u64,
    ) -> Arc<Self> {
        Arc::new(Self {
            routes: Mutex::default(),
            gate,
            max_per_host,
            idle_timeout,
            max_age,
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            reaper: Mutex::default(),
            counters: Arc::default(),
        })
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            in_flight: self.gate.in_flight(),
            waiting: self.gate.waiting(),
            idle: lock(&self.routes)
                .origins
                .values()
                .map(|host| lock(&host.idle).len())
                .sum(),
            ..self.counters.read()
        }
    }

    /// Where this address leads, if this client may go there, and the state of its origin.
    pub(crate) fn route(&self, uri: &Uri, reach: &Reach) -> Result<Arc<Route>, Error> {
        let (https, authority) = destination(uri)?;
        let mut routes = lock(&self.routes);
        if let Some(route) = routes.spelled(https).get(authority.as_str()) {
            return Ok(Arc::clone(route));
        }
        let target = Target::of(https, authority, reach)?;
        let spellings = routes.plain.len() + routes.encrypted.len();
        if routes.origins.len() >= MAX_ORIGINS || spellings >= 2 * MAX_ORIGINS {
            routes.tidy();
        }
        let host = match routes.origins.get(&target.origin) {
            Some(host) => Arc::clone(host),
            None if routes.origins.len() >= MAX_ORIGINS => {
                self.counters.refused.add();
                return Err(Error::unsent(Kind::PoolFull).detail("too many hosts at one time"));
            }
            None => {
                let host = Arc::new(Host::new(self.max_per_host));
                routes
                    .origins
                    .insert(target.origin.clone(), Arc::clone(&host));
                host
            }
        };
        let route = Arc::new(Route { target, host });
        // a spelling that does not fit is taken apart again next time
        if routes.plain.len() + routes.encrypted.len() < 2 * MAX_ORIGINS {
            let spelling = authority.as_str().into();
            routes.spelled(https).insert(spelling, Arc::clone(&route));
        }
        Ok(route)
    }

    /// How long a new connection may be used: a tenth of it is up to chance, so that connections that were opened
    /// together are not closed together.
    pub(crate) fn lifetime(&self) -> Duration {
        let part = 0.9 + 0.1 * lock(&self.rng).f64();
        self.max_age.mul_f64(part)
    }

    /// Waits for a place under both caps.
    pub(crate) async fn admit(&self, host: &Host) -> Result<Slot, Error> {
        let admitted = self.gate.admit(&host.places).await;
        if admitted.is_err() {
            self.counters.refused.add();
        }
        admitted
    }

    /// A live idle connection.
    pub(crate) async fn checkout(&self, host: &Host, now: Instant) -> Option<Conn> {
        poll_fn(|cx| Poll::Ready(self.take(host, now, cx))).await
    }

    fn take(&self, host: &Host, now: Instant, cx: &mut Context<'_>) -> Option<Conn> {
        loop {
            let Resting { mut wire, expires } = {
                let mut idle = lock(&host.idle);
                if let Some((shared, _)) = &idle.shared
                    && shared.retires() <= now
                {
                    // those who use it finish; the next request opens another
                    idle.shared = None;
                    self.counters.retired.add();
                }
                if let Some((shared, expires)) =
                    idle.shared.as_mut().filter(|(shared, _)| shared.is_open())
                {
                    *expires = (now + self.idle_timeout).min(shared.retires());
                    return Some(Conn::Shared(shared.clone()));
                }
                idle.wires.pop()?
            };
            if wire.retires() <= now {
                self.counters.retired.add();
                continue;
            }
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
        // what happens to it from now on shows when it is taken again
        if !wire.is_done(cx) {
            return;
        }
        let now = Instant::now();
        if wire.retires() <= now {
            self.counters.retired.add();
            return;
        }
        let expires = (now + self.idle_timeout).min(wire.retires());
        lock(&host.idle).wires.push(Resting { wire, expires });
        self.ensure_reaper(&runtime, expires);
    }

    /// Lets all requests to this origin share a connection.
    pub(crate) fn share(self: &Arc<Self>, host: &Host, shared: &Shared) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let expires = (Instant::now() + self.idle_timeout).min(shared.retires());
        lock(&host.idle).shared = Some((shared.clone(), expires));
        self.ensure_reaper(&runtime, expires);
    }

    /// Somebody looks at `expires` or before.
    fn ensure_reaper(self: &Arc<Self>, runtime: &Handle, expires: Instant) {
        let mut reaper = lock(&self.reaper);
        match &mut *reaper {
            // the runtime that ran it may be gone while this one is not
            Some(reaper) if !reaper.task.is_finished() => {
                if expires < reaper.looks {
                    reaper.looks = expires;
                    reaper.call.notify_one();
                }
            }
            none => {
                let call = Arc::new(Notify::new());
                let reaping = reap(Arc::downgrade(self), expires, Arc::clone(&call));
                *none = Some(Reaper {
                    task: runtime.spawn(reaping),
                    looks: expires,
                    call,
                });
            }
        }
    }

    /// Closes what has waited too long and says when to look again; `None` when nothing is left and nothing comes back.
    fn sweep(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut expired = Vec::new();
        let mut next = None;
        {
            let mut reaper = lock(&self.reaper);
            let mut routes = lock(&self.routes);
            for host in routes.origins.values() {
                let mut idle = lock(&host.idle);
                let (wires, retired) = idle.expire(now);
                expired.extend(wires);
                (0..retired).for_each(|_| self.counters.retired.add());
                next = next.into_iter().chain(idle.next_expiry()).min();
            }
            routes.tidy();
            if next.is_none() && self.gate.in_flight() > 0 {
                // under load all connections are in use now and then; what comes back expires later than this
                next = Some(now + self.idle_timeout);
            }
            // under the lock that `ensure_reaper` takes, so that a connection put back now starts a new one
            match (next, &mut *reaper) {
                (Some(next), Some(reaper)) => reaper.looks = next,
                (_, reaper) => *reaper = None,
            }
        }
        drop(expired);
        next
    }
}

impl Host {
    fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            idle: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            http1: AtomicBool::new(false),
        }
    }

    /// The origin chose HTTP/1.1: there is no connection to share, so nobody needs to wait for one.
    pub(crate) fn note_http1(&self) {
        self.http1.store(true, Ordering::Relaxed);
    }

    pub(crate) fn speaks_http1(&self) -> bool {
        self.http1.load(Ordering::Relaxed)
    }

    /// This shared connection takes no more requests.
    pub(crate) fn unshare(&self, gone: &Shared) {
        lock(&self.idle)
            .shared
            .take_if(|(shared, _)| shared.is_same(gone));
    }

    fn keeps_connections(&self) -> bool {
        !lock(&self.idle).is_empty()
    }
}

/// Closes idle connections in time. hyper would keep them until the next request.
async fn reap(pool: Weak<Pool>, mut looks: Instant, call: Arc<Notify>) {
    loop {
        // early or in time: both are a reason to look
        let _ = timeout_at(looks, call.notified()).await;
        match pool.upgrade().and_then(|pool| pool.sweep()) {
            Some(next) => looks = next,
            None => return,
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        if let Some(reaper) = lock(&self.reaper).take() {
            reaper.task.abort();
        }
    }
}

/// No code that can panic runs under these locks, so a poisoned one holds a whole value.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
