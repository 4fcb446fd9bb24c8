//! Never exceed the budget: weighted windows of five kinds, a priority queue and server feedback as a tower layer.
//!
//! A [`Limiter`] has one or more [`Window`]s ("6,000 units a minute", "one a second for each
//! pair"). A call names its [`Cost`], its [`Class`] and its deadline; it gets a [`Permit`] when
//! **all** its windows have room, in order of class and then of arrival, or it is [`Rejected`] as
//! soon as that is known, with the time to come back.
//!
//! ```
//! use std::time::Duration;
//! use robust_limiter::{Charge, Class, Limiter, Rejected, Window};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Rejected> {
//! let limiter = Limiter::builder("post office")
//!     .window(Window::sliding("letters", 2, Duration::from_secs(60)))
//!     .build();
//! let letter = Charge::new(0, 1).into();
//!
//! // Reserve, then commit just before sending: the charge counts from the commit.
//! limiter.acquire(&letter, Class::High, None).await?.commit();
//!
//! // A permit that is dropped instead gives everything back.
//! drop(limiter.acquire(&letter, Class::High, None).await?);
//! limiter.acquire(&letter, Class::High, None).await?.commit();
//!
//! // Two in 60 s, and 1 s of guard: too late for a deadline in 10 s, which is said at once.
//! let deadline = Instant::now() + Duration::from_secs(10);
//! let refused = limiter.acquire(&letter, Class::Critical, Some(deadline)).await.unwrap_err();
//! assert_eq!(refused.retry_in(), Some(Duration::from_secs(61)));
//! # Ok(())
//! # }
//! ```
//!
//! As a layer ([`Limiter::layer`]) it waits inside the call's future, so that `poll_ready` takes
//! nothing from anybody, and `tower::retry` outside of it pays for every attempt:
//!
//! ```
//! use std::convert::Infallible;
//! use std::time::Duration;
//! use robust_limiter::{Bid, Charge, Class, Error, LiftLayer, Limiter, Rejected, Window};
//! use tower::{ServiceBuilder, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let limiter = Limiter::builder("printer")
//!     .window(Window::sliding("pages", 100, Duration::from_secs(60)))
//!     .build();
//! let printer = ServiceBuilder::new()
//!     .layer(limiter.layer().bid_with(|pages: &u32| {
//!         Bid::new(Charge::new(0, *pages).into()).class(Class::Low)
//!     }))
//!     // Only for services whose error has no room for a rejection.
//!     .layer(LiftLayer::new())
//!     .service_fn(|pages: u32| async move { Ok::<_, Infallible>(pages) });
//!
//! assert_eq!(printer.clone().oneshot(30).await, Ok(30));
//! let error = printer.oneshot(101).await.unwrap_err();
//! assert!(matches!(error, Error::Rejected(Rejected::TooLarge { .. })));
//! # }
//! ```
//!
//! # The life of a charge
//!
//! | | in the windows | ends by |
//! |---|---|---|
//! | waiting | nothing; its place keeps room free ahead of later ones | grant, refusal, drop |
//! | [`Permit`]: granted | held, without a time; takes a [slot](Builder::max_in_flight) | [`commit`](Permit::commit), or drop, which gives it back |
//! | [`Spent`]: committed | stamped with the time of the commit | leaving the window; [`settle`](Spent::settle), [`refund`](Spent::refund) correct it; a drop keeps it, and frees the slot |
//!
//! # Time
//!
//! Everything runs on tokio's clock, and stands still when that is paused, unless
//! [another](Builder::clock) is asked for. A call that has to wait
//! needs a tokio runtime with a timer; while anybody waits, one task on the runtime of the first
//! waiter serves the queue.

/// The model in `tests/loom.rs` puts its own in this place.
mod atomic {
    pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
}

mod acquire;
mod aligned;
mod backpressure;
mod bucket;
mod builder;
mod class;
mod clock;
pub mod concurrency;
mod cost;
mod counter;
mod delayed;
mod demand;
mod driver;
mod error;
mod feedback;
mod forecast;
mod future;
mod headroom;
mod keys;
mod layer;
mod ledger;
mod lift;
mod limiter;
mod listener;
mod log;
mod open_cell;
mod owed;
mod pause;
mod permit;
mod queue;
mod rate;
mod recovery;
mod rejected;
mod reservation;
mod service;
mod shared;
mod slots;
mod snapshot;
mod state;
#[cfg(feature = "tracing")]
mod trace;
mod waits;
mod window;
mod windows;

pub use acquire::Acquire;
pub use backpressure::{Backpressure, BackpressureFuture, BackpressureLayer};
pub use builder::Builder;
pub use class::{Class, ClassCell};
pub use clock::MonotonicClock;
pub use cost::{Charge, Cost};
pub use demand::{Appraise, AskRequest, Bid, BidRef, Demand, SameBid};
pub use error::Error;
pub use feedback::{Feedback, Keep, Usage, Verdict};
pub use future::ResponseFuture;
pub use headroom::Headroom;
pub use layer::AdmissionLayer;
pub use lift::{Lift, LiftFuture, LiftLayer};
pub use limiter::Limiter;
pub use listener::{Event, Listener};
pub use pause::Pause;
pub use permit::{Permit, Spent};
pub use rate::{Rate, WindowError};
pub use recovery::Recovery;
pub use rejected::Rejected;
pub use reservation::Reservation;
pub use service::Admission;
pub use snapshot::{ClassSnapshot, Snapshot, WindowSnapshot};
#[cfg(feature = "tracing")]
pub use trace::Tracing;
pub use waits::Waits;
pub use window::{Kind, Window};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
