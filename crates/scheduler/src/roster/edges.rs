//! Who waits for whom, as it is noted and as it is checked before.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Roster;
use crate::error::AddError;
use crate::graph::{Names, circle};
use crate::job::Spec;

impl<H: super::Handle> Roster<H> {
    /// Everybody waits for somebody who is there, and nobody for himself. A job that is there is
    /// changed.
    ///
    /// Looks at no more jobs than these and those that they wait for, and at none but these unless
    /// somebody who is there waits for one of them: however many there are, adding one to them costs
    /// the same.
    pub(super) fn check_edges(&self, specs: &[&Spec]) -> Result<(), (usize, AddError)> {
        if specs.iter().all(|spec| spec.waits_for().next().is_none()) {
            // Without edges of their own they close no circle: nobody could wait for them without
            // having said that they come later; and those who have wait for them, not they for those.
            return Ok(());
        }
        let these: HashMap<&str, &Spec> = specs.iter().map(|spec| (&*spec.name, *spec)).collect();
        for (index, spec) in specs.iter().enumerate() {
            let mut missing = spec
                .waits_for()
                .filter(|name| !these.contains_key(&***name) && self.slot_of(name).is_none())
                .filter(|name| {
                    let upstreams = &mut spec.upstreams.iter();
                    !upstreams.any(|upstream| upstream.name == **name && upstream.pending)
                });
            if let Some(upstream) = missing.next() {
                return Err((
                    index,
                    AddError::NoUpstream {
                        name: Arc::clone(&spec.name),
                        upstream: Arc::clone(upstream),
                    },
                ));
            }
        }
        // There was no circle before. A new one goes through one of these, by an edge that is new, and
        // comes back to it from another of these or from somebody who waits for it already.
        if specs.iter().all(|spec| self.has_edges_of(spec)) {
            return Ok(());
        }
        let alone = specs
            .iter()
            .all(|spec| !self.dependents.contains_key(&spec.name));
        let edges = |name: &Arc<str>| -> Names {
            let there = || Some(&self.entry(self.slot_of(name)?)?.spec);
            let spec = match these.get(&**name) {
                Some(spec) => Some(*spec),
                None if alone => None,
                None => there(),
            };
            let waits_for = spec.into_iter().flat_map(Spec::waits_for);
            waits_for.map(Arc::clone).collect()
        };
        let names = specs.iter().map(|spec| Arc::clone(&spec.name));
        match circle(names, edges) {
            Some((index, path)) => Err((index, AddError::Circle { path })),
            None => Ok(()),
        }
    }

    /// Whether a job of this name is there and waits for all that this one is to wait for.
    fn has_edges_of(&self, spec: &Spec) -> bool {
        let there = self.slot_of(&spec.name).and_then(|slot| self.entry(slot));
        there.is_some_and(|job| {
            let had: HashSet<&Arc<str>> = job.spec.waits_for().collect();
            spec.waits_for().all(|name| had.contains(name))
        })
    }

    /// Notes, or forgets, who waits for whom.
    pub(super) fn link(&mut self, slot: u32, yes: bool) {
        let Some(job) = self.entry(slot) else {
            return;
        };
        let names: Names = job.spec.waits_for().map(Arc::clone).collect();
        for name in names {
            if yes {
                let waiters = self.dependents.entry(name).or_default();
                // One that waits twice for the same was noted just now; before that it was not.
                if waiters.last() != Some(&slot) {
                    waiters.push(slot);
                }
            } else if let Some(waiters) = self.dependents.get_mut(&name) {
                waiters.retain(|waiter| *waiter != slot);
                if waiters.is_empty() {
                    self.dependents.remove(&name);
                }
            }
        }
    }
}
