//! What stands between the scheduler and a store that may be full.

use std::collections::BTreeMap;

use super::{JobMark, Store};
use crate::contained::contained;

/// The store, and the marks that it did not take.
pub(crate) struct Journal {
    /// None when nobody is left to whom it matters.
    store: Option<Box<dyn Store>>,
    /// By job, so that a store that is full does not fill the memory too.
    owed: BTreeMap<String, JobMark>,
}

impl Journal {
    pub(crate) fn new(store: Box<dyn Store>) -> Self {
        Self {
            store: Some(store),
            owed: BTreeMap::new(),
        }
    }

    /// Gives up the store: another scheduler may open it. Nothing is written from now on, so nothing
    /// begins any more that must be marked before.
    pub(crate) fn close(&mut self) {
        self.store = None;
    }

    /// Whether there are marks that the store did not take.
    pub(crate) fn owes(&self) -> bool {
        !self.owed.is_empty()
    }

    /// Writes what has changed, and what is about to begin: only the first is owed if it fails.
    pub(crate) fn write<'a>(
        &mut self,
        changed: Vec<JobMark>,
        begin: impl IntoIterator<Item = &'a JobMark>,
    ) -> std::io::Result<()> {
        let owed = std::mem::take(&mut self.owed).into_values();
        let mut marks: Vec<JobMark> = owed.chain(changed).collect();
        let of_changed = marks.len();
        marks.extend(begin.into_iter().cloned());
        if marks.is_empty() {
            return Ok(());
        }
        let written = match &mut self.store {
            Some(store) => contained(|| store.append(&marks))
                .unwrap_or_else(|| Err(std::io::Error::other("the store panicked"))),
            None => Err(std::io::Error::other("the scheduler has ended")),
        };
        if written.is_err() {
            marks.truncate(of_changed);
            self.owed = marks
                .into_iter()
                .map(|mark| (mark.job.clone(), mark))
                .collect();
        }
        written
    }
}
