//! The connectors that a manager knows, and the nearest name of one it does not.

use std::sync::Arc;

use robust_connectors::{Binance, Connector, Htx, Kraken, KuCoin};
use robust_market::Exchange;

/// The connectors that come with this library.
pub(crate) fn built_in() -> Vec<Arc<dyn Connector>> {
    vec![
        Arc::new(Kraken),
        Arc::new(Binance),
        Arc::new(KuCoin),
        Arc::new(Htx),
    ]
}

/// What to write instead of the name of an exchange without a connector.
pub(crate) fn nearest_connector(connectors: &[Arc<dyn Connector>], exchange: &Exchange) -> String {
    let names: Vec<Exchange> = connectors
        .iter()
        .map(|connector| connector.exchange())
        .collect();
    let near = |name: &Exchange| strsim::jaro_winkler(name.as_str(), exchange.as_str());
    let nearest = names.iter().max_by(|a, b| near(a).total_cmp(&near(b)));
    let all: Vec<&str> = names.iter().map(Exchange::as_str).collect();
    match nearest {
        Some(nearest) => format!("did you mean {nearest}? (known: {})", all.join(", ")),
        None => "hand one in with DataManagerBuilder::connector".to_owned(),
    }
}
