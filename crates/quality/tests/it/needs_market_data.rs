//! What judges recorded markets, which are no part of this repository: `cargo xtask test` counts it as skipped without them.

pub(crate) mod real;
mod recorded;
