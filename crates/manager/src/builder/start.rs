//! The start: everything is checked, then put together.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use http::Uri;
use robust_connectors::Credentials;
use robust_http::Client;
use robust_limiter::MonotonicClock;
use robust_market::{Exchange, quote};
use robust_scheduler::{Overload, Scheduler};
use robust_source::{Source, Transport};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::addresses::{addresses, place, real};
use super::connectors::nearest_connector;
use super::{DataManagerBuilder, StartError};
use crate::banned::Bans;
use crate::config::{ConfigError, Environment, ExchangeSettings};
use crate::counters::Counters;
use crate::event::Hub;
use crate::health::{self, Monitor};
use crate::jobs::describe;
use crate::judges::Judges;
use crate::key::Key;
use crate::latest::Latest;
use crate::listing::Refusals;
use crate::manager::{DataManager, Parts};
use crate::shared::{Shared, Venue};
use crate::warning::Warnings;
use crate::{banned, cached, journal, query, remembered, watch};

impl DataManagerBuilder {
    /// Checks every setting, then starts. Must be called inside a tokio runtime. Asks no exchange anything.
    ///
    /// # Errors
    ///
    /// [`StartError`] for the first setting that cannot be used; nothing is left running.
    pub fn start(self) -> Result<DataManager, StartError> {
        self.config.check()?;
        let jobs = self.config.jobs_in_force()?;
        self.check_credentials()?;
        if tokio::runtime::Handle::try_current().is_err() {
            return Err(StartError::NoRuntime);
        }
        let journal = self.config.journal.as_deref().map(journal::open);
        let journal = journal.transpose()?;
        let client = self
            .http(None)
            .build()
            .map_err(|error| StartError::Http(error.to_string()))?;
        // One for all: they learn together how fast the counter runs.
        let monotonic = self.config.monotonic.clock();
        let mut venues = BTreeMap::new();
        for (offset, (name, settings)) in self.config.exchanges.iter().enumerate() {
            let exchange: Exchange = name.parse()?;
            let seed = self.seed.wrapping_add(offset as u64);
            let venue = self.venue(&exchange, settings, &client, (&monotonic, seed))?;
            venues.insert(exchange, venue);
        }
        let (pool, broken) = remembered::start(self.config.quality.state.as_deref());
        let state = self.config.quality.state.as_deref();
        let (bans, forgotten) = state.map(|state| Bans::resume(state, &venues)).unzip();
        let shared = Arc::new(Shared {
            venues,
            environment: self.config.environment,
            started: (Instant::now(), self.clock.now()),
            clock: self.clock,
            hub: Hub::new(),
            counters: Counters::default(),
            judges: Judges::new(self.config.quality.rules()?, pool),
            terms: self.config.quality,
            warnings: Warnings::default(),
            latest: Latest::default(),
            closed: AtomicBool::new(false),
            bans,
        });
        for warning in [broken, forgotten.flatten()].into_iter().flatten() {
            shared.warn(warning);
        }
        let cache = cached::cache(&self.config.cache);
        let service = query::build(&shared, cache.clone());
        let wall = Arc::clone(&shared.clock);
        let scheduler = Scheduler::builder()
            .max_in_flight(self.max_in_flight)
            // A fifth of the places is for the urgent under any backlog.
            .reserve(self.max_in_flight / 5)
            .seed(self.seed)
            .clock(move || {
                let since = wall.now().since(robust_market::Timestamp::EPOCH);
                std::time::SystemTime::UNIX_EPOCH + since
            });
        let scheduler = match journal {
            Some(journal) => scheduler.store(journal.told_to(&shared)),
            None => scheduler,
        };
        let scheduler = scheduler.start();
        // One that answers nothing must not take all the places.
        let places = match shared.venues.len() {
            0 | 1 => self.max_in_flight,
            _ => (self.max_in_flight * 3 / 5).max(1),
        };
        for venue in shared.venues.values() {
            scheduler.source(describe(&venue.source, Overload::Refuse, places));
        }
        let mut tasks = JoinSet::new();
        for (exchange, venue) in &shared.venues {
            let changes = venue.source.breaker().watch();
            tasks.spawn(watch::breaker(
                Arc::downgrade(&shared),
                exchange.clone(),
                changes,
            ));
            let bans = venue.source.bans();
            tasks.spawn(banned::watch(
                Arc::downgrade(&shared),
                exchange.clone(),
                bans,
            ));
        }
        tasks.spawn(health::watch(Arc::downgrade(&shared)));
        Ok(DataManager::new(Parts {
            shared,
            cache,
            service,
            scheduler,
            tasks: Mutex::new(tasks),
            jobs,
        }))
    }

    /// The client of the exchanges. It goes to public addresses, to loopback by its own name, and to the addresses in the
    /// configuration that are written as such: a gateway in the own network. A name never leads to one that is not public.
    fn http(&self, local_address: Option<IpAddr>) -> robust_http::Builder {
        let exchanges = self.config.exchanges.values();
        let urls =
            exchanges.flat_map(|settings| settings.base_url.iter().chain(&settings.base_urls));
        let gateways = urls.filter_map(|url| {
            let uri = url.parse::<Uri>().ok()?;
            let host = uri.host()?;
            let bare = host.trim_start_matches('[').trim_end_matches(']');
            bare.parse::<IpAddr>().ok()
        });
        let client = gateways.fold(Client::builder(), robust_http::Builder::allow_address);
        let client = client.seed(self.seed);
        match local_address {
            Some(address) => client.local_address(address),
            None => client,
        }
    }

    /// A transport that goes to these addresses and nowhere else, whatever a request says.
    fn transport_to(
        &self,
        urls: &[String],
        local_address: Option<IpAddr>,
        client: &Client,
    ) -> Result<Transport, StartError> {
        let unusable = |error: robust_http::BuildError| StartError::Http(error.to_string());
        let own = match local_address {
            Some(_) => Some(self.http(local_address).build().map_err(unusable)?),
            None => None,
        };
        // An address that cannot be read allows nothing, and is refused by name when the source is built.
        let places = urls.iter().filter_map(|url| place(url));
        let client = own.as_ref().unwrap_or(client).for_hosts(places);
        Ok(robust_source::over(&client.map_err(unusable)?))
    }

    /// Finds credentials for an exchange that nobody asks.
    fn check_credentials(&self) -> Result<(), ConfigError> {
        let mut names = self.credentials.keys();
        match names.find(|name| !self.config.exchanges.contains_key(*name)) {
            None => Ok(()),
            Some(name) => Err(ConfigError::Secret {
                field: format!("exchanges.{name}.credentials"),
                place: "set in code".to_owned(),
                reason: format!("add the exchange too: .exchange({})", quote(name)),
            }),
        }
    }

    fn credentials_of(
        &self,
        exchange: &Exchange,
        settings: &ExchangeSettings,
    ) -> Result<Option<Credentials>, ConfigError> {
        match (
            self.credentials.get(exchange.as_str()),
            &settings.credentials,
        ) {
            (Some(credentials), _) => Ok(Some(credentials.clone())),
            (None, Some(places)) => places.load(exchange.as_str()).map(Some),
            (None, None) => Ok(None),
        }
    }

    fn venue(
        &self,
        exchange: &Exchange,
        settings: &ExchangeSettings,
        client: &Client,
        (monotonic, seed): (&MonotonicClock, u64),
    ) -> Result<Venue, StartError> {
        // The last one handed in wins, so a built-in can be replaced.
        let connector = self
            .connectors
            .iter()
            .rev()
            .find(|connector| connector.exchange() == *exchange);
        let connector = connector.ok_or_else(|| StartError::NoConnector {
            exchange: exchange.clone(),
            remedy: nearest_connector(&self.connectors, exchange),
        })?;
        let urls = addresses(&**connector, settings);
        let transport = match self.transports.get(exchange) {
            Some(transport) => transport.clone(),
            None => self.transport_to(&urls, settings.local_address, client)?,
        };
        // First of all each address must be one: what is told about it below holds no password.
        let mut source = Source::builder(Arc::clone(connector))
            .config(settings.source())
            .clock(Arc::clone(&self.clock))
            .monotonic(monotonic.clone())
            .seed(seed)
            .base_urls(&urls);
        let credentials = self.credentials_of(exchange, settings)?;
        let key = credentials.as_ref().map(|_| Key::default());
        if let Some(credentials) = credentials {
            source = source.credentials(credentials);
        }
        if let Some(tap) = &self.tap {
            source = source.tap(tap.clone());
        }
        let source = source.build(transport)?;
        if self.config.environment == Environment::Live {
            for url in urls {
                real(&**connector, url)?;
            }
        }
        Ok(Venue {
            source,
            quote_alias: settings.quote_alias.clone(),
            key,
            refusals: Refusals::default(),
            health: Monitor::new(self.clock.now()),
            alarmed: AtomicBool::new(false),
        })
    }
}

#[cfg(test)]
mod tests {
    use robust_connectors::{Binance, Connector, Kraken};
    use robust_http::{Deadline, Kind};
    use tower::ServiceExt;

    use super::*;

    /// Whatever address a request came to have: the transport of an exchange goes to this exchange alone, and so does one that leaves from
    /// an address of its own. Nothing is connected: the deadline has passed.
    #[tokio::test(start_paused = true)]
    async fn each_exchange_has_a_list_of_its_own_hosts() {
        let custom = ExchangeSettings {
            base_urls: vec![
                "http://127.0.0.1:8080".to_owned(),
                "https://gateway.example.com/".to_owned(),
            ],
            ..ExchangeSettings::default()
        };
        let mirrored = ExchangeSettings {
            mirrors: true,
            ..ExchangeSettings::default()
        };
        let builder = DataManager::builder();
        let client = builder.http(None).build().unwrap();
        let own_mirrors = Binance.base_urls();
        for (connector, settings, goes) in [
            (
                &Kraken as &dyn Connector,
                &ExchangeSettings::default(),
                vec![Kraken.base_url()],
            ),
            (
                &Binance,
                &ExchangeSettings::default(),
                vec![Binance.base_url()],
            ),
            (&Binance, &mirrored, own_mirrors.clone()),
            (
                &Kraken,
                &custom,
                vec!["http://127.0.0.1:8080", "https://gateway.example.com"],
            ),
        ] {
            for local_address in [None, Some("127.0.0.1".parse().unwrap())] {
                let urls = addresses(connector, settings);
                let transport = builder.transport_to(&urls, local_address, &client).unwrap();
                for url in own_mirrors.iter().copied().chain([
                    Kraken.base_url(),
                    Binance.base_url(),
                    "http://127.0.0.1:8080",
                    "http://127.0.0.1:8081",
                    "https://gateway.example.com",
                    "https://gateway.example.com:8443",
                    "https://evil.example.com",
                ]) {
                    let mut request = http::Request::get(format!("{url}/0/public/Time"))
                        .body(bytes::Bytes::new())
                        .unwrap();
                    request.extensions_mut().insert(Deadline(Instant::now()));
                    let error = transport.clone().oneshot(request).await.unwrap_err();
                    let went = matches!(error.kind(), Kind::Timeout { .. });
                    assert!(went || error.kind() == Kind::Forbidden, "{url}: {error}");
                    assert_eq!(went, goes.contains(&url), "{urls:?} {url}: {error}");
                }
            }
        }
    }

    /// Nothing is connected: whether an address is allowed is decided before the deadline, which has passed.
    #[tokio::test(start_paused = true)]
    async fn only_addresses_in_the_configuration_may_be_private() {
        let one = ExchangeSettings {
            base_url: Some("https://10.0.0.5:8443".to_owned()),
            ..ExchangeSettings::default()
        };
        let several = ExchangeSettings {
            base_urls: vec![
                "https://[fd00::5]".to_owned(),
                "https://gateway.example.com".to_owned(),
            ],
            ..ExchangeSettings::default()
        };
        let builder = DataManager::builder()
            .exchange_with("kraken", one)
            .exchange_with("binance", several);
        for local_address in [None, Some("127.0.0.1".parse().unwrap())] {
            let client = builder.http(local_address).build().unwrap();
            for (url, kind) in [
                ("https://10.0.0.5:8443/x", None),
                ("https://[fd00::5]/x", None),
                ("http://127.0.0.1:1/x", None),
                ("https://10.0.0.6/x", Some(Kind::Forbidden)),
                ("https://169.254.169.254/x", Some(Kind::Forbidden)),
                ("http://10.0.0.5:8443/x", Some(Kind::InvalidRequest)),
            ] {
                let request = http::Request::get(url).body(bytes::Bytes::new()).unwrap();
                let error = client
                    .fetch(request, Some(Instant::now()))
                    .await
                    .unwrap_err();
                match kind {
                    Some(kind) => assert_eq!(error.kind(), kind, "{url}"),
                    None => assert!(
                        matches!(error.kind(), Kind::Timeout { .. }),
                        "{url}: {error}"
                    ),
                }
            }
        }
    }
}
