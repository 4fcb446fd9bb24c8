//! One exchange as a tower service: the resilience stack around a connector and an HTTP client.
//!
//! ```text
//! observe → total deadline → retry + budget → breaker check → admission (all windows + slot, priority queue)
//!         → breaker admit → classify → attempt timeout → venue
//! ```
//!
//! The unit is a typed [`Call`], not an HTTP request: each attempt is encoded, sent, collected, decoded and judged anew. The verdict
//! is made once per attempt ([`Judgement`]) and read by breaker, limiter and retry alike.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use robust_connectors::Kraken;
//! use robust_limiter::Class;
//! use robust_market::{Request, RequestId};
//! use robust_source::{Call, Cause, Source, in_memory};
//! use tokio::time::Instant;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // An exchange that is down: nobody listens.
//! let down = tower::service_fn(|_| async {
//!     Err::<http::Response<bytes::Bytes>, _>(robust_http::Error::new(robust_http::Kind::Connect, false))
//! });
//! let source = Source::builder(Arc::new(Kraken)).build(in_memory(down, |error| error))?;
//!
//! let request = Arc::new(Request::Ticker { symbol: "BTC/USD".parse()? });
//! let call = Call::new(request, Class::High, Instant::now() + Duration::from_secs(20), RequestId(1));
//! let error = source.call(call).await.unwrap_err();
//! assert!(matches!(error.cause, Cause::Network(_)));
//! assert_eq!(error.attempts, 4); // one and three retries, each at its turn in the budget
//! # Ok(())
//! # }
//! ```

mod addresses;
mod again;
mod answer;
mod attempt;
mod attempted;
mod call;
mod cause;
mod classify;
mod config;
mod cooldown;
mod deadline;
mod error;
mod judgement;
mod observe;
mod price;
mod reading;
mod ring;
mod signing;
mod source;
mod stack;
mod stats;
mod symbols;
mod tap;
mod transport;
mod venue;

pub use answer::Answer;
pub use attempted::Attempted;
pub use call::Call;
pub use cause::Cause;
pub use config::{BuildError, SlowCalls, SourceConfig};
pub use error::SourceError;
pub use judgement::{Health, Judgement, Retry};
pub use source::{Source, SourceBuilder, USER_WINDOW};
pub use stack::{Attempts, Stack, StackFuture};
pub use stats::SourceStats;
pub use tap::{Seen, Tap};
pub use transport::{Transport, in_memory, over};
pub use venue::{Failed, Venue};

pub(crate) use symbols::SymbolCell;
