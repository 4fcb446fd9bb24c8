//! From settings to a running manager.

mod addresses;
mod connectors;
mod error;
mod start;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use robust_connectors::{Connector, Credentials};
use robust_market::{Clock, Exchange, SystemClock};
use robust_source::{Tap, Transport};

use crate::config::{
    CacheSettings, Config, Environment, ExchangeSettings, Monotonic, QualitySettings,
};

pub(crate) use connectors::{built_in, nearest_connector};
pub use error::StartError;

/// Builds a [`DataManager`](crate::DataManager).
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

    /// The clock that calls are timed and limited by: the processor's counter beside tokio's clock, unless told otherwise; see
    /// [`Monotonic`].
    pub fn monotonic(mut self, monotonic: Monotonic) -> Self {
        self.config.monotonic = monotonic;
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
}

/// A seed that differs from run to run, for jitter that nobody else shares.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
}
