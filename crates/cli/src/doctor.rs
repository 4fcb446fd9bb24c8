//! `rdm doctor`: can this machine get market data, and if not, why?

mod answers;
mod live;
mod report;

use std::time::Duration;

use robust_data_manager::market::{Exchange, Kind, Payload, Request};
use robust_data_manager::{
    Category, Config, DataError, DataManager, Environment, ExchangeSettings, WindowStatus,
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

/// One address of an exchange, and a manager that asks there and nowhere else.
#[derive(Debug)]
struct Place {
    url: String,
    manager: DataManager,
}

impl Place {
    /// Host and port, as they stand in the address.
    fn host(&self) -> &str {
        let rest = self
            .url
            .split_once("://")
            .map_or(&*self.url, |(_, rest)| rest);
        rest.trim_end_matches('/')
    }

    /// What a name server is asked for.
    fn target(&self) -> String {
        let host = self.host();
        let port = host.rsplit_once(':').map_or("", |(_, port)| port);
        if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) {
            host.to_owned()
        } else if self.url.starts_with("http://") {
            format!("{host}:80")
        } else {
            format!("{host}:443")
        }
    }
}

/// The checks of one exchange.
#[derive(Debug)]
struct Patient {
    /// Sends nothing: the one budget that every question to any address is paid from.
    desk: DataManager,
    answers: Answers,
    exchange: Exchange,
    /// Every address in force, in the order in which they are asked.
    places: Vec<Place>,
    /// The one that is examined, and at last the first that answered.
    at: usize,
    patience: Duration,
    /// What came of the question for the time, for the endpoint's own line.
    time: Option<(Outcome, Option<Answer>)>,
    checks: Vec<Check>,
    endpoints: Vec<Endpoint>,
    renewed: Renewed,
}

pub(crate) async fn run(args: DoctorArgs) -> Result<(), Failure> {
    let (config, simulated) = config(&args).await?;
    let start = |config: &Config, answers: &Answers| {
        let manager = DataManager::builder().config(config.clone());
        manager.tap(answers.tap()).start().map_err(Failure::usage)
    };
    let answers = Answers::default();
    let desk = start(&config, &answers)?;
    let kinds = args.live.then(|| kinds(&args.kind));
    let mut examinations = tokio::task::JoinSet::new();
    for (name, settings) in &config.exchanges {
        let exchange: Exchange = name.parse().map_err(Failure::usage)?;
        let source = desk.source(exchange.clone()).map_err(Failure::usage)?;
        let places = addresses(&source.connector().base_urls(), settings).into_iter();
        let places = places.map(|url| {
            let mut alone = config.clone();
            alone.exchanges.retain(|other, _| other == name);
            for settings in alone.exchanges.values_mut() {
                settings.base_urls.clear();
                settings.base_url = Some(url.clone());
                settings.mirrors = false;
            }
            let manager = start(&alone, &answers)?;
            Ok(Place { url, manager })
        });
        let mut patient = Patient {
            desk: desk.clone(),
            answers: answers.clone(),
            exchange,
            places: places.collect::<Result<_, Failure>>()?,
            at: 0,
            patience: if args.live { LIVE_PATIENCE } else { PATIENCE },
            time: None,
            checks: Vec::new(),
            endpoints: Vec::new(),
            renewed: Renewed::default(),
        };
        let kinds = kinds.clone();
        examinations.spawn(async move {
            patient.examine(kinds.as_deref()).await;
            for place in &patient.places {
                place.manager.shutdown(GRACE).await;
            }
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
    desk.shutdown(GRACE).await;
    for one in simulated {
        one.server.shutdown().await;
    }
    report.show(args.json.as_deref())
}

/// The addresses in force, as the manager takes them; `own` are those that the connector knows.
fn addresses(own: &[&str], settings: &ExchangeSettings) -> Vec<String> {
    match &settings.base_url {
        _ if !settings.base_urls.is_empty() => settings.base_urls.clone(),
        Some(url) => vec![url.clone()],
        None => {
            let known = if settings.mirrors { own.len() } else { 1 };
            own.iter()
                .take(known)
                .map(|url| (*url).to_owned())
                .collect()
        }
    }
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
            let mut settings = ExchangeSettings::default();
            // Whoever does not say which, wants to know of all that there are.
            settings.mirrors = true;
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
        settings.mirrors = false;
        settings.base_url = Some(one.server.base_url());
    }
    config.environment = Environment::Simulated;
    Ok(running)
}

impl Patient {
    async fn examine(&mut self, live: Option<&[Kind]>) {
        if !self.places().await {
            self.not_asked(live.unwrap_or_default());
            return;
        }
        if let Some(kinds) = live {
            let source = self.desk.source(self.exchange.clone());
            let mut kinds = kinds.to_vec();
            kinds.retain(|kind| {
                let source = source.as_ref();
                source.is_ok_and(|source| source.connector().supports(*kind))
            });
            self.endpoints(&kinds).await;
        }
        self.budget();
    }

    /// Examines every address, and turns to the first that answers; `false` when none does.
    async fn places(&mut self) -> bool {
        let mut reached = None;
        for at in 0..self.places.len() {
            self.at = at;
            let answers = self.name_is_found().await && self.answers().await;
            let time = self.time.take();
            if answers && reached.is_none() {
                reached = Some((at, time));
            }
        }
        let Some((at, time)) = reached else {
            return false;
        };
        (self.at, self.time) = (at, time);
        // One address is enough: that another cannot be had is worth knowing, and no failure.
        for check in &mut self.checks {
            if check.state == State::Fail && ["dns", "reach"].contains(&check.check) {
                check.state = State::Warn;
            }
        }
        true
    }

    fn place(&self) -> Option<&Place> {
        self.places.get(self.at)
    }

    fn host(&self) -> String {
        self.place()
            .map_or_else(String::new, |place| place.host().to_owned())
    }

    /// What is found at an address, with its name where there are several.
    fn found_there(&self, found: &str) -> String {
        if self.places.len() > 1 {
            format!("{}: {found}", self.host())
        } else {
            found.to_owned()
        }
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
            address: self.host(),
            check,
            state,
            found,
            remedy,
            differences: Vec::new(),
        });
    }

    async fn name_is_found(&mut self) -> bool {
        let host = self.host();
        let target = self.place().map(Place::target).unwrap_or_default();
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
                let found = self.found_there(&error.to_string());
                self.told("reach", State::Fail, found, remedy);
                return false;
            }
        };
        let trip = begun.elapsed();
        let took = trip.as_millis();
        let found = self.found_there(&format!("answered in {took} ms"));
        self.note("reach", State::Ok, found);
        let encrypted = self
            .place()
            .is_some_and(|place| place.url.starts_with("https://"));
        let trust = if encrypted {
            "the certificate is good by the roots that are built in"
        } else {
            "not encrypted: a simulator"
        };
        let trust = self.found_there(trust);
        self.note("tls", State::Ok, trust);
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
        let found = self.found_there(&found);
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
        let place = self.place().map(|place| place.manager.status());
        let counted = [Some(self.desk.status()), place];
        let mut windows: Vec<WindowStatus> = Vec::new();
        for window in counted
            .iter()
            .flatten()
            .filter_map(|status| status.sources.get(&self.exchange))
            .flat_map(|source| &source.budget)
        {
            match windows.iter_mut().find(|known| known.name == window.name) {
                Some(known) => known.used = known.used.max(window.used),
                None => windows.push(window.clone()),
            }
        }
        for window in windows {
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
