//! Why there is no value, in terms that an engine can branch on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use robust_connectors::{Class, EncodeError};
pub use robust_market::Category;
use robust_market::{Acceptance, Exchange, Failure, InvalidName, Report};
use robust_source::{Cause, SourceError};

/// Why there is no value.
///
/// Every failure says which exchange it concerns, what kind of failure it is ([`category`](Self::category)) and when asking again
/// makes sense ([`retry_in`](Self::retry_in)). The text never holds a secret or a signed address.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// A name does not keep to its grammar. Nothing was sent.
    #[error(transparent)]
    InvalidName(#[from] InvalidName),
    /// No source of this name is configured. Nothing was sent.
    #[error("exchange \"{exchange}\" is not configured; {}", remedy(known))]
    UnknownExchange {
        /// The name that was asked for.
        exchange: Exchange,
        /// The configured names, nearest first.
        known: Vec<Exchange>,
    },
    /// The question cannot be put to this exchange: an unlisted pair, an interval it does not have. Nothing was sent.
    #[error(transparent)]
    Unanswerable(#[from] EncodeError),
    /// The budget cannot serve the request in time. Nothing was sent.
    #[error("{exchange}: budget spent: {reason}")]
    Limited {
        /// The exchange.
        exchange: Exchange,
        /// Which limit, and what it said.
        reason: String,
        /// When the budget allows it.
        retry_in: Option<Duration>,
    },
    /// The exchange itself said "too many requests", or has shut us out for a while.
    #[error("{exchange}: {reason}")]
    Throttled {
        /// The exchange.
        exchange: Exchange,
        /// The exchange's words.
        reason: String,
        /// Whether it is a ban.
        banned: bool,
        /// How long to stay away.
        retry_in: Option<Duration>,
    },
    /// The breaker is open after failures in a row. Nothing was sent.
    #[error("{exchange}: circuit open; probe in {retry_in:?}")]
    CircuitOpen {
        /// The exchange.
        exchange: Exchange,
        /// When the next probe may be made.
        retry_in: Duration,
    },
    /// No answer in time.
    #[error("{exchange}: no answer within {:?} ({stage})", millis(*after))]
    Timeout {
        /// The exchange.
        exchange: Exchange,
        /// Which wait ended.
        stage: Stage,
        /// How long it lasted.
        after: Duration,
    },
    /// The way to the exchange failed.
    #[error("{exchange}: {reason}")]
    Network {
        /// The exchange.
        exchange: Exchange,
        /// What failed, with the host's name and nothing else of the address.
        reason: String,
        /// Whether the exchange may have seen the request.
        sent: bool,
    },
    /// The exchange answered, but not with data.
    #[error("{exchange}: {message}")]
    Api {
        /// The exchange.
        exchange: Exchange,
        /// What kind of refusal it is.
        class: Class,
        /// The HTTP status.
        status: u16,
        /// The exchange's own code.
        code: Option<Box<str>>,
        /// The exchange's own words.
        message: String,
        /// How long to stay away, where the exchange said so.
        retry_in: Option<Duration>,
    },
    /// The value is worse than the reader accepts.
    #[error("{exchange}: quality {} is below the {min} asked for", report.overall)]
    Quality {
        /// The exchange.
        exchange: Exchange,
        /// The least score that was asked for.
        min: f64,
        /// What was found.
        report: Arc<Report>,
    },
    /// The value is quarantined or rejected, and the reader withholds such values
    /// ([`OnQuarantine::Error`](crate::OnQuarantine::Error)).
    #[error("{exchange}: {}; the reader withholds such values", doubt(report))]
    Quarantined {
        /// The exchange.
        exchange: Exchange,
        /// What stands against the value.
        report: Arc<Report>,
    },
    /// The value is quarantined or rejected, the reader wants the newest accepted one in its place
    /// ([`OnQuarantine::LastGood`](crate::OnQuarantine::LastGood)), and none is kept.
    #[error(
        "{exchange}: {}; no accepted value of the last hour stands in",
        doubt(report)
    )]
    NoLastGood {
        /// The exchange.
        exchange: Exchange,
        /// What stands against the newest value.
        report: Arc<Report>,
    },
    /// The answer comes from a simulator, and this manager is configured for live data.
    #[error(
        "{exchange}: the answer comes from a simulator; a live configuration refuses it (set environment = \"simulated\" to accept)"
    )]
    Simulated {
        /// The exchange.
        exchange: Exchange,
    },
    /// The manager is shut down.
    #[error("the data manager is shut down")]
    Shutdown,
    /// A defect of this library: a task that fetched the value panicked. The value may be asked for again.
    #[error("{exchange}: the load panicked; this is a defect of the library")]
    Defect {
        /// The exchange.
        exchange: Exchange,
    },
}

/// Which wait a timeout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// The reader's own deadline; the load goes on and its result is kept.
    Reader,
    /// One attempt at the exchange.
    Attempt,
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Reader => "the reader's deadline",
            Self::Attempt => "one attempt",
        })
    }
}

impl DataError {
    /// Which of the five kinds it is.
    #[must_use]
    pub const fn category(&self) -> Category {
        match self {
            Self::InvalidName(_)
            | Self::UnknownExchange { .. }
            | Self::Unanswerable(_)
            | Self::Quality { .. }
            | Self::Quarantined { .. }
            | Self::NoLastGood { .. }
            | Self::Simulated { .. }
            | Self::Shutdown => Category::Validation,
            Self::Limited { .. } | Self::Throttled { .. } => Category::Limited,
            Self::CircuitOpen { .. } | Self::Network { .. } | Self::Defect { .. } => {
                Category::Network
            }
            Self::Timeout { .. } => Category::Timeout,
            Self::Api { .. } => Category::Api,
        }
    }

    /// How long to wait before asking again makes sense, where that is known.
    #[must_use]
    pub const fn retry_in(&self) -> Option<Duration> {
        match self {
            Self::Limited { retry_in, .. }
            | Self::Throttled { retry_in, .. }
            | Self::Api { retry_in, .. } => *retry_in,
            Self::CircuitOpen { retry_in, .. } => Some(*retry_in),
            _ => None,
        }
    }

    /// Whether asking the same again, later, can succeed.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        match self {
            Self::Limited { retry_in, .. } => retry_in.is_some(),
            Self::Throttled { .. }
            | Self::CircuitOpen { .. }
            | Self::Timeout { .. }
            | Self::Network { .. }
            | Self::Quality { .. }
            | Self::Quarantined { .. }
            | Self::NoLastGood { .. }
            | Self::Defect { .. } => true,
            Self::Api { class, .. } => !matches!(class, Class::Permanent | Class::Auth),
            _ => false,
        }
    }

    /// Whether the exchange as a whole is down or has shut us out, so that asking it anything else is futile for now.
    #[must_use]
    pub const fn is_exchange_down(&self) -> bool {
        matches!(
            self,
            Self::CircuitOpen { .. } | Self::Throttled { banned: true, .. }
        )
    }

    /// The exchange it concerns.
    #[must_use]
    pub const fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::UnknownExchange { exchange, .. }
            | Self::Limited { exchange, .. }
            | Self::Throttled { exchange, .. }
            | Self::CircuitOpen { exchange, .. }
            | Self::Timeout { exchange, .. }
            | Self::Network { exchange, .. }
            | Self::Api { exchange, .. }
            | Self::Quality { exchange, .. }
            | Self::Quarantined { exchange, .. }
            | Self::NoLastGood { exchange, .. }
            | Self::Simulated { exchange }
            | Self::Defect { exchange } => Some(exchange),
            _ => None,
        }
    }

    /// What stands against the value, where its quality is the reason.
    #[must_use]
    pub const fn report(&self) -> Option<&Arc<Report>> {
        match self {
            Self::Quality { report, .. }
            | Self::Quarantined { report, .. }
            | Self::NoLastGood { report, .. } => Some(report),
            _ => None,
        }
    }

    /// A short name of the failure for tables and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::InvalidName(_) => "invalid_name",
            Self::UnknownExchange { .. } => "unknown_exchange",
            Self::Unanswerable(_) => "unanswerable",
            Self::Limited { .. } => "limited",
            Self::Throttled { banned: true, .. } => "banned",
            Self::Throttled { .. } => "throttled",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::Timeout { .. } => "timeout",
            Self::Network { .. } => "network",
            Self::Api { class, .. } => class.as_str(),
            Self::Quality { .. } => "quality",
            Self::Quarantined { .. } => "quarantined",
            Self::NoLastGood { .. } => "no_last_good",
            Self::Simulated { .. } => "simulated",
            Self::Shutdown => "shutdown",
            Self::Defect { .. } => "defect",
        }
    }

    /// What is left of the error in a report that outlives it.
    #[must_use]
    pub fn summary(&self) -> Failure {
        Failure::new(self.category(), self.name(), self.to_string()).retry_in(self.retry_in())
    }

    /// The same refusal of the exchange, which is not asked again before.
    pub(crate) fn again_in(mut self, wait: Duration) -> Self {
        if let Self::Api { retry_in, .. } = &mut self {
            *retry_in = Some(wait);
        }
        self
    }

    pub(crate) fn from_source(exchange: Exchange, error: SourceError) -> Self {
        let retry_in = error.retry_in();
        match error.cause {
            Cause::Encode(error) => Self::Unanswerable(error),
            Cause::Limited(rejected) => Self::Limited {
                exchange,
                reason: rejected.to_string(),
                retry_in,
            },
            Cause::Open(open) => Self::CircuitOpen {
                exchange,
                retry_in: open.retry_in,
            },
            Cause::Timeout { after } => Self::Timeout {
                exchange,
                stage: Stage::Attempt,
                after,
            },
            Cause::Network(error) => Self::Network {
                exchange,
                reason: error.to_string(),
                sent: error.sent(),
            },
            Cause::Refused(verdict) => match verdict.class {
                class @ (Class::RateLimited | Class::Banned) => Self::Throttled {
                    exchange,
                    reason: verdict.to_string(),
                    banned: class == Class::Banned,
                    retry_in,
                },
                class => Self::Api {
                    exchange,
                    class,
                    status: verdict.status,
                    message: verdict.to_string(),
                    code: verdict.code,
                    retry_in,
                },
            },
            other => Self::Network {
                exchange,
                reason: other.to_string(),
                sent: true,
            },
        }
    }
}

/// To the millisecond: no timer knows it better.
fn millis(time: Duration) -> Duration {
    let millis = (time.saturating_add(Duration::from_micros(500))).as_millis();
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The acceptance, the score and the heaviest objection.
pub(crate) fn doubt(report: &Report) -> String {
    let worst = report.issues.first();
    let why = worst.map(|issue| format!(" ({}: {})", issue.rule, issue.message));
    let score = report.overall;
    let word = match report.acceptance {
        Acceptance::Reject => "rejected",
        Acceptance::Quarantine => "quarantined",
        _ => "accepted with exclusions",
    };
    format!("{word} at quality {score}{}", why.unwrap_or_default())
}

/// Names what to write instead of an unknown exchange.
fn remedy(known: &[Exchange]) -> String {
    match known {
        [] => "no exchange is configured".to_owned(),
        [nearest, ..] => {
            let all: Vec<&str> = known.iter().map(Exchange::as_str).collect();
            format!("did you mean {nearest}? (configured: {})", all.join(", "))
        }
    }
}

impl From<Infallible> for DataError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
