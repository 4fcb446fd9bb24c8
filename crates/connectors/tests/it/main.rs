//! The connectors against documented formats, against recorded answers where they are at hand, and against garbage.

mod exactness;
mod fixtures;
mod garbage;
mod refusals;
mod support;
mod traps;
