//! The connectors against documented formats, against recorded answers where they are at hand, and against garbage.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail by panicking, and says how many recordings it has compared"
)]

mod contract_cases;
mod contract_faults;
mod exactness;
mod garbage;
mod needs_recordings;
mod order;
mod refusals;
mod schema;
mod series;
mod signing;
mod support;
mod traps;
mod traps_kucoin_htx;
