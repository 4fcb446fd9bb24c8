//! What a measuring program writes: one row for each number that has a goal.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The result of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The program.
    pub command: String,
    /// The commit that was measured; `unknown` outside a repository.
    pub revision: String,
    /// The machine it ran on: system, architecture, cores.
    pub machine: String,
    /// One row for each number.
    pub rows: Vec<Row>,
}

/// One number with its goal.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Its name; issues name rows by it.
    pub id: String,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// The number it must reach.
    pub goal: f64,
    /// Whether it does.
    pub holds: bool,
    /// What others reach.
    pub peers: BTreeMap<String, f64>,
    /// Anything else worth knowing.
    pub note: String,
}

impl Row {
    /// A share of cases that must be all of them.
    #[must_use]
    pub fn share(id: impl Into<String>, passed: u32, total: u32) -> Self {
        let value = if total == 0 {
            0.0
        } else {
            f64::from(passed) / f64::from(total)
        };
        Self {
            id: id.into(),
            value,
            unit: "share",
            goal: 1.0,
            holds: total > 0 && passed == total,
            peers: BTreeMap::new(),
            note: format!("{passed}/{total}"),
        }
    }
}

impl Report {
    /// A report on this revision and machine.
    #[must_use]
    pub fn new(command: impl Into<String>, rows: Vec<Row>) -> Self {
        Self {
            command: command.into(),
            revision: revision(),
            machine: machine(),
            rows,
        }
    }

    /// Whether every goal is reached.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds)
    }

    /// Writes the report as JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        std::fs::write(path, text)
    }
}

fn revision() -> String {
    Command::new("git")
        .args(["rev-parse", "--short", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .ok()
        .filter(|output| output.status.success())
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    format!(
        "{} {}, {cores} cores",
        std::env::consts::OS,
        std::env::consts::ARCH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_no_case_does_not_hold() {
        assert!(!Row::share("x", 0, 0).holds);
        assert!(Row::share("x", 2, 2).holds);
        assert!(!Report::new("x", vec![Row::share("x", 1, 2)]).holds());
    }

    #[test]
    fn the_json_has_the_shape_that_others_read() {
        let report = Report::new("conformance", vec![Row::share("a.b.c", 1, 2)]);
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["command"], "conformance");
        assert_eq!(
            json["rows"][0],
            serde_json::json!({"id": "a.b.c", "value": 0.5, "unit": "share", "goal": 1.0, "holds": false, "peers": {}, "note": "1/2"})
        );
    }
}
