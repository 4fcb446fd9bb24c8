//! What the runs have brought, counted where it is heard and where it was sent, and not by those who account for the runs.

use std::collections::BTreeMap;

use robust_data_manager::DataManager;
use robust_data_manager::market::Exchange;
use robust_sim::Stats;
use serde::Serialize;

use super::board::Board;
use crate::sim::Running;

/// Endpoints whose answers are lists of pairs, which are nobody's value.
const LISTS: [&str; 6] = [
    "AssetPairs",
    "exchangeInfo",
    "symbols",
    "common/symbols",
    "settings/common/symbols",
    "settings/common/market-symbols",
];

/// The counts of one exchange, each by another witness.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(super) struct Proof {
    /// Runs that the scheduler calls done.
    pub(super) done: u64,
    /// Values that the listener has heard, one for each answer.
    pub(super) values: u64,
    /// Requests that the server has counted.
    pub(super) requests: u64,
    /// Of these, for lists of pairs.
    pub(super) lists: u64,
    /// Attempts that brought nothing, by the source's own account: failed, given up or sent again. Some never came to the server.
    pub(super) fruitless: u64,
}

impl Proof {
    /// Why these cannot all be true, if they cannot.
    pub(super) fn contradiction(&self) -> Option<String> {
        let answers = self.values + self.lists;
        if self.done > self.values {
            let (done, values) = (self.done, self.values);
            return Some(format!("{done} runs are done, and {values} values came"));
        }
        if answers > self.requests {
            return Some(format!(
                "{} values and {} lists came, and the server counted {} requests",
                self.values, self.lists, self.requests
            ));
        }
        if self.requests > answers + self.fruitless {
            return Some(format!(
                "the server counted {} requests, and {} values, {} lists and {} attempts without one are accounted for",
                self.requests, self.values, self.lists, self.fruitless
            ));
        }
        None
    }
}

/// The counts of each exchange of a manager. Values that the listener has missed are not known; then there is nothing to compare.
pub(super) fn proofs(
    manager: &DataManager,
    running: &[Running],
    board: &Board,
) -> BTreeMap<Exchange, Proof> {
    if board.missed > 0 {
        return BTreeMap::new();
    }
    let ledgers = manager.scheduler().source_ledgers();
    let status = manager.status();
    let proof = |one: &Running| {
        let exchange = one.exchange.clone();
        let source = status.sources.get(&exchange);
        let fruitless = source.map_or(0, |source| {
            source.failures.values().sum::<u64>() + source.cancelled + source.resent
        });
        let stats = one.sim.stats();
        let proof = Proof {
            done: ledgers
                .get(exchange.as_str())
                .map_or(0, |ledger| ledger.outcomes.ok),
            values: board.values.get(&exchange).copied().unwrap_or(0),
            requests: stats.requests,
            lists: lists(&stats),
            fruitless,
        };
        (exchange, proof)
    };
    running.iter().map(proof).collect()
}

fn lists(stats: &Stats) -> u64 {
    let counts = LISTS.iter().map(|name| stats.by_endpoint.get(name));
    counts.flatten().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_witness_denies_is_told() {
        let sound = Proof {
            done: 9,
            values: 10,
            requests: 13,
            lists: 1,
            fruitless: 2,
        };
        assert_eq!(sound.contradiction(), None);
        type Change = fn(&mut Proof);
        let changes: [(Change, &str); 4] = [
            (|one| one.values = 8, "9 runs are done, and 8 values came"),
            (|one| one.requests = 10, "the server counted 10 requests"),
            (|one| one.requests = 14, "the server counted 14 requests"),
            (|one| one.fruitless = 1, "1 attempts without one"),
        ];
        for (change, told) in changes {
            let mut one = sound.clone();
            change(&mut one);
            let said = one.contradiction().unwrap();
            assert!(said.contains(told), "{said}");
        }
    }
}
