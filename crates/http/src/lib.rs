//! A hardened HTTP client on hyper: pool and caps, TLS, deadlines, body limits. Knows no layer and no exchange.
//!
//! [`Client::fetch`] sends one request and returns the whole answer, or an [`Error`] that says what went wrong
//! ([`Kind`]) and whether the server may have seen the request ([`Error::sent`]). Every wait has an end, every body a
//! cap, every queue a bound; a future dropped at any point gives everything back.
//!
//! ```
//! # use tokio::io::{AsyncReadExt, AsyncWriteExt};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! # let base = format!("http://{}", listener.local_addr()?);
//! # tokio::spawn(async move {
//! #     let (mut stream, _) = listener.accept().await?;
//! #     stream.read(&mut [0; 1024]).await?;
//! #     stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n{\"time\": 17}").await
//! # });
//! use std::time::Duration;
//!
//! use bytes::Bytes;
//! use robust_http::{Client, Kind};
//! use tokio::time::Instant;
//!
//! let client = Client::builder().connect_timeout(Duration::from_secs(5)).max_body(1 << 20).build()?;
//! let request = http::Request::get(format!("{base}/0/public/Time")).body(Bytes::new())?;
//!
//! let answer = client.fetch(request, Some(Instant::now() + Duration::from_secs(10))).await?;
//! assert_eq!(answer.body, "{\"time\": 17}");
//!
//! // plain text leaves this machine only when that is asked for
//! let request = http::Request::get("http://api.example.com/?key=secret").body(Bytes::new())?;
//! let error = client.fetch(request, None).await.unwrap_err();
//! assert_eq!((error.kind(), error.sent()), (Kind::InvalidRequest, false));
//! assert!(!error.to_string().contains("secret"));
//! # Ok(())
//! # }
//! ```
//!
//! # Why a pool of its own
//!
//! hyper-util's client has no cap on connections per host, and does not say whether a failed request was written. Here
//! a request polls its connection itself (no task, no channel between them), under places that are taken host first
//! and then in all, and kept until the body ends. So the number of sockets is exact and closing is immediate.
//!
//! # Features
//!
//! `http2`: HTTP/2 by ALPN on TLS connections, switched on with `Builder::http2`. Off by default.

mod alarm;
mod body;
mod builder;
mod client;
mod coding;
mod connect;
mod connection;
mod dns;
mod error;
mod gate;
#[cfg_attr(not(feature = "http2"), path = "h2_absent.rs")]
mod h2;
mod head;
mod pace;
mod pins;
mod pool;
mod reach;
mod request;
mod resolve;
mod response;
mod stats;
mod tap;
mod tls;

pub use crate::body::Body;
pub use crate::builder::{BuildError, Builder};
pub use crate::client::{Client, Deadline, FetchFuture, MayResend, NewConnection};
pub use crate::error::{Error, Kind, Phase};
pub use crate::resolve::{Resolve, Resolving};
pub use crate::response::{Fetched, Response};
pub use crate::stats::Stats;
