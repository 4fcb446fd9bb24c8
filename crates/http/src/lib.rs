//! A hardened HTTP client on hyper: pool and caps, TLS, deadlines, body limits. Knows no layer and no exchange.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use bytes::Bytes;
//! use robust_http::Client;
//! use tokio::time::Instant;
//!
//! let client = Client::builder().connect_timeout(Duration::from_secs(5)).build()?;
//! let request = http::Request::get("https://api.kraken.com/0/public/Time").body(Bytes::new())?;
//! let answer = client.fetch(request, Some(Instant::now() + Duration::from_secs(10))).await?;
//! println!("{} {} bytes", answer.status, answer.body.len());
//! # Ok(())
//! # }
//! ```

mod body;
mod builder;
mod client;
mod connect;
mod connection;
mod error;
mod gate;
#[cfg_attr(not(feature = "http2"), path = "h2_absent.rs")]
mod h2;
mod pool;
mod request;
mod resolve;
mod response;
mod stats;
mod tap;
mod tls;

pub use crate::body::Body;
pub use crate::builder::{BuildError, Builder};
pub use crate::client::{Client, Deadline, FetchFuture};
pub use crate::error::{Error, Kind, Phase};
pub use crate::response::{Fetched, Response};
pub use crate::stats::Stats;
