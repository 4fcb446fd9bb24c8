//! The crate seen from outside, in a tower stack on a paused clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on fails"
)]

mod backend;
mod control;
mod drops;
mod errors;
mod generations;
mod half_open;
mod handle;
mod keys;
mod manners;
mod readiness;
mod recovery;
mod rules;
#[cfg(feature = "tracing")]
mod traced;
