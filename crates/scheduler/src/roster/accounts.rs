//! The ledgers above the jobs, and the classes that phases are spread over.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use crate::job::Spec;
use crate::ledger::Ledger;

/// Ledgers of everything and of each group that has jobs.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    total: Ledger,
    groups: BTreeMap<Arc<str>, Group>,
    classes: HashMap<(Option<Arc<str>>, Duration), Class>,
}

#[derive(Debug, Default)]
struct Group {
    ledger: Ledger,
    jobs: usize,
}

/// Jobs of one group and period. Counted, so that both maps are bounded by the number of jobs.
#[derive(Debug, Default)]
struct Class {
    next: u64,
    jobs: usize,
}

impl Accounts {
    /// Opens the accounts of a job and says the how many-th of its class it is.
    pub(super) fn open(&mut self, spec: &Spec) -> u64 {
        if let Some(group) = &spec.group {
            self.groups.entry(Arc::clone(group)).or_default().jobs += 1;
        }
        let class = self
            .classes
            .entry((spec.group.clone(), spec.trigger.period()))
            .or_default();
        let nth = class.next;
        class.next += 1;
        class.jobs += 1;
        nth
    }

    /// Closes the accounts of a job. The ledger of a group goes with its last job.
    pub(super) fn close(&mut self, spec: &Spec) {
        if let Some(name) = &spec.group
            && let Some(group) = self.groups.get_mut(name)
        {
            group.jobs = group.jobs.saturating_sub(1);
            if group.jobs == 0 {
                self.groups.remove(name);
            }
        }
        let key = (spec.group.clone(), spec.trigger.period());
        if let Some(class) = self.classes.get_mut(&key) {
            class.jobs = class.jobs.saturating_sub(1);
            if class.jobs == 0 {
                self.classes.remove(&key);
            }
        }
    }

    pub(super) fn book(&mut self, group: Option<&Arc<str>>, entry: impl Fn(&mut Ledger)) {
        entry(&mut self.total);
        if let Some(group) = group.and_then(|group| self.groups.get_mut(group)) {
            entry(&mut group.ledger);
        }
    }

    pub(super) fn total(&self) -> &Ledger {
        &self.total
    }

    pub(super) fn group(&self, name: &str) -> Option<&Ledger> {
        self.groups.get(name).map(|group| &group.ledger)
    }

    pub(super) fn groups(&self) -> BTreeMap<Arc<str>, Ledger> {
        self.groups
            .iter()
            .map(|(name, group)| (Arc::clone(name), group.ledger.clone()))
            .collect()
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.classes.is_empty()
    }
}
