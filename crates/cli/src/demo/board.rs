//! What the listeners have heard so far.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use robust_data_manager::market::{Acceptance, Exchange, Kind, Payload, Sample, Symbol};
use robust_data_manager::{DataError, Event};
use tokio::time::Instant;

use super::plan::{Planned, What};

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

/// Everything that the screen shows beside the manager's own status.
#[derive(Debug, Default)]
pub(super) struct Board {
    pub(super) lines: BTreeMap<Key, Line>,
    pub(super) faults: BTreeMap<Exchange, (String, bool)>,
    pub(super) changes: Vec<String>,
}

/// Breaker changes that are kept for the screen.
const CHANGES: usize = 6;

impl Board {
    pub(super) fn promise(&mut self, job: &Planned) {
        let kind = match job.what {
            What::Ticker => Kind::Ticker,
            What::Book => Kind::Book,
            What::Candles => Kind::Candles,
            What::Trades => Kind::Trades,
        };
        let line = Line {
            promise: job.every,
            received: None,
            acceptance: None,
            score: None,
            value: String::new(),
            error: None,
        };
        self.lines
            .insert((job.exchange.clone(), kind, job.symbol.clone()), line);
    }

    pub(super) fn fault(&mut self, exchange: &Exchange, fault: Option<&str>) {
        match fault {
            Some(fault) => {
                self.faults
                    .insert(exchange.clone(), (fault.to_owned(), true));
            }
            None => {
                if let Some((_, running)) = self.faults.get_mut(exchange) {
                    *running = false;
                }
            }
        }
    }

    pub(super) fn event(&mut self, event: Event) {
        match event {
            Event::Data(sample) => self.data(&sample),
            Event::Error {
                exchange,
                kind,
                symbol: Some(symbol),
                error,
                ..
            } => {
                if let Some(line) = self.lines.get_mut(&(exchange, kind, symbol)) {
                    line.error = Some(error);
                }
            }
            Event::State { exchange, from, to } => {
                self.changes
                    .push(format!("{exchange}: breaker {from} → {to}"));
                if self.changes.len() > CHANGES {
                    self.changes.remove(0);
                }
            }
            _ => {}
        }
    }

    fn data(&mut self, sample: &Sample<Arc<Payload>>) {
        let meta = &sample.meta;
        let Some(symbol) = meta.symbol.clone() else {
            return;
        };
        let Some(line) = self
            .lines
            .get_mut(&(meta.exchange.clone(), meta.kind, symbol))
        else {
            return;
        };
        line.received = Instant::now().checked_sub(meta.receive_age);
        line.acceptance = sample.quality.as_ref().map(|report| report.acceptance);
        line.score = sample.quality.as_ref().map(|report| report.overall.get());
        line.value = headline(&sample.data);
        line.error = None;
    }
}

/// The one figure of a payload that fits into a table.
fn headline(payload: &Payload) -> String {
    match payload {
        Payload::Ticker(ticker) => ticker.last.map(|last| last.to_string()).unwrap_or_default(),
        Payload::OrderBook(book) => format!("{} + {} levels", book.bids.len(), book.asks.len()),
        Payload::Candles(candles) => format!("{} bars", candles.rows.len()),
        Payload::Trades(trades) => format!("{} trades", trades.rows.len()),
        other => format!("{} records", other.len()),
    }
}
