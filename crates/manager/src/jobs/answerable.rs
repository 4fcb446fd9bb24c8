//! What is known without asking: whether a job can be answered at all, and whether its terms mean something.

use std::time::Duration;

use robust_connectors::{Connector, Context, EncodeError, SymbolTable};
use robust_market::{Kind, Request, Timestamp};
use robust_scheduler::Trigger;

use super::{DataJob, ScheduleError, What};

/// The least time of a run.
const SHORTEST: Duration = Duration::from_millis(10);
/// The longest part of a period that runs are spread over.
const WIDEST: Duration = Duration::from_secs(24 * 3_600);
/// The longest period of a job that is made in code: what lies further apart has a date, and a cron expression.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3_600);
/// Attempts beyond the first.
const RETRIES: u32 = 20;
/// Requests a minute.
const RATE: u32 = 1_000_000;

impl DataJob {
    /// Finds terms that mean nothing, or cannot be kept to.
    pub(super) fn check_terms(&self) -> Result<(), ScheduleError> {
        let wrong = |key, value: String, remedy| {
            Err(ScheduleError::Term {
                job: self.name.clone(),
                key,
                value,
                remedy,
            })
        };
        if let Trigger::Every { period, .. } = &self.trigger
            && (*period < Duration::from_millis(1) || *period > LONGEST)
        {
            let remedy = "use a time from 1ms to 366 days, such as 5s";
            return wrong("every", format!("{period:?}"), remedy);
        }
        if !(1..=5).contains(&self.rank()) {
            let remedy = "use 1 (most urgent) to 5";
            return wrong("priority", self.rank().to_string(), remedy);
        }
        if let Some(score) = self.min_quality
            && !(0.0..=100.0).contains(&score)
        {
            return wrong(
                "min_quality",
                score.to_string(),
                "use a score from 0 to 100",
            );
        }
        if let Some(timeout) = self.timeout.filter(|timeout| *timeout < SHORTEST) {
            let remedy = "use 10ms or more";
            return wrong("timeout", format!("{timeout:?}"), remedy);
        }
        if self.splay > WIDEST {
            let shown = format!("{:?}", self.splay);
            return wrong("splay", shown, "use a time up to 24h");
        }
        if let Some(retries) = self.retries.filter(|retries| *retries > RETRIES) {
            return wrong("retries", retries.to_string(), "use 0 to 20");
        }
        if let Some(rate) = self.rate.filter(|rate| !(1..=RATE).contains(rate)) {
            let remedy = "use 1 to 1000000 requests a minute";
            return wrong("rate", rate.to_string(), remedy);
        }
        let trades =
            matches!(&self.what, What::One(query) if query.request().kind() == Kind::Trades);
        if self.since_last && !trades {
            let remedy = "only trades are asked for since the last success; candles ask for what they lack by themselves";
            return wrong("since_last", "true".to_owned(), remedy);
        }
        Ok(())
    }

    /// Finds a request that this exchange cannot answer, whenever it is asked. Pairs that are not known yet are taken for listed:
    /// the list is the exchange's to send.
    pub(super) fn check_answerable(
        &self,
        connector: &dyn Connector,
        symbols: &SymbolTable,
        now: Timestamp,
    ) -> Result<(), ScheduleError> {
        let each = self.requests(connector, &connector.exchange())?;
        for request in &each {
            let twice = |symbol: &&robust_market::Symbol| symbol.base() == symbol.quote();
            if let Some(symbol) = request.symbols().iter().find(twice) {
                return Err(ScheduleError::Term {
                    job: self.name.clone(),
                    key: "symbol",
                    value: format!("\"{symbol}\""),
                    remedy: "name two currencies, such as BTC/USD",
                });
            }
            // What a job reads beyond a page it reads page by page, where it reads since its last success.
            let mut request = request.clone();
            if let Request::Trades {
                limit: Some(limit), ..
            } = &mut request
                && self.since_last
                && let Some(paging) = connector.paging(Kind::Trades)
            {
                *limit = paging.page.min(*limit);
            }
            if let Err(error) = encodes(connector, symbols, now, &request) {
                return Err(ScheduleError::Unanswerable {
                    job: self.name.clone(),
                    key: key(&error),
                    error,
                });
            }
            // Of the pages of a series each is like the first.
            if matches!(self.what, What::One(_)) {
                break;
            }
        }
        Ok(())
    }
}

fn encodes(
    connector: &dyn Connector,
    symbols: &SymbolTable,
    now: Timestamp,
    request: &Request,
) -> Result<(), EncodeError> {
    if !connector.supports(request.kind()) {
        return Err(EncodeError::Unsupported {
            exchange: connector.exchange(),
            kind: request.kind(),
        });
    }
    // No row, no level: some exchanges would answer with all they have.
    let (field, rows) = match request {
        Request::OrderBook { depth, .. } => ("depth", *depth),
        Request::Candles { limit, .. } | Request::Trades { limit, .. } => ("limit", *limit),
        _ => ("limit", None),
    };
    if rows == Some(0) {
        return Err(EncodeError::OutOfRange {
            exchange: connector.exchange(),
            field,
            value: 0,
            min: 1,
            max: i64::from(u32::MAX),
        });
    }
    let encode = |symbols: &SymbolTable| {
        let moment = Context::new(symbols, now).signing();
        connector.encode(request, &moment).map(drop)
    };
    match encode(symbols) {
        Err(EncodeError::UnknownSymbol { .. }) => {}
        other => return other,
    }
    // Under a name of its own, so that the rest of the question is looked at.
    let mut known = symbols.clone();
    for symbol in request.symbols() {
        if known.get(symbol).is_none() {
            known.insert(symbol, "UNLISTED", []);
        }
    }
    match encode(&known) {
        Err(EncodeError::UnknownSymbol { .. }) => Ok(()),
        other => other,
    }
}

/// The key of a config file that says what cannot be asked.
const fn key(error: &EncodeError) -> &'static str {
    match error {
        EncodeError::UnsupportedInterval { .. } => "interval",
        EncodeError::OutOfRange { field, .. } => field,
        EncodeError::UnknownSymbol { .. } => "symbol",
        _ => "kind",
    }
}
