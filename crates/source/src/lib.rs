//! One exchange as a tower service: the resilience stack around a connector and an HTTP client.

mod answer;
mod attempt;
mod call;
mod classify;
mod config;
mod cost;
mod deadline;
mod error;
mod judgement;
mod observe;
mod source;
mod stack;
mod stats;
mod symbols;
mod transport;
mod venue;

pub use answer::Answer;
pub use call::Call;
pub use config::SourceConfig;
pub use error::{Cause, SourceError};
pub use judgement::{Health, Judgement};
pub use source::{BuildError, Source, SourceBuilder, USER_WINDOW};
pub use stats::SourceStats;
pub use transport::{Transport, in_memory, over};

pub(crate) use symbols::SymbolCell;
