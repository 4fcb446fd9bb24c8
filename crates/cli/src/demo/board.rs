//! What the listeners have heard so far.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Acceptance, Exchange, Kind, Payload, Sample, Symbol};
use robust_data_manager::{DataError, Event};
use serde::Serialize;
use tokio::time::Instant;

use super::plan::Promised;
use crate::ledger::JobLedger;
use crate::show::headline;

/// One line of the table.
pub(super) type Key = (Exchange, Kind, Symbol);

/// What is known of one promised value.
#[derive(Debug)]
pub(super) struct Line {
    /// How old it may get: the period of its job.
    pub(super) promise: Duration,
    /// When its first byte arrived.
    pub(super) received: Option<Instant>,
    /// What may be done with it.
    pub(super) acceptance: Option<Acceptance>,
    /// Its score.
    pub(super) score: Option<f64>,
    /// The last price or similar.
    pub(super) value: String,
    /// Why the last read failed, if it did.
    pub(super) error: Option<DataError>,
}

/// One opening of a breaker, in seconds since the run began.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Opening {
    /// When it opened.
    pub(super) at_s: f64,
    /// When it lets a probe through.
    pub(super) until_s: f64,
    /// What opened it.
    pub(super) cause: String,
}

/// A change of a breaker as its own handle tells it.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) cause: String,
    pub(super) at: Instant,
    /// When the next probe may be made, if it is open.
    pub(super) until: Option<Instant>,
    /// Requests that the simulator had counted by then.
    pub(super) requests: u64,
}

/// Everything that the screen and the summary show beside the manager's own status.
#[derive(Debug)]
pub(super) struct Board {
    begun: Instant,
    pub(super) lines: BTreeMap<Key, Line>,
    /// The last fault of each simulator, and whether it is on.
    pub(super) faults: BTreeMap<Exchange, (String, bool)>,
    /// Failed reads by source and by name of the error.
    pub(super) errors: BTreeMap<Exchange, BTreeMap<&'static str, u64>>,
    /// The last opening of each breaker.
    pub(super) opened: BTreeMap<Exchange, Opening>,
    /// Requests that each simulator counted while the breaker of its source was open, in openings that are over.
    while_open: BTreeMap<Exchange, u64>,
    /// What the simulator had counted when the opening that still lasts began.
    open_from: BTreeMap<Exchange, u64>,
    /// The last changes of faults and breakers, oldest first, each with its time since the run began.
    pub(super) changes: VecDeque<(Duration, String)>,
    /// Values that were heard, one for each answer.
    pub(super) values: BTreeMap<Exchange, u64>,
    /// Events that came faster than they were read.
    pub(super) missed: u64,
    /// Where the runs of each plan went, as of the last look.
    pub(super) ledgers: Vec<(String, JobLedger)>,
}

/// Changes that are kept for the screen.
const CHANGES: usize = 8;

impl Board {
    pub(super) fn new(begun: Instant) -> Self {
        Self {
            begun,
            lines: BTreeMap::new(),
            faults: BTreeMap::new(),
            errors: BTreeMap::new(),
            opened: BTreeMap::new(),
            while_open: BTreeMap::new(),
            open_from: BTreeMap::new(),
            changes: VecDeque::new(),
            values: BTreeMap::new(),
            missed: 0,
            ledgers: Vec::new(),
        }
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn promise(&mut self, promised: &Promised) {
        let line = Line {
            promise: promised.every,
            received: None,
            acceptance: None,
            score: None,
            value: String::new(),
            error: None,
        };
        let (exchange, symbol) = (promised.exchange.clone(), promised.symbol.clone());
        self.lines.insert((exchange, promised.kind, symbol), line);
    }

    /// Notes where the runs of the plans went.
    pub(super) fn account(&mut self, ledgers: Vec<(String, JobLedger)>) {
        self.ledgers = ledgers;
    }

    /// Notes that a fault begins or ends, and says it in words.
    pub(super) fn fault(&mut self, exchange: &Exchange, fault: Option<&str>) -> String {
        let text = match fault {
            Some(fault) => {
                self.faults
                    .insert(exchange.clone(), (fault.to_owned(), true));
                format!("{exchange}: fault {fault} begins")
            }
            None => match self.faults.get_mut(exchange) {
                Some((name, on)) => {
                    *on = false;
                    format!("{exchange}: fault {name} ends")
                }
                None => format!("{exchange}: no fault"),
            },
        };
        self.changed(self.elapsed(), text.clone());
        text
    }

    /// Notes a change of a breaker, and says it in words.
    pub(super) fn breaker(&mut self, exchange: &Exchange, change: &Change) -> String {
        self.count(exchange, change);
        let at = change.at.saturating_duration_since(self.begun);
        let mut text = format!("{exchange}: breaker {} → {}", change.from, change.to);
        text.push_str(&format!(" ({})", change.cause));
        if let Some(until) = change.until {
            let until = until.saturating_duration_since(self.begun);
            text.push_str(&format!(", probe at {:.1}s", until.as_secs_f64()));
            let opening = Opening {
                at_s: seconds(at),
                until_s: seconds(until),
                cause: change.cause.clone(),
            };
            self.opened.insert(exchange.clone(), opening);
        }
        self.changed(at, text.clone());
        text
    }

    /// Counted where they arrive, so that what was under way when the breaker opened is among them: at most as many as may be under way
    /// at once. On a machine that is too busy to follow the breaker at once, a probe that arrives before the end of the opening is
    /// heard of counts as well: the figure is never too small by it.
    fn count(&mut self, exchange: &Exchange, change: &Change) {
        self.end(exchange, change.requests);
        if change.until.is_some() {
            self.open_from.insert(exchange.clone(), change.requests);
        }
    }

    /// The run ends, and with it the openings that still last, when the simulator has counted so many requests.
    pub(super) fn end(&mut self, exchange: &Exchange, requests: u64) {
        if let Some(from) = self.open_from.remove(exchange) {
            *self.while_open.entry(exchange.clone()).or_default() += requests.saturating_sub(from);
        }
    }

    /// Requests that arrived while the breaker was open.
    pub(super) fn while_open(&self, exchange: &Exchange) -> u64 {
        self.while_open.get(exchange).copied().unwrap_or_default()
    }

    fn changed(&mut self, at: Duration, text: String) {
        self.changes.push_back((at, text));
        if self.changes.len() > CHANGES {
            self.changes.pop_front();
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Data(sample) => {
                // A list of pairs is no job's value; it is counted where it is asked for.
                if sample.meta.kind != Kind::Instruments {
                    *self.values.entry(sample.meta.exchange.clone()).or_default() += 1;
                }
                self.data(&sample);
            }
            Event::Error {
                exchange,
                kind,
                symbol,
                error,
                ..
            } => {
                let errors = self.errors.entry(exchange.clone()).or_default();
                *errors.entry(error.name()).or_default() += 1;
                // A list that failed has failed for each of its pairs.
                let kind = match kind {
                    Kind::Tickers => Kind::Ticker,
                    kind => kind,
                };
                let of = |key: &Key| key.0 == exchange && key.1 == kind;
                let of = |key: &Key| of(key) && symbol.as_ref().is_none_or(|one| *one == key.2);
                for (_, line) in self.lines.iter_mut().filter(|(key, _)| of(key)) {
                    line.error = Some(error.clone());
                }
            }
            Event::Dropped(missed) => self.missed += missed,
            _ => {}
        }
    }

    fn data(&mut self, sample: &Sample<Arc<Payload>>) {
        if let Payload::Tickers(rows) = &*sample.data {
            for row in rows {
                let value = headline(&Payload::Ticker(row.clone()));
                self.value(sample, Kind::Ticker, row.symbol.clone(), value);
            }
            return;
        }
        if let Some(symbol) = sample.meta.symbol.clone() {
            self.value(sample, sample.meta.kind, symbol, headline(&sample.data));
        }
    }

    fn value(&mut self, sample: &Sample<Arc<Payload>>, kind: Kind, symbol: Symbol, value: String) {
        let meta = &sample.meta;
        let Some(line) = self.lines.get_mut(&(meta.exchange.clone(), kind, symbol)) else {
            return;
        };
        // Best quotes of many pairs are no tickers: they have no last price.
        if meta.kind == Kind::BidsAsks {
            return;
        }
        line.received = Instant::now().checked_sub(meta.receive_age);
        line.acceptance = sample.quality.as_ref().map(|report| report.acceptance);
        line.score = sample.quality.as_ref().map(|report| report.overall.get());
        line.value = value;
        line.error = None;
    }
}

/// Seconds with three digits.
pub(super) fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_is_told_with_its_end() {
        let begun = Instant::now();
        let mut board = Board::new(begun);
        let change = Change {
            from: "closed".to_owned(),
            to: "open".to_owned(),
            cause: "3 failures in a row".to_owned(),
            at: begun + Duration::from_millis(1_500),
            until: Some(begun + Duration::from_millis(21_500)),
            requests: 3,
        };
        assert_eq!(
            board.breaker(&Exchange::KRAKEN, &change),
            "kraken: breaker closed → open (3 failures in a row), probe at 21.5s"
        );
        let opening = &board.opened[&Exchange::KRAKEN];
        assert_eq!((opening.at_s, opening.until_s), (1.5, 21.5));
    }

    #[test]
    fn requests_are_counted_while_a_breaker_is_open_and_not_otherwise() {
        let begun = Instant::now();
        let mut board = Board::new(begun);
        let mut change = |to: &str, requests| {
            let change = Change {
                from: String::new(),
                to: to.to_owned(),
                cause: String::new(),
                at: begun,
                until: (to == "open").then_some(begun),
                requests,
            };
            board.breaker(&Exchange::KRAKEN, &change);
            board.while_open(&Exchange::KRAKEN)
        };
        assert_eq!(change("open", 3), 0);
        assert_eq!(change("half_open", 5), 2);
        // The probe is counted by nobody: it is allowed.
        assert_eq!(change("open", 6), 2);
        assert_eq!(change("half_open", 6), 2);
        assert_eq!(change("closed", 7), 2);
        change("open", 9);
        board.end(&Exchange::KRAKEN, 10);
        board.end(&Exchange::BINANCE, 10);
        assert_eq!(board.while_open(&Exchange::KRAKEN), 3);
        assert_eq!(board.while_open(&Exchange::BINANCE), 0);
    }
}
