//! What outlives the process: how far each job has come.

mod file;
mod lock;
mod memory;
mod writer;

use serde::{Deserialize, Serialize};

pub use file::{FileJournal, JournalError};
pub use memory::MemoryStore;
pub(crate) use writer::Journal;

/// How far a job has come. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobMark {
    /// The job's name.
    pub job: String,
    /// No occurrence of this moment or an earlier one is to run again.
    pub nominal: i64,
    /// Whether nothing of it has come due yet: `nominal` is only when it was added.
    #[serde(default)]
    pub fresh: bool,
    /// The moment of its last success.
    pub last_success: Option<i64>,
    /// The latest success of others that it came due by, where that is not `nominal`; the least number
    /// if there was none. Marks of earlier versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followed: Option<i64>,
    /// Failures in a row.
    pub failures: u32,
    /// Whether it is held back after failures, and until when. Marks of earlier versions lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<i64>,
    /// Whether only probes run.
    pub quarantined: bool,
    /// Whether its occurrences are skipped.
    #[serde(default)]
    pub paused: bool,
    /// Whether it comes due no more.
    #[serde(default)]
    pub disabled: bool,
    /// Moments after `nominal` that are to be run again and that no timetable brings back: those of
    /// runs by hand, at the start, and after others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<i64>,
    /// Where its grid of moments begins.
    pub anchor: Option<i64>,
    /// Whether the job was removed, so that all of this is to be forgotten.
    #[serde(default)]
    pub gone: bool,
}

/// Keeps the marks of all jobs.
///
/// A job is marked when it is added, so that nothing of it is lost from then on, and whenever it has
/// come further. A job that is added under the name of a mark goes on where the mark says: what came
/// due since is one decision of its misfire policy. It is paused or disabled if it was.
pub trait Store: Send + 'static {
    /// The latest mark of each job. Asked once, when the scheduler starts.
    fn load(&mut self) -> Vec<JobMark>;

    /// Takes in new marks. When it returns, they must outlive the process.
    ///
    /// Called by the driver between deciding to start runs and starting them, so it should take
    /// well under a millisecond; and by those who add, change and remove jobs, before their call
    /// returns. Never by two at once. It must not call the scheduler.
    ///
    /// # Errors
    ///
    /// What went wrong. Jobs that must not run unmarked are skipped; other marks are offered again
    /// with the next ones. A panic is an error too.
    fn append(&mut self, marks: &[JobMark]) -> std::io::Result<()>;
}
