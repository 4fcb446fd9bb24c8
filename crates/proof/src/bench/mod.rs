//! How long things take, beside the plainest way of doing them.

mod decode;
mod pairs;
mod plain;
mod quality;
pub mod scheduler;

pub use decode::{Decode, Options, RATIO_GOAL, Timed};
pub use pairs::{Compared, PAIRS_MIN, bound, compare, median};
pub use quality::{
    Judged as QualityJudged, Judging, Options as QualityOptions, SHARE_GOAL,
    Tickers as QualityTickers, Venue as QualityVenue, Work as QualityWork,
};
