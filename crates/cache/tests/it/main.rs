//! Promises of the cache, one module a subject.

mod bounds;
mod closing;
mod failures;
mod freshness;
mod single_flight;
mod tags;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use robust_cache::{Cache, Lookup};

/// The error of the tests' loads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the well is dry")]
struct Dry;

type Wells = Cache<&'static str, u32, Dry>;

/// Fresh for 10 s, then stale for 20 s.
fn wells() -> Wells {
    Cache::builder()
        .fresh_for(secs(10))
        .stale_for(secs(20))
        .build()
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A load that counts its calls, takes a while and succeeds.
#[derive(Debug, Clone, Default)]
struct Load {
    calls: Arc<AtomicUsize>,
}

impl Load {
    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    fn gives(&self, value: u32, after: Duration) -> impl FnOnce(()) -> Drawing + use<> {
        let calls = Arc::clone(&self.calls);
        move |()| {
            Box::pin(async move {
                calls.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(after).await;
                Ok(value)
            })
        }
    }

    fn fails(&self, after: Duration) -> impl FnOnce(()) -> Drawing + use<> {
        let calls = Arc::clone(&self.calls);
        move |()| {
            Box::pin(async move {
                calls.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(after).await;
                Err(Dry)
            })
        }
    }
}

type Drawing = std::pin::Pin<Box<dyn Future<Output = Result<u32, Dry>> + Send>>;

/// The value of an answer with the name of its variant.
fn told<E>(lookup: &Lookup<u32, E>) -> (&'static str, Option<u32>) {
    let kind = match lookup {
        Lookup::Fresh(_) => "fresh",
        Lookup::Loaded { joined: false, .. } => "loaded",
        Lookup::Loaded { joined: true, .. } => "joined",
        Lookup::Stale { .. } => "stale",
        Lookup::Unavailable(_) => "unavailable",
    };
    (kind, lookup.entry().map(|entry| entry.value))
}
