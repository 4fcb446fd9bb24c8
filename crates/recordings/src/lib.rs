//! Reads recorded questions and answers of exchanges, for the tests that compare with them.
//!
//! ```
//! use robust_market::{Exchange, Request};
//! use robust_recordings::Case;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let case: Case = serde_json::from_str(
//!     r#"{"method": "fetchTicker", "input": ["SOL/USDT"], "httpStatus": 200, "httpResponse": {"price": "150.10"}}"#,
//! )?;
//! let request = case.question()?;
//! let symbol = "SOL/USDT".parse()?;
//! assert_eq!(request, Request::Ticker { symbol });
//! let [(_, id)] = &case.ids(&Exchange::KUCOIN, &request)[..] else { panic!("one pair") };
//! assert_eq!(id, "SOL-USDT");
//! # Ok(())
//! # }
//! ```

mod case;
mod folder;
mod question;

pub use case::{Case, Sent};
pub use folder::{cases, folder, read};
pub use question::NoQuestion;
