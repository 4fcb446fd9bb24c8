//! From settings to a running manager.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use http::Uri;
use robust_connectors::{Binance, Connector, Credentials, Htx, Kraken, KuCoin};
use robust_http::Client;
use robust_market::{Clock, Exchange, InvalidName, SystemClock, quote};
use robust_scheduler::{Overload, Scheduler};
use robust_source::{Source, Tap, Transport};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::{
    CacheSettings, Config, ConfigError, Environment, ExchangeSettings, QualitySettings,
};
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
use crate::{cached, journal, query, remembered, watch};

/// Why a manager cannot be started. Nothing was.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// A setting cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An exchange's name does not keep to the grammar.
    #[error(transparent)]
    Name(#[from] InvalidName),
    /// No connector of this name was handed in.
    #[error("exchange \"{exchange}\" has no connector; {remedy}")]
    NoConnector {
        /// The name.
        exchange: Exchange,
        /// What to do.
        remedy: String,
    },
    /// An address cannot be used.
    #[error(transparent)]
    Source(#[from] robust_source::BuildError),
    /// The address of a source is on this machine, and the configuration is for live data.
    #[error(
        "exchanges.{exchange}.base_url {url} is on this machine, so it is a simulated source; set environment = \"simulated\" to use it"
    )]
    SimulatedSource {
        /// The exchange.
        exchange: Exchange,
        /// The address.
        url: String,
    },
    /// The address of a source is a test system of the exchange, and the configuration is for live data.
    #[error(
        "exchanges.{exchange}.base_url {url} is a test system of the exchange, whose prices are not those of the market; set environment = \"test\" to use it"
    )]
    TestSource {
        /// The exchange.
        exchange: Exchange,
        /// The address.
        url: String,
    },
    /// The file of the journal cannot be used. It was left as it is.
    #[error("config journal = {path:?}: {reason}")]
    Journal {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// There is no tokio runtime here, on which fetches and jobs could run.
    #[error("no tokio runtime: call start inside of one, such as under #[tokio::main]")]
    NoRuntime,
    /// The HTTP client cannot be built.
    #[error("http client: {0}")]
    Http(String),
}

/// Builds a [`DataManager`].
#[derive(Debug)]
#[must_use = "a builder does nothing until start"]
pub struct DataManagerBuilder {
    config: Config,
    connectors: Vec<Arc<dyn Connector>>,
    transports: BTreeMap<Exchange, Transport>,
    credentials: BTreeMap<String, Credentials>,
    clock: Arc<dyn Clock>,
    seed: u64,
    max_in_flight: usize,
    tap: Option<Tap>,
}

impl DataManagerBuilder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::default(),
            connectors: built_in(),
            transports: BTreeMap::new(),
            credentials: BTreeMap::new(),
            clock: Arc::new(SystemClock),
            seed: seed(),
            max_in_flight: 10,
            tap: None,
        }
    }

    /// Takes settings, from [`Config::load`] or made in code. Exchanges that were added before stay, unless the settings name them too.
    pub fn config(mut self, config: Config) -> Self {
        let added = std::mem::replace(&mut self.config, config).exchanges;
        for (name, settings) in added {
            self.config.exchanges.entry(name).or_insert(settings);
        }
        self
    }

    /// Adds an exchange with its default settings.
    pub fn exchange(mut self, name: impl Into<String>) -> Self {
        self.config.exchanges.entry(name.into()).or_default();
        self
    }

    /// Adds an exchange with settings.
    pub fn exchange_with(mut self, name: impl Into<String>, settings: ExchangeSettings) -> Self {
        self.config.exchanges.insert(name.into(), settings);
        self
    }

    /// Bounds the cache: how many values, and how many bytes.
    pub fn cache(mut self, settings: CacheSettings) -> Self {
        self.config.cache = settings;
        self
    }

    /// Sets the quality rules, and what readers get of doubtful values unless they say.
    pub fn quality(mut self, settings: QualitySettings) -> Self {
        self.config.quality = settings;
        self
    }

    /// Remembers in a file how far each job has come, by its name: its last success, whether it is paused, and what of it was under way.
    ///
    /// A job that is added under a name that the file knows goes on there. What came due since is one run, of the last moment, which is
    /// handed `(last success, nominal]`: bars and trades of the time between come with it, whether the process was shut down or killed.
    /// A run that was under way when it ended is made again. Whether a job is enabled is for its settings to say, and a job that was
    /// quarantined is tried at once.
    ///
    /// The file is begun where there is none, its directory is not. Give each process a file of its own. What is written outlives the
    /// process, and not always a loss of power: then a job may go back some runs, and asks again for what it has had.
    pub fn journal(mut self, path: impl Into<PathBuf>) -> Self {
        self.config.journal = Some(path.into());
        self
    }

    /// Says whether the sources are real exchanges. Default: live.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.config.environment = environment;
        self
    }

    /// Hands in a connector for a venue that is not built in, or one to use instead of a built-in.
    pub fn connector(mut self, connector: Arc<dyn Connector>) -> Self {
        self.connectors.push(connector);
        self
    }

    /// Sends the requests of one exchange through another transport than the HTTP client, such as a simulator's in-memory door.
    pub fn transport(mut self, exchange: Exchange, transport: Transport) -> Self {
        self.transports.insert(exchange, transport);
        self
    }

    /// Hands in the credentials of one configured exchange, instead of those that its settings name.
    ///
    /// They sign what needs a signature and nothing else: a book of KuCoin of more than 100 levels. What is public is asked without.
    ///
    /// ```
    /// use robust_data_manager::{Credentials, DataManager, SecretString};
    ///
    /// # fn build(key: SecretString, secret: SecretString, passphrase: SecretString) {
    /// let builder = DataManager::builder()
    ///     .exchange("kucoin")
    ///     .credentials("kucoin", Credentials::new(key, secret).with_passphrase(passphrase));
    /// # drop(builder);
    /// # }
    /// ```
    pub fn credentials(mut self, name: impl Into<String>, credentials: Credentials) -> Self {
        self.credentials.insert(name.into(), credentials);
        self
    }

    /// Hands in the wall clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Seeds all jitter; the same seed gives the same delays. Default: a seed of the operating system.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Shows each answer of every exchange to a function before it is read; see [`Tap`].
    pub fn tap(mut self, tap: Tap) -> Self {
        self.tap = Some(tap);
        self
    }

    /// Jobs that run at once; 10. A fifth of the places is kept for priorities 1 and 2, and with several exchanges none of them takes
    /// more than three fifths.
    pub const fn max_in_flight(mut self, jobs: usize) -> Self {
        self.max_in_flight = jobs;
        self
    }

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
        let mut venues = BTreeMap::new();
        for (offset, (name, settings)) in self.config.exchanges.iter().enumerate() {
            let exchange: Exchange = name.parse()?;
            let seed = self.seed.wrapping_add(offset as u64);
            let venue = self.venue(&exchange, settings, &client, seed)?;
            venues.insert(exchange, venue);
        }
        let (pool, broken) = remembered::start(self.config.quality.state.as_deref());
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
        });
        if let Some(warning) = broken {
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
        seed: u64,
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
        let transport = match (self.transports.get(exchange), settings.local_address) {
            (Some(transport), _) => transport.clone(),
            (None, None) => robust_source::over(client),
            (None, Some(address)) => {
                let own = self.http(Some(address)).build();
                robust_source::over(&own.map_err(|error| StartError::Http(error.to_string()))?)
            }
        };
        let urls = addresses(&**connector, settings);
        // First of all each address must be one: what is told about it below holds no password.
        let mut source = Source::builder(Arc::clone(connector))
            .config(settings.source())
            .clock(Arc::clone(&self.clock))
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
        })
    }
}

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

/// The addresses that are asked, in their order.
fn addresses(connector: &dyn Connector, settings: &ExchangeSettings) -> Vec<String> {
    match &settings.base_url {
        _ if !settings.base_urls.is_empty() => settings.base_urls.clone(),
        Some(url) => vec![url.clone()],
        None if settings.mirrors => connector
            .base_urls()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        None => vec![connector.base_url().to_owned()],
    }
}

/// Refuses an address whose values are known not to be the market's.
fn real(connector: &dyn Connector, url: String) -> Result<(), StartError> {
    let uri = url.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let here = bare.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    let exchange = connector.exchange();
    if here {
        return Err(StartError::SimulatedSource { exchange, url });
    }
    if connector.is_test_host(host) {
        return Err(StartError::TestSource { exchange, url });
    }
    Ok(())
}

/// A seed that differs from run to run, for jitter that nobody else shares.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}

#[cfg(test)]
mod tests {
    use robust_http::Kind;

    use super::*;

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
