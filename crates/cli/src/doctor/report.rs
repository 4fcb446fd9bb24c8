//! What the examination has found: lines for people, JSON for programs, lists for review.

use std::fmt;
use std::fs;
use std::path::Path;

use chrono::{DateTime, SecondsFormat};
use robust_data_manager::market::{Clock, Exchange, SystemClock, quote};
use serde::Serialize;

use super::live::{Endpoint, Renewed};
use crate::exit::{Failure, note, print};
use crate::json;

/// The most differences of one endpoint that are printed; the JSON has all.
const SHOWN: usize = 20;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    Warn,
    Fail,
}

/// One line of the examination.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Check {
    pub(super) exchange: Exchange,
    /// Host and port that it was made at.
    pub(super) address: String,
    pub(super) check: &'static str,
    pub(super) state: State,
    pub(super) found: String,
    pub(super) remedy: Option<&'static str>,
    /// What stands below the line; for programs each endpoint has it in parts.
    #[serde(skip)]
    pub(super) differences: Vec<String>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        let (exchange, check) = (self.exchange.as_str(), self.check);
        write!(f, "{state:<4}  {exchange:<8} {check:<11} {}", self.found)?;
        if let Some(remedy) = self.remedy {
            write!(f, "; {remedy}")?;
        }
        for difference in self.differences.iter().take(SHOWN) {
            write!(f, "\n{:<4}  {exchange:<8} {check:<11}   {difference}", "")?;
        }
        match self.differences.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => write!(f, "\n{:<28}and {more} more, see --json", ""),
        }
    }
}

/// Everything that was found.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// When, for whoever keeps reports.
    at: String,
    version: &'static str,
    live: bool,
    checks: Vec<Check>,
    endpoints: Vec<Endpoint>,
}

impl Report {
    pub(super) fn new(live: bool) -> Self {
        let now = DateTime::from_timestamp(SystemClock.now().as_secs(), 0).unwrap_or_default();
        Self {
            at: now.to_rfc3339_opts(SecondsFormat::Secs, true),
            version: env!("CARGO_PKG_VERSION"),
            live,
            checks: Vec::new(),
            endpoints: Vec::new(),
        }
    }

    /// Adds what was found at one exchange.
    pub(super) fn add(&mut self, checks: Vec<Check>, endpoints: Vec<Endpoint>) {
        self.checks.extend(checks);
        self.endpoints.extend(endpoints);
        // Each exchange's checks stand in the order in which they were made.
        self.checks.sort_by(|a, b| a.exchange.cmp(&b.exchange));
        self.endpoints.sort_by(|a, b| a.exchange.cmp(&b.exchange));
    }

    /// Prints the lines, or writes the JSON: to standard output in place of the lines for `-`, to a file beside them otherwise.
    pub(super) fn show(&self, to: Option<&Path>) -> Result<(), Failure> {
        let text = json::text(self).map_err(Failure::data)?;
        if to == Some(Path::new("-")) {
            print(&text);
        } else {
            for check in &self.checks {
                print(&check.to_string());
            }
            if let Some(file) = to {
                write(file, "--json", &(text + "\n"))?;
            }
        }
        let failed = self
            .checks
            .iter()
            .filter(|check| check.state == State::Fail);
        match failed.count() {
            0 => Ok(()),
            failed => Err(Failure::Data(format!(
                "doctor: {failed} of {} checks failed",
                self.checks.len()
            ))),
        }
    }
}

/// Writes the lists with what the answers have beside them, to `DIR/EXCHANGE/NAME.txt`.
pub(super) fn write_schema(folder: &Path, renewed: &Renewed) -> Result<(), Failure> {
    for ((exchange, name), text) in &renewed.0 {
        let folder = folder.join(exchange.as_str());
        fs::create_dir_all(&folder).map_err(|error| refused("--write-schema", &folder, &error))?;
        write(&folder.join(format!("{name}.txt")), "--write-schema", text)?;
    }
    if let Some((exchange, _)) = renewed.0.keys().next() {
        let (count, folder) = (renewed.0.len(), quote(&folder.display().to_string()));
        note(&format!(
            "rdm: {exchange}: {count} lists written to {folder}; review each new line"
        ));
    }
    Ok(())
}

fn write(file: &Path, field: &str, text: &str) -> Result<(), Failure> {
    fs::write(file, text).map_err(|error| refused(field, file, &error))
}

fn refused(field: &str, path: &Path, error: &std::io::Error) -> Failure {
    let shown = quote(&path.display().to_string());
    let why = error.kind();
    Failure::Usage(format!(
        "{field}: {shown} cannot be written ({why}); name a place that you may write to"
    ))
}
