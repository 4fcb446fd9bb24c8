//! The algebra holds for any set of objections.

use proptest::prelude::*;

use super::*;
use crate::rules::RULES;

#[derive(Debug, Clone, Copy)]
struct Objection {
    rule: usize,
    severity: Severity,
    unit: Option<usize>,
}

const UNITS: usize = 12;

fn severity() -> impl Strategy<Value = Severity> {
    prop_oneof![
        Just(Severity::Info),
        Just(Severity::Warning),
        Just(Severity::Error),
        Just(Severity::Critical)
    ]
}

fn objection() -> impl Strategy<Value = Objection> {
    (0..RULES.len(), severity(), prop::option::of(0..UNITS)).prop_map(|(rule, severity, unit)| {
        Objection {
            rule,
            severity,
            unit,
        }
    })
}

fn judged(many: bool, applicable: [bool; 6], objections: &[Objection]) -> Report {
    let mut tally = if many {
        Tally::list(UNITS)
    } else {
        Tally::single()
    };
    for (dimension, applicable) in Dimension::ALL.into_iter().zip(applicable) {
        if applicable {
            tally.checked(dimension, UNITS);
        }
    }
    for objection in objections {
        let rule = &RULES[objection.rule];
        // A check that objects was made, so its dimension applies.
        if !applicable[rule.dimension as usize] {
            continue;
        }
        match objection.unit {
            Some(unit) => tally.object(rule, objection.severity, Place::row(unit), String::new),
            None => tally.whole(rule, objection.severity, None, String::new),
        }
    }
    tally.finish(&crate::config::SEED)
}

proptest! {
    #[test]
    fn one_more_objection_never_raises_the_score_nor_strengthens_the_acceptance(
        many in any::<bool>(),
        applicable in any::<[bool; 6]>(),
        objections in prop::collection::vec(objection(), 0..20),
        one_more in objection(),
    ) {
        let before = judged(many, applicable, &objections);
        let mut more = objections.clone();
        more.push(one_more);
        let after = judged(many, applicable, &more);
        prop_assert!(after.overall.get() <= before.overall.get() + 1e-9);
        prop_assert!(after.acceptance <= before.acceptance);
        for (after, before) in after.dimensions.iter().zip(before.dimensions) {
            prop_assert_eq!(after.is_some(), before.is_some());
            prop_assert!(after.map(Score::get) <= before.map(Score::get));
        }
    }

    #[test]
    fn the_order_of_objections_changes_nothing_but_their_order(
        many in any::<bool>(),
        applicable in any::<[bool; 6]>(),
        (objections, other) in prop::collection::vec(objection(), 0..40)
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        let (one, two) = (judged(many, applicable, &objections), judged(many, applicable, &other));
        for (a, b) in one.dimensions.iter().zip(two.dimensions) {
            // Charges to the whole are added in another order: their sum may differ in its last bit.
            let close = |a: Score, b: Score| (a.get() - b.get()).abs() <= 2e-6;
            prop_assert!(a.is_some() == b.is_some() && a.zip(b).is_none_or(|(a, b)| close(a, b)));
        }
        prop_assert!((one.overall.get() - two.overall.get()).abs() <= 2e-6);
        prop_assert_eq!((one.acceptance, one.exclusions), (two.acceptance, two.exclusions));
        let facts = |issues: &[Issue]| {
            let mut all: Vec<_> = issues.iter().map(|i| (i.severity, i.rule, i.index)).collect();
            all.sort_unstable();
            all
        };
        prop_assert_eq!(facts(&one.issues), facts(&two.issues));
    }

    #[test]
    fn the_score_is_finite_and_never_above_what_the_acceptance_allows(
        many in any::<bool>(),
        applicable in any::<[bool; 6]>(),
        objections in prop::collection::vec(objection(), 0..60),
    ) {
        let report = judged(many, applicable, &objections);
        let overall = report.overall.get();
        prop_assert!(overall.is_finite() && (0.0..=100.0).contains(&overall));
        match report.acceptance {
            Acceptance::Reject => prop_assert!(overall <= REJECTED_MAX),
            Acceptance::Quarantine => prop_assert!(overall <= QUARANTINED_MAX),
            _ => prop_assert!(overall >= REJECT_BELOW),
        }
    }
}

#[test]
fn weights_sum_to_one() {
    assert!((WEIGHTS.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn a_dimension_that_nothing_was_checked_in_does_not_apply() {
    let report = judged(false, [true, true, false, true, false, false], &[]);
    assert_eq!(report.dimension(Dimension::Accuracy), None);
    assert_eq!(report.dimension(Dimension::Validity), Some(Score::FULL));
    assert_eq!(report.overall, Score::FULL);
    assert_eq!(report.acceptance, Acceptance::Accept);
}

#[test]
fn issues_beyond_the_bound_are_counted_and_the_heaviest_are_kept() {
    let mut tally = Tally::list(1_000);
    tally.checked(Dimension::Validity, 1_000);
    for row in 0..400 {
        tally.object(
            &crate::rules::V_TICK,
            Severity::Warning,
            Place::row(row),
            String::new,
        );
    }
    tally.object(
        &crate::rules::V_PRICE,
        Severity::Error,
        Place::row(999),
        String::new,
    );
    let report = tally.finish(&crate::config::SEED);
    assert_eq!(report.issues.len(), Report::ISSUES_MAX);
    assert_eq!(report.issues_dropped, 301);
    assert_eq!(report.issues[0].severity, Severity::Error);
    assert_eq!(report.exclusions, [999]);
}

#[test]
fn a_list_with_one_broken_record_of_many_is_used_without_it() {
    let mut tally = Tally::list(1_000);
    tally.checked(Dimension::Validity, 1_000);
    tally.object(
        &crate::rules::V_PRICE,
        Severity::Error,
        Place::row(7),
        String::new,
    );
    let report = tally.finish(&crate::config::SEED);
    assert_eq!(report.acceptance, Acceptance::AcceptWithExclusions);
    assert_eq!(report.exclusions, [7]);
}

#[test]
fn shares_of_huge_counts_stay_shares() {
    assert!((ratio(u64::MAX / 2, u64::MAX) - 0.5).abs() < 1e-6);
    assert!((ratio(3, 4) - 0.75).abs() < 1e-12);
}
