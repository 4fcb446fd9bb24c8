//! What a request costs, from the connector's table to the limiter's.

use robust_connectors::Connector;
use robust_limiter::{Charge, Cost};
use robust_market::Request;

/// The price of one request in every window, the user's own included.
pub(crate) fn of(connector: &dyn Connector, request: &Request, user_window: Option<usize>) -> Cost {
    connector
        .cost(request)
        .iter()
        .map(|charge| Charge {
            window: charge.window,
            key: charge.key,
            units: charge.units,
        })
        .chain(user_window.map(|window| Charge {
            window,
            key: 0,
            units: 1,
        }))
        .collect()
}
