//! The labelled benchmark of the quality rules: what is broken must be found, what is sound must not be blamed.
//!
//! Written without looking at the rules: the faults, their sizes and the markets they are made of stand in [`CATALOGUE`] and [`PRESETS`].

mod beyond;
mod cases;
mod catalogue;
mod clean;
mod corrupt;
mod curves;
mod draw;
mod generate;
mod made;
mod mutate;
mod outcome;
mod recall;
mod recorded;
mod scene;
mod stats;

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::report::Row;

pub use beyond::{Beyond, Due, Kind as BeyondKind};
pub use cases::{Cases, own_cases, run as judge_cases};
pub use catalogue::{CATALOGUE, Cell, Data, Entry, Fault, Field, Seconds};
pub use clean::{Clean, Judged};
pub use corrupt::corrupt;
pub use curves::{Crash, Power, SIGMAS, Shifts};
pub use generate::{PRESETS, Preset};
pub use made::{Length, Style, feed, feed_of};
pub use mutate::{Mutation, Needed};
pub use outcome::Outcome;
pub use recall::{Found, Pool, Recall};
pub use recorded::Recorded;
pub use scene::{Base, Broken, Feed, Grid, Origin, Shot, Source, objects};
pub use stats::{Share, mean, quantile, robust_deviation};

/// The seeds of a run.
pub const SEEDS: [u64; 3] = [1, 2, 3];

/// The arguments of `quality`.
#[derive(Debug, Clone, clap::Args)]
pub struct Arguments {
    /// Trials of each kind of fault, for each of the three seeds.
    #[arg(long, default_value_t = 200)]
    pub n: u32,
    /// Folder of recorded market data; without it `shared/market-data` beside the checkout, where that is.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Takes no recording, also where there are some: everything is generated.
    #[arg(long, conflicts_with = "data")]
    pub generated: bool,
    /// Folder of labelled cases, `*.jsonl`, to judge instead.
    #[arg(long)]
    pub cases: Option<PathBuf>,
    /// Lists for each rule the kinds of fault that only it flags, instead.
    #[arg(long)]
    pub mutate: bool,
    /// File to write the report to.
    #[arg(long)]
    pub json: Option<PathBuf>,
}

impl Arguments {
    /// The folder of recordings, where there is one. They are no part of the repository.
    fn recordings(&self) -> Option<PathBuf> {
        let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/market-data");
        let beside = Path::new(beside);
        let found = || beside.is_dir().then(|| beside.to_owned());
        self.data
            .clone()
            .or_else(|| if self.generated { None } else { found() })
    }
}

/// Runs what the arguments say; gives the text to print and the rows.
///
/// # Errors
///
/// When a folder cannot be read.
pub fn command(arguments: &Arguments) -> Result<(String, Vec<Row>)> {
    if let Some(dir) = &arguments.cases {
        let cases = cases::run(dir)?;
        return Ok((cases.to_string(), cases.rows()));
    }
    if arguments.mutate {
        let data = arguments.recordings();
        let recorded = data
            .as_deref()
            .map(Recorded::open)
            .transpose()?
            .unwrap_or_default();
        let recall = Recall::run(arguments.n, &SEEDS, &recorded.feeds);
        let mutation = Mutation::of(&recall, &cases::run(&own_cases())?);
        return Ok((mutation.to_string(), mutation.rows()));
    }
    let outcome = run(arguments.n, arguments.recordings().as_deref())?;
    Ok((outcome.to_string(), outcome.rows()))
}

/// Runs the benchmark with `n` trials of each kind and seed.
///
/// # Errors
///
/// When the folder of recordings cannot be read.
pub fn run(n: u32, data: Option<&Path>) -> Result<Outcome> {
    let recorded = data.map(Recorded::open).transpose()?.unwrap_or_default();
    let clean = Clean::run(&recorded);
    let recall = Recall::run(n, &SEEDS, &recorded.feeds);
    let power = Power::run(n.div_ceil(10), &recorded);
    let shifts = Shifts::run();
    let crashes = Crash::all(&recorded);
    let beyond = Beyond::run(n.div_ceil(SEEDS.len() as u32), &SEEDS, &recorded);
    Ok(Outcome {
        recorded,
        clean,
        recall,
        power,
        shifts,
        crashes,
        beyond,
    })
}

/// Of the faults that need nothing but the answer itself (validity, consistency, uniqueness) the share that is found.
#[must_use]
pub fn structural(recall: &Recall) -> Share {
    use robust_market::Dimension::{Consistency, Uniqueness, Validity};
    recall.sum(
        |entry| matches!(entry.dimension, Validity | Consistency | Uniqueness),
        |found| found.any,
    )
}
