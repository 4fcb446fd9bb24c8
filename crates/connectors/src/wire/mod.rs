//! Reading an exchange's JSON: straight into borrowed text, never through a float, one broken record at a time.
//!
//! Nothing here builds a tree. A field is a [`Raw`] slice of the body; [`Fields`] turns it into a decimal, a time or an
//! identifier and notes what cannot be turned; [`Rows`] reads all records in one pass, and falls back to reading them one
//! by one when a record is of another shape, so that the others survive.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod fields;
mod raw;
mod rows;
mod window;

pub(crate) use fields::{Fields, Notes};
pub(crate) use raw::Raw;
pub(crate) use rows::{Cells, Entries, Key, Rows};
pub(crate) use window::{Reading, Window};
