//! A reader who joins raises the flight while it runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use robust_cache::{Cache, Join, Read};

use crate::{Dry, secs, told};

/// How urgent a flight is; it only rises.
#[derive(Debug, Clone, Default)]
struct Urgency(Arc<AtomicU8>);

impl Urgency {
    fn of(level: u8) -> Self {
        Self(Arc::new(AtomicU8::new(level)))
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::SeqCst)
    }
}

impl Join for Urgency {
    fn join(&self, other: &Self) {
        self.0.fetch_max(other.get(), Ordering::SeqCst);
    }
}

/// A load that waits an hour, or a second from when it became urgent.
async fn patient(urgency: Urgency) -> Result<u32, Dry> {
    for _ in 0..3600 {
        tokio::time::sleep(secs(1)).await;
        if urgency.get() >= 5 {
            break;
        }
    }
    Ok(u32::from(urgency.get()))
}

#[tokio::test(start_paused = true)]
async fn a_joiner_raises_the_tag_of_the_load_while_it_runs() {
    let cache = Cache::<&str, u32, Dry, Urgency>::builder().build();
    let began = tokio::time::Instant::now();
    let slow = tokio::spawn({
        let cache = cache.clone();
        async move { told(&cache.get(&"a", Read::new(Urgency::of(1)), patient).await) }
    });
    tokio::time::sleep(secs(10)).await;
    let urgent = cache.get(&"a", Read::new(Urgency::of(5)), patient).await;

    assert_eq!(told(&urgent), ("joined", Some(5)));
    assert_eq!(slow.await.unwrap(), ("loaded", Some(5)));
    assert!(
        began.elapsed() <= secs(12),
        "the urgent reader was held by the patient one"
    );
}

#[tokio::test(start_paused = true)]
async fn a_joiner_of_less_urgency_does_not_lower_it_nor_is_it_raised_itself() {
    let cache = Cache::<&str, u32, Dry, Urgency>::builder().build();
    let low = Urgency::of(1);
    let (first, second) = tokio::join!(
        cache.get(&"a", Read::new(Urgency::of(5)), patient),
        cache.get(&"a", Read::new(low.clone()), patient),
    );
    assert_eq!(
        (told(&first), told(&second)),
        (("loaded", Some(5)), ("joined", Some(5)))
    );
    assert_eq!(low.get(), 1);
}
