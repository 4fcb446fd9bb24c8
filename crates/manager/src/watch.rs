//! Tells the changes of a breaker as events, and what they make of the health of its source.

use std::sync::Weak;

use robust_breaker::Transition;
use robust_market::Exchange;
use tokio::sync::watch::Receiver;

use crate::Event;
use crate::shared::Shared;

/// Tells every change until the manager or the breaker is gone.
pub(crate) async fn breaker(
    shared: Weak<Shared>,
    exchange: Exchange,
    mut changes: Receiver<Transition>,
) {
    while changes.changed().await.is_ok() {
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let change = *changes.borrow_and_update();
        shared.hub.tell(Event::State {
            exchange: exchange.clone(),
            from: change.from.to_string(),
            to: change.to.to_string(),
        });
        if let Some(venue) = shared.venues.get(&exchange) {
            shared.health(&exchange, venue);
        }
    }
}
