//! Reading an exchange's JSON: straight into borrowed text, never through a float, one broken record at a time.
//!
//! serde_json alone reads the JSON, rust_decimal and the standard library the numbers: a reader of our own was tried, was faster, and was taken out, because
//! a well-kept library is trusted with what this project does not exist for.
//!
//! Nothing here builds a tree. A field is a [`Raw`] slice of the body; [`Fields`] turns it into a decimal, a time or an
//! identifier and notes what cannot be turned; [`Rows`] reads all records in one pass, and falls back to reading them one
//! by one when a record is of another shape, so that the others survive. Where nothing is broken, [`Direct`] makes the records at once.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod direct;
mod fields;
mod order;
mod place;
mod raw;
mod rows;
mod shape;
mod window;

pub(crate) use direct::{Cell, Direct, Text, Wire, clean, either};
pub(crate) use fields::{Fields, Notes};
pub(crate) use order::Order;
pub(crate) use place::{
    BLANK_CANDLE, BLANK_TRADE, FillObject, FillRow, Filled, FilledObjects, FilledRows, RowValues,
    Values, some,
};
pub(crate) use raw::Raw;
pub(crate) use rows::{Cells, Entries, Key, List, Rows};
pub(crate) use shape::{Object, Row};
pub(crate) use window::{Reading, Window};
