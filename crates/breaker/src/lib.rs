//! Stop calling what is down: a generation-tagged circuit breaker as tower layers.
//!
//! A [`Breaker`] is a handle: its clones and all layers made from it share one state. While calls
//! succeed it is closed and costs three atomic loads. When too much fails it opens and refuses every
//! call at once, saying when to come back. Then it lets a few probes through: if enough of them
//! succeed it closes, and else it opens again.
//!
//! | piece | what it does |
//! |---|---|
//! | [`Breaker::check_layer`] | refuses before the call queues for anything; takes no probe permit |
//! | [`Breaker::admit_layer`] | next to the call: takes the permit, records the outcome |
//! | [`Breaker::admit`] and [`Ticket`] | the same without tower |
//! | [`Rule`] and [`Window`] | when it opens: consecutive failures, failure rate, slow-call rate |
//! | [`Registry`] | one breaker for each key |
//! | [`AdmitLayer::backpressure`] | not ready instead of refusing |
//! | [`Listener`] | hears every event; compiled out by default. [`Tracing`] is one |
//! | [`Classify`] and [`Outcome`] | your word on what counts as a failure |
//! | [`Open`] | the refusal, with `retry_in` |
//! | [`Lift`], [`Error`] | for services whose error has no `From<Open>` |
//! | [`Breaker::snapshot`], [`Breaker::watch`] | what the operator sees |
//!
//! # Example
//!
//! ```
//! use robust_breaker::{Breaker, ErrorsAreFailures, State};
//! use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), BoxError> {
//! let breaker = Breaker::builder("weather").consecutive_failures(2).build();
//! let mut service = ServiceBuilder::new()
//!     .layer(breaker.admit_layer(ErrorsAreFailures))
//!     .service(service_fn(|city: &'static str| async move {
//!         Err::<(), BoxError>(format!("no weather for {city}").into())
//!     }));
//!
//! for _ in 0..2 {
//!     let error = service.ready().await?.call("Ulm").await.unwrap_err();
//!     assert_eq!(error.to_string(), "no weather for Ulm");
//! }
//! assert!(matches!(breaker.state(), State::Open { .. }));
//!
//! // The third call does not reach the service.
//! let error = service.ready().await?.call("Ulm").await.unwrap_err();
//! let open = error.downcast_ref::<robust_breaker::Open>().expect("refused by the breaker");
//! assert_eq!(open.retry_in.as_secs(), 60);
//! # Ok(())
//! # }
//! ```

mod admit;
mod backpressure;
mod breaker;
mod cell;
mod check;
mod circuit;
mod classify;
mod config;
mod error;
mod keyed;
mod lift;
mod listener;
mod registry;
mod ring;
mod rule;
mod shared;
mod state;
mod tally;
mod ticket;
#[cfg(feature = "tracing")]
mod trace;
mod weight;
mod word;

/// What lies under word, tally and cell; the loom tests put their own here.
mod sync {
    pub(crate) use std::sync::{
        Mutex, MutexGuard,
        atomic::{AtomicU64, Ordering},
    };
}

pub use admit::{Admit, AdmitFuture, AdmitLayer};
pub use backpressure::{Backpressure, BackpressureLayer};
pub use breaker::Breaker;
pub use check::{Check, CheckFuture, CheckLayer};
pub use classify::{ByResult, Classify, ErrorsAreFailures, Outcome, classify_fn, classify_result};
pub use config::{BuildError, Builder};
pub use error::{Error, Open};
pub use keyed::{Keyed, KeyedLayer};
pub use lift::{Lift, LiftFuture, LiftLayer};
pub use listener::{Event, EventKind, Listener};
pub use registry::{Registry, RegistryBuilder, RegistryCounts};
pub use rule::{Rule, Window};
pub use state::{Cause, Rate, Snapshot, State, Transition};
pub use ticket::Ticket;
#[cfg(feature = "tracing")]
pub use trace::Tracing;
pub use weight::Weight;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
