//! What the limiter promises, one module a subject.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test that panics has failed, which is what it is for"
)]

mod acquire;
mod at_once;
mod budget;
mod concurrency;
mod concurrency_adaptive;
mod concurrency_keyed;
mod drops;
mod keys;
mod kinds;
mod layer;
mod pauses;
mod places;
mod queue;
mod rate;
mod ready;
mod runtimes;
mod shares;
mod slots;
#[cfg(feature = "tracing")]
mod traced;
mod unheard;
