//! `rdm doctor`: can this machine get market data, and if not, why?

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use robust_data_manager::market::{Exchange, Interval, Payload, Request, Symbol};
use robust_data_manager::{
    Category, Config, DataError, DataManager, Environment, ExchangeSettings, Query,
};
use serde::Serialize;
use tokio::time::{Instant, timeout};

use crate::args::DoctorArgs;
use crate::exit::{Failure, print};
use crate::fetch::check_base_url;
use crate::{file, json};

/// Without an answer after this time, a name or an exchange counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(4);
/// A list of thousands of pairs takes longer over a slow line.
const LIVE_PATIENCE: Duration = Duration::from_secs(15);
/// How long the end of the program waits for what is under way.
const GRACE: Duration = Duration::from_millis(100);
/// Exchanges refuse signed requests whose time is further off (Binance's default recvWindow, KuCoin's KC-API-TIMESTAMP): 5 s.
const SKEW_FAILS: Duration = Duration::from_secs(5);
/// Ages that are computed from the exchange's clock are wrong by this much.
const SKEW_WARNS: Duration = Duration::from_secs(1);
/// Kraken tells its time in whole seconds.
const RESOLUTION: Duration = Duration::from_secs(1);

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Warn,
    Fail,
}

/// One line of the examination.
#[derive(Debug, Clone, Serialize)]
struct Check {
    exchange: Exchange,
    check: &'static str,
    state: State,
    found: String,
    remedy: Option<&'static str>,
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "FAIL",
        };
        let (exchange, check) = (self.exchange.as_str(), self.check);
        write!(f, "{state:<4}  {exchange:<8} {check:<11} {}", self.found)?;
        match self.remedy {
            Some(remedy) => write!(f, "; {remedy}"),
            None => Ok(()),
        }
    }
}

/// The checks of one exchange.
#[derive(Debug)]
struct Patient<'a> {
    manager: &'a DataManager,
    exchange: Exchange,
    url: String,
    checks: Vec<Check>,
}

pub(crate) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    let config = config(&args)?;
    let manager = DataManager::builder()
        .config(config.clone())
        .start()
        .map_err(Failure::usage)?;
    let mut examinations = tokio::task::JoinSet::new();
    for (name, settings) in &config.exchanges {
        let exchange: Exchange = name.parse().map_err(Failure::usage)?;
        let source = manager.source(exchange.clone()).map_err(Failure::usage)?;
        let own = source.connector().base_url();
        let url = settings.base_url.clone().unwrap_or_else(|| own.to_owned());
        let (manager, live) = (manager.clone(), args.live);
        examinations.spawn(async move {
            let mut patient = Patient {
                manager: &manager,
                exchange,
                url,
                checks: Vec::new(),
            };
            patient.examine(live).await;
            patient.checks
        });
    }
    let mut checks = examinations.join_all().await.concat();
    manager.shutdown(GRACE).await;
    // Each exchange's checks stand in the order in which they were made.
    checks.sort_by(|a, b| a.exchange.cmp(&b.exchange));
    if args.json {
        let shown = BTreeMap::from([("checks", &checks)]);
        print(&json::text(&shown).map_err(Failure::data)?);
    } else {
        for check in &checks {
            print(&check.to_string());
        }
    }
    let failed = checks.iter().filter(|check| check.state == State::Fail);
    match failed.count() {
        0 => Ok(()),
        failed => Err(Failure::Data(format!(
            "doctor: {failed} of {} checks failed",
            checks.len()
        ))),
    }
}

/// The exchanges of the file, or all; each asked once, without retries.
fn config(args: &DoctorArgs) -> Result<Config, Failure> {
    let mut config = match &args.config {
        Some(path) => Config::from_toml(&file::read("--config", path)?)
            .map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?,
        None => Config::default(),
    };
    if config.exchanges.is_empty() && args.base_url.is_empty() {
        let all = [
            Exchange::KRAKEN,
            Exchange::BINANCE,
            Exchange::KUCOIN,
            Exchange::HTX,
        ];
        for exchange in all {
            let settings = ExchangeSettings::default();
            config
                .exchanges
                .insert(exchange.as_str().to_owned(), settings);
        }
    }
    for (exchange, url) in &args.base_url {
        check_base_url(url)?;
        let name = exchange.as_str().to_owned();
        config.exchanges.entry(name).or_default().base_url = Some(url.clone());
        config.environment = Environment::Simulated;
    }
    for settings in config.exchanges.values_mut() {
        settings.retries = Some(0);
        let patience = if args.live { LIVE_PATIENCE } else { PATIENCE };
        settings.timeout = Some(patience);
        settings.max_timeout = Some(patience);
    }
    Ok(config)
}

impl Patient<'_> {
    async fn examine(&mut self, live: bool) {
        if !self.name_is_found().await {
            return;
        }
        if !self.answers().await {
            return;
        }
        if live {
            self.endpoints().await;
        }
        self.budget();
    }

    fn note(&mut self, check: &'static str, state: State, found: String) {
        self.told(check, state, found, None);
    }

    fn told(
        &mut self,
        check: &'static str,
        state: State,
        found: String,
        remedy: Option<&'static str>,
    ) {
        self.checks.push(Check {
            exchange: self.exchange.clone(),
            check,
            state,
            found,
            remedy,
        });
    }

    /// Host and port of the address.
    fn authority(&self) -> (String, &'static str) {
        let (scheme, rest) = self.url.split_once("://").unwrap_or(("https", &self.url));
        let host = rest.trim_end_matches('/').to_owned();
        (host, if scheme == "http" { "80" } else { "443" })
    }

    async fn name_is_found(&mut self) -> bool {
        let (host, port) = self.authority();
        let bare = host.rsplit_once(':').map_or("", |(_, port)| port);
        let named = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
        let target = if named {
            host.clone()
        } else {
            format!("{host}:{port}")
        };
        let found = timeout(PATIENCE, tokio::net::lookup_host(target)).await;
        let why = match found {
            Ok(Ok(addresses)) => {
                let count = addresses.count();
                self.note("dns", State::Ok, format!("{host} has {count} addresses"));
                return true;
            }
            Ok(Err(_)) => "is not found".to_owned(),
            Err(_) => format!("is not found within {PATIENCE:?}"),
        };
        let remedy = "check the network connection and the name server";
        self.told("dns", State::Fail, format!("{host} {why}"), Some(remedy));
        false
    }

    /// Asks for the exchange's time: whether it can be reached, trusted, and what its clock says.
    async fn answers(&mut self) -> bool {
        let begun = Instant::now();
        let query = Query::new(self.exchange.clone(), Request::ServerTime);
        let sample = match self.manager.get(query.timeout(PATIENCE)).await {
            Ok(sample) => sample,
            Err(error) => {
                let remedy = Some(remedy(&error));
                self.told("reach", State::Fail, error.to_string(), remedy);
                return false;
            }
        };
        let trip = begun.elapsed();
        let took = trip.as_millis();
        self.note("reach", State::Ok, format!("answered in {took} ms"));
        let trust = if self.url.starts_with("https://") {
            "the certificate is good by the roots that are built in"
        } else {
            "not encrypted: a simulator"
        };
        self.note("tls", State::Ok, trust.to_owned());
        if let Payload::ServerTime(theirs) = &*sample.data {
            // The time was read somewhere between our question and the first byte of the answer.
            let ours = sample.meta.received;
            let off = ours.since(*theirs).max(theirs.since(ours));
            self.clock(off, trip + RESOLUTION);
        }
        true
    }

    fn clock(&mut self, off: Duration, unsure: Duration) {
        let sure = off.saturating_sub(unsure);
        let state = match sure {
            sure if sure >= SKEW_FAILS => State::Fail,
            sure if sure >= SKEW_WARNS => State::Warn,
            _ => State::Ok,
        };
        let (off, unsure) = (off.as_millis(), unsure.as_millis());
        let found = format!("{off} ms from the exchange's, sure to {unsure} ms");
        let remedy = "set this machine's clock, such as by NTP";
        self.told(
            "clock",
            state,
            found,
            (state != State::Ok).then_some(remedy),
        );
    }

    /// What is left of each window, by our own count and the exchange's headers.
    fn budget(&mut self) {
        let status = self.manager.status();
        let Some(source) = status.sources.get(&self.exchange) else {
            return;
        };
        for window in &source.budget {
            let limit = u64::from(window.limit);
            let left = limit.saturating_sub(window.used);
            let per = Duration::from_millis(window.per_ms);
            let found = format!("{left} of {limit} {} left in {per:?}", window.name);
            // A window of a few is meant to be used up.
            if limit > 10 && left * 5 < limit {
                let remedy = "another program uses this address's budget: ask less often";
                self.told("limits", State::Warn, found, Some(remedy));
            } else {
                self.note("limits", State::Ok, found);
            }
        }
    }

    /// One question to each endpoint, and whether every field could be read.
    async fn endpoints(&mut self) {
        let quote = if self.exchange == Exchange::KRAKEN {
            "USD"
        } else {
            "USDT"
        };
        let Ok(symbol) = Symbol::new("BTC", quote) else {
            return;
        };
        let requests = [
            ("status", Request::Status),
            ("instruments", Request::Instruments),
            (
                "ticker",
                Request::Ticker {
                    symbol: symbol.clone(),
                },
            ),
            (
                "book",
                Request::OrderBook {
                    symbol: symbol.clone(),
                    depth: None,
                },
            ),
            (
                "candles",
                Request::Candles {
                    symbol: symbol.clone(),
                    interval: Interval::M1,
                    since: None,
                    limit: None,
                },
            ),
            (
                "trades",
                Request::Trades {
                    symbol,
                    since: None,
                    limit: None,
                },
            ),
        ];
        for (name, request) in requests {
            self.endpoint(name, request).await;
        }
    }

    async fn endpoint(&mut self, name: &'static str, request: Request) {
        let query = Query::new(self.exchange.clone(), request);
        match self.manager.get(query).await {
            Ok(sample) => {
                let mut found = format!("{} records", sample.data.len());
                let issues = sample.quality.iter().flat_map(|report| &report.issues);
                let broken = issues.filter(|issue| issue.field.is_some() && issue.index.is_some());
                let broken = broken.map(|issue| issue.message.to_string()).next();
                let state = if broken.is_some() {
                    State::Warn
                } else {
                    State::Ok
                };
                if let Some(broken) = broken {
                    found.push_str(&format!(", {broken}"));
                }
                self.note(name, state, found);
            }
            Err(error) => {
                let remedy = Some(remedy(&error));
                self.told(name, State::Fail, error.to_string(), remedy);
            }
        }
    }
}

fn remedy(error: &DataError) -> &'static str {
    match error.category() {
        Category::Network | Category::Timeout => {
            "check the network connection, the firewall, and whether the exchange serves this country"
        }
        Category::Limited => "wait as long as it says, then ask less often",
        Category::Api => "see the exchange's status page, then whether its interface has changed",
        _ => "check the settings",
    }
}
