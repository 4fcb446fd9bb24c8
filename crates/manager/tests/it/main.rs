//! The facade, over simulated exchanges without sockets and on paused time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may stop where it cannot go on"
)]

mod bans;
mod blocking;
mod calendars;
mod configured;
mod edges;
mod events;
mod feasible;
mod four;
mod health;
mod history;
mod holes;
mod jobs;
mod latest;
#[cfg(target_os = "linux")]
mod leaving;
mod many;
mod memory;
mod monotonic;
mod not_ready;
mod orchestrated;
mod plans;
mod priorities;
mod promised;
mod quality;
mod refusals;
mod restarted;
mod secrets;
mod series;
mod series_jobs;
mod sharing;
mod signed;
mod status;
mod twisted;
mod unanswerable;
mod validated;
mod world;
