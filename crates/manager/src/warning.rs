//! What went wrong and stopped nothing.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use robust_market::{Exchange, Symbol, Timestamp};
use serde::Serialize;

/// Warnings that a status lists; older ones are dropped.
const KEPT_MAX: usize = 32;

/// Something that went wrong and stopped nothing.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The saved memory of the quality rules cannot be used; they begin without.
    #[error("quality.state {}: {reason}; the rules begin without memory", path.display())]
    StateUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The memory of the quality rules cannot be saved; what was saved before is still there.
    #[error("quality.state {}: not saved: {reason}", path.display())]
    StateUnwritable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The bans of the process before cannot be read: an exchange may be asked that wants to hear nothing yet.
    #[error("bans {}: {reason}; bans of the process before are not kept to", path.display())]
    BansUnreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The bans cannot be written down; this process keeps to them all the same.
    #[error("bans {}: not written: {reason}; after a restart they are not kept to", path.display())]
    BansUnwritable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// An exchange has shut us out. Nothing is sent to it until then, not even by the next process.
    #[error("{exchange}: banned until {until}; nothing is sent before")]
    Banned {
        /// The exchange.
        exchange: Exchange,
        /// When it ends.
        until: Timestamp,
    },
    /// The certificate of an exchange does not hold, or what answers in its place speaks no TLS. Told once until it answers again.
    #[error(
        "{exchange}: not who it should be: {reason}; it is left alone for ten minutes at a time"
    )]
    Untrusted {
        /// The exchange.
        exchange: Exchange,
        /// What does not hold.
        reason: String,
    },
    /// An exchange says that its data is somewhere else, and nobody went there. Told once until it answers again.
    #[error(
        "{exchange}: {reason}; redirects are not followed: look whether its address has changed"
    )]
    Redirected {
        /// The exchange.
        exchange: Exchange,
        /// To which host.
        reason: String,
    },
    /// How far the jobs have come cannot be written down; it is tried again with what comes next. Told once until it can.
    #[error("journal {}: not written: {reason}; after a restart the jobs go on from what it has", path.display())]
    JournalUnwritable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// The history of a pair cannot be had; its first prices are believed.
    #[error("{exchange} {symbol}: no history for the quality rules: {reason}")]
    NoHistory {
        /// The exchange.
        exchange: Exchange,
        /// The pair.
        symbol: Symbol,
        /// Why.
        reason: String,
    },
    /// A job leaves out a part of its series for good; what comes after it is there.
    #[error("job \"{job}\": {exchange} {symbol}: nothing from {from} to {to}: {reason}")]
    LeftOut {
        /// The job.
        job: String,
        /// The exchange.
        exchange: Exchange,
        /// The pair.
        symbol: Symbol,
        /// Where the part begins.
        from: Timestamp,
        /// Where it ends.
        to: Timestamp,
        /// Why.
        reason: &'static str,
    },
}

/// A warning, and when it was given.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct WarningStatus {
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// What it says.
    pub text: String,
}

/// The newest warnings.
#[derive(Debug, Default)]
pub(crate) struct Warnings(Mutex<VecDeque<WarningStatus>>);

impl Warnings {
    pub(crate) fn keep(&self, warning: &Warning, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.pop_front();
        }
        kept.push_back(WarningStatus {
            at_ms: now.as_ms(),
            text: warning.to_string(),
        });
    }

    pub(crate) fn all(&self) -> Vec<WarningStatus> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().cloned().collect()
    }
}
