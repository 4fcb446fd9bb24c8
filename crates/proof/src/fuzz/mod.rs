//! Whatever a server sends: no panic, no record that vanishes, no field of a wrong type that takes the answer along.
//!
//! Ordinary programs on the stable toolchain: made and recorded answers are changed by a seeded mutator that knows JSON, and each is
//! read as the answer to every kind of question. Besides there are words on when to come back, headers, and whole answers byte by byte
//! through the HTTP client; and whatever was read is judged. `fuzz/` in the repository holds the same targets for libFuzzer.

mod answer;
mod examine;
mod hints;
mod judging;
mod mutate;
mod session;
mod target;

pub use answer::examine_answer;
pub use examine::{Finding, examine};
pub use hints::{examine_headers, examine_retry_after};
pub use judging::examine_judged;
pub use mutate::Mutator;
pub use session::{Options, Session};
pub use target::Target;
