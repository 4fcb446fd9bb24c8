//! Whatever a server sends: no panic, no record that vanishes, no field of a wrong type that takes the answer along.
//!
//! Ordinary programs on the stable toolchain: made and recorded answers are changed by a seeded mutator that knows JSON, and each is
//! read as the answer to every kind of question. `fuzz/` in the repository holds the same targets for libFuzzer.

mod examine;
mod mutate;
mod session;

pub use examine::{Finding, examine};
pub use mutate::Mutator;
pub use session::{Options, Session, target};
