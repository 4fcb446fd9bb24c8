//! The crate seen from outside, in a tower stack on a paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod budget;
mod deadline;
mod hedge;
mod hint;
mod idempotency;
mod retry;
mod server;
mod sessions;
mod throttle;
mod timeout;
#[cfg(feature = "tracing")]
mod traced;
