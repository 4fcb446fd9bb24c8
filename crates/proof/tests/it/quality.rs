//! The labelled benchmark, with few trials.

use std::collections::BTreeMap;

use robust_market::Dimension;
use robust_proof::quality::{self, CATALOGUE, Recall, SEEDS};

/// A fortieth of the named command's 200 trials.
const N: u32 = 5;

#[test]
fn every_kind_of_fault_is_made_and_hardly_one_passes() {
    let recall = Recall::run(N, &SEEDS, &BTreeMap::new());
    assert_eq!(recall.found.len(), CATALOGUE.len());
    for (entry, found) in &recall.found {
        let trials = N * u32::try_from(SEEDS.len()).unwrap();
        assert_eq!(found.any.trials, trials, "{} {}", entry.id, entry.what);
    }
    // What needs nothing but the answer itself, and what is late, is found without an exception.
    let structural = quality::structural(&recall);
    assert_eq!(structural.hits, structural.trials);
    let late = recall.sum(
        |entry| entry.dimension == Dimension::Timeliness,
        |found| found.any,
    );
    assert_eq!(late.hits, late.trials);
    let share = recall.mean(|_| true, |found| found.any);
    assert!(share >= 0.97, "{share}");
    let there = recall.mean(|_| true, |found| found.dimension);
    assert!(there >= 0.95, "{there}");
    for (_, found) in &recall.found {
        let judged: u32 = found.acceptance.iter().sum();
        assert_eq!(judged, found.any.trials);
    }
}

#[test]
fn the_same_seed_gives_the_same_numbers() {
    let once = || Recall::run(1, &SEEDS[..1], &BTreeMap::new()).to_string();
    assert_eq!(once(), once());
}

#[test]
fn own_cases_are_judged_as_they_are_labelled_and_each_rule_has_one_that_only_it_flags() {
    let cases = quality::judge_cases(&quality::own_cases()).unwrap();
    assert_eq!((&*cases.wrong, &*cases.unreadable), (&[][..], &[][..]));
    assert!(cases.rows().iter().all(|row| row.holds), "{cases}");
    let mutation = quality::Mutation::of(&Recall::default(), &cases);
    let idle: Vec<&str> = mutation.idle().collect();
    assert_eq!(idle, [""; 0]);
}
