//! Every case passes.

use std::path::PathBuf;

use robust_proof::conformance::{FAMILIES, Options, Outcome, own_cases, run};

fn all_of(dir: PathBuf) -> Outcome {
    run(&Options {
        dir,
        exchanges: Vec::new(),
    })
    .unwrap()
}

#[test]
fn our_own_cases_pass_and_cover_every_family() {
    let outcome = all_of(own_cases());
    assert!(outcome.holds(), "{outcome}");
    for exchange in ["kraken", "binance", "kucoin", "htx"] {
        let total = |family| {
            let key = (exchange.to_owned(), family);
            outcome.tallies.get(&key).map_or(0, |tally| tally.total)
        };
        let totals = FAMILIES.map(total);
        assert!(totals.iter().all(|total| *total > 0), "{totals:?}");
        assert!(totals.iter().sum::<u32>() >= 25, "{totals:?}");
    }
}

/// Captured answers are not part of the repository; where they lie beside it, they are run too.
#[test]
fn captured_cases_beside_the_repository_pass() {
    let dir = PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/fixtures"
    ));
    if !dir.is_dir() {
        eprintln!("no captured cases beside the repository");
        return;
    }
    let outcome = all_of(dir);
    assert!(outcome.holds(), "{outcome}");
}
