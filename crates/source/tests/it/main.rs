//! One exchange behind its whole stack, over the simulator's in-memory door, on paused time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop where it cannot go on"
)]

mod attempts;
mod bans;
mod budget;
mod cancel;
mod edges;
mod faults;
mod mirrors;
mod polls;
mod rate;
mod recovery;
mod rows;
mod table;
mod words;
mod world;
