//! Market data of crypto exchanges that a trading engine can trust.
//!
//! Ask for a value and get it with its provenance: where it was born, how old it is, how good it is. Or get a typed error that
//! says what was wrong and when to ask again. Below the facade every request goes through one stack per exchange (retry with a
//! budget, circuit breaker, weighted rate limits with priorities, timeouts), and every read through one stack per query (deadline,
//! failover, cache with single flight, quality rules).
//!
//! ```
//! use robust_data_manager::{DataError, DataManager};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let manager = DataManager::builder().exchange("kraken").exchange("binance").start()?;
//!
//! // A name that cannot be asked is refused here, before anything is sent.
//! match manager.ticker("krakn", "BTC/USD").await {
//!     Err(error @ DataError::UnknownExchange { .. }) => {
//!         assert!(error.to_string().contains("did you mean kraken?"));
//!     }
//!     other => panic!("{other:?}"),
//! }
//! # Ok(())
//! # }
//! ```
//!
//! `manager.ticker("kraken", "BTC/USD").await?` and the tower service of [`DataManager::service`] are the same thing at two
//! depths; [`DataManager::source`] is the third.

mod accept;
mod alarm;
mod banned;
pub mod blocking;
mod budget;
mod builder;
mod cached;
mod config;
mod counters;
mod error;
mod event;
mod failover;
mod feed;
mod health;
mod history;
mod jobs;
mod journal;
mod judge;
mod judges;
mod key;
mod latest;
mod listen;
mod listing;
mod load;
mod manager;
mod many;
mod observe;
mod query;
mod question;
mod read;
mod remembered;
mod route;
mod shared;
mod standing;
mod status;
mod stored;
mod validate;
mod waiting;
mod warning;
mod watch;
mod weight;
mod withhold;

pub use budget::{Budget, BudgetError};
pub use builder::{DataManagerBuilder, StartError};
pub use config::{
    CacheSettings, Config, ConfigError, CredentialSettings, CronDays, CronDialect, Environment,
    ExchangeSettings, HeadroomSettings, JobKind, JobSettings, Monotonic, Preset, QualitySettings,
    RecoverySettings, SlowCallSettings,
};
pub use counters::Reads;
pub use error::{Category, DataError, Stage};
pub use event::{Event, Events, QualityEvent, TooManyCallbacks};
pub use health::{Health, HealthCause, HealthEvent, HealthStatus, OverallHealth};
pub use history::Progress;
pub use jobs::{
    DataJob, JobClass, JobOutlook, Moment, Outlook, Plan, ScheduleError, SourceGate, SourceOutlook,
    WindowOutlook,
};
pub use key::{KeyRefused, KeyStatus};
pub use latest::Newest;
pub use manager::DataManager;
pub use query::QueryService;
pub use question::{Priority, Query};
pub use read::{Part, Read};
pub use standing::{Doubt, HourScores, QualityStatus};
pub use status::{
    CacheStatus, JobStatus, JobsStatus, RunStatus, SourceJobs, SourceStatus, Status, WaitStatus,
    WindowStatus,
};
pub use validate::{DecodeError, Validator};
pub use waiting::WaitingStatus;
pub use warning::{Warning, WarningStatus};
pub use withhold::OnQuarantine;

/// Why a question cannot be put to an exchange, from `robust-connectors`.
pub use robust_connectors::EncodeError;
/// Which fields the exchanges document, and how an answer differs, from `robust-connectors`.
pub use robust_connectors::schema;

/// What private requests are signed with, from `robust-connectors`.
pub use robust_connectors::{Credentials, SecretString};

/// A look at the answers before they are read, from `robust-source`.
pub use robust_source::{Seen, Tap};

/// Lowest and highest price that is believed of a pair, from `robust-quality`.
pub use robust_quality::PriceBounds;

/// The market's nouns, from `robust-market`.
pub use robust_market as market;
/// The scheduler's types, from `robust-scheduler`.
pub use robust_scheduler as scheduler;

/// The example of `docs/events.md` runs with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/events.md")]
struct EventsPage;
