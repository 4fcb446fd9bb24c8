//! How many calls may be under way at once: a fixed bulkhead, and a limit that adapts.
//!
//! The windows of a [`Limiter`](crate::Limiter) bound how many calls begin in a time; these bound how
//! many are unfinished. Use [`Bulkhead`] where you know the number (connections, threads, a licence),
//! [`Adaptive`] where only the server's latency tells it, [`Registry`] where there are several servers.
//!
//! ```
//! use std::{convert::Infallible, time::Duration};
//! use robust_limiter::{Error, LiftLayer, Rejected, concurrency::Bulkhead};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! // Two kilns, one potter may wait for them, for ten minutes at most.
//! let kilns = Bulkhead::builder(2).max_queue(1).max_wait(Duration::from_secs(600)).build();
//! let oven = ServiceBuilder::new()
//!     .layer(kilns.layer())
//!     .layer(LiftLayer::new())
//!     .service_fn(|pots: u32| async move {
//!         tokio::time::sleep(Duration::from_secs(300)).await;
//!         Ok::<_, Infallible>(pots)
//!     });
//! let mut potters: Vec<_> = (0..4).map(|pots| tokio::spawn(oven.clone().oneshot(pots))).collect();
//! let last = potters.pop().expect("four potters").await.expect("no panic");
//! assert!(matches!(last, Err(Error::Rejected(Rejected::Full { queued: 1, .. }))));
//! for potter in potters {
//!     assert!(potter.await.expect("no panic").is_ok());
//! }
//! assert_eq!(kilns.snapshot().in_flight, 0);
//! # }
//! ```
//!
//! Both wait inside the call's future: readiness takes nothing, so that a clone that was readied and
//! left alone starves nobody. Who comes first is served first. Both can also be used without tower:
//! [`Bulkhead::acquire`] and [`Adaptive::acquire`] give a [`Slot`] that is free again when dropped.
//!
//! A service that must hold its slot in `poll_ready`, because `tower::load_shed` or `tower::balance`
//! above asks there whether it is busy, is made by [`ConcurrencyLayer::backpressure`].

mod acquire;
mod adaptive;
mod aimd;
mod bulkhead;
mod delayed;
mod door;
mod future;
mod gate;
mod keyed;
mod layer;
mod line;
mod load;
mod made;
mod pass;
mod registry;
mod service;
mod ticket;

pub use acquire::{Acquire, Slot};
pub use adaptive::{Adaptive, AdaptiveBuilder, AdaptiveSnapshot};
pub use bulkhead::{Bulkhead, BulkheadBuilder, BulkheadSnapshot};
pub use future::{BackpressureFuture, ConcurrencyFuture};
pub use keyed::{Keyed, KeyedLayer};
pub use layer::{BackpressureLayer, ConcurrencyLayer};
pub use load::{Load, Measure, Plain};
pub use registry::{Registry, RegistryBuilder, RegistryCounts};
pub use service::{Backpressure, Concurrency};
