//! Recorded cases through the public connector API.
//!
//! A case is one JSON file: an answer of an exchange with what it means, a question with the request it becomes, an error with its
//! class, a table of names. What is compared, and which differences are deliberate, stands in `docs/conformance.md`.

mod ask;
mod cases;
mod check;
mod compare;
mod error;
mod expect;
mod names;
mod outcome;
mod rules;
mod venues;

#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use cases::{FAMILIES, Family};
pub use error::Usage;
pub use outcome::{Failure, Outcome, Tally};
pub use rules::{Rule, When, rules};

use names::Names;

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder of cases.
    pub dir: PathBuf,
    /// The exchanges; none means all that have a connector.
    pub exchanges: Vec<String>,
}

/// The folder of the cases that come with this crate.
#[must_use]
pub fn own_cases() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}

/// Runs every case of the folder that a connector can answer.
///
/// # Errors
///
/// [`Usage`] when an exchange is not known, or the folder cannot be read or holds no case of an exchange that was asked for.
pub fn run(options: &Options) -> Result<Outcome, Usage> {
    let venues = venues::chosen(&options.exchanges)?;
    let shelf = cases::Shelf::open(&options.dir, &venues, !options.exchanges.is_empty())?;
    let mut outcome = Outcome {
        not_covered: shelf.not_covered.clone(),
        ..Outcome::default()
    };
    for venue in &venues {
        let names = Names::new(venue.as_ref(), &shelf);
        for case in shelf.cases_of(venue.exchange().as_str()) {
            let failures = check::case(venue.as_ref(), &names, case);
            outcome.add(case, failures);
        }
    }
    Ok(outcome)
}
