//! The conformance program from the outside.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stderr,
    reason = "a test that cannot go on should stop and say why"
)]

mod program;
mod quality;
mod recorded;
