//! What a call asks of the budget: its price in every window, its urgency, and when a grant would come too late.

use std::sync::Arc;
use std::time::Duration;

use robust_connectors::Connector;
use robust_limiter::{Appraise, Bid, Charge, Cost};
use robust_market::Request;
use tokio::time::Instant;

use crate::Call;
use crate::stats::Stats;

/// How much earlier than the caller's patience the wait for the budget ends at least: timers tick by the millisecond, and the
/// refusal, which says when to come back, must be there before the caller gives up without a reason.
const SAY_SO: Duration = Duration::from_millis(5);

/// Prices requests, from the connector's table to the limiter's.
#[derive(Debug, Clone)]
pub(crate) struct Price {
    pub(crate) connector: Arc<dyn Connector>,
    /// Index of the user's own window, which each request costs one unit of.
    pub(crate) user_window: Option<usize>,
}

impl Price {
    /// The price of one request in every window, the user's own included.
    pub(crate) fn of(&self, request: &Request) -> Cost {
        let charges = self.connector.cost(request);
        let mut cost = Cost::new();
        for charge in &charges {
            cost.push(Charge {
                window: charge.window,
                key: charge.key,
                units: charge.units,
            });
        }
        if let Some(window) = self.user_window {
            cost.push(Charge::new(window, 1));
        }
        cost
    }
}

/// Bids for calls.
#[derive(Debug, Clone)]
pub(crate) struct Bidder {
    pub(crate) price: Price,
    pub(crate) stats: Arc<Stats>,
}

impl Bidder {
    /// When a grant would be of no use any more: the time that the exchange usually takes before the end.
    fn too_late(&self, call: &Call) -> Option<Instant> {
        let end = call.deadline.min(call.admit_by);
        // Half of the time that is left at most: who has less patience than the exchange usually takes may still try while the
        // budget is free. A grant that had to be there by this very instant would always be a little too late.
        let now = call.present.unwrap_or_else(Instant::now);
        let left = end.saturating_duration_since(now);
        end.checked_sub(self.stats.usual().max(SAY_SO).min(left / 2))
    }
}

impl Appraise<Call> for Bidder {
    #[inline]
    fn bid(&self, call: &Call) -> Bid {
        Bid {
            cost: self.price.of(&call.request),
            class: call.class.clone(),
            deadline: self.too_late(call),
        }
    }

    #[inline]
    fn now(&self, call: &Call) -> Option<Instant> {
        call.present
    }

    fn waits(&self, call: &mut Call) {
        call.present = None;
    }
}
