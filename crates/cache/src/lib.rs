//! A cache with two ages and single flight whose load outlives its callers. Knows no markets.
//!
//! ```
//! use robust_cache::{Cache, Lookup, Read};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let cache = Cache::<&str, u32, std::io::ErrorKind>::builder()
//!     .capacity(1_000)
//!     .fresh_for(Duration::from_secs(5))
//!     .stale_for(Duration::from_secs(60))
//!     .build();
//!
//! // Nothing stored: the load runs, in a task of its own, and its result is kept.
//! let answer = cache.get(&"answer", Read::default(), |()| async { Ok(42) }).await;
//! assert!(matches!(answer, Lookup::Loaded { entry, joined: false } if entry.value == 42));
//!
//! // Stored and fresh: the load is not called.
//! let again = cache.get(&"answer", Read::default(), |()| async { Ok(43) }).await;
//! assert!(matches!(again, Lookup::Fresh(entry) if entry.value == 42));
//! # }
//! ```
//!
//! - [`Cache`] reads, stores, invalidates and closes; [`Builder`] holds its settings.
//! - [`Read`] is what a reader asks for: the oldest age, and whether a stored value may answer.
//! - [`Lookup`] is what it gets: fresh, loaded, stale with a reason, or unavailable with one.
//! - [`Join`] is how a reader raises the flight that it joins.

mod builder;
mod cache;
mod entry;
mod error;
mod flight;
mod lifetime;
mod read;
mod stats;
mod store;

pub use builder::Builder;
pub use cache::{Cache, CloseReport};
pub use entry::{Entry, Lookup};
pub use error::LoadError;
pub use lifetime::{Born, Lifetime};
pub use read::{Join, Read, Refresh};
pub use stats::Stats;
