//! The measuring programs: conformance, decoding beside plain serde, fuzzing; quality and chaos later.
//!
//! Each prints a table, writes a report with `--json`, and ends with 1 when a goal does not hold.
//!
//! ```
//! use robust_proof::report::Row;
//!
//! let row = Row::share("conformance.kraken.error", 29, 30);
//! assert!(!row.holds);
//! assert_eq!(row.note, "29/30");
//! ```

pub mod api;
pub mod bench;
pub mod chaos;
pub mod conformance;
pub mod fuzz;
pub mod payloads;
pub mod quality;
pub mod report;
pub mod soak;
