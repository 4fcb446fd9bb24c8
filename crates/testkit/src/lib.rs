//! What the tests of several crates share and that no library has.
//!
//! ```
//! use robust_testkit::Heard;
//!
//! let heard = Heard::of("ferry");
//! tracing::info!(target: "ferry", cars = 3, "left");
//! tracing::info!(target: "harbour", "not asked about");
//! assert_eq!(heard.take(), ["INFO left cars=3"]);
//! ```
//!
//! It is a dev-dependency by path and without a version, and uses none of our crates: see its README.

mod heard;

pub use heard::Heard;
