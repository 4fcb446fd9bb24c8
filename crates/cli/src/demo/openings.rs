//! Follows the breakers: when one opens, why, and till when.

use robust_data_manager::DataManager;
use robust_data_manager::market::Exchange;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::board::Change;
use crate::exit::Failure;
use crate::sim::Running;

/// Tells every change of every source's breaker until the tasks are dropped.
pub(super) fn follow(
    manager: &DataManager,
    running: &[Running],
    told: impl Fn(&Exchange, &Change) + Clone + Send + 'static,
) -> Result<JoinSet<()>, Failure> {
    let mut tasks = JoinSet::new();
    for one in running {
        let source = manager.source(&one.exchange).map_err(Failure::data)?;
        let (exchange, sim, told) = (one.exchange.clone(), one.sim.clone(), told.clone());
        let mut changes = source.breaker().watch();
        tasks.spawn(async move {
            while changes.changed().await.is_ok() {
                let change = *changes.borrow_and_update();
                let left = source.breaker().snapshot().retry_in;
                let open = change.to.to_string() == "open";
                let change = Change {
                    from: change.from.to_string(),
                    to: change.to.to_string(),
                    cause: change.cause.to_string(),
                    at: change.at,
                    requests: sim.stats().requests,
                    until: left.filter(|_| open).map(|left| Instant::now() + left),
                };
                told(&exchange, &change);
            }
        });
    }
    Ok(tasks)
}
