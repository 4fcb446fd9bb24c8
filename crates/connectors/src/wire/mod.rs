//! Reading an exchange's JSON: straight into borrowed text, never through a float, one broken record at a time.
//!
//! serde_json alone reads the JSON; rust_decimal, atoi and the standard library the numbers: a reader of our own was tried, was faster, and was taken out, because
//! a well-kept library is trusted with what this project does not exist for.
//!
//! Nothing here builds a tree. Where nothing is broken, [`fill`] reads each value to its place ([`either`] says what the ways are). Everywhere else a
//! field is a [`Raw`] slice of the body; [`Fields`] turns it into a decimal, a time or an identifier and notes what cannot be turned; [`Rows`]
//! reads all records in one pass, and falls back to reading them one by one when a record is of another shape, so that the others survive.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod fields;
mod fill;
mod order;
mod raw;
mod records;
mod rows;
mod shape;
mod values;
mod way;
mod window;

pub(crate) use fields::{Fields, Notes};
pub(crate) use fill::{
    Blank, Fill, FillObject, FillRow, InEach, InList, InObject, InRow, fill, room,
};
pub(crate) use order::Order;
pub(crate) use raw::Raw;
pub(crate) use records::{Bar, Execution, side, side_of};
pub(crate) use rows::{Cells, Entries, Key, Rows};
pub(crate) use shape::Object;
pub(crate) use values::{RowValues, Values, only_if, some};
pub(crate) use way::either;
pub(crate) use window::{Reading, Window};
