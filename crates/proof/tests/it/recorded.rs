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

/// What compares with captured answers, which are no part of this repository: `cargo xtask test` counts it as skipped without them.
mod needs_recordings {
    use super::*;

    #[test]
    fn captured_cases_beside_the_repository_pass() {
        let Some(dir) = robust_recordings::folder() else {
            eprintln!("NOT RUN: no captured cases at hand; RDM_FIXTURES names their folder");
            return;
        };
        let outcome = all_of(dir);
        assert!(outcome.holds(), "{outcome}");
    }
}
