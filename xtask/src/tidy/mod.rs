//! `cargo xtask tidy`: the rules of the house that no compiler checks.
//!
//! Each rule is a function from the facts (what cargo says, what the files say) to complaints, each of
//! which names the file and the remedy. A new arrow between crates or a new licence is a diff of the
//! tables in here, so that somebody reviews it.

mod dependencies;
mod documents;
mod edges;
mod facts;
mod licences;
mod manifests;
mod modules;
mod size;
mod text;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Result, bail};

use facts::Facts;

/// A rule and its name.
type Rule = (&'static str, fn(&Facts) -> Vec<String>);

const RULES: &[Rule] = &[
    ("arrows between crates", edges::arrows),
    ("connectors and sim share nothing", edges::strangers),
    ("who may use which library", edges::owners),
    ("pure crates know no I/O", edges::purity),
    ("licences", licences::allowed),
    ("banned packages", licences::banned),
    ("reasons for dependencies", dependencies::reasons),
    ("dependencies named once", dependencies::named_once),
    ("Cargo.lock is committed", manifests::lock_is_committed),
    ("one MSRV", manifests::one_rust_version),
    ("workspace lints", manifests::lints),
    ("a README each", manifests::readme),
    ("a doctest each", manifests::doctest),
    ("an example each", manifests::example),
    ("one integration binary", manifests::one_integration_binary),
    ("first line of a module", modules::first_line),
    ("module names", modules::names),
    ("no forgotten file", modules::reached),
    ("file size", size::lines),
    ("no path of a machine", text::machine_paths),
    ("no f64 in market and connectors", text::floats),
    ("no ignored test", text::ignored_tests),
    ("documents are listed", documents::listed),
    ("links lead somewhere", documents::links),
    ("numbers are filled in", documents::filled),
];

pub(crate) fn run(arguments: Vec<OsString>) -> Result<ExitCode> {
    if let Some(argument) = lexopt::Parser::from_args(arguments).next()? {
        return Err(argument.unexpected().into());
    }
    check()?;
    Ok(ExitCode::SUCCESS)
}

/// Checks every rule.
///
/// # Errors
/// When a rule is broken, or cargo or git cannot be asked.
pub(crate) fn check() -> Result<()> {
    let facts = Facts::read()?;
    let mut broken = 0;
    for (name, rule) in RULES {
        let complaints = rule(&facts);
        if complaints.is_empty() {
            continue;
        }
        broken += complaints.len();
        println!("{name}:");
        for complaint in complaints {
            println!("  {complaint}");
        }
    }
    if broken > 0 {
        bail!("{broken} complaints");
    }
    println!(
        "tidy: {} rules hold over {} files and {} packages",
        RULES.len(),
        facts.files.len(),
        facts.workspace.packages.len()
    );
    Ok(())
}
