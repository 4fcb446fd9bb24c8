//! One question to each endpoint, and whether the answer is made of what the exchange documents.

use std::collections::BTreeMap;
use std::sync::Arc;

use robust_data_manager::market::{Exchange, Interval, Kind, Payload, Request, Sample, Symbol};
use robust_data_manager::schema::{self, Drift, Known, Missing, Retyped, Unknown};
use robust_data_manager::{DataError, Query};
use serde::Serialize;
use tokio::time::Instant;

use super::answers::Answer;
use super::{Patient, State, remedy};

/// What one endpoint has said.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Endpoint {
    pub(super) exchange: Exchange,
    pub(super) kind: Kind,
    path: Option<String>,
    /// Whether there was an answer, and nothing that we read has changed in it.
    pub(super) ok: bool,
    http: Option<u16>,
    latency_ms: Option<f64>,
    /// Units of each of the exchange's windows.
    weight: BTreeMap<&'static str, u32>,
    records: Option<usize>,
    error: Option<String>,
    unknown: Vec<Unknown>,
    missing: Vec<Missing>,
    retyped: Vec<Retyped>,
    /// The answer has more paths than are compared.
    cut: bool,
}

impl Endpoint {
    /// One that has not been asked.
    pub(super) fn silent(exchange: &Exchange, kind: Kind, error: String) -> Self {
        Self {
            exchange: exchange.clone(),
            kind,
            path: None,
            ok: false,
            http: None,
            latency_ms: None,
            weight: BTreeMap::new(),
            records: None,
            error: Some(error),
            unknown: Vec::new(),
            missing: Vec::new(),
            retyped: Vec::new(),
            cut: false,
        }
    }

    /// Each difference, the worst first.
    pub(super) fn differences(&self) -> Vec<String> {
        let missing = self.missing.iter().map(|path| format!("missing  {path}"));
        let retyped = self.retyped.iter().map(|path| format!("retyped  {path}"));
        let unknown = self.unknown.iter().map(|path| format!("unknown  {path}"));
        missing.chain(retyped).chain(unknown).collect()
    }

    fn summary(&self) -> String {
        let mut parts = Vec::new();
        if let Some(records) = self.records {
            parts.push(format!("{records} records"));
        }
        if let Some(latency) = self.latency_ms {
            parts.push(format!("{latency} ms"));
        }
        let weight = self.weight.iter();
        let weight: Vec<String> = weight
            .map(|(name, units)| format!("{units} {name}"))
            .collect();
        if !weight.is_empty() {
            parts.push(format!("cost {}", weight.join(" + ")));
        }
        let counts = [
            (self.missing.len(), "missing"),
            (self.retyped.len(), "retyped"),
            (self.unknown.len(), "unknown"),
        ];
        let drift = counts.iter().filter(|(count, _)| *count > 0);
        let drift: Vec<String> = drift
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !drift.is_empty() {
            parts.push(drift.join(", "));
        }
        if self.cut {
            parts.push("more paths than are compared".to_owned());
        }
        parts.join(", ")
    }
}

/// The lists with what the answers have beside them.
#[derive(Debug, Default)]
pub(super) struct Renewed(pub(super) BTreeMap<(Exchange, &'static str), String>);

impl Renewed {
    /// Several kinds are read from one endpoint, each answer may have something new.
    fn add(&mut self, exchange: &Exchange, known: &'static Known, body: &[u8]) {
        let mut lists = schema::lists();
        let Some((_, name, _)) = lists.find(|(_, _, list)| std::ptr::eq(*list, known)) else {
            return;
        };
        let so_far = self.0.remove(&(exchange.clone(), name));
        let so_far = so_far.and_then(|text| Known::parse(&text).ok());
        if let Ok(text) = so_far.as_ref().unwrap_or(known).renewed(body) {
            self.0.insert((exchange.clone(), name), text);
        }
    }
}

/// The questions of a kind. Some kinds have an endpoint for one pair and another for many, or one for few levels.
pub(super) fn questions(exchange: &Exchange, kind: Kind) -> Vec<Request> {
    let quote = if *exchange == Exchange::KRAKEN {
        "USD"
    } else {
        "USDT"
    };
    let pairs = ["BTC", "ETH"].map(|base| Symbol::new(base, quote));
    let [Ok(symbol), Ok(other)] = pairs else {
        return Vec::new();
    };
    let symbols = vec![symbol.clone(), other];
    let one = vec![symbol.clone()];
    let kucoin = *exchange == Exchange::KUCOIN;
    match kind {
        Kind::Ticker => vec![Request::Ticker { symbol }],
        Kind::Tickers => vec![Request::Tickers { symbols }],
        Kind::BidsAsks if kucoin => vec![
            Request::BidsAsks { symbols },
            Request::BidsAsks { symbols: one },
        ],
        Kind::BidsAsks => vec![Request::BidsAsks { symbols }],
        Kind::LastPrices => vec![Request::LastPrices { symbols }],
        Kind::Book => {
            let depth = |depth| Request::OrderBook {
                symbol: symbol.clone(),
                depth,
            };
            match kucoin {
                true => vec![depth(None), depth(Some(20))],
                false => vec![depth(None)],
            }
        }
        Kind::Candles => vec![Request::Candles {
            symbol,
            interval: Interval::M1,
            since: None,
            limit: None,
        }],
        Kind::Trades => vec![Request::Trades {
            symbol,
            since: None,
            limit: None,
        }],
        Kind::Instruments => vec![Request::Instruments],
        Kind::Assets => vec![Request::Assets],
        Kind::Time => vec![Request::ServerTime],
        Kind::Status => vec![Request::Status],
        _ => Vec::new(),
    }
}

impl Patient {
    /// One question to each endpoint of these kinds.
    pub(super) async fn endpoints(&mut self, kinds: &[Kind]) {
        for kind in kinds {
            for request in questions(&self.exchange, *kind) {
                self.endpoint(request).await;
            }
        }
    }

    async fn endpoint(&mut self, request: Request) {
        // The exchange was asked for its time already.
        let asked = self.time.take_if(|_| request.kind() == Kind::Time);
        let (outcome, answer) = match asked {
            Some(told) => told,
            None => self.ask(request.clone()).await,
        };
        self.judge(&request, outcome, answer.as_ref());
    }

    /// Puts a question; says what came of it, and what the exchange has sent.
    pub(super) async fn ask(&self, request: Request) -> (Outcome, Option<Answer>) {
        let kind = request.kind();
        let query = Query::new(self.exchange.clone(), request).refresh();
        let query = query.timeout(self.patience);
        let Some(place) = self.place() else {
            return (Err(DataError::Shutdown), None);
        };
        // The addresses of an exchange share its limit, and each is asked by a manager of its own.
        self.pay(query.request()).await;
        let outcome = place.manager.get(query).await;
        (outcome, self.answers.take(&self.exchange, kind))
    }

    /// Waits until the exchange's limit has room for one more question.
    async fn pay(&self, request: &Request) {
        let Ok(budget) = self.desk.budget(self.exchange.clone()) else {
            return;
        };
        let units: Vec<_> = self.weight(request).into_iter().collect();
        let ends = Instant::now() + self.patience;
        // Without room until then the question is asked all the same, and the answer says what is the matter.
        if let Ok(permit) = budget.acquire(&units, Some(ends)).await {
            permit.commit();
        }
    }

    fn judge(&mut self, request: &Request, outcome: Outcome, answer: Option<&Answer>) {
        let kind = request.kind();
        let mut endpoint = Endpoint::silent(&self.exchange, kind, String::new());
        endpoint.error = None;
        endpoint.weight = self.weight(request);
        // An error of the exchange has a shape of its own; an answer that nobody could read may have changed.
        let compare = match &outcome {
            Ok(_) => true,
            Err(error) => matches!(error.name(), "malformed" | "unexpected_content"),
        };
        let mut drift = Drift::default();
        if let Some(answer) = answer {
            endpoint.http = Some(answer.status);
            endpoint.latency_ms = Some((answer.took.as_secs_f64() * 10_000.0).round() / 10.0);
            endpoint.path = Some(answer.path.clone());
            if compare && let Some(known) = schema::known(&self.exchange, &answer.path, kind) {
                if let Ok(found) = known.compare(&answer.body) {
                    drift = found;
                }
                self.renewed.add(&self.exchange, known, &answer.body);
            }
        }
        let breaks = drift.breaks();
        endpoint.ok = outcome.is_ok() && !breaks;
        endpoint.unknown = drift.unknown;
        endpoint.missing = drift.missing;
        endpoint.retyped = drift.retyped;
        endpoint.cut = drift.cut;
        let (state, found, remedy) = match outcome {
            Ok(sample) => {
                endpoint.records = Some(sample.data.len());
                let broken = broken(&sample);
                let mut found = endpoint.summary();
                if let Some(broken) = &broken {
                    found.push_str(&format!(", {broken}"));
                }
                let odd = broken.is_some() || endpoint.cut || !endpoint.unknown.is_empty();
                match (breaks, odd) {
                    (true, _) => (
                        State::Fail,
                        found,
                        Some(
                            "a field that is read has changed: compare with the exchange's documents",
                        ),
                    ),
                    (false, true) => (State::Warn, found, None),
                    (false, false) => (State::Ok, found, None),
                }
            }
            Err(error) => {
                endpoint.error = Some(error.to_string());
                let why = if breaks {
                    format!("{error}; {}", endpoint.summary())
                } else {
                    error.to_string()
                };
                (State::Fail, why, Some(remedy(&error)))
            }
        };
        self.told(kind.as_str(), state, found, remedy);
        if let Some(check) = self.checks.last_mut() {
            check.differences = endpoint.differences();
        }
        self.endpoints.push(endpoint);
    }

    /// What the question costs, by the exchange's own table.
    fn weight(&self, request: &Request) -> BTreeMap<&'static str, u32> {
        let Ok(source) = self.desk.source(self.exchange.clone()) else {
            return BTreeMap::new();
        };
        let windows = source.connector().windows();
        let charges = source.connector().cost(request);
        charges
            .iter()
            .filter_map(|charge| Some((windows.get(charge.window)?.name, charge.units)))
            .collect()
    }
}

pub(super) type Outcome = Result<Sample<Arc<Payload>>, DataError>;

/// The first record that could not be read, in words.
fn broken(sample: &Sample<Arc<Payload>>) -> Option<String> {
    let mut issues = sample.quality.iter().flat_map(|report| &report.issues);
    let broken = issues.find(|issue| issue.field.is_some() && issue.index.is_some());
    broken.map(|issue| issue.message.to_string())
}
