//! What the client promises, against servers that misbehave by script.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod body;
mod cancel;
mod caps;
mod connect;
mod deadline;
mod exchange;
mod faults;
mod fuzz;
mod hosts;
#[cfg(feature = "http2")]
mod http2;
mod privacy;
mod reuse;
mod server;
mod service;
mod tls;
