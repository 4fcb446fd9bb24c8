//! What the demo collects: both shipped plans, each in a manager of its own.
//!
//! Together they would ask Kraken for more than it allows, and a manager refuses that; so each has exchanges of its own to ask, as on
//! two machines.

use std::time::Duration;

use robust_data_manager::market::{Exchange, Kind, Symbol};
use robust_data_manager::{JobKind, Plan};

/// Shorter times than the defaults, so that a minute shows failure and recovery. The open time doubles with each probe that fails, so
/// that an exchange that stays down is asked ever more rarely, up to a bound within which a person sees it recover.
pub(super) const SETTINGS: &str = r#"
timeout = "2s"
max_timeout = "12s"
retries = 2
backoff_base = "250ms"
backoff_max = "2s"
breaker_failures = 3
breaker_open = "8s"
breaker_open_factor = 2.0
breaker_open_max = "32s"
"#;

/// A value that the plan keeps fresh, shown as a line.
#[derive(Debug, Clone)]
pub(super) struct Promised {
    pub(super) exchange: Exchange,
    pub(super) symbol: Symbol,
    pub(super) kind: Kind,
    pub(super) every: Duration,
}

/// The exchanges of the demo.
pub(super) const EXCHANGES: [Exchange; 4] = [
    Exchange::KRAKEN,
    Exchange::BINANCE,
    Exchange::KUCOIN,
    Exchange::HTX,
];

/// The pairs that have lines.
const BASES: [&str; 2] = ["BTC", "ETH"];

/// The values that come due every few seconds, of the pairs that most people look at: those of the other jobs come too, and are not
/// shown.
pub(super) fn promises() -> Vec<Promised> {
    let mut promised = Vec::new();
    for job in Plan::default_plan().settings() {
        let kind = match job.kind {
            JobKind::Tickers => Kind::Ticker,
            JobKind::Book => Kind::Book,
            _ => continue,
        };
        let (Some(every), Ok(exchange)) = (job.every, job.exchange.parse::<Exchange>()) else {
            continue;
        };
        let symbols = job.symbols.iter().filter_map(|name| name.parse().ok());
        let shown = symbols.filter(|symbol: &Symbol| BASES.contains(&symbol.base()));
        promised.extend(shown.map(|symbol| Promised {
            exchange: exchange.clone(),
            symbol,
            kind,
            every,
        }));
    }
    promised
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exchange_has_lines_that_come_every_five_seconds() {
        for exchange in EXCHANGES {
            let promises = promises();
            let of = promises.iter().filter(|one| one.exchange == exchange);
            let of: Vec<_> = of.map(|one| (one.kind, one.every.as_secs())).collect();
            let (ticker, book) = ((Kind::Ticker, 5), (Kind::Book, 5));
            assert_eq!(of, [ticker, ticker, book, book], "{exchange}");
        }
    }
}
