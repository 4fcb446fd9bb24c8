//! Why a job was not added.

use std::time::Duration;

use robust_connectors::EncodeError;
use robust_market::{Exchange, Kind, quote};
use robust_scheduler::AddError;

use crate::{ConfigError, DataError};

/// Why a job was not added. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The job has no name that can be printed, or none for people.
    #[error("job {name}: {remedy}")]
    Name {
        /// The name as given, quoted, escaped and cut.
        name: String,
        /// What to write instead.
        remedy: String,
    },
    /// The job asks an exchange that is not configured.
    #[error("job \"{job}\": {error}")]
    Query {
        /// The job.
        job: String,
        /// What is wrong with its query.
        error: DataError,
    },
    /// Data of this kind is not read for many pairs at once.
    #[error("job \"{job}\": {exchange} has no {kind} of many pairs; {remedy}")]
    NotMany {
        /// The job.
        job: String,
        /// The exchange.
        exchange: Exchange,
        /// The kind that was asked for.
        kind: Kind,
        /// What to ask for instead.
        remedy: &'static str,
    },
    /// The job names no pair.
    #[error("job \"{job}\" names no pair; name at least one")]
    NoPair {
        /// The job.
        job: String,
    },
    /// The job may ask less often than it has to.
    #[error(
        "job \"{job}\": rate = {rate} a minute, and its runs ask {asks}; raise it, or lengthen the period"
    )]
    Rate {
        /// The job.
        job: String,
        /// The requests a minute that it may make.
        rate: u32,
        /// The requests a minute that its runs take.
        asks: u64,
    },
    /// The timeout is longer than the class of the job allows.
    #[error(
        "job \"{job}\": a timeout of {timeout:?} is longer than {longest:?}; shorten it, or make it a job of class \"scan\", which has 300 s"
    )]
    TooLong {
        /// The job.
        job: String,
        /// The timeout.
        timeout: Duration,
        /// The longest that its class allows.
        longest: Duration,
    },
    /// The jobs of an exchange would ask more than it allows.
    #[error(
        "job \"{job}\": {exchange} would be asked {percent} % of what it allows ({limit}); lengthen periods, leave jobs away, or see `rdm jobs`"
    )]
    Overload {
        /// The first job that is too many.
        job: String,
        /// The exchange.
        exchange: String,
        /// What all its jobs up to this one would ask, in percent, rounded up to a tenth.
        percent: f64,
        /// The limit that is hit.
        limit: String,
    },
    /// The job waits for one that is not there.
    #[error(
        "job \"{job}\" waits for {}, which is not there; name the id of a job, and of a job for each pair the one with its pair, such as \"ID BTC/USD\"",
        quote(upstream)
    )]
    NoUpstream {
        /// The job.
        job: String,
        /// The job that it waits for.
        upstream: String,
    },
    /// The job names an exchange twice.
    #[error("job \"{job}\" names {exchange} twice; leave one away")]
    ExchangeTwice {
        /// The job.
        job: String,
        /// The exchange.
        exchange: Exchange,
    },
    /// The job names no exchange.
    #[error("job \"{job}\" names no exchange; name at least one")]
    NoExchange {
        /// The job.
        job: String,
    },
    /// The exchange cannot answer the job, whenever it is asked.
    #[error("job \"{job}\": {key}: {error}")]
    Unanswerable {
        /// The job.
        job: String,
        /// The key of a config file that says what cannot be asked.
        key: &'static str,
        /// Why not.
        error: EncodeError,
    },
    /// A term of the job means nothing, or cannot be kept to.
    #[error("job \"{job}\": {key} = {value}: {remedy}")]
    Term {
        /// The job.
        job: String,
        /// Its key in a config file.
        key: &'static str,
        /// Its value.
        value: String,
        /// What to do instead.
        remedy: &'static str,
    },
    /// A configured job has a setting that cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The job never comes due.
    #[error("job \"{job}\": {when} never comes; name a moment that is still to come")]
    Never {
        /// The job.
        job: String,
        /// What should make it come due.
        when: String,
    },
    /// The scheduler refuses the job: its period is too short, its time too.
    #[error("job \"{job}\": {error}")]
    NotTaken {
        /// The job.
        job: String,
        /// Why not.
        error: AddError,
    },
    /// The scheduler refuses the job: its name is taken, the manager shut down.
    #[error(transparent)]
    Refused(#[from] AddError),
}
