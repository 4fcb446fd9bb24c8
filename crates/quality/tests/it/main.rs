//! What the rules promise, by their public names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod beside;
mod clean;
mod faults;
mod metamorphic;
mod past;
mod properties;
mod real;
mod recorded;
mod state;
mod streams;
