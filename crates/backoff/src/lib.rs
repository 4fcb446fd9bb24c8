//! How long to wait and whether to try again.
//!
//! | question | answer |
//! |---|---|
//! | How long before the next try? | [`Exponential`] with a [`Jitter`] |
//! | May this caller afford a retry? | [`Budget`], shared by everyone who calls one server |
//! | Is this outcome worth another try? | your [`Classify`], which answers with a [`Disposition`] |
//! | Can this request be sent again, and until when? | your [`Replay`] |
//! | All of it, in a tower stack | [`Policy`] for [`tower::retry::RetryLayer`] |
//! | How long may one attempt take? | [`TimeoutLayer`], and [`within`] and [`until`] for any future |
//! | When did the server say to come back? | [`retry_after`], in every form that is met |
//! | Would a second request be faster? | [`hedge`], paid from the same [`Budget`] |
//! | Would the server turn it away anyhow? | [`throttle`] |
//! | Who hears what was decided? | a [`Listener`], compiled out by default; [`Tracing`] is one |
//! | Only the delays, in your own loop | [`Sessions`] and [`Session`], tower's `MakeBackoff` and `Backoff` |
//!
//! # Example
//!
//! ```
//! use robust_backoff::{Budget, Disposition, Exponential, Jitter, Policy, Replay, classify_fn};
//! use std::{convert::Infallible, sync::atomic::{AtomicU32, Ordering}, time::Duration};
//! use tokio::time::Instant;
//! use tower::{Service, ServiceBuilder, ServiceExt, retry::RetryLayer, service_fn};
//!
//! #[derive(Clone)]
//! struct Lookup { word: &'static str, deadline: Instant }
//!
//! impl Replay for Lookup {
//!     fn replay(&self) -> Option<Self> { Some(self.clone()) }
//!     fn deadline(&self) -> Option<Instant> { Some(self.deadline) }
//! }
//!
//! static CALLS: AtomicU32 = AtomicU32::new(0);
//!
//! /// A dictionary that is overloaded twice and then answers.
//! async fn dictionary(lookup: Lookup) -> Result<(u16, &'static str), Infallible> {
//!     let status = if CALLS.fetch_add(1, Ordering::Relaxed) < 2 { 503 } else { 200 };
//!     Ok((status, lookup.word))
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Infallible> {
//! let delays = Exponential::new(Duration::from_secs(1), Duration::from_secs(30)).jitter(Jitter::Full);
//! let judge = classify_fn(|outcome: Result<&(u16, &str), &Infallible>| match outcome {
//!     Ok((503, _)) => Disposition::Retry { after: None, sent: true },
//!     _ => Disposition::Final,
//! });
//! let policy = Policy::builder(delays, judge)
//!     .max_retries(3)
//!     .budget(Budget::new(0.2, 10.0))
//!     .build();
//!
//! let mut service = ServiceBuilder::new().layer(RetryLayer::new(policy)).service(service_fn(dictionary));
//! let deadline = Instant::now() + Duration::from_secs(60);
//! let answer = service.ready().await?.call(Lookup { word: "herd", deadline }).await?;
//! assert_eq!(answer, (200, "herd"));
//! # Ok(())
//! # }
//! ```

mod budget;
mod classify;
mod exponential;
pub mod hedge;
mod ledger;
mod listener;
mod policy;
mod replay;
pub mod retry_after;
mod seeds;
mod session;
mod stats;
pub mod throttle;
mod timeout;
#[cfg(feature = "tracing")]
mod trace;

pub use budget::{Budget, BudgetStats, Withdrawal};
pub use classify::{Classify, Disposition, classify_fn};
pub use exponential::{Exponential, Jitter};
pub use listener::{Event, GaveUp, Listener};
pub use policy::{Policy, PolicyBuilder};
pub use replay::Replay;
pub use session::{Session, Sessions};
pub use stats::{Stats, StatsSnapshot};
pub use timeout::{TimedOut, Timeout, TimeoutFuture, TimeoutLayer, Within, until, within};
#[cfg(feature = "tracing")]
pub use trace::Tracing;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
