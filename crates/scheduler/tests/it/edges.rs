//! Which circles are refused, whatever was added, changed and removed before.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use robust_scheduler::{AddError, Dependents, Job, Scheduler, Upstream};

use crate::{builder, in_paused_time, secs};

/// Who waits for whom. Not all of those who are waited for are there.
type Edges = BTreeMap<usize, BTreeSet<usize>>;

#[derive(Debug, Clone)]
enum Step {
    /// Jobs with those that they wait for, all or none.
    Add(Vec<(usize, Vec<usize>)>),
    /// One more that a job waits for; none changes something else.
    Update(usize, Option<usize>),
    Remove(usize, Dependents),
}

const NAMES: usize = 6;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let job = (0..NAMES, proptest::collection::vec(0..NAMES, 0..3));
    let step = prop_oneof![
        4 => proptest::collection::vec(job, 1..4).prop_map(Step::Add),
        3 => (0..NAMES, proptest::option::weighted(0.8, 0..NAMES)).prop_map(|(job, to)| Step::Update(job, to)),
        1 => (0..NAMES).prop_map(|job| Step::Remove(job, Dependents::Cascade)),
        1 => (0..NAMES).prop_map(|job| Step::Remove(job, Dependents::Detach)),
    ];
    proptest::collection::vec(step, 1..30)
}

fn name(n: usize) -> String {
    format!("job {n}")
}

fn later(n: usize) -> Upstream {
    Upstream::success_of(name(n)).pending()
}

/// Takes away who waits for nobody that is left, until nobody is, or a circle.
fn is_free_of_circles(edges: &Edges) -> bool {
    let mut left = edges.clone();
    while !left.is_empty() {
        let before = left.len();
        let there: BTreeSet<usize> = left.keys().copied().collect();
        left.retain(|_, to| !to.is_disjoint(&there));
        if left.len() == before {
            return false;
        }
    }
    true
}

/// Whether a refusal names a circle that there would be.
fn names_a_circle_of(edges: &Edges, error: &AddError) -> bool {
    let AddError::Circle { path } = error else {
        return false;
    };
    let closed = path.len() >= 2 && path.first() == path.last();
    let number = |job: &str| job.strip_prefix("job ").and_then(|n| n.parse().ok());
    let path: Vec<usize> = path.iter().filter_map(|job| number(job)).collect();
    closed
        && path
            .windows(2)
            .all(|pair| edges[&pair[0]].contains(&pair[1]))
}

fn walk(scheduler: &Scheduler, steps: Vec<Step>) {
    let mut edges = Edges::new();
    for step in steps {
        let mut then = edges.clone();
        match step {
            Step::Add(jobs) => {
                let names: BTreeSet<usize> = jobs.iter().map(|(job, _)| *job).collect();
                let twice = names.len() < jobs.len() || names.iter().any(|n| edges.contains_key(n));
                let built = jobs.iter().map(|(job, after)| {
                    let job = Job::every(name(*job), secs(1_000_000));
                    let job = after.iter().fold(job, |job, to| job.after(later(*to)));
                    job.handler(|_| async { Ok(()) })
                });
                let added = scheduler.add_all(built.collect::<Vec<_>>());
                if twice {
                    assert!(matches!(added, Err((_, AddError::Duplicate { .. }))));
                    continue;
                }
                then.extend(
                    jobs.into_iter()
                        .map(|(job, to)| (job, to.into_iter().collect())),
                );
                match added {
                    Ok(_) => assert!(is_free_of_circles(&then), "{then:?}"),
                    Err((_, error)) => {
                        assert!(names_a_circle_of(&then, &error), "{then:?}: {error}");
                        continue;
                    }
                }
            }
            Step::Update(job, to) => {
                let Some(id) = scheduler.find(&name(job)) else {
                    assert!(!edges.contains_key(&job));
                    continue;
                };
                then.entry(job).or_default().extend(to);
                let updated = scheduler.update(id, |job| match to {
                    Some(to) => job.after(later(to)),
                    None => job.priority(1),
                });
                match updated {
                    Ok(()) => assert!(is_free_of_circles(&then), "{then:?}"),
                    Err(error) => {
                        assert!(names_a_circle_of(&then, &error), "{then:?}: {error}");
                        continue;
                    }
                }
            }
            Step::Remove(job, dependents) => {
                let Some(id) = scheduler.find(&name(job)) else {
                    continue;
                };
                scheduler.remove_with(id, dependents).unwrap();
                let mut gone = BTreeSet::from([job]);
                if dependents == Dependents::Cascade {
                    let mut before = 0;
                    while gone.len() > before {
                        before = gone.len();
                        let with = then.iter().filter(|(_, to)| !to.is_disjoint(&gone));
                        gone.extend(with.map(|(job, _)| *job).collect::<Vec<_>>());
                    }
                } else {
                    then.values_mut().for_each(|to| {
                        to.remove(&job);
                    });
                }
                then.retain(|job, _| !gone.contains(job));
            }
        }
        edges = then;
        let there: BTreeSet<_> = scheduler
            .jobs()
            .into_iter()
            .map(|job| job.name.to_string())
            .collect();
        let expected: BTreeSet<_> = edges.keys().copied().map(name).collect();
        assert_eq!(there, expected);
    }
}

proptest! {
    #[test]
    fn whatever_was_there_before_a_job_is_refused_exactly_if_it_closes_a_circle(steps in steps()) {
        in_paused_time(async { walk(&builder().start(), steps) });
    }
}
