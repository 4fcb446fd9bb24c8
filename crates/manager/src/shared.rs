//! What the parts of one manager share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use robust_market::{Clock, Exchange, Request, Symbol, Timestamp};
use robust_source::Source;
use tokio::time::Instant;

use crate::banned::Bans;
use crate::config::{Environment, QualitySettings};
use crate::counters::Counters;
use crate::event::Hub;
use crate::health::Monitor;
use crate::judges::Judges;
use crate::key::Key;
use crate::latest::Latest;
use crate::listing::Refusals;
use crate::warning::Warnings;
use crate::{DataError, Event, HealthStatus, Warning};

/// One configured exchange.
#[derive(Debug)]
pub(crate) struct Venue {
    pub(crate) source: Source,
    /// Quote currencies that stand in for others, as configured: `USD` → `USDT`.
    pub(crate) quote_alias: BTreeMap<String, String>,
    /// What it says of the credentials, where there are any.
    pub(crate) key: Option<Key>,
    /// What it said when it refused its list of pairs.
    pub(crate) refusals: Refusals,
    /// How well it does.
    pub(crate) health: Monitor,
    /// Whether it was told that only people can mend what is wrong with it.
    pub(crate) alarmed: AtomicBool,
}

impl Venue {
    /// The pair that the configured alias makes of `symbol`, when the exchange is known to list it.
    pub(crate) fn aliased(&self, symbol: &Symbol) -> Option<Symbol> {
        let quote = self.quote_alias.get(symbol.quote())?;
        let aliased = Symbol::new(symbol.base(), quote).ok()?;
        self.lists(&aliased).then_some(aliased)
    }

    /// What is known of the key that a request is signed with; `None` for requests that go without.
    pub(crate) fn key_of(&self, request: &Request) -> Option<&Key> {
        let signs = |_: &&Key| self.source.connector().needs_signature(request);
        self.key.as_ref().filter(signs)
    }

    /// Whether the pair is known to be listed; without the search for the nearest one, for every read asks this.
    pub(crate) fn lists(&self, symbol: &Symbol) -> bool {
        self.source.symbols().get(symbol).is_some()
    }
}

/// The state behind every handle of one manager.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) venues: BTreeMap<Exchange, Venue>,
    pub(crate) environment: Environment,
    /// When the manager was started, by both clocks.
    pub(crate) started: (Instant, Timestamp),
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hub: Hub,
    pub(crate) counters: Counters,
    pub(crate) judges: Judges,
    pub(crate) terms: QualitySettings,
    pub(crate) warnings: Warnings,
    pub(crate) latest: Latest,
    pub(crate) closed: AtomicBool,
    /// Where bans are written down, if they are.
    pub(crate) bans: Option<Bans>,
}

impl Shared {
    /// Tells something that went wrong and stops nothing, and keeps it for the status.
    pub(crate) fn warn(&self, warning: Warning) {
        self.warnings.keep(&warning, self.clock.now());
        self.hub.tell(Event::Warning(warning));
    }

    /// Looks how well an exchange does, and tells it when that has changed.
    pub(crate) fn health(&self, exchange: &Exchange, venue: &Venue) -> HealthStatus {
        venue.health.look(exchange, &venue.source, self)
    }

    /// Finds a configured exchange.
    pub(crate) fn venue(&self, exchange: &Exchange) -> Result<&Venue, DataError> {
        self.venues.get(exchange).ok_or_else(|| {
            let mut known: Vec<Exchange> = self.venues.keys().cloned().collect();
            known.sort_by(|a, b| {
                let near = |name: &Exchange| strsim::jaro_winkler(name.as_str(), exchange.as_str());
                near(b).total_cmp(&near(a))
            });
            DataError::UnknownExchange {
                exchange: exchange.clone(),
                known,
            }
        })
    }
}
