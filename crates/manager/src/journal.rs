//! How far the jobs have come, in a file, so that the next process goes on there.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use robust_scheduler::{FileJournal, JobMark, JournalError, Store};

use crate::shared::Shared;
use crate::{Config, StartError, Warning};

/// A journal that tells when it cannot be written.
#[derive(Debug)]
pub(crate) struct Kept {
    file: FileJournal,
    path: PathBuf,
    shared: Weak<Shared>,
    /// Whether the last marks were not taken, which is told once.
    failing: bool,
}

impl Config {
    /// Finds a journal that a start would refuse: a file that holds something else, or is damaged. Nothing is written, and nothing
    /// begun.
    ///
    /// # Errors
    ///
    /// [`StartError::Journal`] with the file, what is wrong with it and what to do.
    pub fn check_journal(&self) -> Result<(), StartError> {
        self.journal.as_deref().map_or(Ok(()), check)
    }
}

impl Config {
    /// How far each job has come by the journal that these settings name, for
    /// [`DataManager::outlook_after`](crate::DataManager::outlook_after); nothing where they name none, or it is not there yet. Nothing
    /// is written, and another process may use it.
    ///
    /// # Errors
    ///
    /// As for [`check_journal`](Self::check_journal).
    pub fn journal_marks(&self) -> Result<Vec<JobMark>, StartError> {
        self.check_journal()?;
        let Some(path) = &self.journal else {
            return Ok(Vec::new());
        };
        FileJournal::read_marks(path).map_err(|error| refused(path, &error))
    }
}

fn check(path: &Path) -> Result<(), StartError> {
    // A device or a pipe gives bytes without end, or none for ever.
    if std::fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(StartError::Journal {
            path: path.to_owned(),
            reason: "this is no file; name one that is not there yet, or the journal of these jobs"
                .to_owned(),
        });
    }
    FileJournal::check(path).map_err(|error| refused(path, &error))
}

/// Opens the journal at this path, or begins one.
///
/// One that is damaged is not opened: the jobs whose marks are lost would begin anew, and nobody would know what they left out.
pub(crate) fn open(path: &Path) -> Result<Kept, StartError> {
    check(path)?;
    let file = FileJournal::open(path).map_err(|error| refused(path, &error))?;
    Ok(Kept {
        file,
        path: path.to_owned(),
        shared: Weak::new(),
        failing: false,
    })
}

fn refused(path: &Path, error: &JournalError) -> StartError {
    let remedy = match error {
        JournalError::Foreign => {
            "it was left as it is; name a file that is not there yet, or the journal of these jobs"
        }
        JournalError::Locked { .. } => {
            return StartError::Journal {
                path: path.to_owned(),
                reason: "another process that is running keeps it, or another manager of this one; end that first, or name a file of its own for each".into(),
            };
        }
        JournalError::Damaged { .. } => {
            "put a copy of it in its place, or move it away: the jobs then begin anew and leave out what came due in between"
        }
        _ => "check the path, its directory and its permissions",
    };
    StartError::Journal {
        path: path.to_owned(),
        reason: format!("{error}; {remedy}"),
    }
}

impl Kept {
    /// The journal of this manager, which is told what goes wrong with it.
    pub(crate) fn told_to(mut self, shared: &Arc<Shared>) -> Self {
        self.shared = Arc::downgrade(shared);
        self
    }
}

impl Store for Kept {
    fn load(&mut self) -> Vec<JobMark> {
        self.file.load()
    }

    fn append(&mut self, marks: &[JobMark]) -> std::io::Result<()> {
        let written = self.file.append(marks);
        let before = std::mem::replace(&mut self.failing, written.is_err());
        if let (Err(error), false, Some(shared)) = (&written, before, self.shared.upgrade()) {
            shared.warn(Warning::JournalUnwritable {
                path: self.path.clone(),
                reason: error.to_string(),
            });
        }
        written
    }
}
