//! Marks that outlive a scheduler, but not the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{JobMark, Store};

/// Marks in memory. Clones share them, so that one scheduler can go on where another ended.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    marks: Arc<Mutex<BTreeMap<String, JobMark>>>,
}

impl Store for MemoryStore {
    fn load(&mut self) -> Vec<JobMark> {
        let marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        marks.values().cloned().collect()
    }

    fn append(&mut self, new: &[JobMark]) -> std::io::Result<()> {
        let mut marks = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        keep(&mut marks, new);
        Ok(())
    }
}

/// Takes new marks into what is kept.
pub(super) fn keep(marks: &mut BTreeMap<String, JobMark>, new: &[JobMark]) {
    for mark in new {
        if mark.gone {
            marks.remove(&mark.job);
        } else {
            marks.insert(mark.job.clone(), mark.clone());
        }
    }
}
