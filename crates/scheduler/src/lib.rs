//! When things run: intervals, cron in any time zone, candles, success of others; priorities,
//! dependencies, misfires, a ledger that closes. Knows no markets.
//!
//! ```
//! use robust_scheduler::{Job, Scheduler};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), robust_scheduler::AddError> {
//! let scheduler = Scheduler::builder().max_in_flight(4).start();
//! scheduler.add(
//!     Job::every("water the herbs", Duration::from_secs(60))
//!         .run_at_start(true)
//!         .handler(|_run| async { Ok(()) }),
//! )?;
//!
//! tokio::time::sleep(Duration::from_secs(125)).await;
//!
//! let ledger = scheduler.ledger();
//! assert_eq!((ledger.due, ledger.ran), (3, 3)); // at 0, 60 and 120 s
//! assert!(ledger.balances());
//! assert_eq!(scheduler.history().len(), 3);
//!
//! let report = scheduler.shutdown(Duration::from_secs(5)).await;
//! assert_eq!(report.aborted, 0);
//! # Ok(())
//! # }
//! ```
//!
//! - [`Scheduler`] adds, changes, pauses, removes, tells and stops; [`Builder`] holds its bounds.
//! - [`Job`] is what to do and when: [`Trigger`], [`Cron`] in a [`Zone`], [`Blackout`], priority,
//!   [`Misfire`], [`Overlap`], [`Retry`], [`Failures`], [`Upstream`].
//! - [`Source`] is what jobs ask, with its weight, its bounds and its [`Gate`].
//! - [`Run`] is what a handler gets, [`RunError`] what it may give back.
//! - [`Ledger`] says where every occurrence went, [`Record`] how each run ended, [`Snapshot`] how
//!   everything stands, [`Forecast`] what is to come.
//! - [`Event`] tells what happens as it happens.
//! - [`Store`] keeps how far each job has come: [`FileJournal`], [`MemoryStore`].
//! - [`Clock`] says whose wall time it is; [`SimClock`] goes with tokio's paused one.

mod builder;
mod calendar;
mod clock;
mod contained;
mod cron;
mod dependency;
mod driver;
mod error;
mod event;
mod forecast;
mod graph;
mod heap;
mod job;
mod journal;
mod ledger;
mod moment;
mod policy;
mod record;
mod report;
mod roster;
mod run;
mod runner;
mod scheduler;
mod shared;
mod source;
mod status;
mod trigger;
mod zone;

pub use builder::Builder;
pub use clock::{Clock, SimClock, SystemClock};
pub use cron::{ClockChange, Cron, CronError, DayMatch, Dialect, Fold, Gap, Syntax, Upcoming};
pub use dependency::{OnFailure, Upstream};
pub use error::{AddError, RemoveError, UnknownJob};
pub use event::Event;
pub use forecast::{Forecast, SourceForecast};
pub use job::{Job, JobBuilder, JobId};
pub use journal::{FileJournal, JobMark, JournalError, MemoryStore, Store};
pub use ledger::{Ledger, Outcomes, SkipReason};
pub use policy::{Dependents, Failures, Mark, Misfire, Overlap, Retry};
pub use record::{Aggregate, Outcome, Record};
pub use report::ShutdownReport;
pub use run::{CancelToken, Run, RunError};
pub use scheduler::Scheduler;
pub use source::{Admission, Ask, Gate, Overload, Source};
pub use status::{JobState, JobStatus, Snapshot, SourceStatus};
pub use trigger::{Blackout, Measured, Phase, Settle, Trigger, Weekday};
pub use zone::{UnknownZone, Zone};
