//! The scheduler beside the plainest heap there is, beside peers, and beside oracles that share no code with it.
//!
//! What takes a machine (memory, time on the cores, lateness, bursts, stalls) is measured of each subject in a process of its own,
//! started by [`run`]: the program `bench/peers/scheduler`, which knows the peers. What is a matter of right or wrong is measured here.

mod clocks;
mod day;
mod dst;
mod heap;
mod memory;
mod next;
mod orchestrator;
mod ours;
mod priority;
mod process;
mod record;
mod rows;
mod scenario;
mod simulated;
mod subject;

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::report::Row;
pub use dst::Dst;
pub use heap::Heap;
pub use memory::bytes_per_job;
pub use ours::Ours;
pub use record::Recorder;
pub use scenario::{Measured, Scenario};
pub use simulated::{Crashes, traces};
pub use subject::Subject;

/// The names of the subjects of this crate.
pub const OURS: &str = "ours";
/// Ours with a run of its own for each moment that was missed.
pub const OURS_ALL: &str = "ours, a run for each missed moment";
/// Ours with the data manager above it, for scenarios of its own.
pub const ORCHESTRATOR: &str = "orchestrator";
/// A binary heap and one timer, runs made in its loop.
pub const HEAP: &str = "binary heap";
/// A binary heap and one timer, a task for each run.
pub const HEAP_SPAWN: &str = "binary heap, a task a run";

/// How to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program that measures one subject: `measure SUBJECT SCENARIO` prints a [`Measured`] as JSON.
    pub program: PathBuf,
    /// The program that counts allocations: `SUBJECT JOBS` prints a [`Measured`] as JSON.
    pub memory_program: PathBuf,
    /// Peers that both know.
    pub peers: Vec<&'static str>,
    /// Only a fraction of everything, to see that it works; the numbers are worth little.
    pub quick: bool,
}

/// Measures a subject of this crate.
///
/// # Errors
///
/// There is no subject of this name, or the scenario did not come off.
pub fn measure(subject: &str, scenario: Scenario) -> Result<Measured> {
    match subject {
        OURS => scenario.run::<Ours>(),
        OURS_ALL => scenario.run::<Ours<true>>(),
        HEAP => scenario.run::<Heap>(),
        HEAP_SPAWN => scenario.run::<Heap<true>>(),
        ORCHESTRATOR => orchestrator::measure(scenario),
        _ => bail!("{subject}: is no subject"),
    }
}

/// Measures everything.
///
/// # Errors
///
/// A program did not answer, or an oracle could not be asked.
pub fn run(options: &Options) -> Result<Vec<Row>> {
    let mut rows = rows::of_answers(options)?;
    rows.extend(rows::of_processes(options)?);
    Ok(rows)
}
