//! `rdm doctor`: can this machine get market data, and if not, why?

mod answers;
mod live;
mod report;

use std::time::Duration;

use robust_data_manager::market::{Exchange, Kind, Payload, Request};
use robust_data_manager::{
    Category, Config, DataError, DataManager, Environment, ExchangeSettings,
};
use tokio::time::{Instant, timeout};

use crate::args::DoctorArgs;
use crate::exit::Failure;
use crate::fetch::check_base_url;
use crate::settings;
use crate::sim::{self, Running};
use answers::{Answer, Answers};
use live::{Endpoint, Outcome, Renewed};
use report::{Check, Report, State};

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

/// The seed of the simulated exchanges.
const SEED: u64 = 7;

/// The checks of one exchange.
#[derive(Debug)]
struct Patient<'a> {
    manager: &'a DataManager,
    answers: &'a Answers,
    exchange: Exchange,
    url: String,
    patience: Duration,
    /// What came of the question for the time, for the endpoint's own line.
    time: Option<(Outcome, Option<Answer>)>,
    checks: Vec<Check>,
    endpoints: Vec<Endpoint>,
    renewed: Renewed,
}

pub(crate) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    let (config, simulated) = config(&args).await?;
    let answers = Answers::default();
    let manager = DataManager::builder().config(config.clone());
    let manager = manager.tap(answers.tap()).start().map_err(Failure::usage)?;
    let mut examinations = tokio::task::JoinSet::new();
    for (name, settings) in &config.exchanges {
        let exchange: Exchange = name.parse().map_err(Failure::usage)?;
        let source = manager.source(exchange.clone()).map_err(Failure::usage)?;
        let own = source.connector().base_url();
        let first = settings.base_url.as_ref().or(settings.base_urls.first());
        let url = first.cloned().unwrap_or_else(|| own.to_owned());
        let (manager, answers) = (manager.clone(), answers.clone());
        let kinds = args.live.then(|| kinds(&args.kind));
        examinations.spawn(async move {
            let mut patient = Patient {
                manager: &manager,
                answers: &answers,
                exchange,
                url,
                patience: if kinds.is_some() {
                    LIVE_PATIENCE
                } else {
                    PATIENCE
                },
                time: None,
                checks: Vec::new(),
                endpoints: Vec::new(),
                renewed: Renewed::default(),
            };
            patient.examine(kinds.as_deref()).await;
            (patient.checks, patient.endpoints, patient.renewed)
        });
    }
    let mut report = Report::new(args.live);
    for (checks, endpoints, renewed) in examinations.join_all().await {
        report.add(checks, endpoints);
        if let Some(folder) = &args.write_schema {
            report::write_schema(folder, &renewed)?;
        }
    }
    manager.shutdown(GRACE).await;
    for one in simulated {
        one.server.shutdown().await;
    }
    report.show(args.json.as_deref())
}

/// The kinds that are asked for: those that are named, or all. The list of pairs comes before what is about pairs.
fn kinds(named: &[Kind]) -> Vec<Kind> {
    let mut kinds = Kind::ALL.to_vec();
    kinds.sort_by_key(|kind| match kind {
        Kind::Time => 0,
        Kind::Status => 1,
        Kind::Instruments => 2,
        Kind::Assets => 3,
        _ => 4,
    });
    kinds.retain(|kind| named.is_empty() || named.contains(kind));
    kinds
}

/// The exchanges of the file, or all; each asked once, without retries. With `--sim` their simulators, which listen as long as
/// they are kept.
async fn config(args: &DoctorArgs) -> Result<(Config, Vec<Running>), Failure> {
    let mut config = match &args.config {
        Some(path) => settings::load("--config", path)?,
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
    let simulated = if args.sim {
        simulators(&mut config).await?
    } else {
        Vec::new()
    };
    // Nothing but the questions below is asked.
    config.jobs.clear();
    for settings in config.exchanges.values_mut() {
        settings.retries = Some(0);
        let patience = if args.live { LIVE_PATIENCE } else { PATIENCE };
        settings.timeout = Some(patience);
        settings.max_timeout = Some(patience);
    }
    Ok((config, simulated))
}

/// Starts a simulator for each exchange, and lets its address be the only one.
async fn simulators(config: &mut Config) -> Result<Vec<Running>, Failure> {
    let names = config.exchanges.keys().map(|name| name.parse());
    let exchanges: Vec<Exchange> = names.collect::<Result<_, _>>().map_err(Failure::usage)?;
    let running = sim::start(&exchanges, ([127, 0, 0, 1], 0).into(), SEED, None).await?;
    for one in &running {
        let settings = config.exchanges.entry(one.exchange.as_str().to_owned());
        let settings = settings.or_default();
        settings.base_urls.clear();
        settings.base_url = Some(one.server.base_url());
    }
    config.environment = Environment::Simulated;
    Ok(running)
}

impl Patient<'_> {
    async fn examine(&mut self, live: Option<&[Kind]>) {
        if !self.name_is_found().await || !self.answers().await {
            self.not_asked(live.unwrap_or_default());
            return;
        }
        if let Some(kinds) = live {
            let source = self.manager.source(self.exchange.clone());
            let mut kinds = kinds.to_vec();
            kinds.retain(|kind| {
                let source = source.as_ref();
                source.is_ok_and(|source| source.connector().supports(*kind))
            });
            self.endpoints(&kinds).await;
        }
        self.budget();
    }

    /// The endpoints of an exchange that is out of reach: one line above says why, the report names each.
    fn not_asked(&mut self, kinds: &[Kind]) {
        let why = self.checks.last().map(|check| check.found.clone());
        let why = why.unwrap_or_default();
        for kind in kinds {
            let error = format!("not asked: {why}");
            self.endpoints
                .push(Endpoint::silent(&self.exchange, *kind, error));
        }
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
            differences: Vec::new(),
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
        let (outcome, answer) = self.ask(Request::ServerTime).await;
        let outcome = self.time.insert((outcome, answer)).0.clone();
        let sample = match outcome {
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
