//! Circles that must not be among those who wait for each other.

use std::collections::HashSet;
use std::sync::Arc;

use smallvec::SmallVec;

/// The names that a job waits for.
pub(crate) type Names = SmallVec<[Arc<str>; 4]>;

/// From the how many-th start a circle is come to, and its path from one job back to itself.
pub(crate) type Circle = (usize, Vec<Arc<str>>);

/// The first circle that is come to from these jobs, by the edges that are looked up.
///
/// Whatever the edges, each job is looked at once.
pub(crate) fn circle(
    from: impl IntoIterator<Item = Arc<str>>,
    edges: impl Fn(&Arc<str>) -> Names,
) -> Option<Circle> {
    let mut clean = HashSet::new();
    let mut starts = from.into_iter().enumerate();
    starts.find_map(|(nth, start)| Some((nth, walk(start, &edges, &mut clean)?)))
}

/// A step of a walk: a job, the names that it waits for, and how many of them were gone to.
struct Step {
    name: Arc<str>,
    to: Names,
    next: usize,
}

/// A walk in depth without recursion: a chain may be as long as there are jobs.
fn walk(
    start: Arc<str>,
    edges: &impl Fn(&Arc<str>) -> Names,
    clean: &mut HashSet<Arc<str>>,
) -> Option<Vec<Arc<str>>> {
    let step = |name: Arc<str>| Step {
        to: edges(&name),
        name,
        next: 0,
    };
    if clean.contains(&start) {
        return None;
    }
    let mut on_path = HashSet::from([Arc::clone(&start)]);
    let mut path = vec![step(start)];
    while let Some(at) = path.last_mut() {
        let to = at.to.get(at.next).cloned();
        at.next += 1;
        match to {
            None => {
                if let Some(done) = path.pop() {
                    on_path.remove(&done.name);
                    clean.insert(done.name);
                }
            }
            Some(to) if on_path.contains(&to) => {
                let begin = path.iter().position(|step| step.name == to).unwrap_or(0);
                let names = path.iter().skip(begin).map(|step| Arc::clone(&step.name));
                return Some(names.chain([Arc::clone(&to)]).collect());
            }
            Some(to) if !clean.contains(&to) => {
                on_path.insert(Arc::clone(&to));
                path.push(step(to));
            }
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::HashMap;

    use super::*;
    use proptest::prelude::*;

    fn name(n: usize) -> Arc<str> {
        format!("job {n}").into()
    }

    fn graph(pairs: &[(usize, usize)]) -> HashMap<Arc<str>, Names> {
        let mut edges: HashMap<_, Names> = HashMap::new();
        for (from, to) in pairs {
            edges.entry(name(*from)).or_default().push(name(*to));
        }
        edges
    }

    /// The circle come to from these, and how many jobs were looked at.
    fn found(
        from: impl IntoIterator<Item = usize>,
        edges: &HashMap<Arc<str>, Names>,
    ) -> (Option<Circle>, usize) {
        let looked = Cell::new(0);
        let look = |name: &Arc<str>| {
            looked.set(looked.get() + 1);
            edges.get(name).cloned().unwrap_or_default()
        };
        let found = circle(from.into_iter().map(name), look);
        (found, looked.get())
    }

    /// Takes away what waits for nobody until nothing is left, or a circle.
    fn is_free_of_circles(pairs: &[(usize, usize)]) -> bool {
        let mut left = pairs.to_vec();
        loop {
            let before = left.len();
            let waiting: HashSet<_> = left.iter().map(|(from, _)| *from).collect();
            left.retain(|(_, to)| waiting.contains(to));
            if left.is_empty() {
                return true;
            }
            if left.len() == before {
                return false;
            }
        }
    }

    proptest! {
        #[test]
        fn a_circle_is_found_exactly_if_there_is_one(pairs in proptest::collection::vec((0_usize..9, 0_usize..9), 0..20)) {
            let edges = graph(&pairs);
            let (found, looked) = found(0..9, &edges);
            prop_assert!(looked <= 9);
            prop_assert_eq!(found.is_none(), is_free_of_circles(&pairs));
            if let Some((nth, path)) = found {
                prop_assert!(nth < 9);
                prop_assert!(path.len() >= 2 && path.first() == path.last());
                for step in path.windows(2) {
                    prop_assert!(edges[&step[0]].contains(&step[1]), "{path:?}");
                }
            }
        }
    }

    #[test]
    fn the_path_names_each_step() {
        let edges = graph(&[(1, 2), (2, 3), (3, 1)]);
        let (nth, path) = found([4, 1], &edges).0.unwrap();
        assert_eq!(nth, 1);
        assert_eq!(path, [name(1), name(2), name(3), name(1)]);
        let itself = found([5], &graph(&[(5, 5)])).0;
        assert_eq!(itself, Some((0, vec![name(5), name(5)])));
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_walked() {
        let chain = |length| graph(&(0..length).map(|n| (n, n + 1)).collect::<Vec<_>>());
        assert_eq!(found([0], &chain(100_000)), (None, 100_001));
    }

    #[test]
    fn each_job_is_looked_at_once_however_many_are_begun_from() {
        let chain = graph(&(0..2_000).map(|n| (n, n + 1)).collect::<Vec<_>>());
        assert_eq!(found(0..=2_000, &chain), (None, 2_001));
        assert_eq!(found((0..=2_000).rev(), &chain), (None, 2_001));
    }
}
