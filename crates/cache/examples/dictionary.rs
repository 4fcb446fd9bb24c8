//! A slow dictionary behind the cache: a crowd of readers, one who leaves, and an outage.
//!
//! `cargo run -p robust-cache --example dictionary`

#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use robust_cache::{Cache, Lookup, Read};

/// The library is closed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the library is closed")]
struct LibraryClosed;

/// A library that takes its time.
#[derive(Debug, Default)]
struct Library {
    visits: AtomicU32,
    closed: AtomicBool,
}

impl Library {
    async fn look_up(&self, word: &'static str) -> Result<Arc<str>, LibraryClosed> {
        let visit = self.visits.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
        if self.closed.load(Ordering::SeqCst) {
            return Err(LibraryClosed);
        }
        Ok(format!("what {word} means, as read on visit {visit}").into())
    }
}

type Dictionary = Cache<&'static str, Arc<str>, LibraryClosed>;

async fn ask(dictionary: &Dictionary, library: &Arc<Library>, word: &'static str) {
    let library = Arc::clone(library);
    let load = move |()| async move { library.look_up(word).await };
    match dictionary.get(&word, Read::default(), load).await {
        Lookup::Fresh(entry) => println!("fresh, {:?} old: {}", entry.age, entry.value),
        Lookup::Loaded { entry, joined } => println!("loaded (joined: {joined}): {}", entry.value),
        Lookup::Stale { entry, reason } => println!("stale, for {reason}: {}", entry.value),
        Lookup::Unavailable(reason) => println!("nothing: {reason}"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let library = Arc::new(Library::default());
    let dictionary = Dictionary::builder()
        .fresh_for(Duration::from_millis(100))
        .stale_for(Duration::from_secs(60))
        .build();

    println!("three readers of one word are one visit:");
    tokio::join!(
        ask(&dictionary, &library, "robust"),
        ask(&dictionary, &library, "robust"),
        ask(&dictionary, &library, "robust"),
    );

    println!("a reader who leaves early does not waste the visit:");
    let hasty = ask(&dictionary, &library, "patience");
    let left = tokio::time::timeout(Duration::from_millis(10), hasty)
        .await
        .is_err();
    println!("left before the answer: {left}");
    tokio::time::sleep(Duration::from_millis(60)).await;
    ask(&dictionary, &library, "patience").await;

    println!("the library closes:");
    library.closed.store(true, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(100)).await;
    ask(&dictionary, &library, "robust").await;
    ask(&dictionary, &library, "novelty").await;

    println!("{:#?}", dictionary.stats());
    println!("{:?}", dictionary.close(Duration::from_secs(1)).await);
}
