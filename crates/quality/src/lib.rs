//! Is this data true? Rules over decoded market data; pure, the clock is an argument.
//!
//! [`judge`] takes one decoded answer, the question it answers and the time, and gives a [`Report`]: a score from 0 to
//! 100 (a trend number), the objections (the facts) and the [`Acceptance`](robust_market::Acceptance) (what to do). Nothing is
//! repaired and nothing is dropped: a broken record is named, and left out only by whoever reads the report.
//!
//! ```
//! use robust_market::{Acceptance, Decoded, Exchange, Kind, Payload, Request, Ticker, Timestamp, decimal};
//! use robust_quality::{Context, Profile, SymbolState, judge};
//!
//! let request = Request::Ticker { symbol: "BTC/USD".parse()? };
//! let now = Timestamp::from_secs(1_700_000_000).unwrap_or(Timestamp::EPOCH);
//! let context = Context::new(&request, Profile::default(), now, now);
//!
//! let mut ticker = Ticker::new("BTC/USD".parse()?);
//! ticker.last = Some(decimal::parse("36500.1")?);
//! ticker.bid = Some(decimal::parse("36500.2")?);
//! ticker.ask = Some(decimal::parse("36500.0")?); // below the bid
//! let decoded = Decoded::clean(Payload::Ticker(ticker));
//!
//! let report = judge(&decoded, &context, &mut SymbolState::new()).ok_or("not judged")?;
//! assert_eq!(report.acceptance, Acceptance::Quarantine);
//! assert_eq!(report.issues[0].rule, "K.crossed");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`judge`], [`Context`] | the judgement and what it depends on |
//! | [`Profile`] | what a source is able to send |
//! | [`SymbolState`], [`StatePool`], [`ClockOffset`], [`Consensus`], [`Beside`], [`Outages`] | what is remembered, bounded |
//! | [`at_read`] | the same report, read later |
//! | [`checksum`], [`sequence`] | what exchanges send to prove that a stream is whole |
//! | [`RULES`] | every rule with its dimension and weight |
//! | [`Config`], [`WEIGHTS`], [`THRESHOLDS`] | the numbers of the score |

mod beside;
mod book;
mod candles;
pub mod checksum;
mod clock;
mod config;
mod consensus;
mod context;
mod defects;
mod engine;
mod exact;
mod finite;
mod frozen;
mod judge;
mod level;
mod outages;
mod pool;
mod presence;
mod profile;
mod provenance;
mod reread;
mod rules;
mod seen;
pub mod sequence;
mod state;
mod tally;
mod tens;
mod ticker;
mod timeliness;
mod trades;
mod window;

pub use beside::Beside;
pub use clock::ClockOffset;
pub use config::{Config, ConfigError, PriceBounds};
pub use consensus::{Consensus, Peers};
pub use context::{Context, Quote};
pub use finite::{Finite64, NotFinite};
pub use judge::judge;
pub use outages::Outages;
pub use pool::{StateKey, StatePool};
pub use profile::{Profile, TickerField, TickerFields};
pub use provenance::Provenance;
pub use reread::at_read;
pub use robust_market::Report;
pub use rules::{RULES, Rule};
pub use state::{SavedStateError, SymbolState};
pub use tally::{THRESHOLDS, WEIGHTS};
pub use window::Window;
