//! How long things take, beside the plainest way of doing them.

mod decode;
mod pairs;
mod plain;

pub use decode::{Decode, Options, RATIO_GOAL, Timed};
pub use pairs::{Compared, PAIRS_MIN, bound, compare, median};
