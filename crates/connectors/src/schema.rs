//! The shapes of the exchanges' answers: which fields are documented, which of them are read, and how an answer differs.
//!
//! An exchange changes its answers without asking. A [`Shape`] is what an answer's body is made of, without its values: paths such as
//! `data.ticker[].buy` and the JSON types found there. A [`Known`] list is what the exchange documents for one endpoint, each path
//! marked as read or not ([`Mark`]). Their difference is a [`Drift`].
//!
//! ```
//! use robust_connectors::schema;
//! use robust_market::{Exchange, Kind};
//!
//! let known = schema::known(&Exchange::KUCOIN, "/api/v1/market/orderbook/level2_20", Kind::Book).ok_or("no list")?;
//! let body = br#"{"code":"200000","data":{"time":"1729176273859","bids":[],"asks":[["96.52","0.5"]],"depth":20}}"#;
//! let drift = known.compare(body)?;
//! assert_eq!(drift.unknown[0].path, "data.depth");
//! assert_eq!(drift.missing[0].path, "data.sequence");
//! assert_eq!(drift.retyped[0].to_string(), "data.time: number became string");
//! assert!(drift.breaks());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Paths
//!
//! A path is made of keys and folds: `.` is the whole body, `[]` every element of a list, `[2]` the third cell of a row whose cells
//! have different meanings, and `*` every key of an object whose keys are data, such as Kraken's pair names. Which lists are rows
//! and which keys are data is what the list says. A key that is no plain word stands in quotes.
//!
//! The lists are the files in `schema/` of this crate, one for each endpoint, written from the exchanges' documents.

mod drift;
mod known;
mod lists;
mod path;
mod shape;
mod tree;
mod types;

pub use drift::{Drift, Missing, Retyped, Unknown};
pub use known::{InvalidList, Known, Mark};
pub use lists::{known, lists};
pub use shape::{NotJson, Shape};
pub use types::{JsonType, Types};
