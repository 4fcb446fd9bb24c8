//! One scheduler at a time writes a journal.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use fs4::{FileExt, TryLockError};

/// The file that is held while its journal is open.
///
/// It lies beside the journal: the journal's own file is replaced now and then, and where locks
/// are mandatory nobody else could read it. The lock ends with the process, however that ends; the
/// file stays, because whoever took it away could take it from under one who has just opened it.
#[derive(Debug)]
pub(super) struct Lock {
    _held: File,
}

impl Lock {
    /// Takes the lock of this journal; none while another has it.
    pub(super) fn take(journal: &Path) -> io::Result<Option<Self>> {
        let path = beside(journal, ".lock");
        let named = |error: io::Error| {
            let text = format!("its lock {path:?}: {error}");
            io::Error::new(error.kind(), text)
        };
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).write(true);
        let file = options.open(&path).map_err(named)?;
        match FileExt::try_lock(&file) {
            Ok(()) => Ok(Some(Self { _held: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(named(error)),
        }
    }
}

/// The path of a journal with something behind its name.
pub(super) fn beside(journal: &Path, end: &str) -> PathBuf {
    let mut path = journal.to_owned().into_os_string();
    path.push(end);
    path.into()
}
