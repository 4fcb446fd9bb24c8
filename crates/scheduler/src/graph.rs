//! Who waits for whom, and the circles that must not be.

use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

/// The first circle that the edges from these jobs close, as the path of names from one back to
/// itself.
pub(crate) fn circle<S: BuildHasher>(
    from: impl IntoIterator<Item = Arc<str>>,
    edges: &HashMap<Arc<str>, Vec<Arc<str>>, S>,
) -> Option<Vec<Arc<str>>> {
    let mut clean = HashSet::new();
    from.into_iter()
        .find_map(|start| walk(start, edges, &mut clean))
}

/// A walk in depth without recursion: a chain may be as long as there are jobs.
fn walk<S: BuildHasher>(
    start: Arc<str>,
    edges: &HashMap<Arc<str>, Vec<Arc<str>>, S>,
    clean: &mut HashSet<Arc<str>>,
) -> Option<Vec<Arc<str>>> {
    let mut path: Vec<(Arc<str>, usize)> = vec![(start, 0)];
    let mut on_path: HashSet<Arc<str>> = path.iter().map(|(name, _)| Arc::clone(name)).collect();
    while let Some((name, next)) = path.last_mut() {
        let to = edges.get(name).and_then(|all| all.get(*next)).cloned();
        *next += 1;
        match to {
            None => {
                let done = Arc::clone(name);
                path.pop();
                on_path.remove(&done);
                clean.insert(done);
            }
            Some(to) if on_path.contains(&to) => {
                let begin = path.iter().position(|(name, _)| *name == to).unwrap_or(0);
                let names = path.iter().skip(begin).map(|(name, _)| Arc::clone(name));
                return Some(names.chain([Arc::clone(&to)]).collect());
            }
            Some(to) if !clean.contains(&to) => {
                on_path.insert(Arc::clone(&to));
                path.push((to, 0));
            }
            Some(_) => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(n: usize) -> Arc<str> {
        format!("job {n}").into()
    }

    fn graph(pairs: &[(usize, usize)]) -> HashMap<Arc<str>, Vec<Arc<str>>> {
        let mut edges: HashMap<_, Vec<_>> = HashMap::new();
        for (from, to) in pairs {
            edges.entry(name(*from)).or_default().push(name(*to));
        }
        edges
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
            let found = circle((0..9).map(name), &edges);
            prop_assert_eq!(found.is_none(), is_free_of_circles(&pairs));
            if let Some(path) = found {
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
        let path = circle([name(1)], &edges).unwrap();
        assert_eq!(path, [name(1), name(2), name(3), name(1)]);
        assert_eq!(
            circle([name(5)], &graph(&[(5, 5)])),
            Some(vec![name(5), name(5)])
        );
    }

    #[test]
    fn a_chain_of_a_hundred_thousand_is_walked() {
        let pairs: Vec<_> = (0..100_000).map(|n| (n, n + 1)).collect();
        assert_eq!(circle([name(0)], &graph(&pairs)), None);
    }
}
