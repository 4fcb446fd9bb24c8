//! Simulated exchanges that speak the real wire formats, keep the real limits and misbehave by script. Loopback only.
//!
//! One core, [`Sim::handle`], turns a request and a point in time into a [`Reply`]. Two doors lead to it: [`InMemory`],
//! a tower service without a socket (so it works under tokio's paused clock), and [`Server`], HTTP/1.1 on loopback.
//! Every reply carries `Server: robust-sim`, so that nobody can take it for the market.
//!
//! ```
//! use bytes::Bytes;
//! use robust_market::{Exchange, Timestamp};
//! use robust_sim::{Now, Sim};
//!
//! let kraken = Sim::builder(Exchange::KRAKEN).seed(7).build()?;
//! let request = http::Request::get("/0/public/Ticker?pair=XBTUSD")
//!     .header("user-agent", "example")
//!     .body(Bytes::new())?;
//! let now = Now {
//!     wall: Timestamp::from_ns(1_762_820_224_000_000_000),
//!     mono: tokio::time::Instant::now(),
//! };
//! let reply = kraken.handle(&request, now);
//! assert_eq!(reply.headers["server"], "robust-sim");
//! let body: serde_json::Value = serde_json::from_slice(&reply.body)?;
//! assert!(body["result"]["XXBTZUSD"]["c"][0].is_string());
//!
//! // One request a second is the law of the house, and it is counted.
//! let _ = kraken.handle(&request, now);
//! assert_eq!(kraken.stats().over_limit, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`Sim`], [`SimBuilder`] | one simulated exchange |
//! | [`Reply`], [`Action`], [`Now`] | what comes back, and how the door must behave |
//! | [`InMemory`], [`Server`] | the two doors |
//! | [`Fault`], [`Script`] | how it misbehaves, and when |
//! | [`Stats`] | what arrived, and how much of it over the limit |
//! | [`TestKey`] | what private endpoints accept |
//! | [`RecordedError`], [`UnknownCase`] | what is wrong with recorded cases |
//! | [`VirtualClock`] | a wall clock that follows tokio's |
//!
//! The numbers of the limits, each with its source, stand in `docs/sim-limits.md`.

mod binance;
mod broken;
mod clock;
mod fault;
mod htx;
mod kraken;
mod kucoin;
mod law;
mod market;
mod memory;
mod query;
mod recorded;
mod reply;
mod script;
mod server;
mod sim;
mod spoil;
mod stats;
mod venue;

pub use clock::VirtualClock;
pub use fault::{Fault, InvalidFault};
pub use kucoin::TestKey;
pub use memory::{DoorError, InMemory, Pending};
pub use recorded::{RecordedError, RecordedReason, UnknownCase};
pub use reply::{Action, Now, Reply};
pub use script::{Planned, Script};
pub use server::{ListenError, Server};
pub use sim::{BuildError, Sim, SimBuilder};
pub use stats::Stats;
