//! Closed bars as history for the quality rules, so that the first price of a pair is judged and not just believed.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use robust_market::{Acceptance, Exchange, Interval, Payload, Report, Symbol};
use tower::ServiceExt;

use crate::error::doubt;
use crate::query::QueryService;
use crate::shared::Shared;
use crate::{DataError, OnQuarantine, Priority, Query, Warning};

/// Pairs of one exchange that are given their history; a hundred pages of it are no start any more.
const PAIRS_MAX: usize = 512;
/// How often one is asked for.
const TRIES: u32 = 3;
/// The wait before the next try, where the error names none; and the longest.
const WAIT: Duration = Duration::from_secs(10);
const WAIT_MAX: Duration = Duration::from_secs(300);

/// Pairs with the time from price to price, by exchange.
pub(crate) type Pairs = BTreeMap<Exchange, BTreeMap<Symbol, Duration>>;

/// Asks for the bars of each pair, one after the other, at the lowest priority. What cannot be had is a warning.
pub(crate) async fn feed(
    shared: Weak<Shared>,
    service: QueryService,
    exchange: Exchange,
    pairs: BTreeMap<Symbol, Duration>,
) {
    for (symbol, every) in pairs.into_iter().take(PAIRS_MAX) {
        let mut tries = 1..TRIES;
        let reason = loop {
            match teach(&shared, &service, &exchange, &symbol, every).await {
                Ok(_) | Err(Failed::Gone) => break None,
                Err(Failed::Bars(report)) => {
                    break Some(format!("its bars are not accepted: {}", doubt(&report)));
                }
                Err(Failed::Read(error)) => {
                    if !error.is_retryable() || tries.next().is_none() {
                        break Some(error.to_string());
                    }
                    let wait = error.retry_in().unwrap_or(WAIT).min(WAIT_MAX);
                    tokio::time::sleep(wait).await;
                }
            }
        };
        let Some(shared) = shared.upgrade() else {
            return;
        };
        if let Some(reason) = reason {
            shared.warn(Warning::NoHistory {
                exchange: exchange.clone(),
                symbol,
                reason,
            });
        }
    }
}

/// Why a pair was not given its history.
pub(crate) enum Failed {
    /// The bars cannot be had.
    Read(DataError),
    /// They came, and are not accepted as a whole.
    Bars(Arc<Report>),
    /// The manager is gone.
    Gone,
}

/// Asks for the newest minutes of a pair and gives them to the rules; `false` where these know the pair already.
pub(crate) async fn teach(
    shared: &Weak<Shared>,
    service: &QueryService,
    exchange: &Exchange,
    symbol: &Symbol,
    every: Duration,
) -> Result<bool, Failed> {
    let is_warm = |symbol: &Symbol| {
        let shared = shared.upgrade().ok_or(Failed::Gone)?;
        Ok(shared.judges.is_warm(exchange, symbol))
    };
    if is_warm(symbol)? {
        return Ok(false);
    }
    let query = Query::candles(exchange.clone(), symbol.clone(), Interval::M1)
        .priority(Priority::Low)
        .on_quarantine(OnQuarantine::Deliver)
        .min_quality(0.0);
    let sample = service.clone().oneshot(query).await.map_err(Failed::Read)?;
    let report = sample.quality.as_ref();
    if let Some(report) = report.filter(|report| report.acceptance < Acceptance::Accept) {
        return Err(Failed::Bars(Arc::clone(report)));
    }
    let shared = shared.upgrade().ok_or(Failed::Gone)?;
    if let (Payload::Candles(bars), Some(symbol)) = (&*sample.data, &sample.meta.symbol) {
        let every = every.as_secs_f64();
        shared.judges.teach(exchange, symbol, bars, every);
    }
    Ok(true)
}
