//! More than a server can do for two seconds, and whether everybody is served again afterwards.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};
use tower::{BoxError, Service, ServiceExt as _, service_fn};

use super::{Counts, OURS};
use crate::resilience::Job;
use crate::stacks::{Settings, ours, tower_resilience_stack, tower_stack};

pub const NOTE: &str = "a server of 200/s that works through its queue in order, callers that wait 250 ms; 160/s, then 600/s for 2 s, \
    then 160/s; the share served of those that came in the second window of 1 s after the overload";

/// What the server needs for one request, and goes on needing when nobody waits for the answer any more.
const WORK: Duration = Duration::from_millis(5);

const WINDOW: Duration = Duration::from_secs(1);

const STEADY: u32 = 160;
const OVERLOAD: u32 = 600;

/// The limit is what the documents of the server say, and more than it can do today.
const SETTINGS: Settings = Settings {
    delays: (Duration::from_millis(50), Duration::from_secs(1)),
    retries: 3,
    limit: (1_000, WINDOW),
    breaker: (5, Duration::from_millis(500)),
    timeout: Duration::from_millis(250),
};

pub async fn probe() -> Counts {
    let (ours, resilience, tower) = tokio::join!(
        goodput(ours(&SETTINGS, server())),
        goodput(tower_resilience_stack(&SETTINGS, server())),
        goodput(tower_stack(&SETTINGS, server())),
    );
    vec![
        (OURS, ours),
        ("tower-resilience", resilience),
        ("tower", tower),
    ]
}

/// Requests are worked on one after the other.
fn server()
-> impl Service<Job, Response = u32, Error = BoxError, Future: Send> + Clone + Send + 'static {
    let free = Arc::new(Mutex::new(Instant::now()));
    service_fn(move |job: Job| {
        let free = Arc::clone(&free);
        async move {
            let done = {
                let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
                *free = (*free).max(Instant::now()) + WORK;
                *free
            };
            sleep_until(done).await;
            Ok::<_, BoxError>(job.0)
        }
    })
}

async fn goodput<S>(service: S) -> f64
where
    S: Service<Job, Response = u32, Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    // Before, two seconds of overload, the first window after it.
    for rate in [STEADY, OVERLOAD, OVERLOAD, STEADY] {
        offer(&service, rate).await;
    }
    let served = offer(&service, STEADY).await;
    // Whoever retries may still be on the way.
    sleep(Duration::from_secs(4)).await;
    f64::from(served.load(Ordering::Relaxed)) / f64::from(STEADY)
}

/// So many calls within one window, at even distances; returns the number of those that were answered, which goes on growing.
async fn offer<S>(service: &S, rate: u32) -> Arc<AtomicU32>
where
    S: Service<Job, Response = u32, Error = BoxError, Future: Send> + Clone + Send + 'static,
{
    let served = Arc::new(AtomicU32::new(0));
    let begun = Instant::now();
    for number in 0..rate {
        sleep_until(begun + WINDOW * number / rate).await;
        let (service, served) = (service.clone(), Arc::clone(&served));
        tokio::spawn(async move {
            if service.oneshot(Job(number)).await.is_ok() {
                served.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    sleep_until(begun + WINDOW).await;
    served
}
