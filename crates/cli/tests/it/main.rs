//! The built program, as a shell sees it: arguments in; text, JSON and exit code out.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot go on shall say where"
)]

mod closed;
mod demo;
mod doctor;
mod documents;
mod drift;
mod fetch;
mod jobs;
mod needs_recordings;
mod run;
mod simulators;
mod usage;
mod validate;
mod versions;
mod world;
