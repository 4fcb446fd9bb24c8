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
mod state;
mod streams;

/// What judges recorded markets, which are no part of this repository: `cargo xtask test` counts it as skipped without them.
mod needs_market_data {
    pub(crate) mod real;
    mod recorded;
}
