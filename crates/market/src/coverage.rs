//! What of a long series was asked for, what came, and why the rest did not.

use serde::Serialize;

use crate::{Failure, Timestamp};

/// Why a part of a series is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MissingReason {
    /// The exchange does not serve so far back; see [`Coverage::depth_limit`].
    BeyondDepth,
    /// Nobody traded, and this exchange leaves such bars out.
    NoTrades,
    /// The exchange left them out and should not have.
    Gap,
    /// They lie before the first row that the exchange has: the market was listed later, or nothing was recorded.
    BeforeFirst,
    /// The exchange left them out, and nobody knows whether it does so where nobody traded.
    Unexplained,
    /// The exchange sent them, but so that they cannot be read.
    Broken,
    /// A page could not be had; [`Coverage::stopped`] says why.
    NotReached,
    /// They lie in the future.
    NotYet,
}

/// One part of a series that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Start of the first missing row.
    #[serde(rename = "from_ms", serialize_with = "ms")]
    pub from: Timestamp,
    /// End of the last missing row.
    #[serde(rename = "to_ms", serialize_with = "ms")]
    pub to: Timestamp,
    /// Rows that are missing, where they can be counted.
    pub rows: Option<u64>,
    /// Why.
    pub reason: MissingReason,
}

/// How far back an exchange serves a series, as a fact of its interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DepthLimit {
    /// Rows before the newest, at most.
    pub rows: u32,
    /// Where the exchange says so.
    pub source: &'static str,
}

/// Why the requests for a series ended before the series did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stopped {
    /// The next page could not be had: an error, or the end of the reader's time.
    Failed(Failure),
    /// One moment fills a whole page, and the exchange's pages begin at a time and nowhere within a moment.
    OneMoment,
    /// No row of a page could be read, so nobody knows where the next one begins.
    Unreadable,
}

/// What of a long series was asked for, what came, and why the rest did not. Nothing is filled in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Coverage {
    /// Start of the first row that was asked for.
    #[serde(rename = "from_ms", serialize_with = "ms")]
    pub from: Timestamp,
    /// Rows that were asked for.
    pub asked: u64,
    /// Rows that came.
    pub got: u64,
    /// Of these, rows that are not finished yet.
    pub open: u64,
    /// Requests that it took.
    pub pages: u32,
    /// The parts that are missing, oldest first, at most [`Coverage::MISSING_MAX`].
    pub missing: Vec<Missing>,
    /// Missing parts beyond the limit, counted but not kept.
    pub missing_dropped: u64,
    /// How far back the exchange serves the series; `None` where it does not end.
    pub depth_limit: Option<DepthLimit>,
    /// Why the requests ended before the series did; `None` when they did not.
    pub stopped: Option<Stopped>,
}

impl Coverage {
    /// The most missing parts that are kept; the rest is counted.
    pub const MISSING_MAX: usize = 1_000;

    /// The report on a series of which nothing has come yet.
    #[must_use]
    pub const fn new(from: Timestamp, asked: u64, depth_limit: Option<DepthLimit>) -> Self {
        Self {
            from,
            asked,
            got: 0,
            open: 0,
            pages: 0,
            missing: Vec::new(),
            missing_dropped: 0,
            depth_limit,
            stopped: None,
        }
    }

    /// Notes a missing part, within the bound.
    pub fn miss(&mut self, missing: Missing) {
        if self.missing.len() < Self::MISSING_MAX {
            self.missing.push(missing);
        } else {
            self.missing_dropped += 1;
        }
    }

    /// Whether everything that was asked for and has happened is there, or is known not to exist.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.missing_dropped == 0
            && self.missing.iter().all(|missing| {
                matches!(
                    missing.reason,
                    MissingReason::NoTrades | MissingReason::NotYet
                )
            })
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands in a reference"
)]
fn ms<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.as_ms())
}
