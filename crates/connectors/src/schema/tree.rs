//! A bounded tree of paths.

use std::collections::BTreeMap;

use super::path::Step;

/// The most paths of one tree: the largest documented answer has less than a hundred.
pub(super) const MOST: usize = 2_048;
/// The longest row whose cells are told apart: the longest documented one has twelve.
const LONGEST_ROW: usize = 64;

/// A place in a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place(usize);

/// Paths with something at each. Grows to [`MOST`] and no further.
#[derive(Debug, Clone)]
pub(super) struct Tree<T> {
    branches: Vec<Branch<T>>,
}

#[derive(Debug, Clone)]
struct Branch<T> {
    value: T,
    keys: BTreeMap<Box<str>, Place>,
    any: Option<Place>,
    items: Option<Place>,
    cells: Vec<Place>,
}

impl<T> Branch<T> {
    const fn new(value: T) -> Self {
        Self {
            value,
            keys: BTreeMap::new(),
            any: None,
            items: None,
            cells: Vec::new(),
        }
    }
}

impl<T: Default> Tree<T> {
    pub(super) const ROOT: Place = Place(0);

    pub(super) fn new() -> Self {
        Self {
            branches: vec![Branch::new(T::default())],
        }
    }

    fn branch(&self, at: Place) -> Option<&Branch<T>> {
        self.branches.get(at.0)
    }

    pub(super) fn value(&self, at: Place) -> Option<&T> {
        self.branch(at).map(|branch| &branch.value)
    }

    pub(super) fn value_mut(&mut self, at: Place) -> Option<&mut T> {
        self.branches.get_mut(at.0).map(|branch| &mut branch.value)
    }

    /// One step down, if there is something.
    pub(super) fn child(&self, at: Place, step: Step<'_>) -> Option<Place> {
        let branch = self.branch(at)?;
        match step {
            Step::Key(key) => branch.keys.get(key).copied(),
            Step::Any => branch.any,
            Step::Item => branch.items,
            Step::Cell(index) => branch.cells.get(index).copied(),
        }
    }

    /// One step down; makes room there if there is nothing yet, and says `None` when the tree is full.
    ///
    /// The cells of a row come one after the other.
    pub(super) fn grow(&mut self, at: Place, step: Step<'_>) -> Option<Place> {
        if let Some(child) = self.child(at, step) {
            return Some(child);
        }
        let new = Place(self.branches.len());
        if new.0 >= MOST {
            return None;
        }
        let branch = self.branches.get_mut(at.0)?;
        match step {
            Step::Key(key) => {
                branch.keys.insert(key.into(), new);
            }
            Step::Any => branch.any = Some(new),
            Step::Item => branch.items = Some(new),
            Step::Cell(index) if index == branch.cells.len() && index < LONGEST_ROW => {
                branch.cells.push(new);
            }
            Step::Cell(_) => return None,
        }
        self.branches.push(Branch::new(T::default()));
        Some(new)
    }

    /// Every step down from here, in a fixed order.
    pub(super) fn children(&self, at: Place) -> Vec<(Step<'_>, Place)> {
        let Some(branch) = self.branch(at) else {
            return Vec::new();
        };
        let keys = branch.keys.iter().map(|(key, at)| (Step::Key(key), *at));
        let any = branch.any.map(|at| (Step::Any, at));
        let items = branch.items.map(|at| (Step::Item, at));
        let cells = branch.cells.iter().enumerate();
        keys.chain(any)
            .chain(items)
            .chain(cells.map(|(index, at)| (Step::Cell(index), *at)))
            .collect()
    }

    /// Whether the elements of a list here are cells of a row.
    pub(super) fn is_row(&self, at: Place) -> bool {
        self.branch(at)
            .is_some_and(|branch| !branch.cells.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_grows_to_its_bound_and_no_further() {
        let mut tree = Tree::<u8>::new();
        for index in 0..2 * MOST {
            tree.grow(Tree::<u8>::ROOT, Step::Key(&index.to_string()));
        }
        assert_eq!(tree.children(Tree::<u8>::ROOT).len(), MOST - 1);
        assert!(tree.grow(Tree::<u8>::ROOT, Step::Key("0")).is_some());

        let mut rows = Tree::<u8>::new();
        let grown =
            (0..200).filter(|index| rows.grow(Tree::<u8>::ROOT, Step::Cell(*index)).is_some());
        assert_eq!(grown.count(), LONGEST_ROW);
    }
}
