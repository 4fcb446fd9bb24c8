//! What the rules promise, by their public names.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that cannot go on should stop"
)]

mod beside;
mod calendars;
mod clean;
mod faults;
mod metamorphic;
mod needs_market_data;
mod opens;
mod pages;
mod past;
mod properties;
mod state;
mod streams;
